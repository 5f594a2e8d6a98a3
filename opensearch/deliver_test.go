package opensearch_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/opensearch"
)

type (
	parameters = map[jobdb.JobID]map[string]string
	values     = map[jobdb.JobID]map[string]any
)

// source is a database of jobs whose parameters are delivered to an OpenSearch.
type source struct {
	*jobdb.DB
	t   *testing.T
	to  *opensearch.DB
	vo  string
	ids []jobdb.JobID
	log *lockedLog
}

// lockedLog is a log that can be read while it is written.
type lockedLog struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

func newSource(t *testing.T, url, address string, jobs int) *source {
	t.Helper()
	s := &source{t: t, to: open(t, `{"hosts": "`+address+`"}`), log: &lockedLog{}}
	s.vo = "VO" + rand.Text()[:12] // others share the OpenSearch
	s.DB = jobdbtest.Open(t, url, jobdb.Options{ParametersOutbox: true})
	ids, err := s.CreateJobs(t.Context(), make([]string, jobs))
	s.ok(err)
	rows := map[jobdb.JobID]jobdb.Attributes{}
	for _, id := range ids {
		rows[id] = jobdb.Attributes{"VO": s.vo}
	}
	s.ok(s.InsertJobAttributes(t.Context(), rows))
	s.ids = ids
	return s
}

func (s *source) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// deliver delivers until the test ends.
func (s *source) deliver() {
	d := opensearch.Deliver(s.t.Context(), s.DB, s.to, slog.New(slog.NewTextHandler(s.log, nil)))
	s.t.Cleanup(d.Close)
}

// await waits until nothing is in the outbox.
func (s *source) await() {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		n, err := s.CountParametersChanges(s.t.Context())
		s.ok(err)
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%d changes still wait", n)
		}
	}
}

// wantThere compares what OpenSearch has.
func (s *source) wantThere(want parameters) {
	s.t.Helper()
	got, err := s.to.Get(s.t.Context(), s.vo, s.ids)
	s.ok(err)
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("- wanted, + in OpenSearch:\n%s", diff)
	}
}

// wantTable wants OpenSearch to have what the table has.
func (s *source) wantTable() {
	s.t.Helper()
	table, err := s.JobParameters(s.t.Context(), s.ids)
	s.ok(err)
	s.wantThere(table)
}

// Parameters arrive as they are set, beside what others write, and go when a job is rescheduled or
// deleted.
func TestOpenSearchDelivery(t *testing.T) {
	s := newSource(t, jobdbtest.SQLite(t), jobdbtest.OpenSearchAddress(t), 3)
	ctx := t.Context()
	s.ok(s.SetJobParameterValues(ctx, values{s.ids[0]: {"HostName": "n1", "PayloadPID": json.Number("42"), "own": []any{"<é>", "x"}}}))
	s.ok(s.SetJobParameters(ctx, parameters{s.ids[0]: {"HostName": "n2"}, s.ids[1]: {"GridCE": "ce1"}}))
	s.deliver()
	s.await()
	s.wantThere(parameters{s.ids[0]: {"HostName": "n2", "PayloadPID": "42", "own": `["<é>","x"]`}, s.ids[1]: {"GridCE": "ce1"}})

	s.ok(s.to.Set(ctx, s.vo, values{s.ids[1]: {"theirs": "1"}}, time.Now()))
	s.ok(s.SetJobParameters(ctx, parameters{s.ids[1]: {"GridCE": "ce2"}}))
	s.await()
	s.wantThere(parameters{
		s.ids[0]: {"HostName": "n2", "PayloadPID": "42", "own": `["<é>","x"]`}, s.ids[1]: {"GridCE": "ce2", "theirs": "1"},
	})

	s.ok(s.ArchiveJobParameters(ctx, s.ids)) // the last one has nothing to archive
	s.ok(s.SetJobParameters(ctx, parameters{s.ids[1]: {"GridCE": "ce3"}}))
	s.await()
	s.wantThere(parameters{s.ids[1]: {"GridCE": "ce3"}})
	_, err := s.DeleteJobs(ctx, s.ids)
	s.ok(err)
	s.await()
	s.wantThere(parameters{})
}

// While OpenSearch is down changes wait; all arrive once it is back, and nothing that was there is
// lost.
func TestOpenSearchOutage(t *testing.T) {
	node := jobdbtest.NewOpenSearch(t)
	node.Start(t)
	s := newSource(t, jobdbtest.SQLite(t), node.Address, 1200)
	s.deliver()
	set := func(round int) {
		for ids := range slices.Chunk(s.ids, 300) {
			changed := parameters{}
			for _, id := range ids {
				changed[id] = map[string]string{fmt.Sprint("of", round): fmt.Sprint(id), "last": fmt.Sprint(round)}
			}
			s.ok(s.SetJobParameters(t.Context(), changed))
		}
	}
	set(1)
	s.await()
	node.Kill()
	set(2)
	set(3)
	for s.to.Ping(t.Context()) == nil || !strings.Contains(s.log.String(), "can't be delivered") {
		time.Sleep(50 * time.Millisecond)
	}
	if n, err := s.CountParametersChanges(t.Context()); n != int64(2*len(s.ids)) {
		t.Errorf("%d changes wait, error %v", n, err)
	}
	start := time.Now()
	node.Start(t)
	t.Logf("OpenSearch is back after %v", time.Since(start))
	start = time.Now()
	s.await()
	t.Logf("all %d changes of %d jobs arrived after another %v", 2*len(s.ids), len(s.ids), time.Since(start))
	s.wantTable()
}

