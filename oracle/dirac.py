#!/usr/bin/env python
"""Calls methods of DIRAC's own database classes, JobDB and JobLoggingDB.

The arguments are the host, port, user, password and the names of the two databases. Each line of standard input is
a call, {"db": "JobDB", "call": "getJobJDL", "args": [7], "kwargs": {}}; each line of output what it returned, S_OK or
S_ERROR, as JSON, with the nanoseconds that it took.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys
import tempfile
import time
from unittest import mock

import pymysql



class NoCertificates(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for M2Crypto, which would have to be compiled: nobody asks for a certificate here."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "M2Crypto":
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return mock.MagicMock()

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, NoCertificates())
# The driver's twin in Python, with the one method that it lacks.
pymysql.install_as_MySQLdb()
pymysql.connections.Connection.string_literal = lambda self, value: self.literal(value.decode()).encode()

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # DIRAC's log must not get among the answers

from DIRAC import gConfig  # noqa: E402
from DIRAC.WorkloadManagementSystem.DB import JobDB as JobDBModule  # noqa: E402
from DIRAC.WorkloadManagementSystem.DB.JobDB import JobDB  # noqa: E402
from DIRAC.WorkloadManagementSystem.DB.JobLoggingDB import JobLoggingDB  # noqa: E402



class NoParameters:
    """Stands in for the database of parameters, an OpenSearch, in which no job has any here."""

    def getJobParameters(self, jobID, vo):
        return {"OK": True, "Value": {}}


JobDBModule.JobParametersDB = NoParameters

CONFIGURATION = """
Systems
{{
  Databases
  {{
    Host = {0}
    Port = {1}
    User = {2}
    Password = {3}
  }}
  WorkloadManagement
  {{
    Databases
    {{
      JobDB
      {{
        DBName = {4}
        CompressJDLs = True
      }}
      JobLoggingDB
      {{
        DBName = {5}
      }}
    }}
  }}
}}
Registry
{{
  Groups
  {{
    lhcb_user
    {{
      Users = alice
      VO = lhcb
    }}
  }}
}}
"""


def configure(arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(CONFIGURATION.format(*arguments))
        file.flush()
        loaded = gConfig.loadFile(file.name)
    if not loaded["OK"]:
        sys.exit(loaded["Message"])


def encoded(value):
    """What JSON has no form for."""
    return value.decode() if isinstance(value, bytes) else str(value)


def main():
    configure(sys.argv[1:])
    databases = {"JobDB": JobDB(), "JobLoggingDB": JobLoggingDB()}
    for line in sys.stdin:
        request = json.loads(line)
        method = getattr(databases[request["db"]], request["call"])
        start = time.perf_counter_ns()
        try:
            answer = method(*request["args"], **request.get("kwargs", {}))
        except Exception as error:  # every failure is an answer
            answer = {"OK": False, "Message": repr(error)}
        took = time.perf_counter_ns() - start
        told = {key: answer.get(key) for key in ("OK", "Value", "Message")}
        print(json.dumps(told | {"Took": took}, default=encoded), file=answers)


main()
