package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb"
	"jobdb/auth"
)

const linesType = "application/x-ndjson"

// linesWanted returns the media type in which all rows of a search are wanted, one on each line:
// JSON objects or CSV. It is "" if a page is wanted.
func linesWanted(r *http.Request) string {
	if r.URL.Path != "/api/jobs/search" {
		return "" // only searches may take this long
	}
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, parameters, err := mime.ParseMediaType(accepted)
		if err != nil || kind != linesType && kind != csvType {
			continue
		}
		if quality, err := strconv.ParseFloat(cmp.Or(parameters["q"], "1"), 64); err == nil && quality > 0 {
			return kind
		}
	}
	return ""
}

const (
	// pieceSize is the size in bytes of the pieces in which long answers are sent.
	pieceSize = 64 << 10
	// fewRows are read at once for a slow client, and up to manyRows for a fast one.
	fewRows  = 256
	manyRows = 4096
	// quick is how long a fast client takes at most to read a piece of lines.
	quick = 100 * time.Millisecond
)

// lines sends all rows of a search. It reads some, gives the database's connection back, sends them
// and goes on after the last one, so that a slow client keeps no connection and little memory.
type lines struct {
	service *service
	w       http.ResponseWriter
	control *http.ResponseController
	caller  string
	class   *gate
	cost    costOf
	query   jobdb.Search
	kind    string   // of the answer
	keys    []string // of JSON
	places  []int    // of the columns of CSV, whose header begins the first piece
	rows    int      // of the next piece
	memory  *permit  // taken for a piece of more than fewRows
	piece   []byte
	rowSize int // bytes of a row of the last piece, on average
	sent    bool
}

// sendLines answers a search with all its rows. If it fails after the first piece it cuts the
// connection, so that the client can tell that rows are missing. names are the columns as they were
// asked for. What is left of the request's body takes memory until there is memory for the answer.
func (s *service) sendLines(w http.ResponseWriter, r *http.Request, p auth.Principal, query jobdb.Search, names []string, body *bodyMemory) error {
	columns := query.Columns
	if len(columns) == 0 {
		columns = jobdb.Columns()
	}
	query.Page, query.Uncounted = 1, true
	query.Distinct = query.Distinct && !slices.Contains(columns, jobdb.Column{}) // rows with a JobID are distinct anyway
	l := &lines{
		service: s, w: w, control: http.NewResponseController(w), caller: p.Subject, class: s.lines,
		query: query, kind: linesWanted(r), rows: fewRows,
	}
	if l.kind == csvType {
		l.places, l.piece = csvColumns(names, columns)
	} else {
		l.keys = jsonKeys(columns, false)
	}
	if query.Distinct { // they have no places, so all pages must be of one size, which takes little memory
		l.rows = int(max(fewRows, min(manyRows, smallAnswer/rowsSize(query, 1))))
	}
	if s.DB.CostlySearch(query) {
		l.class, l.cost = s.costly, s.costOf(query.Scope, query.Filter)
	}
	err := l.all(r.Context(), body)
	if err != nil && l.sent {
		addToLog(r, slog.String("error", err.Error()))
		panic(http.ErrAbortHandler)
	}
	return err
}

func (l *lines) all(ctx context.Context, body *bodyMemory) error {
	open, err := l.service.openLines.take(ctx, l.caller, 1)
	if err != nil {
		return err
	}
	defer open.leave()
	memory, err := l.service.reserve(ctx, l.caller, nil, body.left)
	if err != nil {
		return err
	}
	defer memory.leave()
	body.giveBack()
	for last := false; !last; {
		if last, err = l.next(ctx); err != nil {
			return err
		}
	}
	return nil
}

// next reads and sends a piece, and reports whether it was the last. The piece takes memory until
// it is sent.
func (l *lines) next(ctx context.Context) (last bool, err error) {
	defer func() { l.memory.leave() }()
	if last, err = l.read(ctx); err != nil {
		return false, err
	}
	if l.memory != nil {
		l.memory.shrinkTo(int64(len(l.piece)))
	}
	began := time.Now() //nolint:forbidigo // the connection knows no other clock
	err = l.send()
	if cap(l.piece) > maxReused {
		l.piece = nil
	}
	switch took := time.Since(began); {
	case l.query.Distinct:
	case took < quick:
		l.rows = min(2*l.rows, manyRows)
	default:
		l.rows = fewRows
	}
	return last, err
}

// read makes the next piece. One with fewer rows than asked for is the last. Only the first piece
// may be refused because too many requests wait.
func (l *lines) read(ctx context.Context) (last bool, err error) {
	take := l.class.takeTurn
	if l.sent {
		take = l.class.takeAgain
	}
	turn, err := take(ctx, l.caller, l.cost)
	if err != nil {
		return false, err
	}
	defer turn.leave()
	l.memory = nil
	if l.rows > fewRows && !l.query.Distinct {
		if l.memory = l.service.answers.tryTake(l.caller, rowsSize(l.query, l.rows)); l.memory == nil {
			l.rows = fewRows
		}
	}
	l.query.PerPage = min(l.rows, l.service.DB.Limits().PerPage)
	if l.sent {
		l.piece = l.piece[:0]
	}
	l.piece = slices.Grow(l.piece, l.query.PerPage*(l.rowSize+l.rowSize/16)) // to copy it as it grows takes a fifth of the time
	rows := 0
	page, err := l.service.DB.SearchEach(ctx, l.query, func(row []any) error {
		rows++
		l.add(row)
		return nil
	})
	if err != nil {
		return false, err
	}
	l.rowSize = len(l.piece) / max(1, rows)
	switch {
	case page.Next != "":
		l.query.Page, l.query.Cursor = 0, page.Next
	case l.query.Cursor != "": // no row comes after these, however many they are
		return true, nil
	default:
		l.query.Page++
	}
	return rows < l.query.PerPage, nil
}

// add writes a row into the piece.
func (l *lines) add(row []any) {
	if l.kind == csvType {
		l.piece = appendCSV(l.piece, l.places, row)
		return
	}
	l.piece = append(appendRow(l.piece, l.keys, row, zulu), '\n')
}

func (l *lines) send() error {
	if !l.sent {
		l.sent = true
		l.w.Header().Set("Content-Type", l.kind)
		l.w.WriteHeader(http.StatusOK)
	}
	for rest := l.piece; len(rest) > 0; {
		deadline := time.Now().Add(l.service.LinesTimeout) //nolint:forbidigo // the connection knows no other clock
		if err := l.control.SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		n, err := l.w.Write(rest[:min(len(rest), pieceSize)])
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}
