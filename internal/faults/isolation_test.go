package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// isolationBound is how long of a hundred heartbeats or kills the slowest but one may take beside a
// load, on a machine that has other work, too. docs/reliability.md has what is measured.
const isolationBound = 4 * time.Second

// TestIsolation measures heartbeats and kills by themselves and beside what takes most of a database,
// in turns: the dearest questions that there are, a purge, an import. JOBDB_FAULTS_JOBS sets how many
// jobs there are, JOBDB_FAULTS_LOAD how long each is measured.
func TestIsolation(t *testing.T) {
	for name, open := range map[string]func(testing.TB) string{
		"SQLite": jobdbtest.SQLite, "MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("-short: a server is built and loaded for this")
			}
			// Only a database that an import has begun can take another one.
			source, target := jobdbtest.SQLite(t), open(t)
			fill(t, source, manyJobs)
			if err := runImport(t.Context(), t.TempDir(), source, target); err != nil {
				t.Fatal(err)
			}
			more := jobsFromEnvironment(t)
			s := serveLoaded(t, target)
			t.Run("import", func(t *testing.T) {
				fill(t, source, more)
				s.besideLoad(t, func(ctx context.Context) { s.importing(ctx, t, source, target) })
			})
			fill(t, target, more)
			t.Run("questions", func(t *testing.T) { s.besideLoad(t, func(ctx context.Context) { s.asking(ctx, t) }) })
			t.Run("purge", func(t *testing.T) { s.besideLoad(t, func(ctx context.Context) { purge(ctx, t, target) }) })
		})
	}
}

