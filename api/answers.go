package api

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"

	"jobdb"
	"jobdb/auth"
)

const (
	// answerMemory is how many bytes of large answers, and of the rows that they are made of, there
	// may be at once.
	answerMemory = 64 << 20
	// smallAnswer is up to how many bytes are had at once, whatever else is read.
	smallAnswer = 512 << 10
	// valueSize is about how many bytes a value of a row takes while an answer is made of it.
	valueSize = 128
	// largePage is from how many rows on a page is costly, whatever it is of.
	largePage = 1000

	// pieceTime is how long a client may take for the next piece of an answer, and slowest how many
	// bytes a second it must read of the whole.
	pieceTime = 30 * time.Second
	slowest   = 64 << 10
)

// answerGate is for the memory of large answers. One caller may take half of it.
func answerGate() *gate {
	return newGate(answerMemory, answerMemory/2, memoryQueue, memoryWait,
		busy("the server sends other large answers; try again later, or ask for less with per_page"),
		tooManyOwn("you have other large answers to read; read them first, or ask for less with per_page"))
}

// buffers are reused for the next answers, unless they are larger than maxReused bytes.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const maxReused = 1 << 20

// question is answered with what is read in its turn.
type question struct {
	class  *gate       // nil: it needs no turn, since what it is answered with is there
	cost   costOf      // of its turn
	size   int64       // bytes of memory that it is expected to take; 0: few
	memory *taken      // what it has of that already; nil: nothing
	body   *bodyMemory // of what was asked, if that is part of size; else nil
	// read appends the answer, and may set headers. It tells fit when it takes more than was expected.
	read reader
}

type reader func(ctx context.Context, b []byte, fit func(size int64) error) (status int, answer []byte, err error)

// ofJobs is a question for rows of Jobs, which take more memory than their columns do. What is left
// of the query's body counts as part of it.
func (s *service) ofJobs(query jobdb.Search, body *bodyMemory, more int64, read reader) question {
	q := question{class: s.pages, size: body.left + rowsSize(query, query.PerPage) + more, body: body, read: read}
	switch {
	case s.DB.CostlySearch(query):
		q.class, q.cost = s.costly, s.costOf(query.Scope, query.Filter)
	case query.PerPage > largePage:
		q.class, q.cost = s.costly, func(context.Context) int64 { return int64(query.PerPage) }
	}
	return q
}

// costOf is about how many jobs a costly question looks at. One that can't be estimated goes last. One
// at a time is estimated, which is a question, too.
func (s *service) costOf(scope jobdb.Scope, filter jobdb.Filter) costOf {
	return func(ctx context.Context) int64 {
		if !s.estimates.take(ctx, 1, 0) {
			return math.MaxInt64
		}
		defer s.estimates.giveBack(1)
		jobs, err := s.DB.JobsToSearch(ctx, scope, filter)
		if err != nil {
			return math.MaxInt64
		}
		return jobs
	}
}

// rowsSize is how many bytes of memory so many rows of a search take.
func rowsSize(query jobdb.Search, rows int) int64 {
	columns := len(query.Columns)
	if columns == 0 {
		columns = len(jobdb.Columns())
	}
	return int64(rows) * int64(columns) * valueSize
}

// ask answers a question. It takes memory first and then its turn, so that who waits for memory
// keeps nobody from a turn. The turn ends when the answer is read from the database; the client reads
// it at its own pace, and the answer takes memory until then.
func (s *service) ask(w http.ResponseWriter, r *http.Request, p auth.Principal, q question) error {
	memory, err := s.fit(r.Context(), p.Subject, q.memory, q.size)
	defer func() { memory.leave() }()
	if err != nil {
		return err
	}
	if q.body != nil {
		q.body.giveBack()
	}
	b := buffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
	fit := func(size int64) (err error) {
		memory, err = s.growAnswer(p.Subject, memory, size)
		return err
	}
	status, err := q.answer(r.Context(), p, b, fit)
	if err != nil {
		return err
	}
	if memory, err = s.fit(r.Context(), p.Subject, memory, int64(len(*b))); err != nil {
		return err
	}
	writeJSON(w, status, *b)
	if cap(*b) <= maxReused {
		buffers.Put(b)
	}
	return nil
}

func (q question) answer(ctx context.Context, p auth.Principal, b *[]byte, fit func(int64) error) (status int, err error) {
	if q.class != nil {
		turn, err := q.class.takeTurn(ctx, p.Subject, q.cost)
		if err != nil {
			return 0, err
		}
		defer turn.leave()
	}
	status, *b, err = q.read(ctx, (*b)[:0], fit)
	return status, err
}

// fit makes the memory of an answer, nil before it has any, what so many bytes take. It is also
// returned with an error.
func (s *service) fit(ctx context.Context, caller string, memory *taken, size int64) (*taken, error) {
	switch {
	case memory != nil:
		memory.shrinkTo(size)
		return memory, memory.growTo(size)
	case size > smallAnswer:
		return s.answers.take(ctx, caller, size)
	}
	return nil, nil //nolint:nilnil // few bytes take none
}

// growAnswer makes the memory of an answer whose rows are being read, nil before it has any, what so
// many bytes take. It takes some more each time, and doesn't wait, which would keep others from their turn.
// It is also returned with an error.
func (s *service) growAnswer(caller string, memory *taken, size int64) (*taken, error) {
	switch {
	case memory == nil && size > smallAnswer:
		memory, err := s.answers.enter(caller, s.answers.share, size+smallAnswer, false, atOnce)
		if err != nil {
			s.answers.refused.Add(1)
		}
		return memory, err
	case memory != nil && size > memory.n:
		return memory, memory.growTo(size + smallAnswer)
	}
	return memory, nil
}

// writeJSON sends a whole answer. An error is ignored: the client is gone.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if len(body) <= pieceSize { // what doesn't fit into the connection's buffers is bounded by the server's own limit
		_, _ = w.Write(body) //nolint:gosec // JSON, which no browser takes for a page
		return
	}
	control := http.NewResponseController(w)
	began := time.Now() //nolint:forbidigo // the connection knows no other clock
	last := began.Add(pieceTime + time.Duration(len(body)/slowest)*time.Second)
	for len(body) > 0 {
		deadline := time.Now().Add(pieceTime) //nolint:forbidigo // as above
		if deadline.After(last) {
			deadline = last
		}
		_ = control.SetWriteDeadline(deadline)              // a test's recorder has none
		n, err := w.Write(body[:min(len(body), pieceSize)]) //nolint:gosec // JSON, as above
		if err != nil {
			return
		}
		body = body[n:]
	}
}
