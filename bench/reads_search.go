package main

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"

	"jobdb"
)

// query is the search for one page, as ours and as the bare driver take it.
type query struct {
	name    string
	vo      string
	request jobdb.SearchRequest
	page    int // 0: all rows
	where   string
	args    []any
	order   string
	alone   bool // at most one job is found: the page is the total, too
}

func equal(parameter string, value any) jobdb.FilterSpec {
	return jobdb.FilterSpec{Parameter: parameter, Operator: "eq", Value: value}
}

const perPage = 100

// queries are the searches for pages.
func (d *database) queries() []query {
	queries := []query{
		d.queryByID(),
		{
			name: "Search: Status, page 1", vo: "lhcb", page: 1, order: `"JobID"`,
			request: jobdb.SearchRequest{Search: []jobdb.FilterSpec{equal("Status", "Waiting")}},
			where:   `"VO" = ? AND "Status" = ?`, args: []any{"lhcb", "Waiting"},
		},
		{
			name: "Search: latest updates, page 1", vo: "lhcb", page: 1, order: d.latest(),
			request: jobdb.SearchRequest{Sort: []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "desc"}}},
			where:   `"VO" = ?`, args: []any{"lhcb"},
		},
		{
			name: "Search: deep page of a VO", vo: "lhcb", order: `"JobID"`,
			page:  max(1, d.jobs/4/perPage), // half the jobs are lhcb's
			where: `"VO" = ?`, args: []any{"lhcb"},
		},
		{name: "Search: no filter, no VO, page 1", page: 1, order: `"JobID"`, where: "1 = 1"},
		{
			name: "Search: JobName", vo: "lhcb", page: 1, order: `"JobID"`,
			request: jobdb.SearchRequest{Search: []jobdb.FilterSpec{equal("JobName", "analysis_00007")}},
			where:   `"VO" = ? AND "JobName" = ?`, args: []any{"lhcb", "analysis_00007"},
		},
		{
			name: "Search: Site like, page 1", vo: "biomed", page: 1, order: `"JobID"`,
			request: jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "Site", Operator: "like", Value: "LCG.Site03%"}}},
			where:   `"VO" = ? AND ` + d.siteLike(), args: []any{"biomed", "lcg.site03%"},
		},
	}
	return append(queries, d.queryByIDs())
}

func (d *database) queryByID() query {
	id := int64(d.ids[len(d.ids)/2])
	return query{
		name: "Search: JobID", vo: "lhcb", page: 1, order: `"JobID"`, alone: true,
		request: jobdb.SearchRequest{Search: []jobdb.FilterSpec{equal("JobID", id)}},
		where:   `"VO" = ? AND "JobID" = ?`, args: []any{"lhcb", id},
	}
}

func (d *database) queryByIDs() query {
	ids := d.evenly(min(1000, len(d.ids)))
	condition, args := d.bare.in(ids)
	values := make([]any, len(ids))
	for i, id := range ids {
		values[i] = int64(id)
	}
	return query{
		name: "Search: 1000 JobIDs", page: 1, order: `"JobID"`,
		request: jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "JobID", Operator: "in", Values: values}}},
		where:   `"JobID"` + condition, args: args,
	}
}

// siteLike is a comparison that ignores case.
func (d *database) siteLike() string {
	switch d.engine {
	case "mariadb", "mysql":
		return `LOWER("Site") LIKE LOWER(?)`
	case "postgres":
		return `"Site" ILIKE ?`
	}
	return `"Site" LIKE ?`
}

// text selects one page. For a deep one it first finds the jobs by an index.
func (q query) text() string {
	rest := ` FROM "Jobs" WHERE ` + q.where + " ORDER BY " + q.order + " LIMIT ? OFFSET ?"
	if q.page < 10 {
		return "SELECT " + jobColumns + rest
	}
	return "SELECT " + jobColumns + ` FROM "Jobs" JOIN (SELECT "JobID" AS id` + rest + `) AS p ON "JobID" = p.id ORDER BY ` + q.order
}

// latest is the order that has NULL last, as ours has; only PostgreSQL must be told.
func (d *database) latest() string {
	if d.engine == "postgres" {
		return `"LastUpdateTime" DESC NULLS LAST, "JobID" DESC`
	}
	return `"LastUpdateTime" DESC, "JobID" DESC`
}

