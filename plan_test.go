package jobdb

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A question about a period that leaves few jobs goes along the index of its time, whatever else it
// asks for; one about a long period along the index of the other condition.
func TestPlansOfPeriods(t *testing.T) {
	ctx := t.Context()
	db, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"), Options{FoldInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	ids, err := db.CreateJobs(ctx, make([]string, fewJobs+100))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[JobID]Attributes{}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, id := range ids {
		rows[id] = Attributes{"VO": "lhcb", "Status": "Done", "SubmissionTime": begin.Add(time.Duration(i) * time.Second)}
		if i < 50 {
			rows[id]["Status"] = "Failed"
		}
	}
	if err := db.InsertJobAttributes(ctx, rows); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		since, status, index string
	}{
		{"2026-01-01 05:30:00", "Done", "VOSubmissionTime"},
		{"2026-01-01 05:30:00", "", "VOSubmissionTime"},
		{"2026-01-01 00:00:00", "Failed", "VOStatus"},
	} {
		search := []FilterSpec{{Parameter: "SubmissionTime", Operator: "gte", Value: c.since}}
		if c.status != "" {
			search = append(search, FilterSpec{Parameter: "Status", Operator: "eq", Value: c.status})
		}
		filter, err := ParseFilters(search, db.Limits())
		if err != nil {
			t.Fatal(err)
		}
		scope := Scope{VO: "lhcb"}
		for _, page := range []bool{true, false} {
			s := &session{db: db, q: db.engine.Reader}
			compiler, err := s.planned(ctx, scope, filter, page)
			if err != nil {
				t.Fatal(err)
			}
			var st statement
			if page {
				st = compiler.rows(Search{Scope: scope, Filter: filter, Page: 1}, 10)
			} else {
				st = compiler.summary(Summary{Scope: scope, GroupBy: []Column{colMinorStatus}, Filter: filter}, 10)
			}
			if plan := queryPlan(t, db, st); !strings.Contains(plan, "INDEX "+c.index+" ") {
				t.Errorf("since %s of status %q, page %v: %s", c.since, c.status, page, plan)
			}
		}
	}
}
