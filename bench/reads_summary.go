package main

import (
	"context"
	"database/sql"
	"strings"

	"jobdb"
)

// summaryQuery is a summary, as ours and as the bare driver take it.
type summaryQuery struct {
	name, vo string
	groups   []string
	search   []jobdb.FilterSpec
	where    string
	args     []any
}

var summaryQueries = []summaryQuery{
	{"Summary: Status in a VO", "lhcb", []string{"Status"}, nil, `"VO" = ?`, []any{"lhcb"}},
	{"Summary: Owner × Status in a VO", "lhcb", []string{"Owner", "Status"}, nil, `"VO" = ?`, []any{"lhcb"}},
	{
		"Summary: Site of one Status in a VO", "lhcb",
		[]string{"Site"},
		[]jobdb.FilterSpec{equal("Status", "Running")},
		`"VO" = ? AND "Status" = ?`,
		[]any{"lhcb", "Running"},
	},
	{"Summary: Status × MinorStatus × Site in a VO", "lhcb", []string{"Site", "Status", "MinorStatus"}, nil, `"VO" = ?`, []any{"lhcb"}},
	{"Summary: Status, all VOs", "", []string{"Status"}, nil, "1 = 1", nil},
}

func (d *database) summaries() []comparison {
	var cases []comparison
	for _, q := range summaryQueries {
		cases = append(cases, comparison{
			method: q.name,
			ours: func(ctx context.Context) (int64, error) {
				s, err := jobdb.SummaryRequest{Grouping: q.groups, Search: q.search}.Parse(d.db.Limits())
				if err != nil {
					return 0, err
				}
				s.Scope = jobdb.Scope{VO: q.vo, AllVOs: true}
				rows, err := d.db.Summary(ctx, s)
				return int64(len(rows.Rows)), err
			},
			bare: func(ctx context.Context) (int64, error) {
				type group struct {
					values [3]string
					count  int64
				}
				var groups []group
				list := `"` + strings.Join(q.groups, `", "`) + `"`
				text := "SELECT " + list + `, count(*) FROM "Jobs" WHERE ` + q.where + " GROUP BY " + list + " ORDER BY " + list
				return d.bare.query(ctx, nil, text, q.args, func(rows *sql.Rows) error {
					var g group
					targets := []any{&g.values[0], &g.values[1], &g.values[2]}[:len(q.groups)]
					err := rows.Scan(append(targets, &g.count)...)
					groups = append(groups, g)
					return err
				})
			},
			reference: func() instruction {
				return instruction{"Summary", map[string]any{"grouping": q.groups, "search": ofVO(q.vo, q.search)}}
			},
		})
	}
	return cases
}
