package faults_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// A database server that no longer answers when transactions end holds nobody for long, though no
// context reaches a COMMIT; and as soon as it answers again, all goes on.
func TestCommitsWithoutAnswers(t *testing.T) {
	for name, open := range map[string]func(testing.TB) string{
		"MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			between := newProxy(t, open(t))
			db := jobdbtest.Open(t, between.address, jobdb.Options{})
			const callers = 4
			var ready, all sync.WaitGroup
			ready.Add(callers)
			stalled := make(chan struct{})
			for range callers {
				all.Go(func() {
					var ends time.Time
					err := db.Tx(t.Context(), func(ctx context.Context, tx *jobdb.Tx) error {
						_, err := tx.CreateJob(ctx, "[a]")
						ready.Done()
						<-stalled
						ends = time.Now()
						return err
					})
					if took := time.Since(ends); !errors.Is(err, jobdb.ErrUnavailable) || took > 15*time.Second {
						t.Errorf("%v after %v", err, took)
					}
				})
			}
			ready.Wait()
			between.hold()
			close(stalled)
			all.Wait()
			between.letGo()
			began := time.Now()
			if _, err := db.CreateJob(t.Context(), "[e]"); err != nil || time.Since(began) > 15*time.Second {
				t.Errorf("afterwards: %v after %v", err, time.Since(began))
			}
		})
	}
}

// A transaction whose connection breaks after its COMMIT was done, and before that was told, isn't
// run a second time.
func TestCommitsAreNotRepeated(t *testing.T) {
	for name, open := range map[string]func(testing.TB) string{
		"MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			between := newProxy(t, open(t))
			db := jobdbtest.Open(t, between.address, jobdb.Options{FoldInterval: -1})
			runs := 0
			err := db.Tx(t.Context(), func(ctx context.Context, tx *jobdb.Tx) error {
				runs++
				_, err := tx.CreateJob(ctx, "[a]")
				if runs == 1 {
					between.holdCommits()
					time.AfterFunc(500*time.Millisecond, func() {
						between.cut()
						between.letGo()
					})
				}
				return err
			})
			if !errors.Is(err, jobdb.ErrUnavailable) || runs != 1 {
				t.Errorf("%d runs, %v", runs, err)
			}
		})
	}
}
