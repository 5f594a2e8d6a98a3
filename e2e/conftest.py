"""diracx-web, as it is, in a browser: on jobdb alone, and behind nginx beside DiracX.

    make diracx-web SOURCE=../diracx-web

JOBDB_DIRACX_WEB names the folder of its build. Nothing stands in for anything: jobdb and its command line, the
reference's own service and nginx run as they are installed.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "compat"))
import servers

PAGE = Path(os.environ["JOBDB_DIRACX_WEB"]).resolve()


class WithPage(servers.OwnIssuer):
    """jobdb serve --web, as it starts on a laptop."""

    def start(self):
        command = [servers.binary(), "serve", "--listen", "127.0.0.1:0", "--web", PAGE]
        return servers.serving(self, command, r'jobdb is listening" url=(\S+)')


class BesideDiracX(servers.ForeignKeys):
    """jobdb on the databases of the reference's service, with its keys."""

    def start(self):
        command = [servers.binary(), "serve", "--listen", "127.0.0.1:0", "--issuer", servers.ISSUER, "--keys", self.keys]
        command += ["--db", f"sqlite+aiosqlite:///{self.folder}/jobdb.db"]
        command += ["--history-db", f"sqlite+aiosqlite:///{self.folder}/loggingdb.db"]
        return servers.serving(self, command, r'jobdb is listening" url=(\S+)', log="jobdb.log")


class Nginx(servers.Server):
    """nginx with the configuration of docs/diracx-web.md; only addresses and folders are this machine's."""

    def __init__(self, folder: Path, diracx: str, jobdb: str):
        super().__init__(folder)
        self.port = servers.free_port()
        site = code_block("nginx")
        for there, here in {
            "server 127.0.0.1:8000;": f"server {diracx.removeprefix('http://')};",
            "server 127.0.0.1:8001;": f"server {jobdb.removeprefix('http://')};",
            "listen 8080;": f"listen 127.0.0.1:{self.port};",
            "root /srv/diracx-web;": f"root {PAGE};",
        }.items():
            assert site.count(there) == 1, f"the page has no {there}"
            site = site.replace(there, here)
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        types = "types { text/html html; text/css css; text/javascript js; image/png png; }"
        (folder / "nginx.conf").write_text(
            f"{'user root;' if os.getuid() == 0 else ''} daemon off; pid {folder}/nginx.pid; error_log stderr notice; events {{}}\n"
            f"http {{ access_log off; {temporary} {types}\n{site}}}\n"
        )

    def start(self):
        self.url = f"http://127.0.0.1:{self.port}"
        command = [tool("nginx"), "-p", self.folder, "-c", self.folder / "nginx.conf"]
        return servers.serving(self, command, r"(start worker processes)", log="nginx.log")


def code_block(language: str) -> str:
    """The one block of a language in the page that users read."""
    [block] = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/diracx-web.md").read_text(), re.DOTALL)
    return block


def tool(*names: str) -> str:
    """The path of the first of some programs that is there."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    pytest.fail(f"{names[0]} is missing; on Debian: apt install chromium nginx-light")


@pytest.fixture(scope="session")
def laptop(tmp_path_factory):
    server = WithPage(tmp_path_factory.mktemp("laptop"))
    with server.start():
        yield server


@pytest.fixture(scope="session")
def installation(tmp_path_factory):
    """nginx before DiracX and jobdb."""
    folder = tmp_path_factory.mktemp("installation")
    diracx, jobdb = servers.Reference(folder), BesideDiracX(folder)
    with diracx.start(), jobdb.start():
        nginx = Nginx(folder, diracx.url, jobdb.url)
        with nginx.start():
            nginx.diracx, nginx.jobdb = diracx, jobdb
            yield nginx


class CommandLine:
    """jobdb's own commands, as the user of a laptop's server gives them."""

    def __init__(self, server):
        self.environment = server.environment() | {"JOBDB_URL": server.url}
        self.environment["JOBDB_TOKEN"] = self.run("token").strip()

    def run(self, *args: str, stdin: str = "") -> str:
        command = [servers.binary(), *args]
        return subprocess.run(command, env=self.environment, input=stdin, check=True, stdout=subprocess.PIPE, text=True).stdout

    def submit(self, name: str) -> str:
        """Submit a job and return its ID."""
        path = Path(self.environment["HOME"]) / f"{name}.jdl"
        path.write_text(f'Executable = "/bin/echo"; JobName = "{name}";')
        return self.run("submit", str(path)).strip()

    def column(self, job: str, column: str) -> str:
        found = self.run("search", "--where", f"JobID={job}", "--columns", column, "--output", "csv")
        return found.splitlines()[1]


@pytest.fixture(scope="session")
def command_line(laptop):
    return CommandLine(laptop)


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.getuid() == 0 else []  # which root can't have
        browser = playwright.chromium.launch(executable_path=tool("chromium", "chromium-browser", "google-chrome"), args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(chromium):
    """A page of a browser that was never here. What it asks of other hosts is an error."""
    context = chromium.new_context(viewport={"width": 1600, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)  # a busy machine takes its time
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    context.close()
    elsewhere = [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))]
    assert not elsewhere, "the page asks others"
