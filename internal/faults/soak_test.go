//go:build linux

package faults_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobdb/jobdbtest"
)

// measure is something that must not grow for ever, and by how much it may.
type measure struct {
	name, unit string
	factor     float64 // from the second quarter of the time to the last
	slack      int64
}

var measures = []measure{
	{"descriptors", "", 1.2, 20},
	{"threads", "", 1.2, 20},
	{"memory of the server", "kB", 1.25, 32 << 10},
	{"memory of the database", "kB", 1.5, 128 << 10},
	{"prepared statements", "", 1.2, 200},
	{"SQLite's log", "kB", 1.5, 64 << 10},
	{"bytes of the server's log for each acknowledged write", "", 1.2, 50},
	{"goroutines", "", 1.2, 50},
	{"size of the database", "MB", 1.25, 64},
}

// TestSoak lets a grid write for JOBDB_SOAK_MINUTES on each engine beside readers who read slowly,
// and wants the server to take no more at the end than it did after a quarter of that time.
func TestSoak(t *testing.T) {
	minutes, err := strconv.ParseFloat(os.Getenv("JOBDB_SOAK_MINUTES"), 64)
	if err != nil {
		t.Skip("make soak runs this, for an hour on each engine: JOBDB_SOAK_MINUTES isn't a number")
	}
	for _, engine := range slices.Sorted(maps.Keys(jobdbtest.Engines)) {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			w.prepare()
			idle := w.goroutines(w.servers[0])
			w.servers[0].again()
			w.start()
			ctx, cancel := context.WithCancel(t.Context())
			for range 4 {
				w.running.Go(func() { w.readSlowly(ctx) })
			}
			samples := w.sample(time.Duration(minutes * float64(time.Minute)))
			cancel()
			w.stop()
			w.checkGrowth(samples)
			time.Sleep(5 * time.Second) // whatever ended is over by now
			after := w.goroutines(w.servers[0])
			t.Logf("goroutines: %d when it began, %d after %.0f minutes", idle, after, minutes)
			if after > idle+50 {
				t.Errorf("%d goroutines are left, %d in the beginning", after, idle)
			}
			w.servers[0].again()
			w.checkStop()
		})
	}
}

// readSlowly reads all jobs, one object a line, at 20 kB/s, again and again.
func (w *world) readSlowly(ctx context.Context) {
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.servers[0].url+"/api/jobs/search", strings.NewReader(`{}`))
		if err != nil {
			w.t.Error(err)
			return
		}
		request.Header.Set("Authorization", "Bearer "+w.tokens["user"])
		request.Header.Set("Accept", "application/x-ndjson")
		response, err := (&http.Client{}).Do(request)
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		for err == nil {
			time.Sleep(100 * time.Millisecond)
			_, err = io.CopyN(io.Discard, response.Body, 2<<10)
		}
		_ = response.Body.Close()
	}
}

// sample measures forty times.
func (w *world) sample(lasts time.Duration) (samples [][]int64) {
	began := time.Now()
	for time.Since(began) < lasts {
		time.Sleep(max(lasts/40, time.Second))
		samples = append(samples, w.measureOnce())
		if len(samples)%10 == 0 {
			w.t.Logf("after %v, %d jobs: %v", time.Since(began).Round(time.Second), len(w.journal.jobs), samples[len(samples)-1])
		}
	}
	w.t.Logf("%d writes were acknowledged, %v", w.journal.acknowledged, w.journal.trouble)
	return samples
}

// measureOnce measures the first server and the database in the order of measures.
func (w *world) measureOnce() (values []int64) {
	w.t.Helper()
	pid := strconv.Itoa(w.servers[0].process.Pid)
	entries := func(folder string) int64 {
		list, err := os.ReadDir("/proc/" + pid + "/" + folder)
		if err != nil {
			w.t.Fatal(err)
		}
		return int64(len(list))
	}
	size := func(file string) int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	memory, statements := int64(0), int64(0)
	if w.process != nil {
		memory = databaseMemory(w.t, w.raw) >> 10
		statements = w.statements()
	}
	w.journal.mutex.Lock()
	acknowledged := int64(w.journal.acknowledged)
	w.journal.mutex.Unlock()
	values = []int64{
		entries("fd"), entries("task"), processField(w.t, pid, "VmRSS:") >> 10, memory, statements,
		size(strings.TrimPrefix(w.address, "sqlite:")+"-wal") >> 10, size(w.servers[0].log.Name()) / max(1, acknowledged),
	}
	if w.operated { // else its size is meant to grow
		values = append(values, w.goroutinesNow(w.servers[0]), w.diskUsed()/mega)
	}
	return values
}

// statements is how many statements MariaDB or MySQL remembers. What PostgreSQL does is in its
// memory only.
func (w *world) statements() (n int64) {
	w.t.Helper()
	if w.engine == "PostgreSQL" {
		return 0
	}
	var name string
	row := w.raw.QueryRowContext(w.t.Context(), "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")
	if err := row.Scan(&name, &n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// checkGrowth compares the last quarter of the time with the second one.
func (w *world) checkGrowth(samples [][]int64) {
	w.t.Helper()
	quarter := len(samples) / 4
	most := func(of [][]int64, i int) (most int64) {
		for _, sample := range of {
			most = max(most, sample[i])
		}
		return most
	}
	var text strings.Builder
	for i, m := range measures[:len(samples[0])] {
		before, after := most(samples[quarter:2*quarter], i), most(samples[3*quarter:], i)
		fmt.Fprintf(&text, "| %s | %s | %d | %d | %s |\n", m.name, w.engine, before, after, m.unit)
		if allowed := int64(float64(before)*m.factor) + m.slack; after > allowed {
			w.t.Errorf("%s grew from %d to %d %s", m.name, before, after, m.unit)
		}
	}
	w.t.Logf("most of each in the second and in the last quarter\n%s", text.String())
}

var goroutineHeader = regexp.MustCompile(`(?m)^goroutine \d+ `)

// goroutines ends a server by SIGQUIT, at which Go prints all of its goroutines, and counts them.
func (w *world) goroutines(s *server) int {
	w.t.Helper()
	before, err := os.Stat(s.log.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.process.Signal(syscall.SIGQUIT); err != nil {
		w.t.Fatal(err)
	}
	<-s.ended
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	return len(goroutineHeader.FindAll(text[before.Size():], -1))
}
