-- Background work that one of all servers does at a time: which server has it, until when, when it is due next, and what it
-- needs to know then (tasks.go).
CREATE TABLE "Tasks" (
    "Name" VARCHAR(64) COLLATE "C" NOT NULL PRIMARY KEY,
    "Holder" VARCHAR(128) COLLATE "C" NOT NULL,
    "Until" TIMESTAMPTZ(6) NOT NULL,
    "Next" TIMESTAMPTZ(6) NOT NULL,
    "State" TEXT COLLATE "C" NOT NULL
);

-- Counts of jobs over time (series.go). Each row is of a period of Span seconds that begins at Time. Kind says what Value is of.
CREATE TABLE "Series" (
    "Span" BIGINT NOT NULL,
    "Kind" BIGINT NOT NULL,
    "VO" VARCHAR(32) COLLATE "C" NOT NULL,
    "Time" TIMESTAMPTZ(6) NOT NULL,
    "Value" VARCHAR(128) COLLATE "C" NOT NULL,
    "Status" VARCHAR(32) COLLATE "C" NOT NULL,
    "Count" BIGINT NOT NULL,
    PRIMARY KEY ("Span", "Kind", "VO", "Time", "Value", "Status")
);
