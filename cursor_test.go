package jobdb

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
)

// Whatever a client calls a cursor is one with values of the right kinds, or an invalid query.
func FuzzCursor(f *testing.F) {
	search := Search{Sort: []Sort{{Column: columnByName["LastUpdateTime"], Descending: true}, {Column: columnByName["VerifiedFlag"]}}}
	dialects := []*engine.Dialect{&engine.SQLite, &engine.MariaDB, &engine.PostgreSQL}
	f.Add("", uint8(0))
	for i, at := range []any{"2026-01-02 03:04:05", "0000-00-00 00:00:00.000000", time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), nil} {
		d := dialects[i%len(dialects)]
		f.Add(cursor{search.order(d), 7, []any{at, "True", int64(5)}}.String(), uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, engine uint8) {
		d := dialects[int(engine)%len(dialects)]
		search.Cursor = text
		c, err := search.parseCursor(d)
		if err != nil {
			if !errors.Is(err, ErrInvalidQuery) {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, part := range search.placesAfter(c.Values) {
			st := (&compiler{dialect: d, schema: &schema.Facts{}}).rowsAfter(search, part, 10)
			if n := strings.Count(st.text, "?"); n != len(st.args) {
				t.Fatalf("%d arguments for %d places in %s", len(st.args), n, st.text)
			}
		}
		search.Cursor = c.String()
		if again, err := search.parseCursor(d); err != nil || again.Before != c.Before {
			t.Fatalf("a cursor written again: %v", err)
		}
	})
}

// Every part is one range, and together they are all that follows a place.
func TestRowsAfter(t *testing.T) {
	at := "2026-01-02 03:04:05"
	update, status := columnByName["LastUpdateTime"], columnByName["Status"]
	for name, test := range map[string]struct {
		sort  []Sort
		place []any
		want  []string // what follows the VO
	}{
		"by JobID":             {nil, []any{int64(5)}, []string{`"JobID" > ? `}},
		"the last JobID first": {[]Sort{{Descending: true}}, []any{int64(5)}, []string{`"JobID" < ? `}},
		"latest first": {[]Sort{{Column: update, Descending: true}}, []any{at, int64(5)}, []string{
			`"LastUpdateTime" = ? AND "JobID" < ? `, `"LastUpdateTime" < ? `, `"LastUpdateTime" IS NULL `,
		}},
		"latest first, among NULLs": {[]Sort{{Column: update, Descending: true}}, []any{nil, int64(5)}, []string{
			`"LastUpdateTime" IS NULL AND "JobID" < ? `,
		}},
		"earliest first, among NULLs": {[]Sort{{Column: update}}, []any{nil, int64(5)}, []string{
			`"LastUpdateTime" IS NULL AND "JobID" > ? `, `"LastUpdateTime" IS NOT NULL `,
		}},
		"two keys": {[]Sort{{Column: status}, {Column: update}}, []any{"Done", at, int64(5)}, []string{
			`"Status" = ? AND "LastUpdateTime" = ? AND "JobID" > ? `, `"Status" = ? AND "LastUpdateTime" > ? `, `"Status" > ? `,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			search := Search{Scope: Scope{VO: "lhcb"}, Sort: test.sort}
			var got []string
			for _, part := range search.placesAfter(test.place) {
				c := &compiler{dialect: &engine.SQLite, schema: &schema.Facts{}}
				_, condition, _ := strings.Cut(c.rowsAfter(search, part, 10).text, `"VO" = ? AND `)
				condition, _, _ = strings.Cut(condition, "ORDER BY")
				got = append(got, condition)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// Of many rows that are alike in the first key, an index gives those after the place: none are
// passed over.
func TestCursorPlans(t *testing.T) {
	ctx := t.Context()
	db, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Status", "MinorStatus", "Owner", "JobGroup", "Site", "LastUpdateTime"} {
		for _, descending := range []bool{false, true} {
			search := Search{Scope: Scope{VO: "lhcb"}, Sort: []Sort{{Column: columnByName[name], Descending: descending}}}
			for i, part := range search.placesAfter([]any{"2026-01-02 03:04:05", int64(5)}) {
				st := (&compiler{dialect: db.dialect, schema: db.schema}).rowsAfter(search, part, 10)
				plan := queryPlan(t, db, st)
				if strings.Contains(st.text, isNull) && name != "LastUpdateTime" {
					continue // nothing is looked for in a column that has no NULLs
				}
				index, id := "VO"+name, "rowid"
				if name == "LastUpdateTime" {
					index, id = "VOUpdated", "JobID"
				}
				along := i > 0 || strings.Contains(plan, "(VO=? AND "+name+"=? AND "+id)
				if !along || !strings.Contains(plan, "USING INDEX "+index) || strings.Contains(plan, "TEMP B-TREE") {
					t.Errorf("by %s, descending %v, part %d: %s", name, descending, i, plan)
				}
			}
		}
	}
}

func queryPlan(t *testing.T, db *DB, st statement) string {
	t.Helper()
	rows, err := db.engine.Reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+st.text, st.args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "; ")
}

// MariaDB is told the index where it is there and nothing else leads to fewer rows.
func TestAlong(t *testing.T) {
	c := &compiler{dialect: &engine.MariaDB, schema: &schema.Facts{OfVO: map[string]string{"JobID": "VOJobID", "Status": "VOStatus"}}}
	status, site := columnByName["Status"], columnByName["Site"]
	done := Filter{kids: []Filter{{op: opIn, column: status, values: []any{"Done"}}}}
	both := Filter{kids: []Filter{{op: opIn, column: status, values: []any{"Done", "Failed"}}}}
	lhcb := Scope{VO: "lhcb"}
	for _, test := range []struct {
		search Search
		want   string
	}{
		{Search{Scope: lhcb}, "VOJobID"},
		{Search{Scope: lhcb, Sort: []Sort{{Column: status}, {Column: site}}}, "VOStatus"},
		{Search{Scope: lhcb, Filter: done}, "VOStatus"},
		{Search{Scope: lhcb, Sort: []Sort{{Column: site}}}, ""},
		{Search{Scope: lhcb, Sort: []Sort{{Column: site}}, Filter: done}, ""},
		{Search{Scope: lhcb, Sort: []Sort{{Column: status}}, Filter: done}, "VOStatus"},
		{Search{Scope: lhcb, Sort: []Sort{{Column: colVO}}}, "VOJobID"},
		{Search{Scope: lhcb, Filter: both}, ""},
		{Search{Scope: Scope{VO: "lhcb", Owner: "alice"}}, ""},
		{Search{}, ""},
	} {
		if got := c.forcedIndex(test.search); got != test.want {
			t.Errorf("%+v: %q, want %q", test.search, got, test.want)
		}
	}
	for _, test := range []struct {
		filter Filter
		forced bool
	}{{done, true}, {both, false}, {Filter{}, false}} {
		page := &compiler{dialect: &engine.MariaDB, schema: c.schema}
		text := page.rows(Search{Scope: lhcb, Filter: test.filter, Page: 1}, 100).text
		if got := strings.Contains(text, ` FORCE INDEX ("VOStatus") WHERE `); got != test.forced {
			t.Errorf("page 1 of %+v: %s", test.filter, text)
		}
	}
	if got := (&compiler{dialect: &engine.PostgreSQL, schema: c.schema}).forcedIndex(Search{Scope: lhcb}); got != "" {
		t.Errorf("PostgreSQL: %q", got)
	}
}
