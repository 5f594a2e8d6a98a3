-- What was answered to requests that may come again (Idempotency-Key), for a day.
CREATE TABLE IF NOT EXISTS "Answers" (
    "Request" VARCHAR(64) NOT NULL PRIMARY KEY,
    "Content" VARCHAR(64) NOT NULL,
    "Answer" MEDIUMTEXT NOT NULL,
    "AnswerTime" DATETIME(6) NOT NULL,
    INDEX "AnswerTime" ("AnswerTime")
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin;
