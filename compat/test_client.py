"""diracx-client against a server: what it is for."""

from datetime import datetime, timedelta, timezone

import pytest
import servers
from diracx.client.models import HeartbeatData, JobStatusUpdate


def now(seconds=0.0):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


def of_group(group, *filters):
    return [{"parameter": "JobGroup", "operator": "eq", "value": group}, *filters]


def rows_of(client, ids, *parameters):
    """The columns of jobs, in the order of the IDs."""
    by_id = {"parameter": "JobID", "operator": "in", "values": ids}
    rows = client("alice").jobs.search(parameters=["JobID", *parameters], search=[by_id])
    return [next(row for row in rows if row["JobID"] == i) for i in ids]


def set_status(client, who, job, *steps, force=False):
    """Set a job's statuses, one a millisecond."""
    times = {now(i / 1000): JobStatusUpdate(source="compat", **step) for i, step in enumerate(steps)}
    return client(who).jobs.set_job_statuses({str(job): times}, force=force)


def test_discovery(client, server):
    known = client("alice").well_known
    discovered = known.get_openid_configuration()
    assert discovered.issuer and discovered.token_endpoint
    assert discovered.jwks_uri.endswith("/.well-known/jwks.json")
    keys = known.get_jwks()["keys"]
    assert keys and not any("d" in key for key in keys), "a private key is shown"
    if server.has_issuer:  # else the server sends us to the issuer for these
        assert known.get_installation_metadata().virtual_organizations


def test_submit_one(client):
    (job,) = client("alice").jobs.submit_jdl_jobs(['Executable = "/bin/echo";'])
    assert job.job_id > 0
    assert (job.status, job.minor_status) == ("Received", "Job accepted")
    assert abs((datetime.now(timezone.utc) - job.time_stamp).total_seconds()) < 60


def test_submit_list(client, group):
    jdls = [f'Executable = "/bin/echo"; JobGroup = "{group}"; JobName = "job %j";' for _ in range(3)]
    ids = [job.job_id for job in client("alice").jobs.submit_jdl_jobs(jdls)]
    assert len(set(ids)) == 3
    assert [row["JobName"] for row in rows_of(client, ids, "JobName")] == [f"job {i}" for i in ids]


def test_submit_parametric(client, group):
    jdl = f'Executable = "/bin/echo"; JobGroup = "{group}"; JobName = "%n %s"; Parameters = {{"a", "b", "c"}};'
    jobs = client("alice").jobs.submit_jdl_jobs([jdl])
    assert {(job.status, job.minor_status) for job in jobs} == {("Submitting", "Bulk transaction confirmation")}
    rows = rows_of(client, [job.job_id for job in jobs], "JobName", "Status", "Owner", "VO")
    assert [row["JobName"] for row in rows] == ["0 a", "1 b", "2 c"]
    assert {(row["Status"], row["Owner"], row["VO"]) for row in rows} == {("Submitting", "alice", "lhcb")}


THIS_YEAR = str(datetime.now(timezone.utc).year)

OPERATORS = [  # what is found of three jobs, by their places
    ("JobName", "eq", "beta", [1]),
    ("JobName", "neq", "beta", [0, 2]),
    ("JobName", "gt", "alpha", [1, 2]),
    ("JobName", "lt", "gamma", [0, 1]),
    ("JobName", "like", "%a_m%", [2]),
    ("JobName", "not like", "%et%", [0, 2]),
    ("JobName", "regex", "^(alpha|g.*)$", [0, 2]),
    ("JobName", "in", ["alpha", "gamma", "none"], [0, 2]),
    ("JobName", "not in", ["alpha", "gamma"], [1]),
    ("JobName", "in", [], []),
    ("UserPriority", "eq", 2, [1]),
    ("UserPriority", "eq", "2", [1]),
    ("UserPriority", "neq", 2, [0, 2]),
    ("UserPriority", "gt", 1, [1, 2]),
    ("UserPriority", "lt", "3", [0, 1]),
    ("UserPriority", "in", [1, 3], [0, 2]),
    ("UserPriority", "not in", ["1", "3"], [1]),
    ("UserPriority", "like", "2%", [1]),
    ("SubmissionTime", "eq", THIS_YEAR, [0, 1, 2]),
    ("SubmissionTime", "neq", THIS_YEAR, []),
    ("SubmissionTime", "gt", "2024-02-29 10:00:00", [0, 1, 2]),
    ("SubmissionTime", "gt", "2024-02-29T10:00:00.000000Z", [0, 1, 2]),
    ("SubmissionTime", "lt", "2024-02", []),
    ("SubmissionTime", "in", ["2001", THIS_YEAR], [0, 1, 2]),
    ("SubmissionTime", "not in", ["2001"], [0, 1, 2]),
    ("StartExecTime", "gt", "2001", []),
    ("AccountedFlag", "eq", "Failed", []),
]


