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
	// answerMemory is how many bytes all large answers, and the rows that they are made of, may
	// take at once.
	answerMemory = 64 << 20
	// smallAnswer is how many bytes an answer may have without taking a part of answerMemory.
	smallAnswer = 512 << 10
	// valueSize is about how many bytes a value of a row takes while an answer is made of it.
	valueSize = 128
	// largePage is from how many rows on a page is costly, whatever the search.
	largePage = 1000

	// pieceTime is how long a client may take to read the next piece of an answer. slowest is how
	// many bytes a second it must read on average.
	pieceTime = 30 * time.Second
	slowest   = 64 << 10
)

// answerGate bounds the memory of large answers. One caller may take half of it.
func answerGate() *gate {
	return newGate(answerMemory, answerMemory/2, memoryQueue, memoryWait,
		busy("the server sends other large answers; try again later, or ask for less with per_page"),
		tooManyOwn("you have other large answers to read; read them first, or ask for less with per_page"))
}

// buffers are reused for the next answers, unless they are larger than maxReused bytes.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const maxReused = 1 << 20

// question is a request that is answered from the database, in its turn.
type question struct {
	class  *gate       // nil: it needs no turn, because its answer has been read already
	cost   costOf      // of its turn
	size   int64       // bytes of memory that the answer is expected to take; 0: few
	memory *permit     // the part of it that is taken already; nil: nothing
	body   *bodyMemory // of the request, if that is part of size; else nil
	// read appends the answer, and may set headers. It calls grow before it takes more memory than
	// was expected.
	read reader
}

type reader func(ctx context.Context, b []byte, grow func(size int64) error) (status int, answer []byte, err error)

// ofJobs is a question for rows of Jobs. more is the memory of what the rows have besides columns.
// What is left of the request's body counts as well.
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

// costOf estimates how many jobs a costly question reads. One that can't be estimated goes last. An
// estimate is a question, too, so there is only one at a time.
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

// ask answers a question. It takes memory before its turn, so that waiting for memory keeps nobody
// else from a turn. The turn ends when the answer is read from the database, the memory is taken
// until the client has read it.
func (s *service) ask(w http.ResponseWriter, r *http.Request, p auth.Principal, q question) error {
	memory, err := s.reserve(r.Context(), p.Subject, q.memory, q.size)
	defer func() { memory.leave() }()
	if err != nil {
		return err
	}
	if q.body != nil {
		q.body.giveBack()
	}
	b := buffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
	grow := func(size int64) (err error) {
		memory, err = s.growAnswer(p.Subject, memory, size)
		return err
	}
	status, err := q.answer(r.Context(), p, b, grow)
	if err != nil {
		return err
	}
	if memory, err = s.reserve(r.Context(), p.Subject, memory, int64(len(*b))); err != nil {
		return err
	}
	writeJSON(w, status, *b)
	if cap(*b) <= maxReused {
		buffers.Put(b)
	}
	return nil
}

func (q question) answer(ctx context.Context, p auth.Principal, b *[]byte, grow func(int64) error) (status int, err error) {
	if q.class != nil {
		turn, err := q.class.takeTurn(ctx, p.Subject, q.cost)
		if err != nil {
			return 0, err
		}
		defer turn.leave()
	}
	status, *b, err = q.read(ctx, (*b)[:0], grow)
	return status, err
}

// reserve makes the memory that an answer has taken as large as size. memory is nil before it has
// any. The result is to be given back with an error, too.
func (s *service) reserve(ctx context.Context, caller string, memory *permit, size int64) (*permit, error) {
	switch {
	case memory != nil:
		memory.shrinkTo(size)
		return memory, memory.growTo(size)
	case size > smallAnswer:
		return s.answers.take(ctx, caller, size)
	}
	return nil, nil //nolint:nilnil // a small answer takes none
}

// growAnswer is reserve while the rows of an answer are being read. It takes some more than size,
// so that it is called less often. It doesn't wait, which would keep others from their turn.
func (s *service) growAnswer(caller string, memory *permit, size int64) (*permit, error) {
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
