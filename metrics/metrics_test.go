package metrics

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"jobdb"
	"jobdb/jobdbtest"
)

// scrape reads all metrics of a registry.
func scrape(t *testing.T, r *Registry) string {
	t.Helper()
	answer := httptest.NewRecorder()
	r.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if answer.Code != http.StatusOK {
		t.Fatalf("%d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// full is a registry in which every metric has a value.
func full(t *testing.T) *Registry {
	t.Helper()
	r := New()
	db := jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{Hooks: jobdb.Hooks{Done: r.TaskDone}})
	ctx, cancel := context.WithCancel(t.Context())
	id, err := db.CreateJob(ctx, "[x]")
	if err == nil {
		err = db.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {
			"VO": "lhcb", "Status": "Running", "Site": "LCG.CERN.ch", "HeartBeatTime": time.Unix(1_700_000_000, 0),
		}})
	}
	if err == nil {
		err = db.SetJobCommands(ctx, []jobdb.Command{{JobID: id, Command: "Kill"}})
	}
	if err == nil {
		_, err = db.FoldCounts(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Search(ctx, jobdb.Search{}); !errors.Is(err, jobdb.ErrNoScope) {
		t.Fatal(err)
	}
	r.TaskDone("search jobs", time.Millisecond, jobdb.ErrUnavailable)
	r.Begin()("POST /api/jobs/search", 200, time.Millisecond)
	r.Limited("user")
	r.WatchClasses(func() map[string]Class { return map[string]Class{"pages": {8, 1, 2, 3}} })
	r.WatchDatabase(db, Build{"v1", "abc", "go1"})
	r.WatchKeys(func() Keys { return Keys{1, time.Unix(1, 0)} })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		waits := map[string]func(context.Context) (int64, error){"parameters": func(context.Context) (int64, error) { return 7, nil }}
		r.ReadDatabase(ctx, db, waits, func(err error) { t.Error(err) })
	}()
	t.Cleanup(func() { cancel(); <-ended })
	for end := time.Now().Add(time.Minute); !strings.Contains(scrape(t, r), "\njobdb_jobs{"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is read from the database")
		}
	}
	return r
}

// Every metric is told, with the kind and labels that All has for it, and in the form that Prometheus
// wants.
func TestMetrics(t *testing.T) {
	r := full(t)
	text := scrape(t, r)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %+v", err, problems)
	}
	if tool := os.Getenv("JOBDB_PROMTOOL"); tool != "" {
		check := exec.Command(tool, "check", "metrics")
		check.Stdin = strings.NewReader(text)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool: %v: %s", err, out)
		}
	}
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, f := range families {
		var labels []string
		for _, label := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
		}
		told[f.GetName()] = fmt.Sprint(strings.ToLower(f.GetType().String()), " ", labels, " ", f.GetHelp())
	}
	for _, m := range All() {
		labels := slices.Sorted(slices.Values(m.Labels))
		if want := fmt.Sprint(m.Kind, " ", labels, " ", m.Help); told[m.Name] != want {
			t.Errorf("%s is told as %q, not %q", m.Name, told[m.Name], want)
		}
	}
	for _, want := range []string{
		`jobdb_jobs{site="LCG.CERN.ch",status="Running",vo="lhcb"} 1`,
		`jobdb_commands{status="Received"} 1`,
		`jobdb_running_oldest_heartbeat_timestamp_seconds{vo="lhcb"} 1.7e+09`,
		`jobdb_task_errors_total{class="unavailable",engine="",task="search jobs"} 1`,
		`jobdb_class_refused_total{class="pages"} 3`,
		`jobdb_outbox_waiting{store="parameters"} 7`,
		`jobdb_http_requests_limited_total{who="user"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("it lacks %s", want)
		}
	}
}

// However many sites there are, the number of series is bounded, and the sum of the jobs is right.
func TestBounded(t *testing.T) {
	var all []jobsOf
	sum := int64(0)
	for i := range 500 {
		all = append(all, jobsOf{fmt.Sprint("vo", i%3), "Done", fmt.Sprint("site", i), int64(i)})
		sum += int64(i)
	}
	got := bounded(all, 100)
	if len(got) != 103 || got[0].count != 499 {
		t.Errorf("%d series, the first %+v", len(got), got[0])
	}
	for _, group := range got {
		sum -= group.count
	}
	if sum != 0 {
		t.Errorf("%d jobs are lost", sum)
	}
}

// A nil registry counts nothing.
func TestNoRegistry(*testing.T) {
	var r *Registry
	r.Begin()("x", 200, 0)
	r.Limited("user")
	r.WatchClasses(nil)
}

// What users call their sites can't end the metrics.
func TestHostileLabels(t *testing.T) {
	r := New()
	r.registry.MustRegister(collector{[]Metric{jobs}, func(ch chan<- prometheus.Metric) {
		send(ch, jobs, 1, "lhcb", "Done", "\"\n{")
		send(ch, jobs, 1, "lhcb", "Done", "a\xff")
	}})
	if text := scrape(t, r); !strings.Contains(text, `site="\"\n{"`) || !strings.Contains(text, "site=\"a\ufffd\"") {
		t.Error(text)
	}
}

var update = flag.Bool("update", false, "renew docs/reference/metrics.md")

// docs/reference/metrics.md has every metric.
func TestMetricsReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Metrics

The server tells its metrics in the form of Prometheus at ` + "`/metrics`" + `: on a listener of their own (` + "`--metrics-listen`" + `), or beside its
routes to those who have a token (` + "`--metrics-token-file`" + `). Without either it gathers none. [deploy/prometheus](../../deploy/prometheus) has alerts,
[deploy/grafana](../../deploy/grafana) a dashboard.

Numbers that are read from the database (jobdb_jobs, jobdb_commands…, jobdb_running…, jobdb_counts_unfolded) are as old as
jobdb_metrics_read_timestamp_seconds says: 30 seconds, or longer where reading them takes more than 0.6 s. Each server tells them; take the
maximum over servers, not the sum. What Prometheus's library tells of every program in Go (` + "`go_…`, `process_…`" + `) is there, too.

This page is made from the program: ` + "`go test ./metrics -run Reference -update`" + `.

| metric | kind | labels | meaning |
| --- | --- | --- | --- |
`)
	for _, m := range All() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(m.Labels, ", "), m.Help)
	}
	const file = "../docs/reference/metrics.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("docs/reference/metrics.md isn't as the metrics are; go test ./metrics -run Reference -update (- wanted, + there):\n%s", diff)
	}
}

// With more sites than a summary may have rows, jobs are told by VO and status.
func TestTooManySites(t *testing.T) {
	db := jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{Limits: jobdb.Limits{SummaryRows: 2}})
	ids, err := db.CreateJobs(t.Context(), []string{"[x]", "[x]", "[x]"})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		attributes := jobdb.Attributes{"VO": "lhcb", "Site": fmt.Sprint("site", i)}
		if err := db.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{id: attributes}); err != nil {
			t.Fatal(err)
		}
	}
	now, err := read(t.Context(), db)
	if err != nil || len(now.jobs) != 1 || now.jobs[0] != (jobsOf{"lhcb", "Received", other, 3}) {
		t.Errorf("%v, %+v", err, now.jobs)
	}
}
