-- The eight tables of jobs and the history of their states, for MySQL, in ANSI_QUOTES.
--
-- DDL doesn't roll back here: after a crash all of this runs again, so every statement must bear that. Indexes are made
-- with their tables because MySQL knows no CREATE INDEX IF NOT EXISTS. A default of a long text must be an expression,
-- in parentheses.

CREATE TABLE IF NOT EXISTS "JobJDLs" (
    "JobID" BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    "JDL" MEDIUMTEXT NOT NULL DEFAULT (''),
    "JobRequirements" MEDIUMTEXT NOT NULL DEFAULT (''),
    "OriginalJDL" MEDIUMTEXT NOT NULL DEFAULT ('')
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

-- What is asked is confined to one VO: the first page of a search for one value in it is found at once, whatever share of
-- the value's jobs the VO has. VOSummary has all that is commonly grouped by, so that a summary reads no rows.
CREATE TABLE IF NOT EXISTS "Jobs" (
    "JobID" BIGINT NOT NULL DEFAULT 0 PRIMARY KEY,
    "JobType" VARCHAR(32) NOT NULL DEFAULT 'user',
    "JobGroup" VARCHAR(32) NOT NULL DEFAULT '00000000',
    "Site" VARCHAR(100) NOT NULL DEFAULT 'ANY',
    "JobName" VARCHAR(128) NOT NULL DEFAULT 'Unknown',
    "Owner" VARCHAR(64) NOT NULL DEFAULT 'Unknown',
    "OwnerGroup" VARCHAR(128) NOT NULL DEFAULT 'Unknown',
    "VO" VARCHAR(32) NOT NULL,
    "SubmissionTime" DATETIME(6),
    "RescheduleTime" DATETIME(6),
    "LastUpdateTime" DATETIME(6),
    "StartExecTime" DATETIME(6),
    "HeartBeatTime" DATETIME(6),
    "EndExecTime" DATETIME(6),
    "Status" VARCHAR(32) NOT NULL DEFAULT 'Received',
    "MinorStatus" VARCHAR(128) NOT NULL DEFAULT 'Unknown',
    "ApplicationStatus" VARCHAR(255) NOT NULL DEFAULT 'Unknown',
    "UserPriority" BIGINT NOT NULL DEFAULT 0,
    "RescheduleCounter" BIGINT NOT NULL DEFAULT 0,
    "VerifiedFlag" ENUM('True', 'False') NOT NULL DEFAULT 'False',
    "AccountedFlag" ENUM('True', 'False', 'Failed') NOT NULL DEFAULT 'False',
    FOREIGN KEY ("JobID") REFERENCES "JobJDLs" ("JobID") ON DELETE CASCADE,
    INDEX "JobType" ("JobType"),
    INDEX "JobGroup" ("JobGroup"),
    INDEX "Site" ("Site"),
    INDEX "Owner" ("Owner"),
    INDEX "OwnerGroup" ("OwnerGroup"),
    INDEX "Status" ("Status"),
    INDEX "MinorStatus" ("MinorStatus"),
    INDEX "ApplicationStatus" ("ApplicationStatus"),
    INDEX "StatusSite" ("Status", "Site"),
    INDEX "LastUpdateTime" ("LastUpdateTime"),
    INDEX "VOJobID" ("VO", "JobID"),
    INDEX "VOStatus" ("VO", "Status", "JobID"),
    INDEX "VOOwner" ("VO", "Owner", "JobID"),
    INDEX "VOJobGroup" ("VO", "JobGroup", "JobID"),
    INDEX "VOJobName" ("VO", "JobName", "JobID"),
    INDEX "VOJobType" ("VO", "JobType", "JobID"),
    INDEX "VOSite" ("VO", "Site", "JobID"),
    INDEX "VOOwnerGroup" ("VO", "OwnerGroup", "JobID"),
    INDEX "VOMinorStatus" ("VO", "MinorStatus", "JobID"),
    INDEX "VOApplicationStatus" ("VO", "ApplicationStatus", "JobID"),
    INDEX "VOLastUpdateTime" ("VO", "LastUpdateTime", "JobID"),
    INDEX "VOSummary" ("VO", "Status", "MinorStatus", "Site", "Owner", "OwnerGroup", "JobGroup", "JobType")
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

CREATE TABLE IF NOT EXISTS "InputData" (
    "JobID" BIGINT NOT NULL,
    "LFN" VARCHAR(255) NOT NULL DEFAULT '',
    "Status" VARCHAR(32) NOT NULL DEFAULT 'AprioriGood',
    PRIMARY KEY ("JobID", "LFN"),
    FOREIGN KEY ("JobID") REFERENCES "Jobs" ("JobID") ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

CREATE TABLE IF NOT EXISTS "JobParameters" (
    "JobID" BIGINT NOT NULL,
    "Name" VARCHAR(100) NOT NULL,
    "Value" MEDIUMTEXT NOT NULL,
    PRIMARY KEY ("JobID", "Name"),
    FOREIGN KEY ("JobID") REFERENCES "Jobs" ("JobID") ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

CREATE TABLE IF NOT EXISTS "OptimizerParameters" (
    "JobID" BIGINT NOT NULL,
    "Name" VARCHAR(100) NOT NULL,
    "Value" MEDIUMTEXT NOT NULL,
    PRIMARY KEY ("JobID", "Name"),
    FOREIGN KEY ("JobID") REFERENCES "Jobs" ("JobID") ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

CREATE TABLE IF NOT EXISTS "AtticJobParameters" (
    "JobID" BIGINT NOT NULL,
    "Name" VARCHAR(100) NOT NULL,
    "Value" MEDIUMTEXT NOT NULL,
    "RescheduleCycle" BIGINT NOT NULL,
    PRIMARY KEY ("JobID", "Name", "RescheduleCycle"),
    FOREIGN KEY ("JobID") REFERENCES "Jobs" ("JobID") ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

CREATE TABLE IF NOT EXISTS "HeartBeatLoggingInfo" (
    "JobID" BIGINT NOT NULL,
    "Name" VARCHAR(100) NOT NULL,
    "Value" MEDIUMTEXT NOT NULL,
    "HeartBeatTime" DATETIME(6) NOT NULL,
    PRIMARY KEY ("JobID", "Name", "HeartBeatTime"),
    FOREIGN KEY ("JobID") REFERENCES "Jobs" ("JobID") ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

CREATE TABLE IF NOT EXISTS "JobCommands" (
    "JobID" BIGINT NOT NULL,
    "Command" VARCHAR(100) NOT NULL,
    "Arguments" VARCHAR(100) NOT NULL,
    "Status" VARCHAR(64) NOT NULL DEFAULT 'Received',
    "ReceptionTime" DATETIME(6) NOT NULL,
    "ExecutionTime" DATETIME(6),
    PRIMARY KEY ("JobID", "ReceptionTime"),
    FOREIGN KEY ("JobID") REFERENCES "Jobs" ("JobID") ON DELETE CASCADE
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

-- History refers to no table: it may live in a database of its own.
CREATE TABLE IF NOT EXISTS "LoggingInfo" (
    "JobID" BIGINT NOT NULL,
    "SeqNum" BIGINT NOT NULL,
    "Status" VARCHAR(32) NOT NULL DEFAULT '',
    "MinorStatus" VARCHAR(128) NOT NULL DEFAULT '',
    "ApplicationStatus" VARCHAR(255) NOT NULL DEFAULT '',
    "StatusTime" DATETIME(6) NOT NULL,
    "StatusTimeOrder" NUMERIC(12,3) NOT NULL,
    "StatusSource" VARCHAR(32) NOT NULL DEFAULT 'Unknown',
    PRIMARY KEY ("JobID", "SeqNum")
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;
