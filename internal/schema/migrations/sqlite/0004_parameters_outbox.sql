-- Changes of JobParameters that OpenSearch is to get, in the order of their IDs: the parameters that were set, as JSON, or
-- an empty text when all parameters of the job are gone. Servers deliver them and delete the rows. The job itself may be gone.
CREATE TABLE "ParametersOutbox" (
    "ID" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "JobID" INTEGER NOT NULL,
    "VO" VARCHAR(32) NOT NULL,
    "ChangeTime" TEXT NOT NULL,
    "Change" TEXT NOT NULL
);

CREATE INDEX "ParametersOutboxJob" ON "ParametersOutbox" ("JobID");
