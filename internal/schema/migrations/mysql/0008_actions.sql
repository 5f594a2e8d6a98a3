-- Actions on many jobs at once: who asked for what, and how far it has come. Servers take turns at those that run; Holder has
-- the present turn, until LeaseTime.
CREATE TABLE IF NOT EXISTS "Actions" (
    "ID" BIGINT NOT NULL PRIMARY KEY,
    "VO" VARCHAR(32) NOT NULL,
    "Username" VARCHAR(64) NOT NULL,
    "Kind" VARCHAR(32) NOT NULL,
    "Reason" MEDIUMTEXT NOT NULL,
    "Question" MEDIUMTEXT NOT NULL,
    "Preview" MEDIUMTEXT NOT NULL,
    "Owner" VARCHAR(64) NOT NULL,
    "Hidden" BIGINT NOT NULL,
    "State" VARCHAR(32) NOT NULL,
    "Total" BIGINT NOT NULL,
    "Done" BIGINT NOT NULL,
    "Refused" BIGINT NOT NULL,
    "Failed" BIGINT NOT NULL,
    "Parts" BIGINT NOT NULL,
    "NextPart" BIGINT NOT NULL,
    "CreateTime" DATETIME(6) NOT NULL,
    "TurnTime" DATETIME(6) NOT NULL,
    "Holder" VARCHAR(64) NOT NULL,
    "LeaseTime" DATETIME(6) NOT NULL,
    INDEX "ActionsOfVO" ("VO", "ID"),
    INDEX "ActionsByState" ("State", "TurnTime")
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- The jobs of an action in parts, each of which is one transaction: their IDs ("1-3,7"), and what became of them, as JSON; an
-- empty text until then.
CREATE TABLE IF NOT EXISTS "ActionParts" (
    "ActionID" BIGINT NOT NULL,
    "Part" BIGINT NOT NULL,
    "Jobs" MEDIUMTEXT NOT NULL,
    "Outcomes" MEDIUMTEXT NOT NULL,
    PRIMARY KEY ("ActionID", "Part")
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
