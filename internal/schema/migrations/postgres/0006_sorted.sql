-- The jobs of a VO in the order of any column, but of HeartBeatTime, which changes too often. What was updated since a time
-- is asked for most: that index has all that is commonly asked with it, so that no rows are read. It is written anew with each
-- change of status in any case.

CREATE INDEX "VOSubmissionTime" ON "Jobs" ("VO", "SubmissionTime" NULLS FIRST, "JobID");
CREATE INDEX "VORescheduleTime" ON "Jobs" ("VO", "RescheduleTime" NULLS FIRST, "JobID");
CREATE INDEX "VOStartExecTime" ON "Jobs" ("VO", "StartExecTime" NULLS FIRST, "JobID");
CREATE INDEX "VOEndExecTime" ON "Jobs" ("VO", "EndExecTime" NULLS FIRST, "JobID");
CREATE INDEX "VOUserPriority" ON "Jobs" ("VO", "UserPriority", "JobID");
CREATE INDEX "VORescheduleCounter" ON "Jobs" ("VO", "RescheduleCounter", "JobID");
CREATE INDEX "VOVerifiedFlag" ON "Jobs" ("VO", "VerifiedFlag", "JobID");
CREATE INDEX "VOAccountedFlag" ON "Jobs" ("VO", "AccountedFlag", "JobID");

DROP INDEX "VOLastUpdateTime";
CREATE INDEX "VOUpdated" ON "Jobs" ("VO", "LastUpdateTime" NULLS FIRST, "JobID")
    INCLUDE ("Status", "MinorStatus", "Site", "Owner", "OwnerGroup", "JobGroup", "JobType");
