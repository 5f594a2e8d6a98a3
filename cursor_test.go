package jobdb

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Whatever a client calls a cursor is one with values of the right kinds, or an invalid query.
func FuzzCursor(f *testing.F) {
	search := Search{Sort: []Sort{{Column: columnByName["LastUpdateTime"], Descending: true}, {Column: columnByName["VerifiedFlag"]}}}
	dialects := []*dialect{&sqliteDialect, &mysqlDialect, &postgresDialect}
	f.Add("", uint8(0))
	for i, at := range []any{"2026-01-02 03:04:05", time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), nil} {
		d := dialects[i]
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
		for _, part := range (&compiler{dialect: d, schema: &schema{}}).rowsAfter(search, c.Values) {
			st := part(10)
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

// The bounds that indexes serve stand by themselves, and NULLs are a part of their own.
func TestRowsAfter(t *testing.T) {
	at := "2026-01-02 03:04:05"
	update := columnByName["LastUpdateTime"]
	for name, test := range map[string]struct {
		sort  []Sort
		place []any
		want  []string // what follows the VO
	}{
		"by JobID": {nil, []any{int64(5)}, []string{`(("JobID" > ?)) ORDER BY "JobID" ASC LIMIT ?`}},
		"latest first": {[]Sort{{Column: update, Descending: true}}, []any{at, int64(5)}, []string{
			`"LastUpdateTime" <= ? AND ((("LastUpdateTime" < ? OR "LastUpdateTime" IS NULL)) OR ("LastUpdateTime" = ? AND "JobID" < ?)) ` +
				`ORDER BY "LastUpdateTime" DESC, "JobID" DESC LIMIT ?`,
			`"LastUpdateTime" IS NULL ORDER BY "LastUpdateTime" DESC, "JobID" DESC LIMIT ?`,
		}},
		"earliest first, among NULLs": {[]Sort{{Column: update}}, []any{nil, int64(5)}, []string{
			`"LastUpdateTime" IS NULL AND (("JobID" > ?)) ORDER BY "LastUpdateTime" ASC, "JobID" ASC LIMIT ?`,
			`"LastUpdateTime" IS NOT NULL ORDER BY "LastUpdateTime" ASC, "JobID" ASC LIMIT ?`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &compiler{dialect: &sqliteDialect, schema: &schema{}}
			parts := c.rowsAfter(Search{Scope: Scope{VO: "lhcb"}, Sort: test.sort}, test.place)
			if len(parts) != len(test.want) {
				t.Fatalf("%d statements, want %d", len(parts), len(test.want))
			}
			for i, part := range parts {
				_, got, _ := strings.Cut(part(10).text, `"VO" = ? AND `)
				if got != test.want[i] {
					t.Errorf("got  %s\nwant %s", got, test.want[i])
				}
			}
		})
	}
}