// Several servers deliver at once what many write: what is there in the end is what the table has.
func TestOpenSearchSeveralServers(t *testing.T) {
	address := jobdbtest.OpenSearchAddress(t)
	jobdbtest.EachEngine(t, func(t *testing.T, url string) {
		s := newSource(t, url, address, 5)
		for range 3 {
			other := *s
			other.DB, other.log = jobdbtest.Open(t, url, jobdb.Options{ParametersOutbox: true}), &lockedLog{}
			other.deliver()
		}
		var done sync.WaitGroup
		for w := range 4 {
			done.Go(func() {
				for r := range 25 {
					var err error
					id := s.ids[(w+r)%len(s.ids)]
					if r%9 == 8 {
						err = s.ArchiveJobParameters(t.Context(), []jobdb.JobID{id})
					} else {
						err = s.SetJobParameters(t.Context(), parameters{id: {"x": fmt.Sprint(w, r), fmt.Sprint("of", w): fmt.Sprint(r)}})
					}
					if err != nil {
						t.Error(err)
					}
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		done.Wait()
		s.await()
		s.wantTable()
	})
}

// A value that the index can't hold holds up nothing: the others of its job arrive, and the log has
// its name.
func TestOpenSearchRefusal(t *testing.T) {
	s := newSource(t, jobdbtest.SQLite(t), jobdbtest.OpenSearchAddress(t), 2)
	s.ok(s.SetJobParameters(t.Context(), parameters{s.ids[0]: {"gone": "1"}}))
	s.deliver()
	s.await()
	s.ok(s.ArchiveJobParameters(t.Context(), s.ids[:1]))
	s.ok(s.SetJobParameters(t.Context(), parameters{
		s.ids[0]: {"PayloadPID": "no number", "HostName": "n1"}, s.ids[1]: {"Memory(MB)": "2048"},
	}))
	s.await()
	s.wantThere(parameters{s.ids[0]: {"HostName": "n1"}, s.ids[1]: {"Memory(MB)": "2048"}})
	for _, part := range []string{fmt.Sprint("job=", s.ids[0]), "PayloadPID"} {
		if log := s.log.String(); !strings.Contains(log, part) || strings.Contains(log, "no number") {
			t.Errorf("the log doesn't tell %s, or the value: %s", part, log)
		}
	}
	table, err := s.JobParameters(t.Context(), s.ids)
	s.ok(err)
	if !maps.Equal(table[s.ids[0]], map[string]string{"PayloadPID": "no number", "HostName": "n1"}) {
		t.Errorf("the table has %v", table)
	}
}

// A VO of which no index can be named holds up no other.
func TestOpenSearchOddVO(t *testing.T) {
	s := newSource(t, jobdbtest.SQLite(t), jobdbtest.OpenSearchAddress(t), 1)
	ids, err := s.CreateJobs(t.Context(), make([]string, 1))
	s.ok(err)
	s.ok(s.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{ids[0]: {"VO": "a b*"}}))
	s.ok(s.SetJobParameters(t.Context(), parameters{ids[0]: {"x": "1"}}))
	s.ok(s.SetJobParameters(t.Context(), parameters{s.ids[0]: {"x": "1"}}))
	s.deliver()
	s.await()
	s.wantTable()
}

// Parameters are read by their exact names, whatever these mean to OpenSearch.
func TestOpenSearchNames(t *testing.T) {
	s := newSource(t, jobdbtest.SQLite(t), jobdbtest.OpenSearchAddress(t), 1)
	all := map[string]string{"a.b": "1", "A": "3", "x*": "4", "xy": "5"}
	set := map[string]any{}
	for name, text := range all {
		set[name] = text
	}
	s.ok(s.to.Set(t.Context(), s.vo, values{s.ids[0]: set}, time.Now()))
	s.wantThere(parameters{s.ids[0]: all})
	for _, names := range [][]string{{"A"}, {"a.b", "A"}, {"x*"}, {"none"}, {"JobID"}} {
		got, err := s.to.GetNamed(t.Context(), s.vo, s.ids, names)
		s.ok(err)
		for _, name := range names {
			if got[s.ids[0]][name] != all[name] || len(got[s.ids[0]]) > len(names) {
				t.Errorf("of %q: %v", names, got)
			}
		}
	}
}
