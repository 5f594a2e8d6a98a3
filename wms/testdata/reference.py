"""What DiracX makes of submissions and of rescheduled jobs. Reads

    {"submissions": [[JDL, ...], ...], "originals": [JDL, ...], "platforms": [{"known": {platform: [name, ...]}, "named": [name, ...]}, ...]}

and puts the submissions through DiracX's own submit_jdl_jobs, and jobs with these original JDLs through its
reschedule_jobs, on databases that only remember what they are told; and asks DIRAC which platforms fit. Writes

    {"submissions": [{"status", "minor", "jobs": [{"original", "jdl", "attributes", "inputData"}]}, ...],
     "originals": [{"jobs": [{"jdl", "attributes"}]}, ...], "platforms": [[platform, ...] or null, ...]}

or in place of an answer {"error": TEXT, "refused": whether the client is told 400 and not 500}, or {"hangs": true}.
The IDs of new jobs begin with 7; rescheduled is 7.
"""

import asyncio
import contextlib
import json
import signal
import sys
from datetime import datetime, timezone
from types import SimpleNamespace

from DIRACCommon.ConfigurationSystem.Client.Helpers.Resources import getDIRACPlatform
from DIRACCommon.WorkloadManagementSystem.DB.JobDBUtils import compressJDL, extractJDL
from diracx.core.config.schema import Config, ResourcesComputingConfig
from diracx.db.sql import JobDB
from diracx.logic.jobs.status import reschedule_jobs
from diracx.logic.jobs.submission import submit_jdl_jobs

OWNER = {"Owner": "alice", "OwnerGroup": "lhcb_user", "VO": "lhcb"}
USER = SimpleNamespace(preferred_username=OWNER["Owner"], dirac_group=OWNER["OwnerGroup"], vo=OWNER["VO"])
CONFIG = Config.model_validate({"DIRAC": {}, "Registry": {}, "Operations": {OWNER["VO"]: {}}, "Systems": {}})
FIRST = 7
CPU_SECONDS = 0.6  # after which a text is held to be read for ever; most take less than a millisecond, but a busy host takes time, too


class Memory:
    """JobDB, JobLoggingDB and TaskQueueDB, as far as they are asked."""

    jdl_2_db_parameters = JobDB.jdl_2_db_parameters

    def __init__(self, rescheduled=None):
        self.originals, self.jdls, self.attributes, self.files, self.records = {}, {}, {}, {}, []
        if rescheduled is not None:
            self.originals[FIRST] = compressJDL(rescheduled)

    async def create_job(self, original):
        number = FIRST + len(self.originals)
        self.originals[number] = original
        return number

    async def update_job_jdls(self, jdls):
        self.jdls |= jdls

    async def insert_job_attributes(self, attributes):
        self.attributes |= attributes

    set_job_attributes = insert_job_attributes

    async def insert_input_data(self, files):
        self.files |= files

    async def insert_records(self, records):
        self.records += records

    async def search(self, **_):
        return 1, [
            OWNER
            | {
                "JobID": FIRST, "Status": "Running", "MinorStatus": "", "VerifiedFlag": True, "RescheduleCounter": 1,
                "StartExecTime": None, "EndExecTime": None,
            }
        ]

    async def get_job_jdls(self, numbers, original=False):
        return self.originals

    async def get_wms_time_stamps(self, numbers):
        return {FIRST: {"Running": datetime(2000, 1, 1, tzinfo=timezone.utc)}}

    async def nothing(self, *_):
        return []

    remove_jobs = get_tq_infos_for_jobs = nothing

    def jobs(self):
        return [
            {
                "original": extractJDL(self.originals[number]),
                "jdl": extractJDL(jdl),
                "attributes": {k: v for k, v in self.attributes[number].items() if not k.endswith("Time") and k != "JobID"},
                "inputData": sorted(set(self.files.get(number, []))),
            }
            for number, jdl in sorted(self.jdls.items())
        ]


async def submit(texts):
    memory = Memory()
    result = await submit_jdl_jobs(list(texts), memory, memory, USER, CONFIG)
    if isinstance(result, dict):  # what went wrong; the route then fails on it
        raise TypeError(result["Message"])
    states = {(job.status, job.minor_status) for job in result} | {(r.status, r.minor_status) for r in memory.records}
    ((status, minor),) = states
    return {"status": status, "minor": minor, "jobs": memory.jobs()}


async def reschedule(text):
    memory = Memory(text)
    result = await reschedule_jobs([FIRST], CONFIG, memory, memory, memory)
    if result["failed"]:
        raise ValueError(result["failed"][FIRST]["detail"])
    return {"jobs": memory.jobs()}


def platforms(asked):
    known = ResourcesComputingConfig(os_compatibility=asked["known"] or {}).os_compatibility
    return getDIRACPlatform(asked["named"], known).get("Value")


class Hang(BaseException):
    pass


hung = False


def hang(*_):
    global hung
    hung = True
    raise Hang


def answer(function, argument):
    global hung
    hung = False
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        result = asyncio.run(function(argument))
    except BaseException as e:
        result = {"error": repr(e)[:200], "refused": isinstance(e, ValueError)}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return {"hangs": True} if hung else result


signal.signal(signal.SIGVTALRM, hang)
asked = {k: v or [] for k, v in json.load(sys.stdin).items()}
with contextlib.redirect_stdout(sys.stderr):
    answers = {
        "submissions": [answer(submit, texts) for texts in asked["submissions"]],
        "originals": [answer(reschedule, text) for text in asked["originals"]],
        "platforms": [platforms(p) for p in asked["platforms"]],
    }
json.dump(answers, sys.stdout)
