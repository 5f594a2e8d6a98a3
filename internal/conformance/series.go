package conformance

import (
	"sync"
	"sync/atomic"
	"time"

	"jobdb"
)

// This file notes counts of jobs over time, and reads them.
var seriesTests = []conformanceTest{
	{"Series", testSeries},
}

// series asks for counts of this test's VO over time; it must not fail.
func (f *fixture) series(request jobdb.SeriesRequest) jobdb.SeriesRows {
	f.t.Helper()
	rows, err := f.trySeries(request, jobdb.Scope{VO: f.vo})
	f.ok(err)
	return rows
}

func (f *fixture) trySeries(request jobdb.SeriesRequest, scope jobdb.Scope) (jobdb.SeriesRows, error) {
	if request.From == "" {
		request.From, request.To = "2024-05-17 11:55", "2024-05-17 12:15"
	}
	query, err := request.Parse(f.Limits())
	if err != nil {
		return jobdb.SeriesRows{}, err
	}
	query.Scope = scope
	return f.Series(f.ctx, query)
}

// withSeries is the fixture with a database of its own that has a clock; false where no counts over
// time are kept.
func (f *fixture) withSeries() (*fixture, bool) {
	f.t.Helper()
	clock := &clock{at: noon}
	own := f.alone(jobdb.Options{Clock: clock.now})
	own.clock = clock
	if own.HasSeries() {
		return own, true
	}
	_, err := own.NoteSeries(own.ctx)
	own.refused(err, jobdb.ErrSchema)
	_, err = own.trySeries(jobdb.SeriesRequest{Columns: []string{"Status"}}, jobdb.Scope{VO: "x"})
	own.refused(err, jobdb.ErrSchema)
	return own, false
}

// note notes the counts, and wants to be the first who does.
func (f *fixture) note() {
	f.t.Helper()
	noted, err := f.NoteSeries(f.ctx)
	f.ok(err)
	f.equal("noted", noted, true)
}

