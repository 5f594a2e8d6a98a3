-- What was answered to requests that may come again (Idempotency-Key), for a day.
CREATE TABLE "Answers" (
    "Request" VARCHAR(64) COLLATE "C" NOT NULL PRIMARY KEY,
    "Content" VARCHAR(64) COLLATE "C" NOT NULL,
    "Answer" TEXT COLLATE "C" NOT NULL,
    "AnswerTime" TIMESTAMPTZ(6) NOT NULL
);

CREATE INDEX "AnswerTime" ON "Answers" ("AnswerTime");
