-- The jobs of a VO in the order of any column, but of HeartBeatTime, which changes too often. What was updated since a time
-- is asked for most: that index has all that is commonly asked with it, so that no rows are read. It is written anew with each
-- change of status in any case.

CREATE INDEX "VOSubmissionTime" ON "Jobs" ("VO", "SubmissionTime");
CREATE INDEX "VORescheduleTime" ON "Jobs" ("VO", "RescheduleTime");
CREATE INDEX "VOStartExecTime" ON "Jobs" ("VO", "StartExecTime");
CREATE INDEX "VOEndExecTime" ON "Jobs" ("VO", "EndExecTime");
CREATE INDEX "VOUserPriority" ON "Jobs" ("VO", "UserPriority");
CREATE INDEX "VORescheduleCounter" ON "Jobs" ("VO", "RescheduleCounter");
CREATE INDEX "VOVerifiedFlag" ON "Jobs" ("VO", "VerifiedFlag");
CREATE INDEX "VOAccountedFlag" ON "Jobs" ("VO", "AccountedFlag");

DROP INDEX "VOLastUpdateTime";
CREATE INDEX "VOUpdated" ON "Jobs" (
    "VO", "LastUpdateTime", "JobID", "Status", "MinorStatus", "Site", "Owner", "OwnerGroup", "JobGroup", "JobType"
);