// Counts are noted by Status and one more column, as means, and what ended as sums; what wasn't
// noted is told.
func testSeries(f *fixture) {
	f, ok := f.withSeries()
	if f.equal("series of our own schema", ok, f.Schema() == jobdb.SchemaOurs); !ok {
		return
	}
	job := func(status, site, owner string) jobdb.Attributes {
		return jobdb.Attributes{"Status": status, "Site": site, "Owner": owner}
	}
	ids := f.addJobs(job("Running", "A", "alice"), job("Running", "A", "bob"), job("Running", "B é", "bob"), job("Waiting", "ANY", "alice"))
	other := *f
	other.vo = "other"
	other.addJobs(job("Running", "A", "alice"))
	f.note()
	f.clock.advance(5 * time.Minute)
	_, err := f.SetJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{
		ids[0]: {"Status": "Done", "EndExecTime": f.clock.now().Add(-2 * time.Minute)},
		ids[1]: {"Status": "Failed", "MinorStatus": "x", "EndExecTime": f.clock.now().Add(-3 * time.Minute)},
	}, jobdb.SetOptions{})
	f.ok(err)
	f.note()

	rows := f.series(jobdb.SeriesRequest{Columns: []string{"Status"}, Top: 2})
	f.equal("bucket", rows.Bucket, 5*time.Minute)
	f.equal("period", []time.Time{rows.From, rows.To}, []time.Time{noon.Truncate(time.Minute).Add(-5 * time.Minute), noon.Truncate(time.Minute).Add(15 * time.Minute)})
	f.equal("samples", rows.Samples, []int64{0, 1, 1, 0})
	f.equal("statuses", rows.Series, []jobdb.SeriesOf{
		{Values: []string{"Running"}, Counts: []float64{0, 3, 1, 0}}, {Values: []string{"Waiting"}, Counts: []float64{0, 1, 1, 0}},
	})
	f.equal("others", rows.Other, []float64{0, 0, 2, 0})

	rows = f.series(jobdb.SeriesRequest{Columns: []string{"Status", "Site"}, Bucket: 3600, Search: []jobdb.FilterSpec{
		{Parameter: "Status", Operator: "in", Values: []any{"Running", "Done"}},
	}})
	f.equal("samples of hours", rows.Samples, []int64{0, 2})
	f.equal("hours", rows.Series, []jobdb.SeriesOf{
		{Values: []string{"Running", "A"}, Counts: []float64{0, 1}},
		{Values: []string{"Running", "B é"}, Counts: []float64{0, 1}},
		{Values: []string{"Done", "A"}, Counts: []float64{0, 0.5}},
	})
	f.equal("others of hours", rows.Other, []float64{0, 0})

	rows = f.series(jobdb.SeriesRequest{Columns: []string{"Status"}, Search: []jobdb.FilterSpec{{Parameter: "Status", Operator: "in", Values: []any{}}}})
	f.equal("of no status", len(rows.Series), 0)
	f.equal("samples of no status", rows.Samples, []int64{0, 1, 1, 0})

	rows = f.series(jobdb.SeriesRequest{Columns: []string{"Status", "MinorStatus"}, Ended: true})
	f.equal("ended", rows.Series, []jobdb.SeriesOf{
		{Values: []string{"Done", "Unknown"}, Counts: []float64{0, 1, 0, 0}}, {Values: []string{"Failed", "x"}, Counts: []float64{0, 1, 0, 0}},
	})
	rows = f.series(jobdb.SeriesRequest{Columns: []string{"Site"}, Ended: true, Bucket: 86400, Search: []jobdb.FilterSpec{
		{Parameter: "Status", Operator: "eq", Value: "Failed"},
	}})
	f.equal("ended by day", rows.Series, []jobdb.SeriesOf{{Values: []string{"A"}, Counts: []float64{1}}})

	rows, err = f.trySeries(jobdb.SeriesRequest{Columns: []string{"Status", "Owner"}}, jobdb.Scope{VO: f.vo, Owner: "bob"})
	f.ok(err)
	f.equal("of one owner", rows.Series, []jobdb.SeriesOf{
		{Values: []string{"Running", "bob"}, Counts: []float64{0, 2, 1, 0}}, {Values: []string{"Failed", "bob"}, Counts: []float64{0, 0, 1, 0}},
	})
	rows, err = f.trySeries(jobdb.SeriesRequest{Columns: []string{"VO"}}, jobdb.Scope{AllVOs: true})
	f.ok(err)
	f.equal("of all VOs", rows.Series, []jobdb.SeriesOf{
		{Values: []string{f.vo}, Counts: []float64{0, 4, 4, 0}}, {Values: []string{"other"}, Counts: []float64{0, 1, 1, 0}},
	})
	f.refusesSeries()
	f.notesSeriesOnce()
	f.keepsSeries()
}

