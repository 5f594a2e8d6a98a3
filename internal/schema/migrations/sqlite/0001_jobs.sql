-- The eight tables of jobs and the history of their states.
--
-- Times are declared TEXT: the driver parses every value of a column declared DATETIME, which makes a page twice as slow.
-- SQLite enforces no lengths; they stand here for those who read the schema. Names of indexes are global in a file.
-- JobID is the row's own number in Jobs, so every index of Jobs ends with it unasked.

CREATE TABLE "JobJDLs" (
    "JobID" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "JDL" TEXT NOT NULL DEFAULT '',
    "JobRequirements" TEXT NOT NULL DEFAULT '',
    "OriginalJDL" TEXT NOT NULL DEFAULT ''
);

CREATE TABLE "Jobs" (
    "JobID" INTEGER NOT NULL PRIMARY KEY DEFAULT 0 REFERENCES "JobJDLs" ("JobID") ON DELETE CASCADE,
    "JobType" VARCHAR(32) NOT NULL DEFAULT 'user',
    "JobGroup" VARCHAR(32) NOT NULL DEFAULT '00000000',
    "Site" VARCHAR(100) NOT NULL DEFAULT 'ANY',
    "JobName" VARCHAR(128) NOT NULL DEFAULT 'Unknown',
    "Owner" VARCHAR(64) NOT NULL DEFAULT 'Unknown',
    "OwnerGroup" VARCHAR(128) NOT NULL DEFAULT 'Unknown',
    "VO" VARCHAR(32) NOT NULL,
    "SubmissionTime" TEXT,
    "RescheduleTime" TEXT,
    "LastUpdateTime" TEXT,
    "StartExecTime" TEXT,
    "HeartBeatTime" TEXT,
    "EndExecTime" TEXT,
    "Status" VARCHAR(32) NOT NULL DEFAULT 'Received',
    "MinorStatus" VARCHAR(128) NOT NULL DEFAULT 'Unknown',
    "ApplicationStatus" VARCHAR(255) NOT NULL DEFAULT 'Unknown',
    "UserPriority" INTEGER NOT NULL DEFAULT 0,
    "RescheduleCounter" INTEGER NOT NULL DEFAULT 0,
    "VerifiedFlag" VARCHAR(5) NOT NULL DEFAULT 'False' CHECK ("VerifiedFlag" IN ('True', 'False')),
    "AccountedFlag" VARCHAR(6) NOT NULL DEFAULT 'False' CHECK ("AccountedFlag" IN ('True', 'False', 'Failed'))
);

CREATE INDEX "JobType" ON "Jobs" ("JobType");
CREATE INDEX "JobGroup" ON "Jobs" ("JobGroup");
CREATE INDEX "Site" ON "Jobs" ("Site");
CREATE INDEX "Owner" ON "Jobs" ("Owner");
CREATE INDEX "OwnerGroup" ON "Jobs" ("OwnerGroup");
CREATE INDEX "Status" ON "Jobs" ("Status");
CREATE INDEX "MinorStatus" ON "Jobs" ("MinorStatus");
CREATE INDEX "ApplicationStatus" ON "Jobs" ("ApplicationStatus");
CREATE INDEX "StatusSite" ON "Jobs" ("Status", "Site");
CREATE INDEX "LastUpdateTime" ON "Jobs" ("LastUpdateTime");

-- What is asked is confined to one VO. VOSummary has all that is commonly grouped by, so that a summary reads no rows.
CREATE INDEX "VOJobID" ON "Jobs" ("VO");
CREATE INDEX "VOStatus" ON "Jobs" ("VO", "Status");
CREATE INDEX "VOOwner" ON "Jobs" ("VO", "Owner");
CREATE INDEX "VOJobGroup" ON "Jobs" ("VO", "JobGroup");
CREATE INDEX "VOJobName" ON "Jobs" ("VO", "JobName");
CREATE INDEX "VOLastUpdateTime" ON "Jobs" ("VO", "LastUpdateTime");
CREATE INDEX "VOSummary" ON "Jobs" (
    "VO", "Status", "MinorStatus", "Site", "Owner", "OwnerGroup", "JobGroup", "JobType"
);

CREATE TABLE "InputData" (
    "JobID" INTEGER NOT NULL REFERENCES "Jobs" ("JobID") ON DELETE CASCADE,
    "LFN" VARCHAR(255) NOT NULL DEFAULT '',
    "Status" VARCHAR(32) NOT NULL DEFAULT 'AprioriGood',
    PRIMARY KEY ("JobID", "LFN")
) WITHOUT ROWID;

-- The values of the next three may be long, which a table WITHOUT ROWID is bad at.
CREATE TABLE "JobParameters" (
    "JobID" INTEGER NOT NULL REFERENCES "Jobs" ("JobID") ON DELETE CASCADE,
    "Name" VARCHAR(100) NOT NULL,
    "Value" TEXT NOT NULL,
    PRIMARY KEY ("JobID", "Name")
);

CREATE TABLE "OptimizerParameters" (
    "JobID" INTEGER NOT NULL REFERENCES "Jobs" ("JobID") ON DELETE CASCADE,
    "Name" VARCHAR(100) NOT NULL,
    "Value" TEXT NOT NULL,
    PRIMARY KEY ("JobID", "Name")
);

CREATE TABLE "AtticJobParameters" (
    "JobID" INTEGER NOT NULL REFERENCES "Jobs" ("JobID") ON DELETE CASCADE,
    "Name" VARCHAR(100) NOT NULL,
    "Value" TEXT NOT NULL,
    "RescheduleCycle" INTEGER NOT NULL,
    PRIMARY KEY ("JobID", "Name", "RescheduleCycle")
);

CREATE TABLE "HeartBeatLoggingInfo" (
    "JobID" INTEGER NOT NULL REFERENCES "Jobs" ("JobID") ON DELETE CASCADE,
    "Name" VARCHAR(100) NOT NULL,
    "Value" TEXT NOT NULL,
    "HeartBeatTime" TEXT NOT NULL,
    PRIMARY KEY ("JobID", "Name", "HeartBeatTime")
) WITHOUT ROWID;

CREATE TABLE "JobCommands" (
    "JobID" INTEGER NOT NULL REFERENCES "Jobs" ("JobID") ON DELETE CASCADE,
    "Command" VARCHAR(100) NOT NULL,
    "Arguments" VARCHAR(100) NOT NULL,
    "Status" VARCHAR(64) NOT NULL DEFAULT 'Received',
    "ReceptionTime" TEXT NOT NULL,
    "ExecutionTime" TEXT,
    PRIMARY KEY ("JobID", "ReceptionTime")
) WITHOUT ROWID;

-- History refers to no table: it may live in a database of its own.
CREATE TABLE "LoggingInfo" (
    "JobID" INTEGER NOT NULL,
    "SeqNum" INTEGER NOT NULL,
    "Status" VARCHAR(32) NOT NULL DEFAULT '',
    "MinorStatus" VARCHAR(128) NOT NULL DEFAULT '',
    "ApplicationStatus" VARCHAR(255) NOT NULL DEFAULT '',
    "StatusTime" TEXT NOT NULL,
    "StatusTimeOrder" NUMERIC(12,3) NOT NULL,
    "StatusSource" VARCHAR(32) NOT NULL DEFAULT 'Unknown',
    PRIMARY KEY ("JobID", "SeqNum")
) WITHOUT ROWID;
