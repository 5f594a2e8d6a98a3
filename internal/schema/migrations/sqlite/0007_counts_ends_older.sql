-- Counts of jobs by more columns at once, and by UserPriority and RescheduleCounter: 0003_counts.sql and counts.go say more.
-- All jobs are counted anew. Older programs know other kinds of counts, so they find none of their tables.
--
-- With these, no summary goes through VOSummary any more.

DROP TRIGGER "CountInserted";
DROP TRIGGER "CountUpdated";
DROP TRIGGER "CountDeleted";
DROP TABLE "JobCounts";
DROP TABLE "JobDifferences";
DROP INDEX "VOSummary";

CREATE TABLE "JobTotals" (
    "Kind" INTEGER NOT NULL,
    "VO" VARCHAR(32) NOT NULL,
    "Value1" VARCHAR(255) NOT NULL,
    "Value2" VARCHAR(128) NOT NULL,
    "Value3" VARCHAR(128) NOT NULL,
    "Value4" VARCHAR(64) NOT NULL,
    "Value5" VARCHAR(32) NOT NULL,
    "Value6" VARCHAR(32) NOT NULL,
    "Value7" VARCHAR(32) NOT NULL,
    "Count" INTEGER NOT NULL,
    PRIMARY KEY ("Kind", "VO", "Value1", "Value2", "Value3", "Value4", "Value5", "Value6", "Value7")
) WITHOUT ROWID;

CREATE TABLE "JobDifferences" (
    "ID" INTEGER NOT NULL PRIMARY KEY,
    "VO" VARCHAR(32) NOT NULL,
    "JobType" VARCHAR(32) NOT NULL,
    "JobGroup" VARCHAR(32) NOT NULL,
    "Site" VARCHAR(100) NOT NULL,
    "Owner" VARCHAR(64) NOT NULL,
    "OwnerGroup" VARCHAR(128) NOT NULL,
    "Status" VARCHAR(32) NOT NULL,
    "MinorStatus" VARCHAR(128) NOT NULL,
    "ApplicationStatus" VARCHAR(255) NOT NULL,
    "UserPriority" INTEGER NOT NULL,
    "RescheduleCounter" INTEGER NOT NULL,
    "Count" INTEGER NOT NULL
);

CREATE TRIGGER "CountInserted" AFTER INSERT ON "Jobs" BEGIN
    INSERT INTO "JobDifferences" ("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "UserPriority", "RescheduleCounter", "Count")
    VALUES (NEW."VO", NEW."JobType", NEW."JobGroup", NEW."Site", NEW."Owner", NEW."OwnerGroup", NEW."Status", NEW."MinorStatus", NEW."ApplicationStatus", NEW."UserPriority", NEW."RescheduleCounter", 1); END;

CREATE TRIGGER "CountUpdated" AFTER UPDATE OF "VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "UserPriority", "RescheduleCounter" ON "Jobs"
WHEN OLD."VO" <> NEW."VO"
    OR OLD."JobType" <> NEW."JobType"
    OR OLD."JobGroup" <> NEW."JobGroup"
    OR OLD."Site" <> NEW."Site"
    OR OLD."Owner" <> NEW."Owner"
    OR OLD."OwnerGroup" <> NEW."OwnerGroup"
    OR OLD."Status" <> NEW."Status"
    OR OLD."MinorStatus" <> NEW."MinorStatus"
    OR OLD."ApplicationStatus" <> NEW."ApplicationStatus"
    OR OLD."UserPriority" <> NEW."UserPriority"
    OR OLD."RescheduleCounter" <> NEW."RescheduleCounter" BEGIN
    INSERT INTO "JobDifferences" ("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "UserPriority", "RescheduleCounter", "Count")
    VALUES (OLD."VO", OLD."JobType", OLD."JobGroup", OLD."Site", OLD."Owner", OLD."OwnerGroup", OLD."Status", OLD."MinorStatus", OLD."ApplicationStatus", OLD."UserPriority", OLD."RescheduleCounter", -1),
        (NEW."VO", NEW."JobType", NEW."JobGroup", NEW."Site", NEW."Owner", NEW."OwnerGroup", NEW."Status", NEW."MinorStatus", NEW."ApplicationStatus", NEW."UserPriority", NEW."RescheduleCounter", 1); END;

CREATE TRIGGER "CountDeleted" AFTER DELETE ON "Jobs" BEGIN
    INSERT INTO "JobDifferences" ("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "UserPriority", "RescheduleCounter", "Count")
    VALUES (OLD."VO", OLD."JobType", OLD."JobGroup", OLD."Site", OLD."Owner", OLD."OwnerGroup", OLD."Status", OLD."MinorStatus", OLD."ApplicationStatus", OLD."UserPriority", OLD."RescheduleCounter", -1); END;

INSERT INTO "JobTotals" SELECT 0, '', '', '', '', '', '', '', '', NOT EXISTS (SELECT 1 FROM "Jobs");
