#!/usr/bin/env python3
"""The reference's own database classes, for tests that compare with them.

Reads requests on standard input, one JSON object a line, and answers each with a line:

    {"db": URL, "call": "search", "args": {"parameters": [...], ...}}    {"result": ...} or {"error": CLASS, "message": TEXT}

The URL has jobdb's form, sqlite:PATH or mysql://user:password@host:port/name. A call is a method of JobDB or of
JobLoggingDB, in a transaction of its own; or create_all, which makes the tables of both; or read, which gives the rows
of any table that belong to some jobs, in the order of its key; or close. Objects whose keys are numbers have integers
as keys. {"$time": ISO} is a time, {"$now": true} the reference's SQL expression for now.
"""

import asyncio
import contextlib
import json
import os
import sys
from datetime import datetime, timezone

import sqlalchemy
from diracx.core.models.job import JobLoggingRecord
from diracx.db.sql import JobDB, JobLoggingDB
from diracx.db.sql.utils import utcnow
from pydantic import BaseModel


def sqlalchemy_url(address):
    scheme, rest = address.split(":", 1)
    if scheme == "sqlite":
        return "sqlite+aiosqlite:///" + rest
    return "mysql+aiomysql:" + rest


def foreign_keys(connection, _record):
    connection.execute("PRAGMA foreign_keys=ON")


class Oracle:
    """The databases that are open, by their URLs."""

    def __init__(self):
        self.opened = {}

    async def open(self, address):
        if address not in self.opened:
            stack = contextlib.AsyncExitStack()
            databases = []
            for kind in (JobDB, JobLoggingDB):
                db = kind(sqlalchemy_url(address))
                await stack.enter_async_context(db.engine_context())
                if address.startswith("sqlite:"):
                    sqlalchemy.event.listen(db.engine.sync_engine, "connect", foreign_keys)
                databases.append(db)
            self.opened[address] = (stack, databases)
        return self.opened[address][1]

    async def close(self, address):
        if address in self.opened:
            stack, _ = self.opened.pop(address)
            await stack.aclose()

    async def create_all(self, address):
        for db in await self.open(address):
            async with db.engine.begin() as conn:
                await conn.run_sync(db.metadata.create_all)

    async def read(self, address, table, job_ids):
        jobs, history = await self.open(address)
        db = jobs if table in jobs.metadata.tables else history
        found = db.metadata.tables[table]
        query = sqlalchemy.select(found).where(found.c.JobID.in_(job_ids)).order_by(*found.primary_key.columns)
        async with db:
            return [dict(row) for row in (await db.conn.execute(query)).mappings()]

    async def call(self, address, name, args):
        if name in ("close", "create_all", "read"):
            return await getattr(self, name)(address, **args)
        if name == "insert_records":
            args["records"] = [JobLoggingRecord(**record) for record in args["records"]]
        jobs, history = await self.open(address)
        db = jobs if hasattr(jobs, name) else history
        async with db:
            return await getattr(db, name)(**args)


def decoded(value):
    """What a JSON object stands for."""
    if "$time" in value:
        return datetime.fromisoformat(value["$time"])
    if "$now" in value:
        return utcnow()
    if value and all(key.isdigit() for key in value):
        return {int(key): v for key, v in value.items()}
    return value


def encoded(value):
    """What JSON has no form for."""
    if isinstance(value, datetime):
        if value.tzinfo is None:  # LoggingInfo's; the reference takes them as UTC
            value = value.replace(tzinfo=timezone.utc)
        return {"$time": value.astimezone(timezone.utc).isoformat(timespec="microseconds")}
    if isinstance(value, BaseModel):
        return dict(value)
    raise TypeError(f"no JSON for {value!r}")


def class_of(error):
    inner = getattr(error, "orig", None)
    return type(error).__name__ + (":" + type(inner).__name__ if inner else "")


async def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else prints must not get among the answers
    oracle = Oracle()
    for line in sys.stdin:
        request = json.loads(line, object_hook=decoded)
        try:
            result = await oracle.call(request["db"], request["call"], request["args"])
            answer = json.dumps({"result": result}, default=encoded)
        except Exception as error:  # every failure is an answer
            answer = json.dumps({"error": class_of(error), "message": str(error)})
        print(answer, file=answers)
    for address in list(oracle.opened):
        await oracle.close(address)


asyncio.run(main())
