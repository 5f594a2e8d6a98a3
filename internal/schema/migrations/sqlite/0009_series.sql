-- Background work that one of all servers does at a time: which server has it, until when, when it is due next, and what it
-- needs to know then (tasks.go).
CREATE TABLE "Tasks" (
    "Name" VARCHAR(64) NOT NULL PRIMARY KEY,
    "Holder" VARCHAR(128) NOT NULL,
    "Until" TEXT NOT NULL,
    "Next" TEXT NOT NULL,
    "State" TEXT NOT NULL
);

-- Counts of jobs over time (series.go). Each row is of a period of Span seconds that begins at Time. Kind says what Value is of.
CREATE TABLE "Series" (
    "Span" INTEGER NOT NULL,
    "Kind" INTEGER NOT NULL,
    "VO" VARCHAR(32) NOT NULL,
    "Time" TEXT NOT NULL,
    "Value" VARCHAR(128) NOT NULL,
    "Status" VARCHAR(32) NOT NULL,
    "Count" INTEGER NOT NULL,
    PRIMARY KEY ("Span", "Kind", "VO", "Time", "Value", "Status")
) WITHOUT ROWID;
