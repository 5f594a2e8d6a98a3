-- Tables WITHOUT ROWID with their keys before all other columns. SQLite stores them so in any case, but its own check of
-- releases before 3.41, such as Debian 12's, takes columns of others that are long for NULL, and a good file for damaged.

CREATE TABLE "NewHeartBeatLoggingInfo" (
    "JobID" INTEGER NOT NULL REFERENCES "Jobs" ("JobID") ON DELETE CASCADE,
    "Name" VARCHAR(100) NOT NULL,
    "HeartBeatTime" TEXT NOT NULL,
    "Value" TEXT NOT NULL,
    PRIMARY KEY ("JobID", "Name", "HeartBeatTime")
) WITHOUT ROWID;

INSERT INTO "NewHeartBeatLoggingInfo" ("JobID", "Name", "HeartBeatTime", "Value")
SELECT "JobID", "Name", "HeartBeatTime", "Value" FROM "HeartBeatLoggingInfo" ORDER BY "JobID", "Name", "HeartBeatTime";

DROP TABLE "HeartBeatLoggingInfo";

ALTER TABLE "NewHeartBeatLoggingInfo" RENAME TO "HeartBeatLoggingInfo";

CREATE TABLE "NewJobCommands" (
    "JobID" INTEGER NOT NULL REFERENCES "Jobs" ("JobID") ON DELETE CASCADE,
    "ReceptionTime" TEXT NOT NULL,
    "Command" VARCHAR(100) NOT NULL,
    "Arguments" VARCHAR(100) NOT NULL,
    "Status" VARCHAR(64) NOT NULL DEFAULT 'Received',
    "ExecutionTime" TEXT,
    PRIMARY KEY ("JobID", "ReceptionTime")
) WITHOUT ROWID;

INSERT INTO "NewJobCommands" ("JobID", "ReceptionTime", "Command", "Arguments", "Status", "ExecutionTime")
SELECT "JobID", "ReceptionTime", "Command", "Arguments", "Status", "ExecutionTime" FROM "JobCommands" ORDER BY "JobID", "ReceptionTime";

DROP TABLE "JobCommands";

ALTER TABLE "NewJobCommands" RENAME TO "JobCommands";
