"""What DiracX leaves of task queues that jobs are taken out of.

Reads {"db": URL, "jobs": [...], "groups": {NAME: {...}}, "literal": BOOL} and answers null. The URL has jobdb's form.

Literal is DiracX's own call. It looks for the jobs' queues after it has taken the jobs out, finds none, and so deletes
no queue. Otherwise its methods are called in the order that is meant: the queues are found first, those that are empty
are deleted, and the shares of the owners' groups are computed anew. Its retrieve_task_queues fails on any row, and so
is replaced by one that returns what it promises.
"""

import asyncio
import json
import sys

import sqlalchemy
from diracx.core.config.schema import Config, GroupConfig, RegistryConfig
from diracx.db.sql import TaskQueueDB
from diracx.db.sql.task_queue.schema import JobsQueue, TaskQueueDBBase, TaskQueues
from diracx.logic.jobs.status import remove_jobs_from_task_queue
from diracx.logic.task_queues import recalculate_tq_shares_for_entity

IGNORED = ("tq_TQToSites", "tq_TQToBannedSites")


class Meant(TaskQueueDB):
    async def retrieve_task_queues(self, tq_id_list=None):
        columns = (TaskQueues.TQId, TaskQueues.Owner, TaskQueues.OwnerGroup, TaskQueues.VO, TaskQueues.CPUTime)
        rows = await self.conn.execute(sqlalchemy.select(*columns).where(TaskQueues.TQId.in_(tq_id_list)))
        queues = {row[0]: dict(zip(("Owner", "OwnerGroup", "VO", "CPUTime"), row[1:])) for row in rows}
        for name, table in TaskQueueDBBase.metadata.tables.items():
            if name.startswith("tq_TQTo") and name not in IGNORED:
                for queue, value in await self.conn.execute(sqlalchemy.select(table).order_by(*table.c)):
                    if queue in queues:
                        queues[queue].setdefault(name, []).append(value)
        return queues


async def main():
    asked = json.load(sys.stdin)
    scheme, rest = asked["db"].split(":", 1)
    db = Meant("sqlite+aiosqlite:///" + rest if scheme == "sqlite" else "mysql+aiomysql:" + rest)
    groups = {
        name: GroupConfig.model_validate({"Properties": [], "Users": [], **group}) for name, group in asked["groups"].items()
    }
    config = Config.model_construct(registry={"lhcb": RegistryConfig.model_construct(groups=groups)})
    async with db.engine_context():
        if scheme == "sqlite":
            sqlalchemy.event.listen(db.engine.sync_engine, "connect", lambda c, _: c.execute("PRAGMA foreign_keys=ON"))
        async with db:
            if asked["literal"]:
                await remove_jobs_from_task_queue(asked["jobs"], config, db)
                return
            queues = await db.get_tq_infos_for_jobs(asked["jobs"])
            await db.remove_jobs(asked["jobs"])
            for queue, owner, group, vo in sorted(queues):
                left = await db.conn.scalar(
                    sqlalchemy.select(sqlalchemy.func.count()).select_from(JobsQueue).where(JobsQueue.TQId == queue))
                enabled = await db.conn.scalar(sqlalchemy.select(TaskQueues.Enabled).where(TaskQueues.TQId == queue))
                if not left and enabled:
                    await db.delete_task_queue(queue)
                    await recalculate_tq_shares_for_entity(owner, group, vo, config, db)


asyncio.run(main())
print("null")
