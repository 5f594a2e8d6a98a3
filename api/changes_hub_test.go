package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"jobdb"
	"jobdb/auth"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// TestChangeHub lets slow readers go, and asks only while somebody listens.
func TestChangeHub(t *testing.T) {
	db := jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{})
	h := newChangeHub(db, slog.New(slog.DiscardHandler))
	slow, _, err := h.join(t.Context(), "lhcb")
	if err != nil {
		t.Fatal(err)
	}
	quick, _, err := h.join(t.Context(), "lhcb")
	if err != nil {
		t.Fatal(err)
	}
	h.mutex.Lock()
	v, running := h.vos["lhcb"], h.stop != nil
	h.mutex.Unlock()
	if !running {
		t.Error("nobody asks")
	}
	told := 0
	for range changesBuffer + 3 {
		h.tell(v, map[int64]jobUpdate{}, report{at: time.Now()})
		for len(quick.reports) > 0 {
			<-quick.reports
			told++
		}
	}
	got := 0
	for range slow.reports { // which is closed
		got++
	}
	if got != changesBuffer && got != changesBuffer+1 || told < changesBuffer+3 {
		t.Errorf("the slow reader got %d reports, the quick one %d", got, told)
	}
	h.leave(slow)
	h.leave(quick)
	h.leave(quick)
	if h.stop != nil || len(h.vos) > 0 {
		t.Error("it goes on without readers")
	}
}

// TestChangesAreBounded tells of many changed jobs only that there are more.
func TestChangesAreBounded(t *testing.T) {
	db := jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{})
	h := newChangeHub(db, slog.New(slog.DiscardHandler))
	ids, err := db.CreateJobs(t.Context(), make([]string, maxChangedRows+1))
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[jobdb.JobID]jobdb.Attributes{}
	for _, id := range ids {
		attributes[id] = jobdb.Attributes{"VO": "lhcb", "LastUpdateTime": db.Now()}
	}
	if err := db.InsertJobAttributes(t.Context(), attributes); err != nil {
		t.Fatal(err)
	}
	changed, more, err := h.changedSince(t.Context(), "lhcb", db.Now().Add(-time.Minute))
	if err != nil || more || len(changed) != len(ids) {
		t.Errorf("%d changed, %t, %v", len(changed), more, err)
	}
	var some []any
	for id := range changed {
		some = append(some, id)
	}
	if rows, more, err := h.rowsOf(t.Context(), "lhcb", some, false); err != nil || !more || len(rows) > 0 {
		t.Errorf("%d rows, %t, %v", len(rows), more, err)
	}
	if rows, more, err := h.rowsOf(t.Context(), "lhcb", some[1:], false); err != nil || more || len(rows) != maxChangedRows {
		t.Errorf("%d rows, %t, %v", len(rows), more, err)
	}
	if rows, more, err := h.rowsOf(t.Context(), "belle", some[1:], false); err != nil || more || len(rows) > 0 {
		t.Errorf("another VO: %d rows, %t, %v", len(rows), more, err)
	}
}

// What a reader is told first is asked for in turn with other questions: otherwise those who come and
// go would take all connections.
func TestChangesTakeTurns(t *testing.T) {
	db := jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{})
	logger := slog.New(slog.DiscardHandler)
	s := &service{Config: Config{DB: db, Clock: time.Now, Logger: logger}, classes: newClasses(4, 2), changed: newChangeHub(db, logger)}
	s.pages = newGate(1, 1, 0, time.Millisecond, busy("full"), busy("full"))
	turn, err := s.pages.take(t.Context(), "another", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer turn.leave()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	p := auth.Principal{Subject: "alice", Username: "alice", Group: "user", VO: "lhcb", Properties: []string{auth.NormalUser}}
	err = s.changes(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, changesPath, nil), p, time.Now().Add(time.Hour))
	if refused := (*httpError)(nil); !errors.As(err, &refused) || refused.status != http.StatusServiceUnavailable {
		t.Errorf("%v", err)
	}
	if len(s.changed.vos) > 0 {
		t.Error("it is among the readers")
	}
}

