package faults_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jobdb/jobdbtest"
)

// Searches and slow readers that overlap, so that some always read, don't let SQLite's log grow without end beside
// writers.
func TestLogOfSQLite(t *testing.T) {
	address := jobdbtest.SQLite(t)
	s := startLoaded(t, address)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var written, searched atomic.Int64
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				text := make([]byte, 450_000) // which no compression makes shorter
				_, _ = rand.Read(text)
				if r := s.send(s.alice, "POST", "/api/jobs/jdl", fmt.Sprintf(`["Executable = 'x'; Comment = '%x';"]`, text)); r.status != http.StatusCreated {
					t.Errorf("a submission: %+v", r)
				}
				written.Add(1)
			}
		})
	}
	for n := range 4 { // who begins again before the others have ended
		all.Go(func() {
			_ = sleep(ctx, time.Duration(n)*time.Second)
			for ctx.Err() == nil {
				some, stop := context.WithTimeout(ctx, 4*time.Second)
				s.readSlowly(some, s.alice, "/api/jobs/search", "application/x-ndjson", 80_000)
				stop()
			}
		})
	}
	for n := range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				body := some(30, `{"search":[{"or":[`, `]}]}`, func(i int) string {
					return fmt.Sprintf(`{"parameter":"JobName","operator":"like","value":"%%b %d%d%%"}`, n, i)
				})
				if status, _ := ask(ctx, http.DefaultClient, s.url, []string{s.alice, s.root}[n%2], body); status == http.StatusPartialContent {
					searched.Add(1)
				}
			}
		})
	}
	lasts := 3 * loadTime(t)
	largest := int64(0)
	for ends := time.Now().Add(lasts); time.Now().Before(ends); time.Sleep(20 * time.Millisecond) {
		if info, err := os.Stat(strings.TrimPrefix(address, "sqlite:") + "-wal"); err == nil {
			largest = max(largest, info.Size())
		}
	}
	stop()
	all.Wait()
	t.Logf("%v, %d submissions, %d searches: the log had up to %d MB", lasts, written.Load(), searched.Load(), largest/mega)
	if largest > 384*mega {
		t.Errorf("the log had %d MB", largest/mega)
	}
	if written.Load() == 0 || searched.Load() == 0 {
		t.Error("nothing was written, or nothing searched")
	}
}

// Submissions of ten megabytes keep SQLite's one writer for a moment only: others write meanwhile.
func TestHeavySubmissions(t *testing.T) {
	s := startLoaded(t, jobdbtest.SQLite(t))
	bodies := map[string]string{
		"one JDL of a long list": filled(`["Executable = 'x'; Files = {`, `};"]`, func(n int) string { return fmt.Sprintf(`\"/lhcb/user/%d\"`, n) }),
		"a parametric JDL":       some(15_000, `["Executable = 'x'; Parameters = 20; Files = {`, `};"]`, func(n int) string { return fmt.Sprintf(`\"/lhcb/user/%d\"`, n) }),
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			var all sync.WaitGroup
			var submitted atomic.Int64
			for range 2 {
				all.Go(func() {
					for ctx.Err() == nil {
						began := time.Now()
						r := s.send(s.alice, "POST", "/api/jobs/jdl", body)
						if r.status == http.StatusCreated {
							submitted.Add(1)
							t.Logf("a submission of %d bytes took %v", len(body), time.Since(began).Round(time.Millisecond))
						} else if r.status != http.StatusTooManyRequests {
							t.Errorf("%+v", r)
						}
					}
				})
			}
			s.measure(t, map[string]func() int{"heartbeats": s.beat, "kills": s.kill})
			stop()
			all.Wait()
			if submitted.Load() == 0 {
				t.Error("nothing was submitted")
			}
		})
	}
}
