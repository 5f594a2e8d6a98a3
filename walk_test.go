package jobdb

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A page of many jobs that are sorted by another column is found along that column, and is the same
// page whether the walk finds it, ends too early, or isn't tried.
func TestPagesByWalk(t *testing.T) {
	ctx := t.Context()
	db, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"), Options{FoldInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	ids, err := db.CreateJobs(ctx, make([]string, 80_000))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	jobs, rows := make([]walkedJob, len(ids)), map[JobID]Attributes{}
	for i, id := range ids {
		j := walkedJob{id: id, owner: "anna", status: "Done", site: string(rune('a' + i*7%26)), ended: begin.Add(time.Duration(i/3) * time.Second)}
		if i < 40_000 {
			j.owner, j.status = "eve", "Failed" // all of hers come first
		}
		if i%100 == 0 {
			j.ended = time.Time{}
		}
		jobs[i] = j
		rows[id] = Attributes{"VO": "lhcb", "Status": j.status, "Owner": j.owner, "Site": j.site, "ApplicationStatus": j.status}
		if !j.ended.IsZero() {
			rows[id]["EndExecTime"] = j.ended
		}
	}
	if err := db.InsertJobAttributes(ctx, rows); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		column, value, sort string
		owner               string
		page                int
		walks, complete     bool
	}{
		{column: "Status", value: "Failed", sort: "EndExecTime", page: 1, walks: true, complete: true},
		{column: "Status", value: "Failed", sort: "EndExecTime", page: 40, walks: true, complete: true},
		{column: "Status", value: "Done", sort: "EndExecTime", page: 12, walks: true},
		{column: "Status", value: "Done", sort: "EndExecTime", page: 400},
		{column: "ApplicationStatus", value: "Failed", sort: "Site", page: 1, walks: true, complete: true},
		{owner: "eve", sort: "Site", page: 2, walks: true, complete: true},
		{column: "Status", value: "Failed", owner: "eve", sort: "EndExecTime", page: 3, walks: true, complete: true},
		{column: "Status", value: "Failed", sort: "JobID", page: 3},
		{column: "Site", value: "b", sort: "EndExecTime", page: 1},
	} {
		for _, descending := range []bool{false, true} {
			search := Search{Scope: Scope{VO: "lhcb", Owner: c.owner}, Sort: []Sort{{columnByName[c.sort], descending}}, Columns: []Column{{}}, Page: c.page, PerPage: 50}
			search.Filter.op = opAnd
			if c.column != "" {
				search.Filter.kids = []Filter{textIs(columnByName[c.column], c.value)}
			}
			want := sortedJobs(jobs, c.sort, descending, func(j walkedJob) bool {
				return (c.owner == "" || j.owner == c.owner) && (c.column == "" || c.value == map[string]string{"Status": j.status, "ApplicationStatus": j.status, "Site": j.site}[c.column])
			})
			from := (c.page - 1) * 50
			page, err := db.Search(ctx, search)
			if err != nil {
				t.Fatal(err)
			}
			if got := idsOf(page.Rows); !slices.Equal(got, want[from:from+50]) || page.Total != int64(len(want)) {
				t.Errorf("%+v, descending %v: %d jobs %v, want %d %v", c, descending, page.Total, got, len(want), want[from:from+50])
			}
			search.Page, search.Cursor = 0, page.Next
			next, err := db.Search(ctx, search)
			if err != nil {
				t.Fatal(err)
			}
			if got := idsOf(next.Rows); !slices.Equal(got, want[from+50:from+100]) {
				t.Errorf("%+v, descending %v, behind the cursor: %v, want %v", c, descending, got, want[from+50:from+100])
			}
			s := &session{db: db, q: db.engine.Reader}
			w, err := s.walkFor(ctx, search, int64(from+50))
			if err != nil {
				t.Fatal(err)
			}
			if walks := w.limit > 0; walks != c.walks {
				t.Errorf("%+v: a walk of %d jobs", c, w.limit)
			} else if walks && !descending {
				_, complete, err := s.walked(ctx, w, nil, 50, int64(from))
				if plan := queryPlan(t, db, s.compiler().walkedRows(w, nil, 50, 0)); err != nil || complete != c.complete || strings.Contains(plan, "TEMP B-TREE") {
					t.Errorf("%+v: complete %v, %v\n%s", c, complete, err, plan)
				}
			}
		}
	}
}

