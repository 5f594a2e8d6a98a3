package jobdb_test

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// A deep page is found by another statement than the first ones. It must
// hold what is at its place among all rows.
func TestDeepPage(t *testing.T) {
	for engine, url := range map[string]func(testing.TB) string{
		"sqlite":   func(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "jobs.db") },
		"mariadb":  jobdbtest.MariaDB,
		"mysql":    jobdbtest.MySQL,
		"postgres": jobdbtest.PostgreSQL,
	} {
		t.Run(engine, func(t *testing.T) {
			ctx := t.Context()
			db := deepDatabase(ctx, t, url(t), 1200)
			request := jobdb.SearchRequest{
				Search: []jobdb.FilterSpec{{Parameter: "Site", Operator: "neq", Value: "Site 3"}},
				Sort:   []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "desc"}, {Parameter: "Owner", Direction: "asc"}},
			}
			search, err := request.Parse(db.Limits())
			if err != nil {
				t.Fatal(err)
			}
			search.Scope.VO = "lhcb"
			all, err := db.Search(ctx, search)
			if err != nil {
				t.Fatal(err)
			}
			search.Page, search.PerPage = 5, 250
			page, err := db.Search(ctx, search)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Rows) < 10 || page.Total != all.Total || !reflect.DeepEqual(page.Rows, all.Rows[1000:]) {
				t.Errorf("page 5 has %d rows of %d, want the last %d of %d", len(page.Rows), page.Total, len(all.Rows)-1000, all.Total)
			}
		})
	}
}

// deepDatabase has n jobs of one VO; some have no LastUpdateTime, many the same.
func deepDatabase(ctx context.Context, t *testing.T, url string, n int) *jobdb.DB {
	t.Helper()
	db, err := jobdb.Open(ctx, url, jobdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	ids, err := db.CreateJobs(ctx, make([]string, n))
	if err != nil {
		t.Fatal(err)
	}
	attributes := make(map[jobdb.JobID]jobdb.Attributes, n)
	for i, id := range ids {
		a := jobdb.Attributes{"VO": "lhcb", "Owner": "user " + string(rune('a'+i%7)), "Site": "Site " + string(rune('0'+i%17))}
		if i%3 > 0 {
			a["LastUpdateTime"] = time.Date(2026, 1, 1+i%20, 0, 0, 0, 0, time.UTC)
		}
		attributes[id] = a
	}
	if err := db.InsertJobAttributes(ctx, attributes); err != nil {
		t.Fatal(err)
	}
	return db
}

// A long list of values is one array where the engine has those.
func TestLongLists(t *testing.T) {
	for engine, url := range map[string]func(testing.TB) string{
		"sqlite":   func(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "jobs.db") },
		"mariadb":  jobdbtest.MariaDB,
		"mysql":    jobdbtest.MySQL,
		"postgres": jobdbtest.PostgreSQL,
	} {
		t.Run(engine, func(t *testing.T) {
			db := deepDatabase(t.Context(), t, url(t), 100)
			ids, sites := make([]any, 30), make([]any, 30)
			for i := range ids {
				ids[i], sites[i] = i+1, "Site "+string(rune('0'+i)) // the first 17 exist; 15 of them 6 times, 2 of them 5 times
			}
			for _, c := range []struct {
				parameter, operator string
				values              []any
				want                int64
			}{
				{"JobID", "in", ids, 30},
				{"JobID", "not in", ids, 70},
				{"Site", "in", sites, 100},
				{"Site", "not in", sites, 0},
				{"Site", "not in", sites[10:], 60},
			} {
				request := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: c.parameter, Operator: c.operator, Values: c.values}}}
				search, err := request.Parse(db.Limits())
				if err != nil {
					t.Fatal(err)
				}
				page, err := db.Search(t.Context(), search)
				if err != nil {
					t.Fatal(err)
				}
				if page.Total != c.want {
					t.Errorf("%s %s %d values: %d jobs, want %d", c.parameter, c.operator, len(c.values), page.Total, c.want)
				}
			}
		})
	}
}
