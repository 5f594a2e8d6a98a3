package main

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// bareJob is a row of Jobs as a program without jobdb would hold it.
type bareJob struct {
	JobID                                                     int64
	JobType, JobGroup, Site, JobName, Owner, OwnerGroup, VO   string
	Submission, Reschedule, LastUpdate, Start, HeartBeat, End bareTime
	Status, MinorStatus, ApplicationStatus                    string
	UserPriority, RescheduleCounter                           int64
	VerifiedFlag, AccountedFlag                               string
}

const jobColumns = `"JobID", "JobType", "JobGroup", "Site", "JobName", "Owner", "OwnerGroup", "VO", ` +
	`"SubmissionTime", "RescheduleTime", "LastUpdateTime", "StartExecTime", "HeartBeatTime", "EndExecTime", ` +
	`"Status", "MinorStatus", "ApplicationStatus", "UserPriority", "RescheduleCounter", "VerifiedFlag", "AccountedFlag"`

func (j *bareJob) scan(rows *sql.Rows) error {
	return rows.Scan(&j.JobID, &j.JobType, &j.JobGroup, &j.Site, &j.JobName, &j.Owner, &j.OwnerGroup, &j.VO,
		&j.Submission, &j.Reschedule, &j.LastUpdate, &j.Start, &j.HeartBeat, &j.End,
		&j.Status, &j.MinorStatus, &j.ApplicationStatus, &j.UserPriority, &j.RescheduleCounter, &j.VerifiedFlag, &j.AccountedFlag)
}

// bareTime is a time or NULL; SQLite gives it as text.
type bareTime struct{ at time.Time }

// Scan implements sql.Scanner.
func (t *bareTime) Scan(value any) (err error) {
	switch v := value.(type) {
	case time.Time:
		t.at = v
	case string:
		t.at, err = time.Parse("2006-01-02 15:04:05.999999", v)
	case []byte:
		t.at, err = time.Parse("2006-01-02 15:04:05.999999", string(v))
	default:
		t.at = time.Time{}
	}
	return err
}

func (d *database) reads(sizes []int) []comparison {
	cases := append(d.searches(), d.summaries()...)
	for _, n := range d.bulkSizes(sizes) {
		cases = append(cases, d.readsOf(n)...)
	}
	return cases
}

// query is a search in both forms.
type query struct {
	name    string
	vo      string
	request jobdb.SearchRequest
	page    int // 0: all rows
	where   string
	args    []any
	order   string
	alone   bool // one statement does: no page can be full
}

func equal(parameter string, value any) jobdb.FilterSpec {
	return jobdb.FilterSpec{Parameter: parameter, Operator: "eq", Value: value}
}

const perPage = 100

func (d *database) queries() []query {
	middle := d.ids[len(d.ids)/2]
	name := "analysis_00007"
	deep := max(1, d.jobs/4/perPage) // half the jobs are lhcb's
	thousand := d.evenly(min(1000, len(d.ids)))
	condition, args := d.bare.in(thousand)
	values := make([]any, len(thousand))
	for i, id := range thousand {
		values[i] = int64(id)
	}
	site := `"Site" LIKE ?`
	switch d.engine {
	case "mariadb":
		site = `LOWER("Site") LIKE LOWER(?)`
	case "postgres":
		site = `"Site" ILIKE ?`
	}
	return []query{
		{
			name: "Search: JobID", vo: "lhcb", page: 1, order: `"JobID"`, alone: true,
			request: jobdb.SearchRequest{Search: []jobdb.FilterSpec{equal("JobID", int64(middle))}},
			where:   `"VO" = ? AND "JobID" = ?`, args: []any{"lhcb", int64(middle)},
		},
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
			name: "Search: deep page of a VO", vo: "lhcb", page: deep, order: `"JobID"`,
			where: `"VO" = ?`, args: []any{"lhcb"},
		},
		{name: "Search: no filter, no VO, page 1", page: 1, order: `"JobID"`, where: "1 = 1"},
		{
			name: "Search: JobName", vo: "lhcb", page: 1, order: `"JobID"`,
			request: jobdb.SearchRequest{Search: []jobdb.FilterSpec{equal("JobName", name)}},
			where:   `"VO" = ? AND "JobName" = ?`, args: []any{"lhcb", name},
		},
		{
			name: "Search: Site like, page 1", vo: "biomed", page: 1, order: `"JobID"`,
			request: jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "Site", Operator: "like", Value: "LCG.Site03%"}}},
			where:   `"VO" = ? AND ` + site, args: []any{"biomed", "lcg.site03%"},
		},
		{
			name: "Search: 1000 JobIDs", vo: "", page: 1, order: `"JobID"`,
			request: jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "JobID", Operator: "in", Values: values}}},
			where:   `"JobID"` + condition, args: args,
		},
	}
}

// text selects one page; of a deep one it finds the jobs by an index first.
func (q query) text() string {
	rest := ` FROM "Jobs" WHERE ` + q.where + " ORDER BY " + q.order + " LIMIT ? OFFSET ?"
	if q.page < 10 {
		return "SELECT " + jobColumns + rest
	}
	return "SELECT " + jobColumns + ` FROM "Jobs" JOIN (SELECT "JobID" AS id` + rest + `) AS p ON "JobID" = p.id ORDER BY ` + q.order
}

// latest sorts NULL last, as our answers do; only PostgreSQL must be told.
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
				s.Scope.VO, s.Page, s.PerPage = q.vo, q.page, perPage
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

// stream reads three columns of many rows without a page.
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
			_, err = d.db.Stream(ctx, s, func([]any) error { n++; return nil })
			return n, err
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

// regex is answered by hand as findings advise: match the few different values, then look for those.
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

// summaryQuery is a summary in both forms.
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
				s.Scope.VO = q.vo
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
