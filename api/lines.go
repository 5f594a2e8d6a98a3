package api

import (
	"errors"
	"iter"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"jobdb"
)

const linesType = "application/x-ndjson"

// wantsLines reports whether all rows of a search are wanted, one JSON object a line.
func wantsLines(r *http.Request) bool {
	if r.URL.Path != "/api/jobs/search" {
		return false // only searches may take this long
	}
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if kind, _, err := mime.ParseMediaType(accepted); err == nil && kind == linesType {
			return true
		}
	}
	return false
}

// pieceSize is the size in bytes of the pieces in which lines are sent.
const pieceSize = 64 << 10

// lineWriter writes rows as they come from the database. It holds one piece in memory, however many
// rows there are.
type lineWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration // for one piece: a client that stopped reading keeps a query of the database waiting
	keys    []string
	piece   []byte
	sent    bool
}

func (l *lineWriter) rows(rows iter.Seq2[[]any, error]) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		l.piece = append(appendRow(l.piece, l.keys, row, zulu), '\n')
		if len(l.piece) < pieceSize {
			continue
		}
		if err := l.send(); err != nil {
			return err
		}
	}
	return l.send()
}

func (l *lineWriter) send() error {
	if !l.sent {
		l.sent = true
		l.w.Header().Set("Content-Type", linesType)
		l.w.WriteHeader(http.StatusOK)
	}
	deadline := time.Now().Add(l.timeout) //nolint:forbidigo // the connection knows no other clock
	if err := l.control.SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := l.w.Write(l.piece)
	l.piece = l.piece[:0]
	return err
}

// sendLines answers a search with all its rows. When it fails after the first piece it cuts the
// connection, so that the client can tell that rows are missing.
func (s *service) sendLines(w http.ResponseWriter, r *http.Request, search jobdb.Search) error {
	columns := search.Columns
	if len(columns) == 0 {
		columns = jobdb.Columns()
	}
	l := &lineWriter{
		w: w, control: http.NewResponseController(w), timeout: s.LinesTimeout,
		keys: jsonKeys(columns, false), piece: make([]byte, 0, pieceSize+4096),
	}
	err := l.rows(s.DB.Stream(r.Context(), search))
	if err != nil && l.sent {
		addToLog(r, slog.String("error", err.Error()))
		panic(http.ErrAbortHandler)
	}
	return err
}
