package demo

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jdl"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// openGrid fills a database and opens it, with a clock that *now tells.
func openGrid(t *testing.T, jobs int, now *time.Time) *wms.JobManager {
	t.Helper()
	url, told := jobdbtest.SQLite(t), 0
	if err := Fill(t.Context(), url, jobs, 1, *now, func(done int) { told = done }); err != nil {
		t.Fatal(err)
	}
	if told != jobs {
		t.Errorf("told of %d jobs", told)
	}
	db, err := jobdb.Open(t.Context(), url, jobdb.Options{Clock: func() time.Time { return *now }, FoldInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := wms.NewJobManager(db, Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// details are those of all jobs of the grid.
func details(t *testing.T, m *wms.JobManager, jobs int) (all []wms.Details) {
	t.Helper()
	for id := range jobs {
		vo := "lhcb"
		if _, err := m.DB.Job(t.Context(), jobdb.Scope{VO: vo}, jobdb.JobID(id+1)); err != nil {
			vo = "belle"
		}
		d, err := m.Details(t.Context(), wms.Scope{VO: vo}, jobdb.JobID(id+1), wms.DetailsOptions{Heartbeats: 100})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// TestFill wants jobs whose histories, times and JDLs fit together, and the same ones each time.
func TestFill(t *testing.T) {
	const jobs = 400
	now := noon
	m := openGrid(t, jobs, &now)
	all := details(t, m, jobs)
	beats, parameters := 0, 0
	for _, d := range all {
		beats, parameters = beats+len(d.Heartbeats), parameters+len(d.Parameters)
		checkJob(t, d)
	}
	if beats < jobs || parameters < jobs {
		t.Errorf("%d heartbeats and %d parameters", beats, parameters)
	}
	if diff := cmp.Diff(all, details(t, openGrid(t, jobs, &now), jobs)); diff != "" {
		t.Errorf("another time: %s", diff)
	}
	texts, err := m.DB.OriginalJDLs(t.Context(), []jobdb.JobID{1, 2, jobs})
	if err != nil {
		t.Fatal(err)
	}
	for id, stored := range texts {
		text, err := jdl.Decompress(stored)
		if err != nil {
			t.Fatal(err)
		}
		ad, err := jdl.ParseAd(text)
		if err != nil || ad.Text("JobName") != all[id-1].Attributes["JobName"] {
			t.Errorf("job %d: %v, %s", id, err, text)
		}
	}
}

func checkJob(t *testing.T, d wms.Details) {
	t.Helper()
	status := jobdb.Status("")
	for i, r := range d.History {
		if i > 0 && (r.Time.Before(d.History[i-1].Time) || wms.NextStatus(status, r.Status) != r.Status && r.Status != status) {
			t.Errorf("job %v: after %v comes %v", d.Attributes["JobID"], d.History[i-1], r)
		}
		status = r.Status
	}
	last := d.History[len(d.History)-1]
	if string(last.Status) != d.Attributes["Status"] || last.MinorStatus != d.Attributes["MinorStatus"] ||
		last.ApplicationStatus != d.Attributes["ApplicationStatus"] || last.Time.After(noon) || last.Time != d.Attributes["LastUpdateTime"] {
		t.Errorf("job %v ends with %v", d.Attributes, last)
	}
	if slices.Contains([]jobdb.Status{jobdb.StatusRunning, jobdb.StatusDone}, last.Status) && (d.Attributes["StartExecTime"] == nil || d.Attributes["Site"] == "ANY") {
		t.Errorf("job %v never began", d.Attributes)
	}
}

// TestLive lets two minutes go by. Jobs must be submitted and end, a killed one by its Kill, and a
// rescheduled one must run again.
func TestLive(t *testing.T) {
	const jobs = 300
	now := noon
	m := openGrid(t, jobs, &now)
	l := newLiveGrid(m, 1, 5)
	ctx, lhcb := t.Context(), grid[0]
	running, err := l.find(ctx, lhcb, 1, "JobID", isStatus(jobdb.StatusRunning))
	if err != nil || len(running) == 0 {
		t.Fatal(running, err)
	}
	failed, err := l.find(ctx, lhcb, 1, "JobID", isStatus(jobdb.StatusFailed))
	if err != nil || len(failed) == 0 {
		t.Fatal(failed, err)
	}
	scope := wms.Scope{VO: lhcb.name}
	killed, again := running[0].id, failed[0].id
	kill := wms.StatusUpdate{Time: now, Status: jobdb.StatusKilled, MinorStatus: "Marked for termination", Source: "User"}
	if _, err := m.SetStatus(ctx, scope, map[jobdb.JobID][]wms.StatusUpdate{killed: {kill}}, wms.StatusOptions{}); err != nil {
		t.Fatal(err)
	}
	if report, err := m.Reschedule(ctx, scope, []jobdb.JobID{again}, false); err != nil || len(report.Success) != 1 {
		t.Fatal(report, err)
	}
	for range 120 {
		now = now.Add(time.Second)
		if err := l.tick(ctx); err != nil {
			t.Fatal(err)
		}
	}
	k, err := m.Details(ctx, scope, killed, wms.DetailsOptions{})
	if err != nil || k.Attributes["MinorStatus"] != "Received Kill signal" || k.Commands[0].Status != jobdb.CommandConfirmed {
		t.Errorf("%v, %v", k, err)
	}
	if a, err := m.Details(ctx, scope, again, wms.DetailsOptions{}); err != nil || a.Attributes["StartExecTime"] == nil {
		t.Errorf("%v, %v", a.Attributes, err)
	}
	ended := 0
	for _, v := range grid {
		done, err := l.find(ctx, v, 1000, "JobID", isStatus(jobdb.StatusDone), jobdb.FilterSpec{Parameter: "EndExecTime", Operator: "gt", Value: timeText(noon)})
		if err != nil {
			t.Fatal(err)
		}
		ended += len(done)
	}
	if ended < 50 {
		t.Errorf("%d jobs have ended", ended)
	}
}

// TestLiveEnds wants a grid to stop with its context.
func TestLiveEnds(t *testing.T) {
	now := noon
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	Live(ctx, openGrid(t, 10, &now), 1, 1, slog.New(slog.DiscardHandler))
}

// TestSeries wants the counts over the last hours to be those of the jobs' histories.
func TestSeries(t *testing.T) {
	now := noon
	m := openGrid(t, 600, &now)
	query, err := jobdb.SeriesRequest{Columns: []string{"Status"}, From: "2026-11-24T06:00:00Z", To: "2026-11-24T12:00:00Z", Bucket: 300}.Parse(m.DB.Limits())
	if err != nil {
		t.Fatal(err)
	}
	query.Scope = jobdb.Scope{VO: "lhcb"}
	rows, err := m.DB.Series(t.Context(), query)
	if err != nil || slices.Contains(rows.Samples, 0) {
		t.Fatal(rows.Samples, err)
	}
	i := slices.IndexFunc(rows.Series, func(s jobdb.SeriesOf) bool { return s.Values[0] == string(jobdb.StatusDone) })
	for _, bucket := range []int{0, 40, 71} {
		at := timeText(noon.Add(-livedThrough + time.Duration(bucket)*jobdb.SeriesInterval))
		done, err := newLiveGrid(m, 1, 0).find(t.Context(), grid[0], 1000, "JobID", isStatus(jobdb.StatusDone), jobdb.FilterSpec{Parameter: "EndExecTime", Operator: "lte", Value: at})
		if err != nil || i < 0 || len(done) == 0 || rows.Series[i].Counts[bucket] != float64(len(done)) {
			t.Errorf("at %s %d jobs were Done: %v, %v", at, len(done), rows.Series, err)
		}
	}
}
