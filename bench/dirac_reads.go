package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"jobdb"
	"jobdb/jdl"
)

const (
	jobDB     = "JobDB"
	loggingDB = "JobLoggingDB"
)

// diracPerPage is the number of rows of a page of DIRAC's web application.
const diracPerPage = 25

func (d *diracDatabase) diracReads() []diracCase {
	cases := slices.Concat(d.diracJobs(), d.diracSelections(), d.diracCounters(), d.diracDistincts(), d.diracPages())
	return append(cases, d.diracTexts()...)
}

// diracQuery is a query as both take it.
type diracQuery struct {
	vo      string         // "": all
	equal   map[string]any // of columns but VO
	since   string         // a lower bound of LastUpdateTime, in UTC
	columns []string       // to group by, or to make distinct
	sort    string         // a column
	desc    bool
}

func (q diracQuery) conditions() map[string]any {
	conditions := map[string]any{}
	if q.vo != "" {
		conditions["VO"] = q.vo
	}
	maps.Copy(conditions, q.equal)
	return conditions
}

func (q diracQuery) named() map[string]any {
	if q.since == "" {
		return map[string]any{}
	}
	return map[string]any{"newer": q.since, "timeStamp": "LastUpdateTime"}
}

func (q diracQuery) filters() []jobdb.FilterSpec {
	var filters []jobdb.FilterSpec
	for _, name := range slices.Sorted(maps.Keys(q.equal)) {
		filters = append(filters, equal(name, q.equal[name]))
	}
	if q.since != "" {
		filters = append(filters, jobdb.FilterSpec{Parameter: "LastUpdateTime", Operator: "gte", Value: q.since})
	}
	return filters
}

func (q diracQuery) scope() jobdb.Scope { return jobdb.Scope{VO: q.vo, AllVOs: true} }

// search is the query for a page of its rows, all if page is 0.
func (q diracQuery) search(limits jobdb.Limits, columns []string, distinct bool, page int) (jobdb.Search, error) {
	request := jobdb.SearchRequest{Parameters: columns, Search: q.filters(), Distinct: distinct}
	if q.sort != "" {
		request.Sort = []jobdb.SortSpec{{Parameter: q.sort, Direction: map[bool]string{true: "desc", false: "asc"}[q.desc]}}
	}
	s, err := request.Parse(limits)
	s.Scope, s.Page, s.PerPage = q.scope(), page, diracPerPage
	return s, err
}

// diracJobs are attributes of jobs that are given.
func (d *diracDatabase) diracJobs() []diracCase {
	var cases []diracCase
	for _, c := range []struct {
		method  string
		jobs    int
		columns []string
	}{
		{"getJobAttributes", 1, nil},
		{"getJobsAttributes", 100, nil},
		{"getJobsAttributes", 1000, nil},
		{"getJobsAttributes: Status", 100, []string{"Status"}},
	} {
		ids := d.evenly(min(c.jobs, len(d.ids)))
		filter := jobdb.FilterSpec{Parameter: "JobID", Operator: "in"}
		for _, id := range ids {
			filter.Values = append(filter.Values, int64(id))
		}
		columns := c.columns
		if columns != nil {
			columns = append([]string{"JobID"}, columns...)
		}
		request := jobdb.SearchRequest{Parameters: columns, Search: []jobdb.FilterSpec{filter}}
		cases = append(cases, diracCase{
			method: c.method, size: c.jobs,
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(jobDB, "getJobsAttributes", []any{ids, c.columns}, nil)
				return attributeLines(value), err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				s, err := request.Parse(d.db.Limits())
				if err != nil {
					return nil, err
				}
				s.Scope.AllVOs = true
				page, err := d.db.Search(ctx, s)
				return func() []string { return pageLines(page) }, err
			},
		})
	}
	return cases
}

// attributeLines has a line for each job of getJobsAttributes: its attributes but the ID, by their names.
func attributeLines(value any) []string {
	var lines []string
	jobs, _ := value.(map[string]any)
	for id, attributes := range jobs {
		of, _ := attributes.(map[string]any)
		values := []any{id}
		for _, name := range slices.Sorted(maps.Keys(of)) {
			if name != "JobID" {
				values = append(values, of[name])
			}
		}
		lines = append(lines, line(values...))
	}
	return lines
}

