-- Background work that one of all servers does at a time: which server has it, until when, when it is due next, and what it
-- needs to know then (tasks.go).
CREATE TABLE IF NOT EXISTS "Tasks" (
    "Name" VARCHAR(64) NOT NULL PRIMARY KEY,
    "Holder" VARCHAR(128) NOT NULL,
    "Until" DATETIME(6) NOT NULL,
    "Next" DATETIME(6) NOT NULL,
    "State" LONGTEXT NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;

-- Counts of jobs over time (series.go). Each row is of a period of Span seconds that begins at Time. Kind says what Value is of.
CREATE TABLE IF NOT EXISTS "Series" (
    "Span" BIGINT NOT NULL,
    "Kind" BIGINT NOT NULL,
    "VO" VARCHAR(32) NOT NULL,
    "Time" DATETIME(6) NOT NULL,
    "Value" VARCHAR(128) NOT NULL,
    "Status" VARCHAR(32) NOT NULL,
    "Count" BIGINT NOT NULL,
    PRIMARY KEY ("Span", "Kind", "VO", "Time", "Value", "Status")
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;