@pytest.fixture(scope="module")
def three(client):
    """Three jobs of the group "three", of which all searches below are."""
    names = ["alpha", "beta", "gamma"]
    text = 'Executable = "a"; JobGroup = "three"; JobName = "{}"; Priority = {};'
    jdls = [text.format(name, priority) for priority, name in enumerate(names, 1)]
    if not client("alice").jobs.search(search=of_group("three")):
        client("alice").jobs.submit_jdl_jobs(jdls)
    order = [{"parameter": "JobID", "direction": "asc"}]
    return [row["JobID"] for row in client("alice").jobs.search(search=of_group("three"), sort=order)]


@pytest.mark.parametrize("parameter, operator, value, found", OPERATORS, ids=lambda v: str(v).replace(" ", "-"))
def test_search_operator(client, three, parameter, operator, value, found):
    key = "values" if isinstance(value, list) else "value"
    filters = of_group("three", {"parameter": parameter, "operator": operator, key: value})
    order = [{"parameter": "JobID", "direction": "asc"}]
    rows = client("alice").jobs.search(parameters=["JobID"], search=filters, sort=order)
    assert rows == [{"JobID": three[i]} for i in found]


@pytest.mark.parametrize("parameter, value, found", [("VerifiedFlag", "True", 3), ("AccountedFlag", "True", 0)])
def test_search_flag(client, three, server, parameter, value, found):
    if isinstance(server, servers.Reference):
        pytest.skip("flags can't be searched there")
    filters = of_group("three", {"parameter": parameter, "operator": "eq", "value": value})
    assert len(client("alice").jobs.search(search=filters)) == found


def test_search_whole_rows(client, group, submit):
    (job,) = submit('JobName = "whole"; Site = "LCG.CERN.ch";')
    (row,) = client("alice").jobs.search(search=of_group(group))
    submitted = datetime.fromisoformat(row.pop("SubmissionTime"))
    assert submitted.utcoffset() == timedelta(0)
    assert abs(datetime.fromisoformat(row.pop("LastUpdateTime")) - submitted) < timedelta(seconds=1)
    assert row == {
        "JobID": job, "JobType": "user", "JobGroup": group, "Site": "LCG.CERN.ch", "JobName": "whole", "Owner": "alice",
        "OwnerGroup": "lhcb_user", "VO": "lhcb", "Status": "Received", "MinorStatus": "Job accepted",
        "ApplicationStatus": "Unknown", "UserPriority": 1, "RescheduleCounter": 0, "VerifiedFlag": True,
        "AccountedFlag": False, "RescheduleTime": None, "StartExecTime": None, "HeartBeatTime": None,
        "EndExecTime": None,
    }  # fmt: skip


def test_search_sort(client, group, submit):
    submit('JobName = "b";', 'JobName = "a";', 'JobName = "c";')
    for direction, names in ("asc", "abc"), ("desc", "cba"):
        rows = client("alice").jobs.search(
            parameters=["JobName"], search=of_group(group), sort=[{"parameter": "JobName", "direction": direction}]
        )
        assert "".join(row["JobName"] for row in rows) == names


def test_search_pages(client, group, submit):
    ids = submit(*[""] * 3)
    order = {"search": of_group(group), "parameters": ["JobID"], "sort": [{"parameter": "JobID", "direction": "asc"}]}

    def page(number, size):
        keep = lambda response, rows, headers: (response.http_response.status_code, rows, headers.get("Content-Range"))
        return client("alice").jobs.search(page=number, per_page=size, cls=keep, **order)

    assert page(1, 2) == (206, [{"JobID": i} for i in ids[:2]], "jobs 0-1/3")
    assert page(2, 2) == (206, [{"JobID": ids[2]}], "jobs 2-2/3")
    assert page(1, 3) == (200, [{"JobID": i} for i in ids], None)


def test_search_history(client, submit):
    (job,) = submit()
    set_status(client, "alice", job, {"status": "Checking"})
    (row,) = rows_of(client, [job], "Status", "LoggingInfo")
    assert row["Status"] == "Checking"
    assert [step["Status"] for step in row["LoggingInfo"]] == ["Received", "Checking"]
    assert set(row["LoggingInfo"][0]) == {"Status", "MinorStatus", "ApplicationStatus", "StatusTime", "Source"}


def test_summary(client, group, submit):
    submit('Site = "A";', 'Site = "A";', 'Site = "B";')
    rows = client("alice").jobs.summary(grouping=["Site", "Status"], search=of_group(group))
    assert sorted(rows, key=lambda row: row["Site"]) == [
        {"Site": "A", "Status": "Received", "count": 2},
        {"Site": "B", "Status": "Received", "count": 1},
    ]