// pageLines is attributeLines of our rows, whose first column is JobID.
func pageLines(page jobdb.Page) []string {
	order := make([]int, len(page.Columns)-1)
	for i := range order {
		order[i] = i + 1
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(page.Columns[a].Name(), page.Columns[b].Name()) })
	var lines []string
	for _, row := range page.Rows {
		values := []any{row[0]}
		for _, i := range order {
			values = append(values, row[i])
		}
		lines = append(lines, line(values...))
	}
	return lines
}

// latestUpdates is a time after which few jobs were updated.
func (d *diracDatabase) latestUpdates() string {
	return populationStart.AddDate(0, 0, 3).Format("2006-01-02 15:04:05")
}

func (d *diracDatabase) diracSelections() []diracCase {
	var cases []diracCase
	for name, q := range map[string]diracQuery{
		"selectJobs: Status":                  {equal: map[string]any{"Status": "Checking"}},
		"selectJobs: Status of a VO":          {vo: "lhcb", equal: map[string]any{"Status": "Checking"}},
		"selectJobs: Owner of a VO":           {vo: "belle", equal: map[string]any{"Owner": "belle.user007"}},
		"selectJobs: JobGroup":                {equal: map[string]any{"JobGroup": "00100001"}},
		"selectJobs: JobName":                 {equal: map[string]any{"JobName": "analysis_00007"}},
		"selectJobs: updated lately, of a VO": {vo: "lhcb", since: d.latestUpdates()},
		"selectJobs: Site and MinorStatus":    {equal: map[string]any{"Site": "LCG.Site01.ch", "MinorStatus": "Application"}},
	} {
		cases = append(cases, diracCase{
			method: name,
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(jobDB, "selectJobs", []any{q.conditions()}, q.named())
				return valueLines(value), err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				s, err := q.search(d.db.Limits(), []string{"JobID"}, false, 0)
				if err != nil {
					return nil, err
				}
				page, err := d.db.Search(ctx, s)
				return func() []string { return pageLines(page) }, err
			},
		})
	}
	slices.SortFunc(cases, func(a, b diracCase) int { return strings.Compare(a.method, b.method) })
	return cases
}

// valueLines has a line for each element of a list.
func valueLines(value any) []string {
	list, _ := value.([]any)
	lines := make([]string, len(list))
	for i, one := range list {
		lines[i] = line(one)
	}
	return lines
}

func (d *diracDatabase) diracCounters() []diracCase {
	var cases []diracCase
	for _, q := range []diracQuery{
		{columns: []string{"Status"}},
		{columns: []string{"Site"}},
		{columns: []string{"Site", "Status"}},
		{columns: []string{"Owner", "Status"}},
		{columns: []string{"Status", "MinorStatus"}},
		{columns: []string{"Status"}, vo: "lhcb"},
		{columns: []string{"Site", "Status"}, vo: "lhcb"},
		{columns: []string{"Site"}, equal: map[string]any{"Status": "Running"}},
		{columns: []string{"Site"}, vo: "lhcb", equal: map[string]any{"Status": "Running"}},
		{columns: []string{"Status"}, vo: "biomed", equal: map[string]any{"OwnerGroup": "biomed_user"}},
		{columns: []string{"Site", "Status"}, since: d.latestUpdates()},
	} {
		cases = append(cases, diracCase{
			method: "getCounters: " + strings.Join(q.columns, " × ") + q.where(),
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(jobDB, "getCounters", []any{"Jobs", q.columns, q.conditions()}, q.named())
				return counterLines(value), err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				s, err := jobdb.SummaryRequest{Grouping: q.columns, Search: q.filters()}.Parse(d.db.Limits())
				if err != nil {
					return nil, err
				}
				s.Scope = q.scope()
				rows, err := d.db.Summary(ctx, s)
				return func() []string { return summaryLines(rows) }, err
			},
		})
	}
	return cases
}

// where says in words which jobs a query is about.
func (q diracQuery) where() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(q.equal)) {
		fmt.Fprintf(&text, ", %s %v", name, q.equal[name])
	}
	if q.since != "" {
		text.WriteString(", updated lately")
	}
	if q.vo != "" {
		text.WriteString(", of a VO")
	}
	return text.String()
}

