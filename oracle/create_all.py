"""Make the tables of the reference in empty databases, by its own create_all.

Reads the databases' URLs, one a line, in jobdb's form: sqlite:PATH or mysql://user:password@host:port/name.
Answers each with a line: "done", or why it failed.
"""

import sys

import sqlalchemy
from diracx.db.sql import JobDB, JobLoggingDB


def create_all(address: str) -> None:
    scheme, rest = address.split(":", 1)
    if scheme == "sqlite":
        url = sqlalchemy.URL.create("sqlite", database=rest)
    else:
        url = "mysql+pymysql:" + rest
    engine = sqlalchemy.create_engine(url)
    for database in (JobDB, JobLoggingDB):
        database.metadata.create_all(engine)
    engine.dispose()


for line in sys.stdin:
    try:
        create_all(line.strip())
        answer = "done"
    except Exception as error:
        answer = repr(error)
    print(answer, flush=True)