func (d *database) searches() []comparison {
	var cases []comparison
	for _, q := range d.queries() {
		cases = append(cases, comparison{
			method: q.name,
			ours: func(ctx context.Context) (int64, error) {
				s, err := q.request.Parse(d.db.Limits())
				if err != nil {
					return 0, err
				}
				s.Scope, s.Page, s.PerPage = jobdb.Scope{VO: q.vo, AllVOs: true}, q.page, perPage
				page, err := d.db.Search(ctx, s)
				return page.Total*1000 + int64(len(page.Rows)), err
			},
			bare:      func(ctx context.Context) (int64, error) { return d.bare.search(ctx, q) },
			reference: q.reference,
		})
	}
	return append(cases, d.stream(), d.regex())
}

func (b *bareDB) search(ctx context.Context, q query) (total int64, err error) {
	jobs := make([]bareJob, 0, perPage)
	text := q.text()
	args := append(slices.Clip(q.args), int64(perPage), int64(q.page-1)*perPage)
	page := func(tx *sql.Tx) (int64, error) {
		return b.query(ctx, tx, text, args, func(rows *sql.Rows) error {
			jobs = append(jobs, bareJob{})
			return jobs[len(jobs)-1].scan(rows)
		})
	}
	if q.alone {
		n, err := page(nil)
		return n*1000 + n, err
	}
	err = b.snapshot(ctx, func(tx *sql.Tx) error {
		n, err := page(tx)
		if err != nil || n < perPage && (n > 0 || q.page == 1) {
			total = int64(q.page-1)*perPage + n
			return err
		}
		_, err = b.query(ctx, tx, `SELECT count(*) FROM "Jobs" WHERE `+q.where, q.args, func(rows *sql.Rows) error { return rows.Scan(&total) })
		return err
	})
	return total*1000 + int64(len(jobs)), err
}

// stream reads three columns of many jobs without pages.
func (d *database) stream() comparison {
	status := jobdb.SearchRequest{
		Parameters: []string{"JobID", "Status", "Site"},
		Search:     []jobdb.FilterSpec{equal("Status", "Failed")},
	}
	return comparison{
		method: "Stream: all of a Status, 3 columns",
		ours: func(ctx context.Context) (n int64, err error) {
			s, err := status.Parse(d.db.Limits())
			if err != nil {
				return 0, err
			}
			s.Scope.VO = "belle"
			for _, err := range d.db.Stream(ctx, s) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		},
		bare: func(ctx context.Context) (int64, error) {
			text := `SELECT "JobID", "Site", "Status" FROM "Jobs" WHERE "VO" = ? AND "Status" = ? ORDER BY "JobID"`
			return d.bare.query(ctx, nil, text, []any{"belle", "Failed"}, func(rows *sql.Rows) error {
				var j bareJob
				return rows.Scan(&j.JobID, &j.Site, &j.Status)
			})
		},
		reference: func() instruction {
			return instruction{"Search", referenceQuery{status.Parameters, ofVO("belle", status.Search), []jobdb.SortSpec{byJobID}, perPage, nil}}
		},
	}
}

// regex searches by a regular expression. By hand: match the few different values, then look for
// those.
func (d *database) regex() comparison {
	const pattern = `^LCG\.Site0[12]\.(ch|de)$`
	request := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "Site", Operator: "regex", Value: pattern}}}
	return comparison{
		method: "Search: Site regex, page 1",
		ours: func(ctx context.Context) (int64, error) {
			s, err := request.Parse(d.db.Limits())
			if err != nil {
				return 0, err
			}
			s.Scope.VO, s.Page, s.PerPage = "ilc", 1, perPage
			page, err := d.db.Search(ctx, s)
			return page.Total*1000 + int64(len(page.Rows)), err
		},
		bare: func(ctx context.Context) (int64, error) {
			args := []any{"ilc"}
			compiled, err := regexp.Compile(pattern) // users give them
			if err != nil {
				return 0, err
			}
			_, err = d.bare.query(ctx, nil, `SELECT DISTINCT "Site" FROM "Jobs" WHERE "VO" = ?`, args[:1], func(rows *sql.Rows) error {
				var site string
				if err := rows.Scan(&site); err == nil && compiled.MatchString(site) {
					args = append(args, site)
				}
				return nil
			})
			if err != nil || len(args) == 1 {
				return 0, err
			}
			where := `"VO" = ? AND "Site" IN (?` + strings.Repeat(", ?", len(args)-2) + ")"
			return d.bare.search(ctx, query{page: 1, where: where, args: args, order: `"JobID"`})
		},
		reference: query{vo: "ilc", request: request, page: 1}.reference,
	}
}