// counterLines are those of getCounters: a list of pairs of values by name and a count.
func counterLines(value any) []string {
	list, _ := value.([]any)
	lines := make([]string, len(list))
	for i, item := range list {
		pair, _ := item.([]any)
		group, _ := pair[0].(map[string]any)
		lines[i] = groupLine(group, pair[1])
	}
	return lines
}

func summaryLines(rows jobdb.SummaryRows) []string {
	lines := make([]string, len(rows.Rows))
	for i, row := range rows.Rows {
		group := map[string]any{}
		for j, column := range rows.Columns {
			group[column.Name()] = row[j]
		}
		lines[i] = groupLine(group, row[len(row)-1])
	}
	return lines
}

func groupLine(group map[string]any, count any) string {
	var values []any
	for _, name := range slices.Sorted(maps.Keys(group)) {
		values = append(values, group[name])
	}
	return line(append(values, count)...)
}

func (d *diracDatabase) diracDistincts() []diracCase {
	var cases []diracCase
	for _, q := range []diracQuery{
		{columns: []string{"Site"}},
		{columns: []string{"Status"}},
		{columns: []string{"Owner"}},
		{columns: []string{"JobGroup"}},
		{columns: []string{"Owner"}, vo: "lhcb"},
		{columns: []string{"Site"}, equal: map[string]any{"Status": "Running"}},
		{columns: []string{"MinorStatus"}, since: d.latestUpdates()},
	} {
		cases = append(cases, diracCase{
			method: "getDistinctJobAttributes: " + q.columns[0] + q.where(),
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(jobDB, "getDistinctJobAttributes", []any{q.columns[0], q.conditions()}, q.named())
				return valueLines(value), err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				s, err := q.search(d.db.Limits(), q.columns, true, 0)
				if err != nil {
					return nil, err
				}
				page, err := d.db.Search(ctx, s)
				return func() []string { return pageLines(page) }, err
			},
		})
	}
	return cases
}

// diracPages are pages as DIRAC's web application gets them: the number of jobs, the IDs of those on
// the page, and their attributes.
func (d *diracDatabase) diracPages() []diracCase {
	var cases []diracCase
	for _, c := range []struct {
		name string
		q    diracQuery
		page int
	}{
		{"a page: the newest", diracQuery{sort: "JobID", desc: true}, 1},
		{"a page: the newest of a VO", diracQuery{vo: "lhcb", sort: "JobID", desc: true}, 1},
		{"a page: Failed", diracQuery{equal: map[string]any{"Status": "Failed"}, sort: "JobID", desc: true}, 1},
		{"a page: Failed of a VO", diracQuery{vo: "belle", equal: map[string]any{"Status": "Failed"}, sort: "JobID", desc: true}, 1},
		{"a page: the latest updates", diracQuery{sort: "LastUpdateTime", desc: true}, 1},
		{"a page: the latest updates of a VO", diracQuery{vo: "lhcb", sort: "LastUpdateTime", desc: true}, 1},
		{"a page: by Site, of a VO", diracQuery{vo: "biomed", sort: "Site"}, 1},
		{"a page: by Owner", diracQuery{sort: "Owner"}, 1},
		{"a page: number 1,000", diracQuery{sort: "JobID"}, min(1000, d.jobs/diracPerPage)},
		{"a page: Site and Status of a VO", diracQuery{
			vo: "lhcb", equal: map[string]any{"Site": "LCG.Site01.ch", "Status": "Done"}, sort: "JobID", desc: true,
		}, 1},
	} {
		cases = append(cases, d.diracPage(c.name, c.q, c.page))
	}
	return cases
}

