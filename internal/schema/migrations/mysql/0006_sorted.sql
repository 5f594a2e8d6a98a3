-- The jobs of a VO in the order of any column, but of HeartBeatTime, which changes too often. What was updated since a time
-- is asked for most: that index has all that is commonly asked with it, so that no rows are read. It is written anew with each
-- change of status in any case.
--
-- One statement, so that the table is read once.

ALTER TABLE "Jobs"
    ADD INDEX IF NOT EXISTS "VOSubmissionTime" ("VO", "SubmissionTime", "JobID"),
    ADD INDEX IF NOT EXISTS "VORescheduleTime" ("VO", "RescheduleTime", "JobID"),
    ADD INDEX IF NOT EXISTS "VOStartExecTime" ("VO", "StartExecTime", "JobID"),
    ADD INDEX IF NOT EXISTS "VOEndExecTime" ("VO", "EndExecTime", "JobID"),
    ADD INDEX IF NOT EXISTS "VOUserPriority" ("VO", "UserPriority", "JobID"),
    ADD INDEX IF NOT EXISTS "VORescheduleCounter" ("VO", "RescheduleCounter", "JobID"),
    ADD INDEX IF NOT EXISTS "VOVerifiedFlag" ("VO", "VerifiedFlag", "JobID"),
    ADD INDEX IF NOT EXISTS "VOAccountedFlag" ("VO", "AccountedFlag", "JobID"),
    ADD INDEX IF NOT EXISTS "VOUpdated" ("VO", "LastUpdateTime", "JobID", "Status", "MinorStatus", "Site", "Owner", "OwnerGroup", "JobGroup", "JobType"),
    DROP INDEX IF EXISTS "VOLastUpdateTime";
