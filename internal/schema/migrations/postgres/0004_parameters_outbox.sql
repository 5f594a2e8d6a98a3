-- Changes of JobParameters that OpenSearch is to get, in the order of their IDs: the parameters that were set, as JSON, or
-- an empty text when all parameters of the job are gone. Servers deliver them and delete the rows. The job itself may be gone.
CREATE TABLE "ParametersOutbox" (
    "ID" BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "JobID" BIGINT NOT NULL,
    "VO" VARCHAR(32) COLLATE "C" NOT NULL,
    "ChangeTime" TIMESTAMPTZ(6) NOT NULL,
    "Change" TEXT COLLATE "C" NOT NULL
);

CREATE INDEX "ParametersOutboxJob" ON "ParametersOutbox" ("JobID");