def test_status_of_several_times(client, submit):
    (job,) = submit()
    steps = [{"status": s} for s in ("Checking", "Waiting", "Matched", "Running")]
    changed = set_status(client, "pilot", job, *steps, {"minor_status": "Application", "application_status": "Step 1"})
    assert not changed.failed
    done = changed.success[str(job)]
    assert (done.status, done.minor_status, done.application_status) == ("Running", "Application", "Step 1")
    assert done.start_exec_time and done.last_update_time and not done.end_exec_time
    (row,) = rows_of(client, [job], "Status", "MinorStatus", "ApplicationStatus", "StartExecTime", "LoggingInfo")
    assert (row["Status"], row["MinorStatus"], row["ApplicationStatus"]) == ("Running", "Application", "Step 1")
    assert len(row["LoggingInfo"]) == 6 and row["StartExecTime"]


def test_status_that_no_job_can_get(client, submit):
    (job,) = submit()
    changed = set_status(client, "alice", job, {"status": "Done"})
    assert changed.success[str(job)].status == "Received"
    assert rows_of(client, [job], "Status")[0]["Status"] == "Received"


def test_status_forced_by_an_administrator(client, submit):
    (job,) = submit()
    changed = set_status(client, "admin", job, {"status": "Done", "minor_status": "Forced"}, force=True)
    assert changed.success[str(job)].status == "Done"
    (row,) = rows_of(client, [job], "Status", "MinorStatus", "EndExecTime")
    assert (row["Status"], row["MinorStatus"]) == ("Done", "Forced") and row["EndExecTime"]


def test_some_jobs_of_a_status_request_exist(client, submit):
    (job,) = submit()
    update = {now(): JobStatusUpdate(status="Checking")}
    changed = client("admin").jobs.set_job_statuses({str(job): update, "999999": update})
    assert set(changed.success) == {str(job)} and set(changed.failed) == {"999999"}


def run(client, job):
    set_status(client, "pilot", job, *({"status": s} for s in ("Checking", "Waiting", "Matched", "Running")))


def test_heartbeat(client, submit):
    (job,) = submit()
    run(client, job)
    beat = HeartbeatData(load_average=2.5, memory_used=1024, cpu_consumed=75, wall_clock_time=60, standard_output="…")
    assert client("pilot").jobs.add_heartbeat({str(job): beat}) == []
    assert rows_of(client, [job], "HeartBeatTime")[0]["HeartBeatTime"]


def test_heartbeat_revives(client, submit):
    stalled, matched = submit("", "")
    run(client, stalled)
    set_status(client, "admin", stalled, {"status": "Stalled"})
    set_status(client, "pilot", matched, *({"status": s} for s in ("Checking", "Waiting", "Matched")))
    client("pilot").jobs.add_heartbeat({str(stalled): HeartbeatData(vsize=1), str(matched): HeartbeatData(vsize=1)})
    assert {row["Status"] for row in rows_of(client, [stalled, matched], "Status")} == {"Running"}


def test_heartbeat_brings_the_kill(client, submit):
    (job,) = submit()
    run(client, job)
    set_status(client, "alice", job, {"status": "Killed", "minor_status": "Marked as killed"})
    assert rows_of(client, [job], "Status")[0]["Status"] == "Killed"
    (command,) = client("pilot").jobs.add_heartbeat({str(job): HeartbeatData(load_average=1)})
    assert (command.job_id, command.command, command.arguments) == (job, "Kill", "")


@pytest.mark.parametrize("reset, counter", [(False, 1), (True, 0)])
def test_reschedule(client, submit, reset, counter):
    (job,) = submit()
    run(client, job)
    set_status(client, "pilot", job, {"status": "Failed", "minor_status": "Application crashed"})
    answer = client("alice").jobs.reschedule_jobs({"job_ids": [job]}, reset_jobs=reset)
    assert list(answer["success"]) == [str(job)] and not answer["failed"]
    assert answer["success"][str(job)]["RescheduleCounter"] == counter
    (row,) = rows_of(client, [job], "RescheduleCounter", "RescheduleTime", "MinorStatus")
    assert row["RescheduleCounter"] == counter and row["RescheduleTime"]
    assert row["MinorStatus"] == "Job Rescheduled"


def test_metadata(client, submit):
    (job,) = submit()
    values = {"Site": "LCG.CERN.ch", "host_name": "wn1.example.org", "CPUNormalizationFactor": 10, "Mine": {"a": [1]}}
    assert client("pilot").jobs.patch_metadata({job: values}) is None
    assert rows_of(client, [job], "Site")[0]["Site"] == "LCG.CERN.ch"
