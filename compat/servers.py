"""The servers that the clients are tried against, each in a process of its own, and logins for them."""

import contextlib
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

PYTHON = os.environ.get("JOBDB_ORACLE_PYTHON", sys.executable)  # which has the reference
ROOT = Path(__file__).resolve().parent.parent
ISSUER = "http://lhcbdirac.cern.ch/"
KINDS = ["own", "mysql", "keys", "reference"]


class Server:
    """A running server. Its folder is the HOME of all commands that are run for it."""

    has_issuer = True  # in itself
    signs_anything = False  # also tokens that have expired

    def __init__(self, folder: Path):
        self.folder = folder
        self.url = ""
        self._logins = itertools.count()

    def environment(self) -> dict[str, str]:
        """No setting of whoever runs this gets in."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)}

    def login(self, user: str, *properties: str, vo: str = "lhcb", seconds: int = 86400) -> Path:
        """Log in, and return where the credentials are."""
        path = self.folder / f"credentials-{next(self._logins)}.json"
        flags = ["--user", user, "--group", f"{vo}_user", "--vo", vo]
        flags += itertools.chain(*(("--property", p) for p in properties))
        self.write_credentials(path, flags, seconds)
        return path


class OwnIssuer(Server):
    """jobdb serve as it starts on a laptop: it signs its own tokens."""

    def start(self):
        return serving(self, [binary(), "serve", "--listen", "127.0.0.1:0"], r'jobdb is listening" url=(\S+)')

    def write_credentials(self, path, flags, seconds):
        environment = self.environment() | {"DIRACX_CREDENTIALS_PATH": str(path)}
        command = [binary(), "token", "--login", "--hours", str(seconds / 3600), *flags]
        subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)


class OnMySQL(OwnIssuer):
    """The same on a database of its own on the MySQL server of JOBDB_TEST_MYSQL, which is an administrator's URL."""

    def start(self):
        import pymysql  # of the reference's environment; the tests in a browser have another

        url = urllib.parse.urlsplit(os.environ["JOBDB_TEST_MYSQL"])
        database = f"compat_{time.time_ns()}"  # pytest may start this server more than once
        admin = {"host": url.hostname, "port": url.port, "user": url.username, "password": urllib.parse.unquote(url.password or "")}
        with pymysql.connect(**admin) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {database}")
        address = url._replace(path=f"/{database}").geturl()
        subprocess.run([binary(), "migrate", "--db", address], env=self.environment(), check=True)
        command = [binary(), "serve", "--listen", "127.0.0.1:0", "--db", address]
        return serving(self, command, r'jobdb is listening" url=(\S+)')


class ForeignKeys(Server):
    """A server that is given the keys of an issuer of tokens."""

    signs_anything = True

    @property
    def keys(self) -> Path:
        return self.folder / "keys.json"

    def write_credentials(self, path, flags, seconds):
        token = oracle("keys.py", "token", self.keys, "--issuer", ISSUER, "--seconds", str(seconds), *flags).strip()
        login = {"access_token": token, "expires_on": int(time.time()) + seconds, "refresh_token": None}
        path.write_text(json.dumps(login))


class Keys(ForeignKeys):
    """jobdb serve with --issuer and --keys. There is nobody at the issuer's address."""

    has_issuer = False

    def start(self):
        oracle("keys.py", "new", self.keys)
        command = [binary(), "serve", "--listen", "127.0.0.1:0", "--issuer", ISSUER, "--keys", self.keys]
        return serving(self, command, r'jobdb is listening" url=(\S+)')


class Reference(ForeignKeys):
    """The reference's own service. What holds for jobdb and not for it is no check of compatibility."""

    def start(self):
        oracle("keys.py", "new", self.keys)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [PYTHON, ROOT / "oracle/service.py", "--port", str(port), "--keystore", self.keys, "--wal"]
        for name in ("jobdb", "loggingdb"):
            command += [f"--{name}", f"sqlite+aiosqlite:///{self.folder}/{name}.db"]
        return serving(self, command, r"(ready)")


def binary() -> str:
    return os.environ.get("JOBDB_BINARY", str(ROOT / "bin/jobdb"))


def oracle(program: str, *args) -> str:
    command = [PYTHON, ROOT / "oracle" / program, *args]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def serving(server: Server, command, welcome: str, log: str = "server.log"):
    """Run a server until the block ends. A server that fails is asked for its reasons."""
    log = server.folder / log
    with open(log, "w") as out:
        process = subprocess.Popen(command, env=server.environment(), cwd=server.folder, stdout=out, stderr=out)
    try:
        server.url = wait_for(welcome, log, process, server.url)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_for(welcome: str, log: Path, process, url: str) -> str:
    """The URL that a server says it listens on, or the given one where it only says that it does."""
    end = time.monotonic() + 180  # a busy machine takes its time
    while process.poll() is None and time.monotonic() < end:
        if found := re.search(welcome, log.read_text()):
            return url or found[1]
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


@contextlib.contextmanager
def running(kind: str):
    """Start a server of a kind in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = {"own": OwnIssuer, "mysql": OnMySQL, "keys": Keys, "reference": Reference}[kind](Path(folder))
        with server.start():
            yield server
