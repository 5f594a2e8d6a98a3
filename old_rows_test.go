package jobdb_test

import (
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// A database that has run for years holds what no method of jobdb writes. It is read and searched
// all the same.
func TestOldRows(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]oracle.Server{"MariaDB": jobdbtest.MariaDBWith, "MySQL": jobdbtest.MySQLWith} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := oracle.LHCb(t, "9.1.22", server)
			db := openDB(t, url)
			id, err := db.CreateJob(t.Context(), "[]")
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range []string{
				`CREATE TABLE "Workflows" ("WorkflowID" INT NOT NULL PRIMARY KEY, "Params" JSON NOT NULL)`,
				`ALTER TABLE "Jobs" ADD COLUMN "WorkflowID" INT NULL, MODIFY "Owner" VARCHAR(64) CHARACTER SET latin1 NOT NULL`,
				`ALTER TABLE "OptimizerParameters" MODIFY "Value" MEDIUMBLOB NOT NULL`,
				`INSERT IGNORE INTO "Jobs" ("JobID", "VO", "Owner", "SubmissionTime", "RescheduleCounter", "AccountedFlag", "ApplicationStatus") ` +
					`VALUES (1, 'lhcb', 'Zoë', '0000-00-00 00:00:00', -3, '', NULL)`,
				`UPDATE "JobJDLs" SET "JDL" = 'no JDL, nor compressed' WHERE "JobID" = 1`,
				`INSERT INTO "OptimizerParameters" VALUES (1, 'p', 'é')`,
			} {
				raw(t, db, statement)
			}
			db = openDB(t, url)
			if report := check(t, db); !report.Usable() {
				t.Errorf("the report says:\n%s", report)
			}
			job, err := db.Job(t.Context(), jobdb.Scope{VO: "lhcb"}, id)
			if err != nil || !job.SubmissionTime.IsZero() || job.Owner != "Zoë" || job.RescheduleCounter != -3 {
				t.Errorf("the job: %+v, %v", job, err)
			}
			jdls, err := db.JobJDLs(t.Context(), []jobdb.JobID{id})
			if err != nil || jdls[id] != "no JDL, nor compressed" {
				t.Errorf("the JDL: %v, %v", jdls, err)
			}
			parameters, err := db.OptimizerParameters(t.Context(), []jobdb.JobID{id})
			if err != nil || parameters[id]["p"] != "é" {
				t.Errorf("the parameters: %v, %v", parameters, err)
			}
			zoe, err := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "Owner", Operator: "eq", Value: "Zoë"}}}.Parse(db.Limits())
			if err != nil {
				t.Fatal(err)
			}
			zoe.Scope.VO = "lhcb"
			if page, err := db.Search(t.Context(), zoe); err != nil || len(page.Rows) != 1 {
				t.Errorf("the search: %v, %v", page.Rows, err)
			}
		})
	}
}
