"""Make the tables of the reference in empty databases, by its own create_all.

Reads the databases' URLs, one a line, in jobdb's form: sqlite:PATH or mysql://user:password@host:port/name. A line that
begins with "TaskQueueDB " asks for the tables of task queues, with "PilotAgentsDB " for those of pilots, any other for those
of jobs and their histories.
Answers each with a line: "done", or why it failed.
"""

import sys

import sqlalchemy
from diracx.db.sql import JobDB, JobLoggingDB, PilotAgentsDB, TaskQueueDB


def create_all(address: str) -> None:
    databases = (JobDB, JobLoggingDB)
    for other in (TaskQueueDB, PilotAgentsDB):
        if address.startswith(other.__name__ + " "):
            databases, address = (other,), address.removeprefix(other.__name__ + " ")
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
