"""diracx-client against a server: what is refused, as the client raises it."""

import json
from datetime import datetime, timezone

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from diracx.client.models import HeartbeatData, JobStatusUpdate


def update(status="Checking", when=None):
    return {when or datetime.now(timezone.utc).isoformat(): JobStatusUpdate(status=status)}


def refused(status, call, *args, error=HttpResponseError, **kwargs):
    """Make a call that must be refused, and return what the answer says."""
    with pytest.raises(error) as raised:
        call(*args, **kwargs)
    assert raised.value.status_code == status, raised.value
    return json.loads(raised.value.response.text())["detail"]


def login_with(server, token):
    path = server.folder / "forged.json"
    path.write_text(json.dumps({"access_token": token, "expires_on": 2**32, "refresh_token": None}))
    return path


def test_not_logged_in(client, server):
    detail = refused(401, client(server.folder / "nowhere.json").jobs.search, error=ClientAuthenticationError)
    assert isinstance(detail, str)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c"])
def test_bad_token(client, server, token):
    refused(401, client(login_with(server, token)).jobs.search, error=ClientAuthenticationError)


def test_expired_token(client, server):
    if server.signs_anything:
        path = server.login("alice", "NormalUser", seconds=-60)
    else:
        pytest.skip("jobdb token makes no expired tokens")
    login = json.loads(path.read_text()) | {"expires_on": 2**32}
    refused(401, client(login_with(server, login["access_token"])).jobs.search, error=ClientAuthenticationError)


def test_another_owners_job(client, submit):
    (job,) = submit()
    bob = client("bob").jobs
    refused(403, bob.set_job_statuses, {str(job): update("Killed")})
    refused(403, bob.patch_metadata, {job: {"Site": "BOBS"}})
    refused(403, bob.reschedule_jobs, {"job_ids": [job]})
    refused(403, bob.add_heartbeat, {str(job): HeartbeatData(vsize=1)})
    by_id = {"parameter": "JobID", "operator": "eq", "value": job}
    (row,) = client("alice").jobs.search(search=[by_id])
    assert (row["Status"], row["Site"], row["RescheduleCounter"]) == ("Received", "ANY", 0)


def test_without_the_property(client, submit):
    (job,) = submit()
    refused(403, client("nobody").jobs.search)
    refused(403, client("nobody").jobs.summary, grouping=["Status"])
    refused(403, client("admin").jobs.submit_jdl_jobs, ['Executable = "/bin/echo";'])
    refused(403, client("pilot").jobs.submit_jdl_jobs, ['Executable = "/bin/echo";'])
    for who in "alice", "pilot":
        refused(403, client(who).jobs.set_job_statuses, {str(job): update("Done")}, force=True)


def test_no_such_job(client):
    detail = refused(404, client("admin").jobs.set_job_statuses, {"999999": update()}, error=ResourceNotFoundError)
    assert detail["success"] == {} and list(detail["failed"]) == ["999999"]
    refused(404, client("pilot").jobs.add_heartbeat, {"999999": HeartbeatData(vsize=1)}, error=ResourceNotFoundError)
    refused(404, client("admin").jobs.patch_metadata, {999999: {"HostName": "x"}}, error=ResourceNotFoundError)
    detail = refused(400, client("admin").jobs.reschedule_jobs, {"job_ids": [999999]})
    assert list(detail["failed"]) == ["999999"]


def test_bad_request(client, submit):
    (job,) = submit()
    jobs = client("alice").jobs
    refused(400, jobs.submit_jdl_jobs, ['Executable = ;'])
    refused(400, jobs.submit_jdl_jobs, ['Executable = "a"; Parameters = {"x"};', 'Executable = "b";'])
    refused(400, jobs.submit_jdl_jobs, ['Executable = "a";'] * 21)
    refused(400, jobs.set_job_statuses, {str(job): update(when="2024-02-29T10:00:00")})
    refused(400, jobs.patch_metadata, {job: {"Owner": "bob"}})
    refused(400, jobs.search, parameters=["NoSuchColumn"])
    refused(400, jobs.search, search=[{"parameter": "NoSuchColumn", "operator": "eq", "value": "x"}])
    refused(400, jobs.summary, grouping=["NoSuchColumn"])


def faults(detail):
    return {(fault["type"], *fault["loc"]) for fault in detail}


def test_unprocessable(client):
    jobs = client("alice").jobs
    assert faults(refused(422, jobs.submit_jdl_jobs, b'{"a": 1}')) == {("list_type", "body")}
    assert faults(refused(422, jobs.submit_jdl_jobs, b"[1]")) == {("string_type", "body", 0)}
    assert faults(refused(422, jobs.search, page=0)) == {("greater_than_equal", "query", "page")}
    assert faults(refused(422, jobs.search, per_page=10001)) == {("less_than_equal", "query", "per_page")}
    assert faults(refused(422, jobs.search, sort=[{"parameter": "JobID", "direction": "up"}])) == {
        ("enum", "body", "sort", 0, "direction")
    }
    assert faults(refused(422, jobs.set_job_statuses, b'{"1": {"yesterday": {}}}')) == {
        ("datetime_from_date_parsing", "body", "1", "yesterday", "[key]")
    }
    asleep = b'{"1": {"2024-02-29T10:00:00Z": {"Status": "Sleeping"}}}'
    assert faults(refused(422, jobs.set_job_statuses, asleep)) == {
        ("enum", "body", "1", "2024-02-29T10:00:00Z", "Status")
    }
    assert faults(refused(422, jobs.patch_metadata, b'{"1": {"X": NaN}}')) == {("value_error", "body", "1")}
    assert faults(refused(422, jobs.add_heartbeat, b'{"1": {"Load": 1}}')) == {("extra_forbidden", "body", "1", "Load")}
    assert faults(refused(422, jobs.reschedule_jobs, b"{}")) == {("missing", "body", "job_ids")}


def test_page_past_the_end(client, group, submit):
    submit()
    mine = [{"parameter": "JobGroup", "operator": "eq", "value": group}]
    with pytest.raises(HttpResponseError) as raised:
        client("alice").jobs.search(search=mine, page=2, per_page=1)
    assert raised.value.status_code == 416
    assert raised.value.response.headers["Content-Range"] == "jobs */1"
