package faults_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// Callers who go away end nobody else's query: on PostgreSQL a request to cancel can come late.
func TestCancelsHitNobodyElse(t *testing.T) {
	const each = 250
	for _, name := range []string{"MariaDB", "MySQL", "PostgreSQL"} {
		t.Run(name, func(t *testing.T) {
			log := &bytes.Buffer{}
			db := jobdbtest.Open(t, jobdbtest.Engines[name](t), jobdb.Options{
				FoldInterval: -1, Connections: 4, Logger: slog.New(slog.NewTextHandler(log, nil)),
			})
			id, err := db.CreateJob(t.Context(), "[a]")
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			var cancelled, others atomic.Int64
			for worker := range 8 {
				all.Go(func() {
					for range each {
						ctx, cancel := context.WithCancel(t.Context())
						if worker%2 == 0 {
							time.AfterFunc(time.Duration(rand.IntN(4000))*time.Microsecond, cancel)
						}
						_, err := db.JobJDLs(ctx, []jobdb.JobID{id})
						if err == nil {
							err = db.UpdateJobJDLs(ctx, map[jobdb.JobID]string{id: "[b]"})
						}
						cancel()
						switch {
						case errors.Is(err, context.Canceled):
							cancelled.Add(1)
						case err != nil:
							t.Errorf("one who didn't go away: %v", err)
						default:
							others.Add(1)
						}
					}
				})
			}
			all.Wait()
			hit := strings.Count(log.String(), "ended by somebody else")
			t.Logf("%d calls cancelled, %d others, of which %d were hit", cancelled.Load(), others.Load(), hit)
			if hit > 0 || cancelled.Load() < each {
				t.Errorf("%d hit, %d cancelled", hit, cancelled.Load())
			}
		})
	}
}
