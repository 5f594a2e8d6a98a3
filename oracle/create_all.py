"""Make the tables of the reference in an empty database, by its own create_all.

    python create_all.py URL

The URL is one of jobdb's: sqlite:PATH or mysql://user:password@host:port/name.
"""

import sys

import sqlalchemy
from diracx.db.sql import JobDB, JobLoggingDB

scheme, rest = sys.argv[1].split(":", 1)
if scheme == "sqlite":
    url = sqlalchemy.URL.create("sqlite", database=rest)
else:
    url = "mysql+pymysql:" + rest
engine = sqlalchemy.create_engine(url)
for database in (JobDB, JobLoggingDB):
    database.metadata.create_all(engine)
