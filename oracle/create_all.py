"""Make the tables of the reference in empty databases, by its own create_all.

Reads the databases' URLs, one a line, in jobdb's form: sqlite:PATH or mysql://user:password@host:port/name. A line that
begins with "TaskQueueDB " asks for the tables of task queues, any other for those of jobs and their histories.
Answers each with a line: "done", or why it failed.
"""

import sys

import sqlalchemy
from diracx.db.sql import JobDB, JobLoggingDB, TaskQueueDB


def create_all(address: str) -> None:
    databases = (JobDB, JobLoggingDB)
    if address.startswith("TaskQueueDB "):
        databases, address = (TaskQueueDB,), address.removeprefix("TaskQueueDB ")
    scheme, rest = address.split(":", 1)
    if scheme == "sqlite":
        url = sqlalchemy.URL.create("sqlite", database=rest)
    else:
        url = "mysql+pymysql:" + rest
    engine = sqlalchemy.create_engine(url)
    for database in databases:
        database.metadata.create_all(engine)
    engine.dispose()


for line in sys.stdin:
    try:
        create_all(line.strip())
        answer = "done"
    except Exception as error:
        answer = repr(error)
    print(answer, flush=True)
