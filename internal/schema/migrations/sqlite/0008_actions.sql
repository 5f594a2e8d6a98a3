-- Actions on many jobs at once: who asked for what, and how far it has come. Servers take turns at those that run; Holder has
-- the present turn, until LeaseTime.
CREATE TABLE "Actions" (
    "ID" INTEGER NOT NULL PRIMARY KEY,
    "VO" VARCHAR(32) NOT NULL,
    "Username" VARCHAR(64) NOT NULL,
    "Kind" VARCHAR(32) NOT NULL,
    "Reason" TEXT NOT NULL,
    "Question" TEXT NOT NULL,
    "Preview" TEXT NOT NULL,
    "Owner" VARCHAR(64) NOT NULL,
    "Hidden" INTEGER NOT NULL,
    "State" VARCHAR(32) NOT NULL,
    "Total" INTEGER NOT NULL,
    "Done" INTEGER NOT NULL,
    "Refused" INTEGER NOT NULL,
    "Failed" INTEGER NOT NULL,
    "Parts" INTEGER NOT NULL,
    "NextPart" INTEGER NOT NULL,
    "CreateTime" TEXT NOT NULL,
    "TurnTime" TEXT NOT NULL,
    "Holder" VARCHAR(64) NOT NULL,
    "LeaseTime" TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX "ActionsOfVO" ON "Actions" ("VO", "ID");
CREATE INDEX "ActionsByState" ON "Actions" ("State", "TurnTime");

-- The jobs of an action in parts, each of which is one transaction: their IDs ("1-3,7"), and what became of them, as JSON; an
-- empty text until then.
CREATE TABLE "ActionParts" (
    "ActionID" INTEGER NOT NULL,
    "Part" INTEGER NOT NULL,
    "Jobs" TEXT NOT NULL,
    "Outcomes" TEXT NOT NULL,
    PRIMARY KEY ("ActionID", "Part")
) WITHOUT ROWID;
