"""Run methods of the reference's JobDB and JobLoggingDB on one database, each call a transaction of its own, as in the service.

The command line has the database's URL, in SQLAlchemy's form. Then each line of standard input is a JSON list: the name of a
method of ours and its argument. The answer, when the argument has been read, is a line "ready". The next line, an empty one,
starts the call; its answer is a JSON object: nanoseconds, what the call returned (rows found or written, as our benchmark
counts them), the IDs of jobs that it created, or why it failed. Where our method takes many jobs and the reference's takes one,
it is called once for each, in one transaction.
"""

import asyncio
import json
import sys
import time
from datetime import datetime

import sqlalchemy
from diracx.core.models import JobLoggingRecord
from diracx.db.sql import JobDB, JobLoggingDB

TIMES = ("SubmissionTime", "LastUpdateTime")


def by_id(things):
    return {int(job): thing for job, thing in things.items()}


def attributes(things):
    for values in things.values():
        for name in TIMES:
            if name in values:
                values[name] = datetime.fromisoformat(values[name])
    return by_id(things)


def record(r):
    return JobLoggingRecord(
        job_id=r["JobID"],
        status=r["Status"],
        minor_status=r["MinorStatus"],
        application_status=r["ApplicationStatus"],
        date=datetime.fromisoformat(r["Time"]),
        source=r["Source"],
    )


# For each method of ours: how its argument is made, which is not timed, and what is awaited.


async def create_jobs(db, log, jdls):
    return [await db.create_job(jdl) for jdl in jdls]


async def insert_attributes(db, log, things):
    await db.insert_job_attributes(things)
    return len(things)


async def delete_jobs(db, log, ids):
    async with log:  # two transactions, as in the service; SQLite has them one after the other only
        await log.delete_records(ids)
    async with db:
        await db.delete_jobs(ids)
    return len(ids)


async def insert_input_data(db, log, files):
    await db.insert_input_data(files)
    return sum(map(len, files.values()))


async def update_jdls(db, log, jdls):
    await db.update_job_jdls(jdls)
    return len(jdls)


async def set_attributes(db, log, things):
    await db.set_job_attributes(things)
    return len(things)


async def set_properties(db, log, things):
    await db.set_properties(things, update_timestamp=True)
    return len(things)


async def set_commands(db, log, commands):
    await db.set_job_commands(commands)
    return len(commands)


async def take_commands(db, log, ids):
    return len(await db.get_job_commands(ids))


async def add_heartbeats(db, log, beats):
    for job, values in beats.items():
        await db.add_heartbeat_data(job, values)
    return sum(map(len, beats.values()))


async def jdls(db, log, ids):
    return len(await db.get_job_jdls(ids))


async def originals(db, log, ids):
    return len(await db.get_job_jdls(ids, original=True))


async def insert_history(db, log, records):
    await log.insert_records(records)
    return len(records)


async def history(db, log, ids):
    return sum(map(len, (await log.get_records(ids)).values()))


async def status_times(db, log, ids):
    return sum(map(len, (await log.get_wms_time_stamps(ids)).values()))


async def delete_history(db, log, ids):
    await log.delete_records(ids)
    return len(ids)


async def search(db, log, query):
    total, rows = await db.search(
        query["parameters"], query["search"], query["sort"], per_page=query["per_page"], page=query["page"]
    )
    return len(rows) if query["page"] is None else total * 1000 + len(rows)


async def summary(db, log, query):
    return len(await db.summary(query["grouping"], query["search"]))


def same(argument):
    return argument


METHODS = {
    "CreateJobs": (same, create_jobs),
    "InsertJobAttributes": (attributes, insert_attributes),
    "DeleteJobs": (same, delete_jobs),
    "InsertInputData": (by_id, insert_input_data),
    "UpdateJobJDLs": (by_id, update_jdls),
    "SetJobAttributes": (attributes, set_attributes),
    "SetProperties": (attributes, set_properties),
    "SetJobCommands": (lambda commands: [tuple(c.values()) for c in commands], set_commands),
    "TakeJobCommands": (same, take_commands),
    "AddHeartbeatData": (by_id, add_heartbeats),
    "JobJDLs": (same, jdls),
    "OriginalJDLs": (same, originals),
    "InsertHistory": (lambda records: [record(r) for r in records], insert_history),
    "History": (same, history),
    "StatusTimes": (same, status_times),
    "DeleteHistory": (same, delete_history),
    "Search": (same, search),
    "Summary": (same, summary),
}


def keeping_references(connection, _record):
    """What a service has on SQLite; the file is in WAL mode already, and syncs at each commit.

    The write-ahead log may grow as far as ours: at SQLite's own 1,000 pages, commits here would copy pages that ours left in it.
    """
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA wal_autocheckpoint=10000")
    cursor.close()


async def call(db, log, method, argument):
    start = time.perf_counter_ns()
    if method in (insert_history, history, status_times, delete_history):
        async with log:
            returned = await method(None, log, argument)
    elif method is delete_jobs:
        returned = await method(db, log, argument)
    else:
        async with db:
            returned = await method(db, None, argument)
    took = time.perf_counter_ns() - start
    ids = returned if isinstance(returned, list) else []
    return {"took": took, "returned": len(ids) or returned, "ids": ids}


async def run(url):
    db, log = JobDB(url), JobLoggingDB(url)
    async with db.engine_context(), log.engine_context():
        if url.startswith("sqlite"):
            for database in (db, log):
                sqlalchemy.event.listen(database.engine.sync_engine, "connect", keeping_references)
        for line in iter(sys.stdin.readline, ""):
            name, argument = json.loads(line)
            prepare, method = METHODS[name]
            argument = prepare(argument)
            print("ready", flush=True)
            sys.stdin.readline()
            try:
                answer = await call(db, log, method, argument)
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"[:300]}
            print(json.dumps(answer), flush=True)


asyncio.run(run(sys.argv[1]))
