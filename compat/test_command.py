"""The dirac command against a server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DIRAC = Path(sys.executable).parent / "dirac"


@pytest.fixture
def dirac(server, logins, tmp_path):
    """Run the dirac command as alice, in a folder of its own."""

    def dirac(*args, **settings):
        ours = {"DIRACX_URL": server.url, "DIRACX_CREDENTIALS_PATH": str(logins["alice"])}
        environment = server.environment() | ours | settings
        return subprocess.run([DIRAC, *args], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return dirac


def test_submit_and_search(dirac, tmp_path, group):
    for name in "first", "second":
        text = f'Executable = "/bin/echo";\nJobName = "{name}";\nJobGroup = "{group}";\n'
        (tmp_path / f"{name}.jdl").write_text(text)
    done = dirac("jobs", "submit", "first.jdl", "second.jdl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Inserted 2 jobs with ids: ")
    ids = [int(i) for i in done.stdout.rsplit(maxsplit=1)[1].split(",")]

    found = dirac("jobs", "search", "--condition", f"JobGroup eq {group}")
    assert found.returncode == 0, found.stderr
    rows = json.loads(found.stdout)
    assert {row["JobID"] for row in rows} == set(ids)
    assert list(rows[0]) == [
        "JobID", "JobGroup", "Site", "JobName", "Owner", "LastUpdateTime", "Status", "MinorStatus", "ApplicationStatus",
    ]  # fmt: skip

    (row,) = json.loads(dirac("jobs", "search", "--all", "--condition", f"JobID eq {ids[0]}").stdout)
    assert row["JobName"] == "first" and len(row) == 21

    conditions = ["--condition", f"JobGroup in [\"{group}\"]", "--condition", "JobName like sec%"]
    assert json.loads(dirac("jobs", "search", "--parameter", "JobID", *conditions).stdout) == [{"JobID": ids[1]}]


def test_tables_and_pages(dirac, tmp_path, group):
    three = "Parameters = 3; ParameterStart = 1; ParameterStep = 1;"
    (tmp_path / "jobs.jdl").write_text(f'Executable = "/bin/echo"; JobGroup = "{group}"; {three}')
    assert dirac("jobs", "submit", "jobs.jdl").stdout.startswith("Inserted 3 jobs")
    search = ["jobs", "search", "--parameter", "JobGroup", "--condition", f"JobGroup eq {group}"]
    table = dirac("--output-format", "RICH", *search, "--per-page", "2")
    assert table.returncode == 0 and table.stdout.count(group) == 2
    assert "Showing 0-1 of 3 jobs" in " ".join(table.stdout.split())
    assert "Showing all jobs" in " ".join(dirac("--output-format", "RICH", *search).stdout.split())
    nothing = dirac("--output-format", "RICH", "jobs", "search", "--condition", "JobName eq none-has-it")
    assert nothing.stdout == "No jobs found\n"


def test_whoami(dirac):
    done = dirac("whoami")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["preferred_username"] == "alice"


def test_not_logged_in(dirac, tmp_path):
    done = dirac("jobs", "search", DIRACX_CREDENTIALS_PATH=str(tmp_path / "none.json"))
    assert "You are not authenticated" in done.stdout


def test_broken_jdl(dirac, tmp_path):
    (tmp_path / "broken.jdl").write_text("Executable = ;")
    done = dirac("jobs", "submit", "broken.jdl")
    assert done.returncode != 0 and "Bad Request" in done.stderr