// A page of a long period by JobID is found along JobID: not all jobs of the period are sorted.
func TestPagesOfPeriodsByWalk(t *testing.T) {
	ctx := t.Context()
	db, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"), Options{FoldInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	ids, err := db.CreateJobs(ctx, make([]string, fewJobs+1000))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rows := map[JobID]Attributes{}
	for i, id := range ids {
		status := []string{"Done", "Failed", "Waiting"}[i%3]
		rows[id] = Attributes{"VO": "lhcb", "Status": status, "Owner": "anna", "SubmissionTime": begin.Add(time.Duration(i) * time.Second)}
	}
	if err := db.InsertJobAttributes(ctx, rows); err != nil {
		t.Fatal(err)
	}
	since := FilterSpec{Parameter: "SubmissionTime", Operator: "gte", Value: begin.Add(500 * time.Second).Format(time.DateTime)}
	for _, c := range []struct {
		name   string
		filter []FilterSpec
		walks  bool
		wanted func(i int) bool
	}{
		{"all of it", []FilterSpec{since}, true, func(i int) bool { return i >= 500 }},
		{
			"of two statuses",
			[]FilterSpec{since, {Parameter: "Status", Operator: "in", Values: []any{"Done", "Failed"}}},
			true,
			func(i int) bool { return i >= 500 && i%3 < 2 },
		},
		{"of one", []FilterSpec{since, {Parameter: "Status", Operator: "eq", Value: "Done"}}, true, func(i int) bool { return i >= 500 && i%3 == 0 }},
		{"of the owner of all", []FilterSpec{since, {Parameter: "Owner", Operator: "eq", Value: "anna"}}, true, func(i int) bool { return i >= 500 }},
		{
			"a short one",
			[]FilterSpec{{Parameter: "SubmissionTime", Operator: "lt", Value: begin.Add(500 * time.Second).Format(time.DateTime)}},
			false,
			func(i int) bool { return i < 500 },
		},
	} {
		for _, descending := range []bool{true, false} {
			search, err := SearchRequest{Parameters: []string{"JobID"}, Search: c.filter}.Parse(db.Limits())
			if err != nil {
				t.Fatal(err)
			}
			search.Scope, search.Page, search.PerPage, search.Uncounted = Scope{VO: "lhcb"}, 1, 50, true
			search.Sort = []Sort{{colJobID, descending}}
			var want []JobID
			for i, id := range ids {
				if c.wanted(i) {
					want = append(want, id)
				}
			}
			if descending {
				slices.Reverse(want)
			}
			s := &session{db: db, q: db.engine.Reader}
			w, err := s.walkFor(ctx, search, 50)
			if err != nil || (w.limit > 0) != c.walks {
				t.Errorf("%s: a walk of %d jobs, %v", c.name, w.limit, err)
			}
			if c.walks {
				if plan := queryPlan(t, db, s.compiler().walkedRows(w, nil, 50, 0)); strings.Contains(plan, "TEMP B-TREE") {
					t.Errorf("%s: %s", c.name, plan)
				}
				if index, err := s.afterWalk(ctx, w); err != nil || (index == "VOStatus") != (c.name == "of one") {
					t.Errorf("%s: after a walk along %s, %v", c.name, index, err)
				}
				w.limit = 10
				if _, complete, err := s.walked(ctx, w, nil, 50, 0); complete || err != nil {
					t.Errorf("%s: a walk that ends too early finds all: %v", c.name, err)
				}
			}
			page, err := db.Search(ctx, search)
			if err != nil || !slices.Equal(idsOf(page.Rows), want[:50]) {
				t.Errorf("%s: %v, want %v, %v", c.name, idsOf(page.Rows), want[:50], err)
			}
			search.Page, search.Cursor = 0, page.Next
			if next, err := db.Search(ctx, search); err != nil || !slices.Equal(idsOf(next.Rows), want[50:100]) {
				t.Errorf("%s, behind the cursor: %v, want %v, %v", c.name, idsOf(next.Rows), want[50:100], err)
			}
		}
	}
}

type walkedJob struct {
	id                  JobID
	owner, status, site string
	ended               time.Time
}

func sortedJobs(jobs []walkedJob, by string, descending bool, wanted func(walkedJob) bool) []JobID {
	found := slices.Collect(func(yield func(walkedJob) bool) {
		for _, j := range jobs {
			if wanted(j) && !yield(j) {
				return
			}
		}
	})
	slices.SortFunc(found, func(a, b walkedJob) int {
		order := 0
		switch by {
		case "EndExecTime":
			order = a.ended.Compare(b.ended)
		case "Site":
			order = cmp.Compare(a.site, b.site)
		}
		if order = cmp.Or(order, cmp.Compare(a.id, b.id)); descending {
			return -order
		}
		return order
	})
	ids := make([]JobID, len(found))
	for i, j := range found {
		ids[i] = j.id
	}
	return ids
}

func idsOf(rows [][]any) []JobID {
	ids := make([]JobID, len(rows))
	for i, row := range rows {
		ids[i] = JobID(row[0].(int64)) //nolint:forcetypeassert // a JobID
	}
	return ids
}
