"""The unmodified clients of DiracX (diracx-client and the dirac command, from PyPI) against running servers.

    make compat
    .cache/oracle-venv/bin/python -m pytest -v compat --server own --server reference

Every check runs against jobdb with its own issuer ("own"), the same on MySQL ("mysql"), jobdb with the keys of another
issuer ("keys") and the reference's own service ("reference"), and with the synchronous and the asynchronous client. JOBDB_BINARY names the
jobdb to try, bin/jobdb if it isn't set.
"""

import asyncio
import inspect
import itertools
import os
import sys
from pathlib import Path

import pytest
from diracx.client.aio import AsyncDiracClient
from diracx.client.sync import SyncDiracClient
from diracx.core.preferences import DiracxPreferences

sys.path.insert(0, str(Path(__file__).parent))
import servers

LOGINS = {
    "alice": ("alice", "NormalUser"),
    "bob": ("bob", "NormalUser"),
    "admin": ("root", "JobAdministrator"),
    "pilot": ("pilot", "GenericPilot"),
    "nobody": ("nobody", "JobMonitor"),
}


def pytest_addoption(parser):
    parser.addoption("--server", action="append", choices=servers.KINDS, help="which servers; default: all")


def pytest_generate_tests(metafunc):
    if "server" in metafunc.fixturenames:
        kinds = metafunc.config.getoption("--server") or servers.KINDS
        metafunc.parametrize("server", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request):
    if request.param == "mysql" and "JOBDB_TEST_MYSQL" not in os.environ:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("no MySQL: run this through go run ./jobdbtest/withengines -- …, or set JOBDB_TEST_MYSQL")
    with servers.running(request.param) as server:
        yield server


@pytest.fixture(scope="session")
def logins(server):
    """Where the credentials of each user are."""
    return {name: server.login(*who) for name, who in LOGINS.items()}


class Client:
    """A client of either kind, used as if it were the synchronous one."""

    def __init__(self, kind, runner, server, credentials):
        preferences = DiracxPreferences(url=server.url, credentials_path=credentials)
        self._runner = runner
        if kind == "sync":
            self._client = SyncDiracClient(diracx_preferences=preferences)
        else:
            self._client = AsyncDiracClient(diracx_preferences=preferences)
        self._enter = "__enter__" if kind == "sync" else "__aenter__"
        self._exit = "__exit__" if kind == "sync" else "__aexit__"
        self._result(getattr(self._client, self._enter)())

    def __getattr__(self, group):
        """jobs, well_known …"""
        return Operations(getattr(self._client, group), self._result)

    def close(self):
        self._result(getattr(self._client, self._exit)(None, None, None))

    def _result(self, value):
        return self._runner.run(value) if inspect.isawaitable(value) else value


class Operations:
    def __init__(self, group, result):
        self._group, self._result = group, result

    def __getattr__(self, name):
        return lambda *args, **kwargs: self._result(getattr(self._group, name)(*args, **kwargs))


@pytest.fixture(params=["sync", "async"], scope="session")
def client(request, server, logins):
    """client("alice") is a client that alice has logged in with; a path may stand for the name."""
    with asyncio.Runner() as runner:
        opened = {}

        def client(who):
            if who not in opened:
                opened[who] = Client(request.param, runner, server, logins.get(who, who))
            return opened[who]

        yield client
        for c in opened.values():
            c.close()


numbers = itertools.count(1)


@pytest.fixture
def group():
    """A JobGroup of this test's own, which confines its searches to its jobs."""
    return f"compat{next(numbers)}"


@pytest.fixture
def submit(client, group):
    """Submit plain jobs of this test's group, and return their IDs."""

    def submit(*extras, who="alice"):
        jdls = [f'Executable = "/bin/echo"; JobGroup = "{group}"; {extra}' for extra in extras or [""]]
        return [job.job_id for jdl in jdls for job in client(who).jobs.submit_jdl_jobs([jdl])]

    return submit
