-- Counts of jobs by two more kinds of combinations: UserPriority and RescheduleCounter with JobGroup, and ApplicationStatus with
-- OwnerGroup and JobType; counts.go says more. All jobs are counted anew, under another name. Older programs know other kinds of
-- counts, so they find none of their tables. What triggers append stays as it is.

DROP TABLE "JobTotals";

CREATE TABLE "JobSums" (
    "Kind" BIGINT NOT NULL,
    "VO" VARCHAR(32) COLLATE "C" NOT NULL,
    "Value1" VARCHAR(255) COLLATE "C" NOT NULL,
    "Value2" VARCHAR(128) COLLATE "C" NOT NULL,
    "Value3" VARCHAR(128) COLLATE "C" NOT NULL,
    "Value4" VARCHAR(64) COLLATE "C" NOT NULL,
    "Value5" VARCHAR(32) COLLATE "C" NOT NULL,
    "Value6" VARCHAR(32) COLLATE "C" NOT NULL,
    "Value7" VARCHAR(32) COLLATE "C" NOT NULL,
    "Count" BIGINT NOT NULL,
    PRIMARY KEY ("Kind", "VO", "Value1", "Value2", "Value3", "Value4", "Value5", "Value6", "Value7")
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

INSERT INTO "JobSums" SELECT 0, '', '', '', '', '', '', '', '', CASE WHEN EXISTS (SELECT 1 FROM "Jobs") THEN 0 ELSE 1 END;
