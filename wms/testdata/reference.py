"""What DiracX makes of JDLs. Reads a JSON list of texts, writes a JSON list of
{"jdl", "attributes", "inputData"}, {"error"}, or {"hangs": true}."""

import contextlib
import json
import signal
import sys

from DIRACCommon.Core.Utilities.ClassAd.ClassAdLight import ClassAd
from DIRACCommon.Core.Utilities.ReturnValues import returnValueOrRaise
from DIRACCommon.WorkloadManagementSystem.DB import JobDBUtils as utils
from DIRACCommon.WorkloadManagementSystem.Utilities.ParametricJob import getParameterVectorLength
from diracx.core.config.schema import Config
from diracx.logic.jobs.utils import make_check_and_prepare_job_config, make_job_manifest_config

OWNER, GROUP, VO, ID = "alice", "lhcb_user", "lhcb", 7
CONFIG = Config.model_validate({"DIRAC": {}, "Registry": {}, "Operations": {"Defaults": {}, VO: {}}, "Systems": {}})


class Hang(BaseException):
    pass


def hang(*_):
    raise Hang


def stored(text):
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        text = f"[{text}]"
    returnValueOrRaise(getParameterVectorLength(ClassAd(text)))
    manifest = returnValueOrRaise(
        utils.checkAndAddOwner(text, OWNER, GROUP, job_manifest_config=make_job_manifest_config(CONFIG, VO))
    )
    manifest.setOption("JobID", ID)
    ad = ClassAd(manifest.dumpAsJDL().replace("%j", str(ID)))
    if not ad.isOK():
        raise ValueError("syntax")
    if ad.lookupAttribute("Parameters"):
        raise NotImplementedError("parameters")
    ad.insertAttributeInt("JobID", ID)
    requirements = ClassAd("[]")
    attributes = {"Owner": OWNER, "OwnerGroup": GROUP, "VO": VO}
    returnValueOrRaise(
        utils.checkAndPrepareJob(
            ID, ad, requirements, OWNER, GROUP, attributes, VO, config=make_check_and_prepare_job_config(CONFIG, VO)
        )
    )
    jdl = utils.createJDLWithInitialStatus(
        ad, requirements, ["JobName", "JobType", "JobGroup"], attributes, "Received", "Job accepted", modern=True
    )
    files = ad.getListFromExpression("InputData") if ad.lookupAttribute("InputData") else []
    return {"jdl": jdl, "attributes": attributes, "inputData": sorted({f for f in files if f})}


def answer(text):
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        return stored(text)
    except Hang:
        return {"hangs": True}
    except Exception as e:
        return {"error": repr(e)[:200]}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


signal.signal(signal.SIGALRM, hang)
with contextlib.redirect_stdout(sys.stderr):
    answers = [answer(text) for text in json.load(sys.stdin)]
json.dump(answers, sys.stdout)