// Readers of one VO leave places to those of others, and callers of a VO to each other.
func TestChangesReadersAreShared(t *testing.T) {
	db := jobdbtest.Open(t, jobdbtest.SQLite(t), jobdb.Options{})
	logger := slog.New(slog.DiscardHandler)
	s := &service{Config: Config{DB: db, Clock: time.Now, Logger: logger}, classes: newClasses(4, 2), changed: newChangeHub(db, logger)}
	for range maxVOReaders {
		if _, err := s.voListeners.take(t.Context(), "lhcb", 1); err != nil {
			t.Fatal(err)
		}
	}
	for vo, want := range map[string]int{"lhcb": http.StatusServiceUnavailable, "belle": http.StatusOK} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		answer := &firstPiece{ResponseRecorder: httptest.NewRecorder(), cancel: cancel}
		p := auth.Principal{Subject: vo + ":alice", Username: "alice", Group: "user", VO: vo, Properties: []string{auth.NormalUser}}
		err := s.changes(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, changesPath, nil), p, time.Now().Add(time.Hour))
		if refused := (*httpError)(nil); want != http.StatusOK && (!errors.As(err, &refused) || refused.status != want) {
			t.Errorf("%s: %v", vo, err)
		}
		if want == http.StatusOK && (err != nil || answer.Body.Len() == 0) {
			t.Errorf("%s: %v, %s", vo, err, answer.Body)
		}
		cancel()
	}
}

// firstPiece is an answer whose reader hangs up after the first piece of it.
type firstPiece struct {
	*httptest.ResponseRecorder

	cancel context.CancelFunc
}

func (w *firstPiece) Write(piece []byte) (int, error) {
	defer w.cancel()
	return w.ResponseRecorder.Write(piece)
}

// A large event leaves no large buffer to a reader, of which there may be many.
func TestChangesKeepSmallBuffers(t *testing.T) {
	row := make([]any, len(jobdb.Columns()))
	row[0] = int64(1)
	c := &changesStream{inexact: true}
	if small := c.event(report{rows: [][]any{row}}, true); cap(c.buffer) == 0 {
		t.Errorf("no buffer is kept after %d bytes", len(small))
	}
	large := c.event(report{rows: slices.Repeat([][]any{row}, 100_000)}, true)
	if cap(c.buffer) > maxKeptBuffer {
		t.Errorf("%d bytes are kept after %d", cap(c.buffer), len(large))
	}
}

// TestChangesWithinASecond changes a job again in a second whose changes were told already: live
// databases keep no fractions of a second, so that its time is the same.
func TestChangesWithinASecond(t *testing.T) {
	now := time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)
	at := func(ms int) { now = now.Truncate(time.Second).Add(time.Duration(ms) * time.Millisecond) }
	db := jobdbtest.Open(t, oracle.DIRAC(t, "9.1.22", jobdbtest.MariaDBWith), jobdb.Options{Clock: func() time.Time { return now }})
	id, err := db.CreateJob(t.Context(), "[]")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{id: {"VO": "lhcb", "LastUpdateTime": now.Add(-time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	h := newChangeHub(db, slog.New(slog.DiscardHandler))
	set := func(ms int, status string) {
		t.Helper()
		at(ms)
		if _, err := db.SetJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{id: {"Status": status}}, jobdb.SetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	set(100, "Checking")
	at(200)
	reader, _, err := h.join(t.Context(), "lhcb")
	if err != nil {
		t.Fatal(err)
	}
	h.stop() // it would ask at other times
	ask := func(ms int, want ...string) {
		t.Helper()
		at(ms)
		if err := h.ask(t.Context(), "lhcb"); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range (<-reader.reports).rows {
			got = append(got, fmt.Sprint(row[statusColumn]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("told of %v, want %v", got, want)
		}
	}
	set(300, "Waiting") // since it joined
	ask(400, "Waiting")
	set(500, "Matched")
	ask(1600, "Matched")
	ask(2600)
	ask(3600)
}

// statusColumn is where a row of all columns has the status.
var statusColumn = slices.IndexFunc(jobdb.Columns(), func(c jobdb.Column) bool { return c.Name() == "Status" })
