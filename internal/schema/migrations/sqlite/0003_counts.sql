-- Counts of jobs, so that totals and summaries needn't read the jobs. counts.go says what is counted.
--
-- Triggers append to JobDifferences what a change of Jobs does to the counts; servers fold that into JobCounts. A count is
-- the sum over both. Kind 0 is one row: its count is 0 until all jobs that were there before the triggers are counted.

CREATE TABLE "JobCounts" (
    "Kind" INTEGER NOT NULL,
    "VO" VARCHAR(32) NOT NULL,
    "Value1" VARCHAR(255) NOT NULL,
    "Value2" VARCHAR(128) NOT NULL,
    "Value3" VARCHAR(128) NOT NULL,
    "Value4" VARCHAR(128) NOT NULL,
    "Count" INTEGER NOT NULL,
    PRIMARY KEY ("Kind", "VO", "Value1", "Value2", "Value3", "Value4")
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
    "Count" INTEGER NOT NULL
);

CREATE TRIGGER "CountInserted" AFTER INSERT ON "Jobs" BEGIN
    INSERT INTO "JobDifferences" ("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "Count")
    VALUES (NEW."VO", NEW."JobType", NEW."JobGroup", NEW."Site", NEW."Owner", NEW."OwnerGroup", NEW."Status", NEW."MinorStatus", NEW."ApplicationStatus", 1); END;

CREATE TRIGGER "CountUpdated" AFTER UPDATE OF "VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus" ON "Jobs"
WHEN OLD."VO" <> NEW."VO"
    OR OLD."JobType" <> NEW."JobType"
    OR OLD."JobGroup" <> NEW."JobGroup"
    OR OLD."Site" <> NEW."Site"
    OR OLD."Owner" <> NEW."Owner"
    OR OLD."OwnerGroup" <> NEW."OwnerGroup"
    OR OLD."Status" <> NEW."Status"
    OR OLD."MinorStatus" <> NEW."MinorStatus"
    OR OLD."ApplicationStatus" <> NEW."ApplicationStatus" BEGIN
    INSERT INTO "JobDifferences" ("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "Count")
    VALUES (OLD."VO", OLD."JobType", OLD."JobGroup", OLD."Site", OLD."Owner", OLD."OwnerGroup", OLD."Status", OLD."MinorStatus", OLD."ApplicationStatus", -1),
        (NEW."VO", NEW."JobType", NEW."JobGroup", NEW."Site", NEW."Owner", NEW."OwnerGroup", NEW."Status", NEW."MinorStatus", NEW."ApplicationStatus", 1); END;

CREATE TRIGGER "CountDeleted" AFTER DELETE ON "Jobs" BEGIN
    INSERT INTO "JobDifferences" ("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus", "Count")
    VALUES (OLD."VO", OLD."JobType", OLD."JobGroup", OLD."Site", OLD."Owner", OLD."OwnerGroup", OLD."Status", OLD."MinorStatus", OLD."ApplicationStatus", -1); END;

INSERT INTO "JobCounts" SELECT 0, '', '', '', '', '', NOT EXISTS (SELECT 1 FROM "Jobs");

-- The first page of a search for one value in one VO is found at once, whatever share of the value's jobs the VO has.
CREATE INDEX "VOJobType" ON "Jobs" ("VO", "JobType");
CREATE INDEX "VOSite" ON "Jobs" ("VO", "Site");
CREATE INDEX "VOOwnerGroup" ON "Jobs" ("VO", "OwnerGroup");
CREATE INDEX "VOMinorStatus" ON "Jobs" ("VO", "MinorStatus");
CREATE INDEX "VOApplicationStatus" ON "Jobs" ("VO", "ApplicationStatus");
