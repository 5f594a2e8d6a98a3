package wms_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
	"jobdb/wms"
)

// TestSubmitOnce submits again with the same key, with another, as another user, with other JDLs,
// and a day later.
func TestSubmitOnce(t *testing.T) {
	for name, url := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			at := now
			m := openWith(t, url(t), jobdb.Options{Clock: func() time.Time { return at }})
			jdls := []string{`Executable = "x"; Parameters = 2;`}
			first, err := m.SubmitOnce(t.Context(), alice, "key", jdls)
			if err != nil || len(first) != 2 {
				t.Fatalf("%v, %v", first, err)
			}
			at = now.Add(time.Hour)
			again, err := m.SubmitOnce(t.Context(), alice, "key", jdls)
			if diff := cmp.Diff(first, again); diff != "" || err != nil {
				t.Errorf("again: %v %s", err, diff)
			}
			for _, other := range [][]string{{`Executable = "y";`}, {jdls[0], jdls[0]}, {"?"}} {
				if jobs, err := m.SubmitOnce(t.Context(), alice, "key", other); !errors.Is(err, wms.ErrOtherSubmission) {
					t.Errorf("%q: %v, %v", other, jobs, err)
				}
			}
			wantNew := func(owner wms.Owner, key string) {
				t.Helper()
				jobs, err := m.SubmitOnce(t.Context(), owner, key, jdls)
				if err != nil || len(jobs) != 2 || jobs[0].JobID <= first[1].JobID {
					t.Errorf("%v, %v", jobs, err)
				}
			}
			wantNew(alice, "key2")
			wantNew(wms.Owner{Name: "bob", Group: alice.Group, VO: alice.VO}, "key")
			wantNew(wms.Owner{Name: alice.Name, Group: alice.Group, VO: "belle"}, "key")
			at = now.Add(jobdb.ReplyLifetime + time.Second)
			wantNew(alice, "key")
			if jobs, err := m.SubmitOnce(t.Context(), alice, "bad", []string{"?"}); !errors.Is(err, wms.ErrInvalidJob) {
				t.Errorf("%v, %v", jobs, err)
			}
			wantNew(alice, "bad") // a refusal is no answer to keep
		})
	}
}

// TestSubmitOnceAtOnce lets a client send the same submission many times at once.
func TestSubmitOnceAtOnce(t *testing.T) {
	for name, url := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			m := open(t, url(t))
			answers := make([][]wms.Submitted, 8)
			var group sync.WaitGroup
			for i := range answers {
				group.Go(func() {
					var err error
					if answers[i], err = m.SubmitOnce(t.Context(), alice, "key", []string{`Executable = "x";`}); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			for _, answer := range answers {
				if diff := cmp.Diff(answers[0], answer); diff != "" {
					t.Error(diff)
				}
			}
			if page, err := m.DB.Search(t.Context(), jobdb.Search{Scope: jobdb.Scope{AllVOs: true}}); err != nil || page.Total != 1 {
				t.Errorf("%d jobs, %v", page.Total, err)
			}
		})
	}
}

// TestSubmitOnceLive has nowhere to keep an answer.
func TestSubmitOnceLive(t *testing.T) {
	m := open(t, oracle.SQLite(t))
	if jobs, err := m.SubmitOnce(t.Context(), alice, "key", []string{`Executable = "x";`}); !errors.Is(err, jobdb.ErrSchema) {
		t.Errorf("%v, %v", jobs, err)
	}
}