// refusesSeries asks for what there is not.
func (f *fixture) refusesSeries() {
	f.t.Helper()
	refuse := func(request jobdb.SeriesRequest, scope jobdb.Scope, about string) {
		f.t.Helper()
		_, err := f.trySeries(request, scope)
		f.refused(err, jobdb.ErrInvalidQuery, about)
	}
	all := jobdb.Scope{VO: f.vo}
	refuse(jobdb.SeriesRequest{}, all, "columns")
	refuse(jobdb.SeriesRequest{Columns: []string{"Status", "JobName"}}, all, "columns")
	refuse(jobdb.SeriesRequest{Columns: []string{"Site", "Owner"}}, all, "columns")
	refuse(jobdb.SeriesRequest{Columns: []string{"Status", "Status"}}, all, "columns")
	refuse(jobdb.SeriesRequest{Columns: []string{"Site"}, Search: []jobdb.FilterSpec{{Parameter: "Owner", Operator: "eq", Value: "x"}}}, all, "columns")
	refuse(jobdb.SeriesRequest{Columns: []string{"Site"}, Search: []jobdb.FilterSpec{{Parameter: "Site", Operator: "neq", Value: "x"}}}, all, "search")
	refuse(jobdb.SeriesRequest{Columns: []string{"Site"}}, jobdb.Scope{VO: f.vo, Owner: "bob"}, "columns")
	refuse(jobdb.SeriesRequest{Columns: []string{"Status"}, Bucket: 60}, all, "bucket")
	refuse(jobdb.SeriesRequest{Columns: []string{"Status"}, Top: jobdb.MaxSeries + 1}, all, "top")
	refuse(jobdb.SeriesRequest{Columns: []string{"Status"}, From: "2024", To: "2024"}, all, "to")
	refuse(jobdb.SeriesRequest{Columns: []string{"Status"}, From: "2020", To: "2024", Bucket: 3600}, all, "bucket")
	_, err := f.trySeries(jobdb.SeriesRequest{Columns: []string{"Status"}}, jobdb.Scope{})
	f.refused(err, jobdb.ErrNoScope)
}

// at is the fixture in a month of 2024, with a VO that has no jobs yet.
func (f *fixture) at(month time.Month) *fixture {
	own := *f
	own.vo += " " + month.String()
	own.clock.set(time.Date(2024, month, 17, 12, 0, 0, 0, time.UTC))
	return &own
}

// When several servers note the same time at once, it counts once.
func (f *fixture) notesSeriesOnce() {
	f = f.at(time.June)
	f.addJobs(jobdb.Attributes{"Status": "Running"}, jobdb.Attributes{"Status": "Running", "Site": "A"})
	var noted atomic.Int64
	var running sync.WaitGroup
	for _, server := range f.servers(3, jobdb.Options{Clock: f.clock.now}) {
		for range 2 {
			running.Go(func() {
				did, err := server.NoteSeries(f.ctx)
				if err != nil {
					f.t.Errorf("note series: %v", err)
				}
				if did {
					noted.Add(1)
				}
			})
		}
	}
	running.Wait()
	f.equal("times noted", noted.Load(), int64(1))
	for _, bucket := range []int64{300, 3600, 86400} {
		rows := f.series(jobdb.SeriesRequest{Columns: []string{"Status"}, From: "2024-06-17 12", To: "2024-06-17 12:05", Bucket: bucket})
		f.equal("counts", rows.Series, []jobdb.SeriesOf{{Values: []string{"Running"}, Counts: []float64{2}}})
		f.equal("samples", rows.Samples, []int64{1})
	}
}

// Fine buckets go after a while, coarse ones stay, and the finest that is kept answers.
func (f *fixture) keepsSeries() {
	f = f.at(time.July)
	f.addJobs(jobdb.Attributes{"Status": "Running"})
	f.note()
	f.clock.advance(3 * 24 * time.Hour)
	f.note()
	request := jobdb.SeriesRequest{Columns: []string{"Status"}, From: "2024-07-17 12", To: "2024-07-17 13", Bucket: 300}
	f.equal("samples of 5 minutes", f.series(request).Samples, make([]int64, 12))
	request.Bucket = 0
	rows := f.series(request)
	f.equal("the finest that is kept", rows.Bucket, time.Hour)
	f.equal("samples of an hour", rows.Samples, []int64{1})
	n, err := f.DropSeries(f.ctx, "nobody", f.clock.now())
	f.ok(err)
	f.equal("rows of nobody", n, int64(0))
	if n, err = f.DropSeries(f.ctx, f.vo, f.clock.now().Add(-24*time.Hour)); n == 0 {
		f.t.Errorf("no rows were dropped")
	}
	f.ok(err)
	f.equal("series", len(f.series(request).Series), 0)
	request.From, request.To = "2024-07-20", "2024-07-21"
	f.equal("series of later", len(f.series(request).Series), 1)
}
