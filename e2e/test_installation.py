"""diracx-web, DiracX's own service and jobdb by the paths of one host, with nginx as docs/diracx-web.md has it."""

import json
import re
import time

import pytest
import yaml
from conftest import code_block

OURS = ["jdl", "search", "summary", "status", "heartbeat", "reschedule", "metadata"]


@pytest.fixture(scope="session")
def token(installation):
    """A token of alice, signed by DiracX's key."""
    return json.loads(installation.diracx.login("alice", "NormalUser").read_text())["access_token"]


@pytest.fixture
def ask(page, installation, token):
    """Ask through nginx; returns the answer, and whether jobdb gave it, by its log."""
    log = installation.jobdb.folder / "jobdb.log"

    def ask(method, path, data=None):
        before = log.stat().st_size
        headers = {"Authorization": f"Bearer {token}"}
        answer = page.request.fetch(installation.url + path, method=method, data=data, headers=headers, max_redirects=0)
        time.sleep(0.1)  # the line is written after the answer
        return answer, f"path={path.partition('?')[0]} " in log.read_text()[before:]

    return ask


def test_paths_of_jobdb(ask):
    made, ours = ask("POST", "/api/jobs/jdl", ['Executable = "/bin/echo"; JobName = "by nginx";'])
    assert ours and made.status == 201, made.text()
    job = made.json()[0]["JobID"]
    for method, path, data in [
        ("POST", "/api/jobs/search", {"search": []}),
        ("POST", "/api/jobs/summary", {"grouping": ["Status"]}),
        ("PATCH", "/api/jobs/status", {str(job): {"2024-01-01T00:00:00Z": {"Status": "Checking"}}}),
        ("PATCH", "/api/jobs/heartbeat", {str(job): {"LoadAverage": 1.5}}),
        ("POST", "/api/jobs/reschedule", {"job_ids": [job]}),
        ("PATCH", "/api/jobs/metadata", {str(job): {"Site": "LCG.CERN.ch"}}),
        ("GET", f"/api/jobdb/jobs/{job}", None),
    ]:
        answer, ours = ask(method, path, data)
        assert ours and answer.ok, f"{path}: {answer.status} {answer.text()}"


def test_paths_of_diracx(ask, installation):
    for method, path, status in [
        ("GET", "/.well-known/openid-configuration", 200),
        ("GET", "/.well-known/jwks.json", 200),
        ("GET", "/.well-known/dirac-metadata", 200),
        ("GET", "/api/auth/userinfo", 200),
        ("GET", "/api/auth/authorize", 422),
        ("POST", "/api/auth/token", 422),
        ("GET", "/api/config/", 200),
        ("GET", "/api/jobs/1/sandbox", 200),
        ("GET", "/api/jobs/1/sandbox/output", 200),
        ("POST", "/api/jobs/sandbox", 422),
        ("POST", "/api/jobs/", 404),  # which a later DiracX has
        ("GET", "/api/health/live", 200),
    ]:
        answer, ours = ask(method, path)
        assert not ours and answer.status == status, f"{path}: {answer.status}, of jobdb: {ours}, {answer.text()}"
    discovered = ask("GET", "/.well-known/openid-configuration")[0].json()
    assert discovered["authorization_endpoint"] == f"{installation.url}/api/auth/authorize"


def test_both_see_a_job(ask, installation, page, token):
    """A job that came in by jobdb is DiracX's, too: they share the database."""
    job = ask("POST", "/api/jobs/jdl", ['Executable = "/bin/echo";'])[0].json()[0]["JobID"]
    query = {"search": [{"parameter": "JobID", "operator": "eq", "value": job}], "parameters": ["JobID", "Status"]}
    headers = {"Authorization": f"Bearer {token}"}
    direct = page.request.post(f"{installation.diracx.url}/api/jobs/search", data=query, headers=headers)
    assert direct.json() == ask("POST", "/api/jobs/search", query)[0].json() == [{"JobID": job, "Status": "Received"}]


def test_page(ask, page, installation, token):
    """The page shows and kills jobs. Its session is there already: DiracX's identity provider isn't played."""
    job = ask("POST", "/api/jobs/jdl", ['Executable = "/bin/echo"; JobName = "on the page";'])[0].json()[0]["JobID"]
    page.goto(installation.url)
    page.get_by_test_id("vo-select").wait_for()  # which DiracX's two VOs are in
    claims = page.evaluate("text => JSON.parse(atob(text.replace(/-/g, '+').replace(/_/g, '/')))", token.split(".")[1])
    tokens = {"accessToken": token, "accessTokenPayload": claims, "idTokenPayload": None, "tokenType": "Bearer",
              "issuedAt": time.time(), "expiresAt": claims["exp"], "expiresIn": 86000, "refreshToken": "none"}
    page.evaluate("""session => {
        sessionStorage.setItem("oidcScope", JSON.stringify("vo:lhcb group:lhcb_user"));
        sessionStorage.setItem("oidc.vo:lhcb group:lhcb_user", session);
    }""", json.dumps({"tokens": tokens, "status": "LOGGED_IN"}))
    page.goto(installation.url)
    row = page.locator("table tbody tr").filter(has_text="on the page")
    row.filter(has_text="Received").wait_for()
    row.get_by_role("checkbox").check()
    page.get_by_test_id("kill-jobs-button").first.click()
    row.filter(has_text="Killed").wait_for()
    by_id = {"search": [{"parameter": "JobID", "operator": "eq", "value": job}], "parameters": ["Status"]}
    assert ask("POST", "/api/jobs/search", by_id)[0].json() == [{"Status": "Killed"}]


def test_ingress_has_the_paths_of_nginx():
    """The Ingress can't be run here; its paths and backends are those of nginx, which is."""
    locations = {}
    for exact, path, block in re.findall(r"location (= )?(\S+)\s*\{(.*?)\}", code_block("nginx"), re.DOTALL):
        upstream = re.search(r"proxy_pass http://(\w+);", block)
        locations[path] = ("Exact" if exact else "Prefix", upstream[1] if upstream else "diracx-web")
    [rule] = yaml.safe_load(code_block("yaml"))["spec"]["rules"]
    paths = {p["path"]: (p["pathType"], p["backend"]["service"]["name"]) for p in rule["http"]["paths"]}
    assert paths == locations
    assert [path for path, (_, backend) in paths.items() if backend == "jobdb"] == [f"/api/jobs/{r}" for r in OURS] + ["/api/jobdb/"]
