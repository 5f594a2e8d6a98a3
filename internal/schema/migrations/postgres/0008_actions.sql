-- Actions on many jobs at once: who asked for what, and how far it has come. Servers take turns at those that run; Holder has
-- the present turn, until LeaseTime.
CREATE TABLE "Actions" (
    "ID" BIGINT NOT NULL PRIMARY KEY,
    "VO" VARCHAR(32) COLLATE "C" NOT NULL,
    "Username" VARCHAR(64) COLLATE "C" NOT NULL,
    "Kind" VARCHAR(32) COLLATE "C" NOT NULL,
    "Reason" TEXT COLLATE "C" NOT NULL,
    "Question" TEXT COLLATE "C" NOT NULL,
    "Preview" TEXT COLLATE "C" NOT NULL,
    "Owner" VARCHAR(64) COLLATE "C" NOT NULL,
    "Hidden" BIGINT NOT NULL,
    "State" VARCHAR(32) COLLATE "C" NOT NULL,
    "Total" BIGINT NOT NULL,
    "Done" BIGINT NOT NULL,
    "Refused" BIGINT NOT NULL,
    "Failed" BIGINT NOT NULL,
    "Parts" BIGINT NOT NULL,
    "NextPart" BIGINT NOT NULL,
    "CreateTime" TIMESTAMPTZ(6) NOT NULL,
    "TurnTime" TIMESTAMPTZ(6) NOT NULL,
    "Holder" VARCHAR(64) COLLATE "C" NOT NULL,
    "LeaseTime" TIMESTAMPTZ(6) NOT NULL
);

CREATE INDEX "ActionsOfVO" ON "Actions" ("VO", "ID");
CREATE INDEX "ActionsByState" ON "Actions" ("State", "TurnTime");

-- The jobs of an action in parts, each of which is one transaction: their IDs ("1-3,7"), and what became of them, as JSON; an
-- empty text until then.
CREATE TABLE "ActionParts" (
    "ActionID" BIGINT NOT NULL,
    "Part" BIGINT NOT NULL,
    "Jobs" TEXT COLLATE "C" NOT NULL,
    "Outcomes" TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY ("ActionID", "Part")
);
