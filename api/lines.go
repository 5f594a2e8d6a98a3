package api

import (
	"errors"
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
		return false // no other request may last as long
	}
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if kind, _, err := mime.ParseMediaType(accepted); err == nil && kind == linesType {
			return true
		}
	}
	return false
}

// linesPiece is the length of the pieces in which lines are sent.
const linesPiece = 64 << 10

// lines writes rows as they come from the database. Memory is that of one piece, whatever their number.
type lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
	time    time.Duration // who doesn't take a piece within it isn't reading any more, and keeps a query of the database waiting
	keys    []string
	piece   []byte
	sent    bool
}

func (l *lines) row(row []any) error {
	l.piece = append(appendRow(l.piece, l.keys, row, zulu), '\n')
	if len(l.piece) < linesPiece {
		return nil
	}
	return l.send()
}

func (l *lines) send() error {
	if !l.sent {
		l.sent = true
		l.w.Header().Set("Content-Type", linesType)
		l.w.Header().Set("X-Content-Type-Options", "nosniff")
		l.w.WriteHeader(http.StatusOK)
	}
	deadline := time.Now().Add(l.time) //nolint:forbidigo // the connection knows no other clock
	if err := l.control.SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := l.w.Write(l.piece)
	l.piece = l.piece[:0]
	return err
}

// sendLines answers a search with all its rows. When it fails after the first piece the connection
// is cut, so that nobody takes what came for all.
func (s *service) sendLines(w http.ResponseWriter, r *http.Request, search jobdb.Search) error {
	columns := search.Columns
	if len(columns) == 0 {
		columns = jobdb.Columns()
	}
	l := &lines{w: w, control: http.NewResponseController(w), time: s.LinesTime, keys: jsonKeys(columns, false), piece: make([]byte, 0, linesPiece+4096)}
	_, err := s.DB.Stream(r.Context(), search, l.row)
	if err == nil {
		err = l.send()
	}
	if err != nil && l.sent {
		note(r, slog.String("error", err.Error()))
		panic(http.ErrAbortHandler)
	}
	return err
}
