package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// jobsRead is how many rows of Jobs a query read, of its table or an index, as the engine says after
// it ran. On SQLite, which doesn't say, it is everyJob if the plan reads or sorts more than an index
// singles out for the filters.
func (p plan) jobsRead(engine string, q question) int64 {
	if !strings.Contains(p.query.text, `FROM "Jobs"`) { // what reads the counts may call them Jobs
		return 0
	}
	switch engine {
	case "postgres":
		return p.jobsReadPostgres()
	case "mariadb":
		return p.jobsReadMariaDB()
	case "mysql":
		return p.jobsReadMySQL()
	}
	if p.passesOverJobs(q) {
		return everyJob
	}
	return 0
}

const everyJob = 1 << 40

var (
	sqliteStep      = regexp.MustCompile(`^(SCAN|SEARCH) Jobs\b(.*)$`)
	sqliteCondition = regexp.MustCompile(`(\w+)[<>=]`)
)

// passesOverJobs looks at a plan of SQLite.
func (p plan) passesOverJobs(q question) bool {
	steps, ofJobs := p.steps, false
	if page := slices.Index(steps, "SCAN p"); page >= 0 {
		steps = steps[:page] // the rest is about the jobs of one page
	}
	for _, step := range steps {
		found := sqliteStep.FindStringSubmatch(step)
		if found == nil {
			continue
		}
		ofJobs = true
		if found[1] == "SCAN" || !q.singledOut(found[2]) {
			return true
		}
	}
	sorts := func(step string) bool { return strings.HasPrefix(step, "USE TEMP B-TREE FOR ") }
	return ofJobs && !q.finds && (gathering.MatchString(p.query.text) || slices.ContainsFunc(steps, sorts))
}

// gathering queries read all that they find, whatever their LIMIT.
var gathering = regexp.MustCompile(`GROUP BY|DISTINCT|count\(`)

// singledOut reports whether the conditions of a search in an index are those of the filters, or the
// one of them that leaves few jobs.
func (q question) singledOut(search string) bool {
	var compared []string
	for _, condition := range sqliteCondition.FindAllStringSubmatch(search, -1) {
		compared = append(compared, condition[1])
	}
	if slices.Contains(compared, "rowid") || slices.Contains(compared, q.narrow) {
		return true
	}
	return !slices.ContainsFunc(q.filters, func(column string) bool { return !slices.Contains(compared, column) })
}

var (
	postgresStep    = regexp.MustCompile(`\(actual rows=([\d.]+) loops=(\d+)\)`)
	postgresRemoved = regexp.MustCompile(`Rows Removed by (?:Filter|Index Recheck): (\d+)`)
	mariaDBField    = regexp.MustCompile(`"(table_name|r_loops|r_rows)": ([^,]+)`)
	mysqlStep       = regexp.MustCompile(`(?:scan|lookup|search).* on [` + "`" + `"]?Jobs\b.*\(actual time=\S+ rows=(\S+) loops=(\d+)\)`)
)

func (p plan) jobsReadPostgres() (n int64) {
	loops := int64(0) // 0: the step doesn't read Jobs
	for _, step := range p.steps {
		if found := postgresStep.FindStringSubmatch(step); found != nil {
			loops = 0
			if strings.Contains(step, ` on "Jobs"`) && !strings.Contains(step, "Subquery Scan") {
				loops, _ = strconv.ParseInt(found[2], 10, 64)
				n += times(found[1], loops)
			}
		}
		if found := postgresRemoved.FindStringSubmatch(step); found != nil {
			n += times(found[1], loops)
		}
	}
	return n
}

// jobsReadMariaDB reads lines: with ANSI_QUOTES what MariaDB writes is no JSON.
func (p plan) jobsReadMariaDB() (n int64) {
	ofJobs, loops := false, int64(0)
	for _, step := range p.steps {
		found := mariaDBField.FindStringSubmatch(step)
		switch {
		case found == nil:
		case found[1] == "table_name":
			ofJobs = found[2] == `"Jobs"`
		case found[1] == "r_loops":
			loops, _ = strconv.ParseInt(found[2], 10, 64)
		case ofJobs:
			n += times(found[2], loops)
			ofJobs = false
		}
	}
	return n
}

func (p plan) jobsReadMySQL() (n int64) {
	for i, step := range p.steps {
		found := mysqlStep.FindStringSubmatch(step)
		if found == nil || i+1 < len(p.steps) && strings.Contains(strings.ToLower(p.steps[i+1]), "materialize") {
			continue // a scan of what is made in the next step is one of the counts
		}
		loops, _ := strconv.ParseInt(found[2], 10, 64)
		n += times(found[1], loops)
	}
	return n
}

// times is a number of rows for each of some loops.
func times(rows string, loops int64) int64 {
	if loops == 0 {
		return 0 // and what was never begun has no number of rows
	}
	each, err := strconv.ParseFloat(rows, 64)
	if err != nil {
		return everyJob
	}
	return int64(each * float64(loops))
}