// jobsFromEnvironment is how many jobs there are beside those that are beaten for and killed.
func jobsFromEnvironment(t *testing.T) int {
	t.Helper()
	text := os.Getenv("JOBDB_FAULTS_JOBS")
	if text == "" {
		return manyJobs
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// besideLoad measures in turns without and with a load, which goes on until its context ends.
func (s *loaded) besideLoad(t *testing.T, load func(context.Context)) {
	const rounds = 3
	idle, busy := map[string][]time.Duration{}, map[string][]time.Duration{}
	for range rounds {
		s.timeUrgent(t, idle, loadTime(t)/rounds)
		ctx, stop := context.WithCancel(t.Context())
		var loading sync.WaitGroup
		loading.Go(func() { load(ctx) })
		time.Sleep(300 * time.Millisecond)
		s.timeUrgent(t, busy, loadTime(t)/rounds)
		stop()
		loading.Wait()
	}
	for _, name := range []string{"heartbeats", "kills"} {
		before, beside := percentiles(idle[name]), percentiles(busy[name])
		t.Logf("%s: idle %v, %v (%d); beside the load %v, %v (%d): %.1f and %.1f times", name,
			before[0], before[1], len(idle[name]), beside[0], beside[1], len(busy[name]),
			float64(beside[0])/float64(before[0]), float64(beside[1])/float64(before[1]))
		if beside[1] > isolationBound {
			t.Errorf("the 99th percentile of %s is %v, must be below %v", name, beside[1], isolationBound)
		}
	}
}

// percentiles are the median and the 99th percentile.
func percentiles(times []time.Duration) [2]time.Duration {
	if len(times) == 0 {
		return [2]time.Duration{}
	}
	slices.Sort(times)
	at := func(hundredths int) time.Duration {
		return times[min(len(times)-1, len(times)*hundredths/100)].Round(10 * time.Microsecond)
	}
	return [2]time.Duration{at(50), at(99)}
}

// timeUrgent sends heartbeats and kills for so long and adds their times.
func (s *loaded) timeUrgent(t *testing.T, times map[string][]time.Duration, lasts time.Duration) {
	t.Helper()
	var mutex sync.Mutex
	var all sync.WaitGroup
	for name, send := range map[string]func() int{"heartbeats": s.beat, "kills": s.kill} {
		all.Go(func() {
			for ends := time.Now().Add(lasts); time.Now().Before(ends); time.Sleep(5 * time.Millisecond) {
				began := time.Now()
				if status := send(); status != http.StatusOK {
					t.Errorf("%s: %d", name, status)
				}
				took := time.Since(began)
				mutex.Lock()
				times[name] = append(times[name], took)
				mutex.Unlock()
			}
		})
	}
	all.Wait()
}

// dearQuestions look at all jobs of the VO, and sort them or send many of them.
var dearQuestions = []struct{ path, body string }{
	{"/api/jobs/search", `{"search":[{"parameter":"JobName","operator":"like","value":"%ob 77%"}]}`},
	{"/api/jobs/search", `{"search":[{"parameter":"JobName","operator":"not like","value":"job%"}]}`},
	{"/api/jobs/search", `{"sort":[{"parameter":"ApplicationStatus","direction":"desc"},{"parameter":"JobName","direction":"asc"}]}`},
	{"/api/jobs/search?per_page=10000", `{}`},
	{"/api/jobs/search", `{"parameters":["JobName","Site"],"distinct":true}`},
	{"/api/jobs/summary", `{"grouping":["JobName","Site"]}`},
	{"/api/jobs/search", `{"search":[{"parameter":"JobName","operator":"regex","value":"^job .7.$"}]}`},
}

// asking asks dear questions, 64 at a time. Those that can't have an answer are told when to come
// again.
func (s *loaded) asking(ctx context.Context, t *testing.T) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var answered, refused atomic.Int64
	var all sync.WaitGroup
	for n := range 64 {
		all.Go(func() {
			for turn := n; ctx.Err() == nil; turn++ {
				q := dearQuestions[turn%len(dearQuestions)]
				switch status, retry := askFor(ctx, client, s.url+q.path, []string{s.alice, s.root}[n%2], q.body); {
				case retry != "" && (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests):
					refused.Add(1)
					_ = sleep(ctx, time.Second)
				case status == http.StatusOK || status == http.StatusPartialContent:
					answered.Add(1)
				case status != 0 && ctx.Err() == nil:
					t.Errorf("%s: %d", q.body, status)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d questions answered, %d told to come later", answered.Load(), refused.Load())
}

// purgeBatch is how many jobs a purge deletes at once: on SQLite others wait for that long.
const purgeBatch = 200

// purge deletes jobs, the last first, in batches.
func purge(ctx context.Context, t *testing.T, address string) {
	db := jobdbtest.Open(t, address, jobdb.Options{})
	search := jobdb.Search{
		Scope: jobdb.Scope{AllVOs: true}, Columns: jobdb.Columns()[:1], Sort: []jobdb.Sort{{Descending: true}},
		Page: 1, PerPage: purgeBatch, Uncounted: true,
	}
	deleted := int64(0)
	for ctx.Err() == nil {
		page, err := db.Search(t.Context(), search)
		if err != nil {
			t.Error(err)
			return
		}
		var ids []jobdb.JobID
		for _, row := range page.Rows {
			if id := jobdb.JobID(row[0].(int64)); id > manyJobs { //nolint:forcetypeassert // JobID
				ids = append(ids, id)
			}
		}
		n, err := db.DeleteJobs(t.Context(), ids)
		if err != nil {
			t.Error(err)
			return
		}
		if deleted += n; n == 0 {
			_ = sleep(ctx, time.Hour) // all are gone
		}
	}
	t.Logf("%d jobs deleted", deleted)
}

// importing imports until there is no more to import.
func (s *loaded) importing(ctx context.Context, t *testing.T, source, target string) {
	began := time.Now()
	err := runImport(ctx, s.folder, source, target)
	if err != nil && ctx.Err() == nil {
		t.Error(err)
	}
	t.Logf("an import took %v", time.Since(began).Round(time.Millisecond))
}

func runImport(ctx context.Context, folder, source, target string) error {
	path, err := binary()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, path, "import", "--from", source, "--to", target)
	command.Env = []string{"HOME=" + filepath.Clean(folder), "PATH=" + os.Getenv("PATH")}
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("import: %w: %s", err, strings.TrimSpace(string(said)))
	}
	return nil
}
