"""Run methods of the reference's JobDB on one database, each several times, and print the median times.

Reads one JSON object from standard input: url (SQLAlchemy's form), rounds, ids (of jobs), jdl.
Prints one JSON object: nanoseconds by the method's name. Every call is a transaction of its own, as in the service.
"""

import asyncio
import json
import sys
import time

from diracx.db.sql import JobDB

FIELDS = ["AvailableDiskSpace", "CPUConsumed", "LoadAverage", "MemoryUsed", "Vsize", "WallClockTime"]


def equal(parameter, value):
    return {"parameter": parameter, "operator": "eq", "value": value}


def attributes(ids, turn):
    statuses = ["Running", "Matched", "Stalled"]
    return {
        job: {
            "Status": statuses[(i + turn) % 3],
            "MinorStatus": ["Application", "Assigned"][(i + turn) % 2],
            "ApplicationStatus": f"Events {100 * ((i + turn) % 40)}",
        }
        for i, job in enumerate(ids)
    }


def methods(db, ids, jdl):
    waiting = [equal("VO", "lhcb"), equal("Status", "Waiting")]
    beat = {field: "2048.5" for field in FIELDS}
    by_id = [{"parameter": "JobID", "direction": "asc"}]

    async def create(turn):
        await db.create_job(jdl)

    async def search(turn):
        await db.search(None, waiting, by_id, per_page=100, page=1)

    async def name(turn):
        await db.search(None, [equal("VO", "lhcb"), equal("JobName", "analysis_00007")], by_id, per_page=100, page=1)

    async def summary(turn):
        await db.summary(["Status"], [equal("VO", "lhcb")])

    async def heartbeat(turn):
        await db.add_heartbeat_data(ids[turn % len(ids)], dict(beat))

    async def set_attributes(turn):
        await db.set_job_attributes(attributes(ids, turn))

    return {
        "Search: Status, page 1/0": search,
        "Search: JobName/0": name,
        "Summary: Status in a VO/0": summary,
        "CreateJobs/1": create,
        "AddHeartbeatData, 6 fields/1": heartbeat,
        f"SetJobAttributes/{len(ids)}": set_attributes,
    }


async def run(order):
    db = JobDB(order["url"])
    medians = {}
    async with db.engine_context():
        for name, method in methods(db, order["ids"], order["jdl"]).items():
            times = []
            for turn in range(order["rounds"] + 1):
                start = time.perf_counter_ns()
                async with db:
                    await method(turn)
                times.append(time.perf_counter_ns() - start)
            times = sorted(times[1:])  # the first only warms up
            medians[name] = times[len(times) // 2]
    return medians


print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
