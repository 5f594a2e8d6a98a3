//go:build linux

package faults_test

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobdb"
)

// operation is what an operator has switched on, with ages that suit a test: jobs are worked on for a
// quarter of an hour, and gone half an hour later.
type operation struct {
	operated bool
	flags    []string // of a server
	opened   time.Time
	samples  []sample // one for each fault
}

// sample is what servers and database take at a time.
type sample struct {
	at     time.Duration
	values []int64 // by measures
}

const (
	retentionRules = `{"Default": {"Jobs": {"Any": "30m"}, "ThinHeartbeats": "20m", "Heartbeats": "25m"}}`
	stalledRules   = `{"Default": {"StalledAfter": "12m", "FailedAfter": "17m", "SubmittingAfter": "5m"}}`

	// forgotten is when a write is too old to be audited again: what it left may be thinned soon.
	forgotten = 12 * time.Minute

	metricsToken = "metrics"
)

// newOperation switches all on if the traffic is that of a grid. A soak keeps all jobs: it audits its
// writes at its end only, when retention would have deleted most.
func newOperation(t *testing.T, folder string) operation {
	t.Helper()
	o := operation{operated: os.Getenv("JOBDB_LHCBS") != "" && os.Getenv("JOBDB_SOAK_MINUTES") == "", opened: time.Now()}
	if !o.operated {
		return o
	}
	for _, file := range []struct{ flag, text string }{
		{"retention", retentionRules}, {"stalled", stalledRules}, {"metrics-token-file", metricsToken},
	} {
		path := filepath.Join(folder, file.flag)
		if err := os.WriteFile(path, []byte(file.text), 0o600); err != nil {
			t.Fatal(err)
		}
		o.flags = append(o.flags, "--"+file.flag, path)
	}
	return o
}

// noteOperation notes what servers and database take, and forgets what may be purged.
func (w *world) noteOperation() {
	w.t.Helper()
	w.journal.forget(time.Now().Add(-forgotten))
	now := sample{time.Since(w.opened), w.measureOnce()}
	w.samples = append(w.samples, now)
	w.t.Logf("after %v: %v", now.at.Round(time.Second), now.values)
}

// checkOperation wants that nothing has grown, and that the counts were noted once for each five
// minutes by one of the servers.
func (w *world) checkOperation() {
	if !w.operated {
		return
	}
	w.t.Helper()
	w.t.Logf("calm times\nfrom minute | request | answers | median, ms | 99th percentile | longest\n%s", w.journal.latencies.report())
	values := make([][]int64, len(w.samples))
	for i, s := range w.samples {
		values[i] = s.values
	}
	w.checkGrowth(values)
	w.checkSeries()
}

func (w *world) checkSeries() {
	w.t.Helper()
	db, err := jobdb.Open(w.t.Context(), w.address, jobdb.Options{FoldInterval: -1})
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	from := w.opened.Truncate(jobdb.SeriesInterval).Add(jobdb.SeriesInterval)
	to := time.Now().Truncate(jobdb.SeriesInterval)
	if !from.Before(to) {
		return
	}
	q, err := jobdb.SeriesRequest{
		Columns: []string{"Status"}, From: from.UTC().Format(time.RFC3339), To: to.UTC().Format(time.RFC3339), Bucket: int64(jobdb.SeriesInterval.Seconds()),
	}.Parse(jobdb.DefaultLimits)
	if err != nil {
		w.t.Fatal(err)
	}
	q.Scope.AllVOs = true
	series, err := db.Series(w.t.Context(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Logf("the counts of jobs were noted so often in each five minutes: %v", series.Samples)
	if slices.ContainsFunc(series.Samples, func(n int64) bool { return n != 1 }) {
		w.t.Errorf("the counts of jobs from %v on were noted so often in each five minutes: %v", from, series.Samples)
	}
}

// goroutinesNow is how many goroutines the metrics of a server tell of.
func (w *world) goroutinesNow(s *server) int64 {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, s.url+"/metrics", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+metricsToken)
	response, err := w.client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "go_goroutines "); found {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				w.t.Fatal(err)
			}
			return n
		}
	}
	w.t.Errorf("the metrics tell of no goroutines (%s)", response.Status)
	return 0
}

// diskUsed is what the database's file system holds, in bytes.
func (w *world) diskUsed() int64 {
	w.t.Helper()
	var of syscall.Statfs_t
	if err := syscall.Statfs(w.disk, &of); err != nil {
		w.t.Fatal(err)
	}
	return int64(of.Blocks-of.Bfree) * of.Bsize
}

// latencies are how long requests took, by half hours.
type latencies map[latencyOf][]time.Duration

type latencyOf struct {
	period  int64 // half hours since 1970
	request string
}

const latencyPeriod = 30 * time.Minute

func (l latencies) add(request string, took time.Duration) {
	of := latencyOf{time.Now().Unix() / int64(latencyPeriod.Seconds()), request}
	l[of] = append(l[of], took)
}

func (l latencies) report() string {
	keys := slices.SortedFunc(maps.Keys(l), func(a, b latencyOf) int {
		return cmp.Or(cmp.Compare(a.period, b.period), cmp.Compare(a.request, b.request))
	})
	var text strings.Builder
	for _, of := range keys {
		took := slices.Sorted(slices.Values(l[of]))
		at := func(part float64) float64 {
			return float64(took[int(part*float64(len(took)-1))].Microseconds()) / 1000
		}
		fmt.Fprintf(&text, "| %d | %s | %d | %.1f | %.1f | %.1f |\n",
			(of.period-keys[0].period)*int64(latencyPeriod.Minutes()), of.request, len(took), at(0.5), at(0.99), at(1))
	}
	return text.String()
}
