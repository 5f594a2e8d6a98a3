"""What DiracX makes of updates to the statuses of jobs. Reads

    [{"force": bool, "jobs": [{"status", "started", "ended", "history": [[status, time], ...], "updates": {time: {...}}}]}]

and calls DiracX's own set_job_statuses for each of these requests, on its own tables in SQLite. Writes
{"machine": {from: {to: next}}, "answers": [{"jobs": [...]} or {"error"}]}. Times are ISO 8601 with an offset.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
from datetime import datetime, timezone

from diracx.core.models import JobStatusUpdate
from diracx.db.sql import JobDB, JobLoggingDB, TaskQueueDB
from diracx.db.sql.job.schema import JobCommands, Jobs
from diracx.db.sql.job_logging.schema import LoggingInfo
from diracx.logic.jobs.status import set_job_statuses
from DIRACCommon.WorkloadManagementSystem.Client.JobStatus import JOB_STATES, JobsStateMachine
from sqlalchemy import insert, select

LONG_AGO = datetime(2000, 1, 1, tzinfo=timezone.utc)


def time(text):
    return datetime.fromisoformat(text) if text else None


def iso(at):
    if at is None:
        return None
    return at.replace(tzinfo=at.tzinfo or timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


async def store(jobs, history, first, given):
    """The jobs of one request, as they were before it."""
    rows, records = [], []
    for number, job in enumerate(given, first):
        rows.append(
            {
                "JobID": number, "Status": job["status"], "MinorStatus": "before", "ApplicationStatus": "before",
                "VO": "lhcb", "LastUpdateTime": LONG_AGO, "StartExecTime": time(job["started"]), "EndExecTime": time(job["ended"]),
            }
        )
        for sequence, (status, at) in enumerate(job["history"] or [], 1):
            records.append(
                {
                    "JobID": number, "SeqNum": sequence, "Status": status, "MinorStatus": "before", "ApplicationStatus": "before",
                    "StatusTime": time(at), "StatusTimeOrder": time(at), "StatusSource": "before",
                }
            )
    async with jobs, history:
        await jobs.conn.execute(insert(Jobs), rows)
        if records:
            await history.conn.execute(insert(LoggingInfo), records)


async def stored(jobs, history, numbers, reports):
    """What is of the jobs afterwards, with all of their histories."""
    rows = (await jobs.conn.execute(select(Jobs.__table__).where(Jobs.job_id.in_(numbers)))).mappings()
    commands = await jobs.conn.execute(
        select(JobCommands.job_id, JobCommands.command, JobCommands.arguments).where(JobCommands.job_id.in_(numbers))
    )
    records = await history.conn.execute(
        select(LoggingInfo.__table__).where(LoggingInfo.job_id.in_(numbers)).order_by(LoggingInfo.job_id, LoggingInfo.seq_num)
    )
    results = {
        row["JobID"]: {
            "job": {
                "status": [row["Status"], row["MinorStatus"], row["ApplicationStatus"]],
                "started": iso(row["StartExecTime"]),
                "ended": iso(row["EndExecTime"]),
                "beat": iso(row["HeartBeatTime"]),
                "updated": iso(row["LastUpdateTime"]) != iso(LONG_AGO),
            },
            "report": reported(reports.get(row["JobID"])),
            "commands": [],
            "history": [],
        }
        for row in rows
    }
    for number, *command in commands:
        results[number]["commands"].append(command)
    for number, sequence, status, minor, application, at, _, source in records:
        results[number]["history"].append([sequence, status, minor, application, iso(at), source])
    return [results[number] for number in numbers]


def reported(success):
    if success is None:
        return None
    return {
        "status": [success.status or "", success.minor_status or "", success.application_status or ""],
        "started": iso(success.start_exec_time),
        "ended": iso(success.end_exec_time),
        "beat": iso(success.heart_beat_time),
        "updated": success.last_update_time is not None,
    }


async def answer(databases, first, request):
    jobs, history, queues = databases
    await store(jobs, history, first, request["jobs"])
    updates = {
        number: {time(at): JobStatusUpdate(**update) for at, update in job["updates"].items()}
        for number, job in enumerate(request["jobs"], first)
    }
    try:
        async with jobs, history, queues:
            report = await set_job_statuses(updates, None, jobs, history, queues, force=request["force"])
    except Exception as e:
        return {"error": repr(e)[:200]}
    async with jobs, history:
        return {"jobs": await stored(jobs, history, list(updates), report.success)}


async def main(requests):
    with tempfile.TemporaryDirectory() as folder:
        async with contextlib.AsyncExitStack() as stack:
            databases = []
            for kind in (JobDB, JobLoggingDB, TaskQueueDB):
                db = kind(f"sqlite+aiosqlite:///{folder}/{kind.__name__}.db")
                await stack.enter_async_context(db.engine_context())
                async with db.engine.begin() as conn:
                    await conn.run_sync(db.metadata.create_all)
                databases.append(db)
            answers, first = [], 1
            for request in requests:
                answers.append(await answer(databases, first, request))
                first += len(request["jobs"])
    machine = {a: {b: JobsStateMachine(a).getNextState(b)["Value"] for b in JOB_STATES} for a in JOB_STATES}
    return {"machine": machine, "answers": answers}


with contextlib.redirect_stdout(sys.stderr):
    result = asyncio.run(main(json.load(sys.stdin)))
json.dump(result, sys.stdout)