// diracPage compares the totals, and the values of the column that the page is sorted by: DIRAC
// leaves open which of the jobs that are equal in it come first.
func (d *diracDatabase) diracPage(name string, q diracQuery, page int) diracCase {
	return diracCase{
		method: name,
		theirs: func(call diracCall) ([]string, error) {
			total, err := call(jobDB, "countEntries", []any{"Jobs", q.conditions()}, nil)
			if err != nil {
				return nil, err
			}
			ids, err := call(jobDB, "selectJobs", []any{q.conditions()}, map[string]any{
				"orderAttribute": q.sort + map[bool]string{true: ":DESC", false: ":ASC"}[q.desc],
				"limit":          []int{diracPerPage, (page - 1) * diracPerPage},
			})
			if err != nil {
				return nil, err
			}
			value, err := call(jobDB, "getJobsAttributes", []any{ids}, nil)
			lines := []string{line(total)}
			jobs, _ := value.(map[string]any)
			for _, attributes := range jobs {
				of, _ := attributes.(map[string]any)
				lines = append(lines, line(of[q.sort]))
			}
			return lines, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			s, err := q.search(d.db.Limits(), nil, false, page)
			if err != nil {
				return nil, err
			}
			found, err := d.db.Search(ctx, s)
			return func() []string {
				lines := []string{line(found.Total)}
				for _, row := range found.Rows {
					for i, column := range found.Columns {
						if column.Name() == q.sort {
							lines = append(lines, line(row[i]))
						}
					}
				}
				return lines
			}, err
		},
	}
}

// diracTexts are reads of what belongs to one job.
func (d *diracDatabase) diracTexts() []diracCase {
	ids := d.evenly(1)
	id := ids[0]
	return []diracCase{
		{
			method: "getJobJDL", size: 1,
			before: func(ctx context.Context) error {
				return d.db.UpdateJobJDLs(ctx, map[jobdb.JobID]string{id: jdl.Compress(diracJDL)})
			},
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(jobDB, "getJobJDL", []any{id}, nil)
				return []string{line(value)}, err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				texts, err := d.db.JobJDLs(ctx, ids)
				if err != nil {
					return nil, err
				}
				text, err := jdl.Decompress(texts[id])
				return func() []string { return []string{line(text)} }, err
			},
		},
		{
			method: "getInputData", size: 1,
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(jobDB, "getInputData", []any{id}, nil)
				return valueLines(value), err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				files, err := d.db.InputData(ctx, ids)
				return func() (lines []string) {
					for _, file := range files[id] {
						lines = append(lines, line(file.LFN))
					}
					return lines
				}, err
			},
		},
		{
			method: "getJobOptParameters", size: 1,
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(jobDB, "getJobOptParameters", []any{id}, nil)
				return []string{fmt.Sprint(value)}, err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				found, err := d.db.OptimizerParameters(ctx, ids)
				return func() []string { return []string{fmt.Sprint(found[id])} }, err
			},
		},
		{
			method: "getHeartBeatData", size: 1,
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(jobDB, "getHeartBeatData", []any{id}, nil)
				list, _ := value.([]any)
				return []string{line(len(list))}, err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				found, err := d.db.Heartbeats(ctx, ids, 0)
				return func() []string { return []string{line(len(found[id]))} }, err
			},
		},
		{
			method: "getJobCommand", size: 1,
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(jobDB, "getJobCommand", []any{id}, nil)
				commands, _ := value.(map[string]any)
				return []string{line(len(commands))}, err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				found, err := d.db.JobCommands(ctx, ids)
				return func() []string { return []string{line(len(found[id]))} }, err
			},
		},
		{
			method: "getJobLoggingInfo", size: 1,
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(loggingDB, "getJobLoggingInfo", []any{id}, nil)
				var lines []string
				records, _ := value.([]any)
				for _, record := range records {
					of, _ := record.([]any)
					lines = append(lines, line(of[0], of[3], of[4]))
				}
				return lines, err
			},
			ours: func(ctx context.Context) (func() []string, error) {
				found, err := d.db.History(ctx, ids)
				return func() (lines []string) {
					for _, record := range found[id] {
						lines = append(lines, line(record.Status, record.Time, record.Source))
					}
					return lines
				}, err
			},
		},
		{
			method: "getWMSTimeStamps", size: 1,
			theirs: func(call diracCall) ([]string, error) {
				value, err := call(loggingDB, "getWMSTimeStamps", []any{id}, nil)
				times, _ := value.(map[string]any)
				return []string{line(len(times) - 1)}, err // one of them is the last time of all
			},
			ours: func(ctx context.Context) (func() []string, error) {
				found, err := d.db.StatusTimes(ctx, ids)
				return func() []string { return []string{line(len(found[id]))} }, err
			},
		},
	}
}
