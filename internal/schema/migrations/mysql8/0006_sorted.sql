-- The jobs of a VO in the order of any column, but of HeartBeatTime, which changes too often. What was updated since a time
-- is asked for most: that index has all that is commonly asked with it, so that no rows are read. It is written anew with each
-- change of status in any case.
--
-- One statement, so that the table is read once, and all is done or nothing. MySQL knows no ADD INDEX IF NOT EXISTS.

SET @statement = IF(EXISTS (SELECT 1 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'Jobs' AND index_name = 'VOUpdated'), 'DO 0', 'ALTER TABLE "Jobs"
    ADD INDEX "VOSubmissionTime" ("VO", "SubmissionTime", "JobID"),
    ADD INDEX "VORescheduleTime" ("VO", "RescheduleTime", "JobID"),
    ADD INDEX "VOStartExecTime" ("VO", "StartExecTime", "JobID"),
    ADD INDEX "VOEndExecTime" ("VO", "EndExecTime", "JobID"),
    ADD INDEX "VOUserPriority" ("VO", "UserPriority", "JobID"),
    ADD INDEX "VORescheduleCounter" ("VO", "RescheduleCounter", "JobID"),
    ADD INDEX "VOVerifiedFlag" ("VO", "VerifiedFlag", "JobID"),
    ADD INDEX "VOAccountedFlag" ("VO", "AccountedFlag", "JobID"),
    ADD INDEX "VOUpdated" ("VO", "LastUpdateTime", "JobID", "Status", "MinorStatus", "Site", "Owner", "OwnerGroup", "JobGroup", "JobType"),
    DROP INDEX "VOLastUpdateTime"');
PREPARE altering FROM @statement;
EXECUTE altering;
DEALLOCATE PREPARE altering;
