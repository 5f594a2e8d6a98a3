-- What was answered to requests that may come again (Idempotency-Key), for a day.
CREATE TABLE "Answers" (
    "Request" VARCHAR(64) NOT NULL PRIMARY KEY,
    "Content" VARCHAR(64) NOT NULL,
    "Answer" TEXT NOT NULL,
    "AnswerTime" TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX "AnswerTime" ON "Answers" ("AnswerTime");
