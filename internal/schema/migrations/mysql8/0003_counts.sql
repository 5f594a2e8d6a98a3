-- Counts of jobs, so that totals and summaries needn't read the jobs. counts.go says what is counted.
--
-- Triggers append to JobDifferences what a change of Jobs does to the counts; servers fold that into JobCounts. A count is
-- the sum over both. Kind 0 is one row: its count is 0 until all jobs that were there before the triggers are counted.
--
-- Triggers are dropped before they are made because MySQL before 8.0.29 knows no CREATE TRIGGER IF NOT EXISTS.
--
-- Deleting by a foreign key runs no triggers here, so the jobs go before the rows that they refer to.

CREATE TABLE IF NOT EXISTS "JobCounts" (
    "Kind" BIGINT NOT NULL,
    "VO" VARCHAR(32) NOT NULL,
    "Value1" VARCHAR(255) NOT NULL,
    "Value2" VARCHAR(128) NOT NULL,
    "Value3" VARCHAR(128) NOT NULL,
    "Value4" VARCHAR(128) NOT NULL,
    "Count" BIGINT NOT NULL,
    PRIMARY KEY ("Kind", "VO", "Value1", "Value2", "Value3", "Value4")
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

CREATE TABLE IF NOT EXISTS "JobDifferences" (
    "ID" BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    "VO" VARCHAR(32) NOT NULL,
    "JobType" VARCHAR(32) NOT NULL,
    "JobGroup" VARCHAR(32) NOT NULL,
    "Site" VARCHAR(100) NOT NULL,
    "Owner" VARCHAR(64) NOT NULL,
    "OwnerGroup" VARCHAR(128) NOT NULL,
    "Status" VARCHAR(32) NOT NULL,
    "MinorStatus" VARCHAR(128) NOT NULL,
    "ApplicationStatus" VARCHAR(255) NOT NULL,
    "Count" BIGINT NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

DROP TRIGGER IF EXISTS "CountInserted";
CREATE TRIGGER "CountInserted" AFTER INSERT ON "Jobs" FOR EACH ROW
    INSERT INTO "JobDifferences" ("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "Count")
    VALUES (NEW."VO", NEW."JobType", NEW."JobGroup", NEW."Site", NEW."Owner", NEW."OwnerGroup", NEW."Status", NEW."MinorStatus", NEW."ApplicationStatus", 1);

DROP TRIGGER IF EXISTS "CountUpdated";
CREATE TRIGGER "CountUpdated" AFTER UPDATE ON "Jobs" FOR EACH ROW
IF OLD."VO" <> NEW."VO"
    OR OLD."JobType" <> NEW."JobType"
    OR OLD."JobGroup" <> NEW."JobGroup"
    OR OLD."Site" <> NEW."Site"
    OR OLD."Owner" <> NEW."Owner"
    OR OLD."OwnerGroup" <> NEW."OwnerGroup"
    OR OLD."Status" <> NEW."Status"
    OR OLD."MinorStatus" <> NEW."MinorStatus"
    OR OLD."ApplicationStatus" <> NEW."ApplicationStatus" THEN
    INSERT INTO "JobDifferences" ("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "Count")
    VALUES (OLD."VO", OLD."JobType", OLD."JobGroup", OLD."Site", OLD."Owner", OLD."OwnerGroup", OLD."Status", OLD."MinorStatus", OLD."ApplicationStatus", -1),
        (NEW."VO", NEW."JobType", NEW."JobGroup", NEW."Site", NEW."Owner", NEW."OwnerGroup", NEW."Status", NEW."MinorStatus", NEW."ApplicationStatus", 1); END IF;

DROP TRIGGER IF EXISTS "CountDeleted";
CREATE TRIGGER "CountDeleted" AFTER DELETE ON "Jobs" FOR EACH ROW
    INSERT INTO "JobDifferences" ("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "Count")
    VALUES (OLD."VO", OLD."JobType", OLD."JobGroup", OLD."Site", OLD."Owner", OLD."OwnerGroup", OLD."Status", OLD."MinorStatus", OLD."ApplicationStatus", -1);

DROP TRIGGER IF EXISTS "DeleteJobs";
CREATE TRIGGER "DeleteJobs" BEFORE DELETE ON "JobJDLs" FOR EACH ROW
    DELETE FROM "Jobs" WHERE "JobID" = OLD."JobID";

INSERT IGNORE INTO "JobCounts" SELECT 0, '', '', '', '', '', NOT EXISTS (SELECT 1 FROM "Jobs");
