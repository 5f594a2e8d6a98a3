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
	filter, err := ParseFilters([]FilterSpec{
		{Parameter: "SubmissionTime", Operator: "gte", Value: "2026-01-01 00:01:20"}, {Parameter: "Status", Operator: "eq", Value: "Done"},
	}, db.Limits())
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string]string{"SubmissionTime": "VOSubmissionTime", "Site": "VOStatus"} {
		s := &session{db: db, q: db.engine.Reader}
		search := Search{Scope: Scope{VO: "lhcb"}, Filter: filter, Sort: []Sort{{Column: columnByName[column], Descending: true}}, Page: 1}
		if c, _, err := s.plannedPage(ctx, search, 100); err != nil || c.index != want {
			t.Errorf("%d jobs of a period with a value by %s: along %q, want %q, %v", fewJobs+20, column, c.index, want, err)
		}
	}
}

// A page by JobID of jobs with a value is sorted from the index of LastUpdateTime, which has the values of
// other columns, too, but not of all.
func TestPlansInIndex(t *testing.T) {
	ctx := t.Context()
	db, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"), Options{FoldInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	for column, inIndex := range map[string]bool{"Owner": true, "Site": true, "ApplicationStatus": false, "JobName": false} {
		search, err := SearchRequest{Search: []FilterSpec{
			{Parameter: "LastUpdateTime", Operator: "gte", Value: "2026-01-01"}, {Parameter: column, Operator: "eq", Value: "x"},
		}}.Parse(db.Limits())
		if err != nil {
			t.Fatal(err)
		}
		search.Scope.VO, search.Page = "lhcb", 1
		s := &session{db: db, q: db.engine.Reader}
		c, _, err := s.plannedPage(ctx, search, 100)
		if err != nil || c.sorts != inIndex {
			t.Fatalf("%s: in an index %v, %v", column, c.sorts, err)
		}
		plan := queryPlan(t, db, c.rows(search, 100))
		if covering := strings.Contains(plan, "COVERING INDEX VOUpdated"); covering != inIndex {
			t.Errorf("%s: %s", column, plan)
		}
	}
}

// Names that begin in one way are found by a range of their index, and no names are looked at that begin
// otherwise. Where some begin in upper and others in lower case, all are looked at.
func TestPlansOfNames(t *testing.T) {
	ctx := t.Context()
	db, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"), Options{FoldInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	names := []string{"00100003_00000001", "Sim1", "sim2", "toys_anna_1", "toys_bob_1", "TOYS", "\U0010FFFF"}
	ids, err := db.CreateJobs(ctx, make([]string, len(names)))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[JobID]Attributes{}
	for i, id := range ids {
		rows[id] = Attributes{"VO": "lhcb", "JobName": names[i]}
	}
	if err := db.InsertJobAttributes(ctx, rows); err != nil {
		t.Fatal(err)
	}
	const along, whole = "(VO=? AND JobName>? AND JobName<?)", "(VO=?)"
	for pattern, want := range map[string]string{
		"00100003%":      along,
		"0010%1":         along,
		"toys_anna%":     along,
		"\U0010FFFF%":    "(VO=? AND JobName>?)",
		"sim%":           whole,
		"%anna%":         whole,
		"toys\\_nobody%": "",
	} {
		search, err := SearchRequest{Search: []FilterSpec{{Parameter: "JobName", Operator: "like", Value: pattern}}}.Parse(db.Limits())
		if err != nil {
			t.Fatal(err)
		}
		search.Scope.VO = "lhcb"
		s := &session{db: db, q: db.engine.Reader}
		if search.Filter, err = s.resolvePatterns(ctx, search.Scope, search.Filter); err != nil {
			t.Fatal(err)
		}
		if plan := queryPlan(t, db, s.compiler().total(search)); want != "" && !strings.HasSuffix(plan, want) {
			t.Errorf("names like %s: %s, want %s", pattern, plan, want)
		}
		if want == along {
			w, err := s.walkAfter(ctx, search, 100)
			if err != nil {
				t.Fatal(err)
			}
			st, err := s.partOf(ctx, search, w, "", search.placesAfter([]any{int64(ids[0])})[0], 100)
			if plan := queryPlan(t, db, st); err != nil || !strings.Contains(plan, along) {
				t.Errorf("names like %s after a cursor: %s, %v", pattern, plan, err)
			}
		}
		if nobody := len(search.Filter.kids) == 1 && search.Filter.kids[0].op == opOr; nobody != (want == "") {
			t.Errorf("names like %s: nobody's: %v", pattern, nobody)
		}
	}
}
