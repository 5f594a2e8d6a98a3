package shadow

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"strconv"
)

// Mix makes requests out of jobs that theirs has: pages, searches by what these jobs are, summaries,
// distinct values, whole jobs and their histories, and details with the JDL where both services have
// that route.
type Mix struct {
	random  *rand.Rand
	jobs    []object
	details bool
}

// sample is how many jobs a mix is made of.
const sample = 200

// NewMix looks for jobs, the newest and the oldest.
func NewMix(ctx context.Context, o Options, seed uint64) (*Mix, error) {
	m := &Mix{random: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // chooses questions
	for _, direction := range []string{"asc", "desc"} {
		a, err := o.Theirs.Ask(ctx, m.search(object{"sort": []any{object{"parameter": "JobID", "direction": direction}}}, fmt.Sprint("?per_page=", sample/2)))
		switch {
		case err != nil:
			return nil, fmt.Errorf("look for jobs: %w", err)
		case a.Status >= http.StatusBadRequest:
			return nil, fmt.Errorf("look for jobs: %s", a)
		}
		m.jobs = append(m.jobs, rowsOf(a)...)
	}
	if len(m.jobs) == 0 {
		return nil, errors.New("look for jobs: there are none that this token may see")
	}
	ours, err := o.Ours.Ask(ctx, m.detailsOf(m.jobs[0]))
	if err != nil {
		return nil, err
	}
	theirs, err := o.Theirs.Ask(ctx, m.detailsOf(m.jobs[0]))
	m.details = ours.Status == http.StatusOK && theirs.Status == http.StatusOK
	return m, err
}

// HasDetails reports whether details are among the requests.
func (m *Mix) HasDetails() bool { return m.details }

// Reads are n requests, of all kinds in turn.
func (m *Mix) Reads(n int) iter.Seq[Read] {
	kinds := []func(job object) Read{m.page, m.byValue, m.summary, m.job, m.history, m.distinct, m.byID, m.byTime}
	if m.details {
		kinds = append(kinds, m.detailsOf)
	}
	return func(yield func(Read) bool) {
		for i := range n {
			if !yield(kinds[i%len(kinds)](m.jobs[m.random.IntN(len(m.jobs))])) {
				return
			}
		}
	}
}

// The columns that people search and group by.
var (
	mixColumns  = []string{"Status", "MinorStatus", "ApplicationStatus", "Site", "Owner", "OwnerGroup", "JobGroup", "JobType", "JobName"}
	timeColumns = []string{"SubmissionTime", "LastUpdateTime", "StartExecTime", "EndExecTime", "HeartBeatTime"}
)

func pick[T any](m *Mix, from ...T) T { return from[m.random.IntN(len(from))] }

func (*Mix) post(target string, body object) Read {
	return Read{http.MethodPost, target, textOf(body)}
}

func (m *Mix) search(body object, query string) Read { return m.post(searchPath+query, body) }

func summaryBy(columns ...string) Read {
	return Read{http.MethodPost, summaryPath, textOf(object{"grouping": columns})}
}

func (m *Mix) page(object) Read {
	sorts := []any{object{"parameter": "JobID", "direction": pick(m, "asc", "desc")}}
	if column := pick(m, append(mixColumns, timeColumns...)...); m.random.IntN(2) == 0 {
		sorts = append([]any{object{"parameter": column, "direction": pick(m, "asc", "desc")}}, sorts...)
	}
	return m.search(object{"sort": sorts}, fmt.Sprintf("?page=%d&per_page=%d", pick(m, 1, 1, 2, 3), pick(m, 10, 25, 100)))
}

func equals(column string, value any) object {
	return object{"parameter": column, "operator": "eq", "value": value}
}

func (m *Mix) byValue(job object) Read {
	column := pick(m, mixColumns...)
	other := pick(m, mixColumns...)
	text, _ := job[other].(string)
	filter := pick(m, equals(other, text), object{"parameter": other, "operator": "in", "values": []any{text, "Running"}},
		object{"parameter": other, "operator": "neq", "value": text})
	return m.search(object{
		"search": []any{equals(column, job[column]), filter}, "sort": []any{object{"parameter": "JobID", "direction": "desc"}},
		"parameters": []string{"JobID", "Status", "Owner", column},
	}, "")
}

func (m *Mix) summary(job object) Read {
	column := pick(m, mixColumns...)
	body := object{"grouping": pick(m, []string{"Status"}, []string{"Status", "Site"}, []string{"Owner", "Status"}, []string{column})}
	if m.random.IntN(2) == 0 {
		body["search"] = []any{equals(column, job[column])}
	}
	return m.post(summaryPath, body)
}

func (m *Mix) distinct(object) Read {
	column := pick(m, "Status", "Site", "Owner", "OwnerGroup", "JobType", "VO")
	return m.search(object{
		"parameters": []string{column}, "distinct": true, "sort": []any{object{"parameter": column, "direction": "asc"}},
	}, "?per_page=1000")
}

func (m *Mix) job(job object) Read {
	return m.search(object{"search": []any{equals("JobID", job["JobID"])}}, "")
}

func (m *Mix) history(job object) Read {
	return m.search(object{"search": []any{equals("JobID", job["JobID"])}, "parameters": []string{"JobID", "LoggingInfo"}}, "")
}

func (m *Mix) byID(object) Read {
	ids := []any{}
	for range 1 + m.random.IntN(10) {
		ids = append(ids, m.jobs[m.random.IntN(len(m.jobs))]["JobID"])
	}
	return m.search(object{
		"search": []any{object{"parameter": "JobID", "operator": "in", "values": ids}}, "sort": []any{object{"parameter": "JobID", "direction": "asc"}},
	}, "")
}

// byTime asks for jobs after the day of one.
func (m *Mix) byTime(job object) Read {
	column := pick(m, timeColumns...)
	text, _ := job[column].(string)
	day := "2020-01-01"
	if len(text) >= len(day) {
		day = text[:len(day)]
	}
	return m.search(object{
		"search":     []any{object{"parameter": column, "operator": pick(m, "gt", "lt", "eq"), "value": day}},
		"parameters": []string{"JobID", column}, "sort": []any{object{"parameter": "JobID", "direction": "desc"}},
	}, "?per_page="+strconv.Itoa(pick(m, 10, 100)))
}

func (*Mix) detailsOf(job object) Read {
	return Read{http.MethodGet, "/api/jobdb/jobs/" + fmt.Sprint(job["JobID"]), ""}
}
