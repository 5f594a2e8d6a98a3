-- Changes of JobParameters that OpenSearch is to get, in the order of their IDs: the parameters that were set, as JSON, or
-- an empty text when all parameters of the job are gone. Servers deliver them and delete the rows. The job itself may be gone.
CREATE TABLE IF NOT EXISTS "ParametersOutbox" (
    "ID" BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    "JobID" BIGINT NOT NULL,
    "VO" VARCHAR(32) NOT NULL,
    "ChangeTime" DATETIME(6) NOT NULL,
    "Change" LONGTEXT NOT NULL,
    INDEX "ParametersOutboxJob" ("JobID")
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
