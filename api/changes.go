package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
)

const (
	changesPath = "/api/jobdb/changes"
	eventsType  = "text/event-stream"

	// aliveEvery is how often something is sent although nothing changes.
	aliveEvery = 15 * time.Second
	// maxCatchUp is how far back a reader that reconnects gets the changes that it missed. After a
	// longer time it is only told that there were changes.
	maxCatchUp = time.Hour
	// maxReaders is how many readers a server has, maxVOReaders how many of one VO, and maxOwnReaders
	// of one caller.
	maxReaders    = 1000
	maxVOReaders  = 500
	maxOwnReaders = 32
	// maxKeptBuffer is how large a buffer, in bytes, a reader keeps for its next event.
	maxKeptBuffer = 16 << 10
)

// changesRequest says which jobs' changes are wanted.
type changesRequest struct {
	filters []jobdb.FilterSpec
	since   time.Time // zero: from now on
}

func readChanges(r *http.Request) (request changesRequest, err error) {
	var in validation.Reader
	query := r.URL.Query()
	if text, given := validation.QueryValue(query, "search"); given && text != "" {
		value, err := validation.Decode([]byte(text))
		if err != nil {
			return request, validation.Faults{{Type: "json_invalid", Location: validation.Location{"query", "search"}, Message: "must be a list of filters in JSON"}}
		}
		request.filters = readFilters(&in, value, validation.Location{"query", "search"})
	}
	since, given := validation.QueryValue(query, "since")
	at := validation.Location{"query", "since"}
	if last := r.Header.Get("Last-Event-ID"); last != "" { // newer than the one in the URL
		since, given, at = last, true, validation.Location{"header", "Last-Event-ID"}
	}
	if given && since != "" {
		n, err := strconv.ParseInt(since, 10, 64)
		if err != nil || n < 0 {
			in.Fault("value_error", at, "must be the id of an event", since)
		}
		request.since = time.UnixMicro(n).UTC()
	}
	return request, in.Err()
}

// changesStream is the answer to one reader.
type changesStream struct {
	service *service
	w       http.ResponseWriter
	control *http.ResponseController
	scope   jobdb.Scope
	filter  jobdb.Filter
	inexact bool // changes can't be matched with the search
	buffer  []byte
}

// changes streams which jobs change, as long as the client listens, its token is valid and the
// server runs.
func (s *service) changes(w http.ResponseWriter, r *http.Request, p auth.Principal, until time.Time) error {
	request, err := readChanges(r)
	if err != nil {
		return err
	}
	stream := &changesStream{service: s, w: w, control: http.NewResponseController(w)}
	if err := stream.choose(r.Context(), p, request.filters); err != nil {
		return err
	}
	place, err := s.listeners.take(r.Context(), p.Subject, 1)
	if err != nil {
		return err
	}
	defer place.leave()
	amongVO, err := s.voListeners.take(r.Context(), p.VO, 1)
	if err != nil {
		return err
	}
	defer amongVO.leave()
	var reader *changesReader
	first, err := inTurn(r.Context(), s.pages, p, nil, func(ctx context.Context) (report, error) {
		joined, now, err := s.changed.join(ctx, stream.scope.VO)
		if err != nil {
			return report{}, err
		}
		reader = joined
		return stream.catchUp(ctx, request.since, now)
	})
	if reader != nil {
		defer s.changed.leave(reader)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", eventsType)
	w.WriteHeader(http.StatusOK)
	if err := stream.send(append([]byte("retry: 2000\n"), stream.event(first, true)...)); err != nil {
		return nil // the client is gone
	}
	stream.follow(r.Context(), reader, until.Sub(s.Clock()))
	return nil
}

// choose finds out which jobs the stream is about.
func (c *changesStream) choose(ctx context.Context, p auth.Principal, filters []jobdb.FilterSpec) (err error) {
	others := filters
	stamps, _ := takeStamps(&others) // searchQuery returns the same error
	c.inexact = stamps != nil || nameParameters(others)
	query, err := c.service.searchQuery(ctx, p, jobdb.SearchRequest{Search: filters})
	c.scope, c.filter = query.Scope, query.Filter
	return err
}

// catchUp returns what has changed since the time that a reconnecting reader gives.
func (c *changesStream) catchUp(ctx context.Context, since, now time.Time) (report, error) {
	found := report{at: now}
	switch {
	case since.IsZero():
		return found, nil
	case since.Before(now.Add(-maxCatchUp)) || since.After(now.Add(clockLead)):
		found.more = true
		return found, nil
	}
	changed, more, err := c.service.changed.changedSince(ctx, c.scope.VO, since.Add(-changesOverlap))
	if err != nil {
		return found, err
	}
	ids := make([]any, 0, len(changed))
	for id := range changed {
		ids = append(ids, id)
	}
	found.rows, found.more, err = c.service.changed.rowsOf(ctx, c.scope.VO, ids, more)
	return found, err
}

// follow sends changes until there is a reason to end, and then sends that.
func (c *changesStream) follow(ctx context.Context, reader *changesReader, valid time.Duration) {
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	expired := time.NewTimer(valid)
	defer expired.Stop()
	last, err := "", error(nil)
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case <-shutdownBegun(ctx):
			err = errors.Join(c.end("the server is stopping"), errStopping)
		case <-expired.C:
			err = errors.Join(c.end("the token has expired"), auth.ErrInvalidToken)
		case <-alive.C:
			err = c.send([]byte(last + ": alive\n\n"))
		case found, ok := <-reader.reports:
			if !ok {
				err = errors.Join(c.end("too slow"), context.Canceled)
				break
			}
			last = "id: " + strconv.FormatInt(found.at.UnixMicro(), 10) + "\n"
			if event := c.event(found, false); event != nil {
				err = c.send(event)
			}
		}
	}
}

func (c *changesStream) end(reason string) error {
	return c.send([]byte("event: end\ndata: {\"reason\":\"" + reason + "\"}\n\n"))
}

// event is a report as it is sent: the rows of the jobs in scope that the search finds, and the IDs
// of the others, which the search may have found before they changed. It is nil if there is nothing
// to send, unless first.
func (c *changesStream) event(found report, first bool) []byte {
	keys := jsonKeys(jobdb.Columns(), false)
	b := append(c.buffer[:0], "event: changes\nid: "...)
	b = append(strconv.AppendInt(b, found.at.UnixMicro(), 10), "\ndata: {\"jobs\":["...)
	var others []any
	jobs := 0
	for _, row := range found.rows {
		if c.scope.Owner != "" && row[ownerColumn] != c.scope.Owner {
			continue
		}
		if matches, ok := c.filter.Match(row); c.inexact || !ok || !matches {
			others = append(others, row[0])
			continue
		}
		b = appendRow(appendComma(b, jobs), keys, row, zulu)
		jobs++
	}
	more := found.more || c.inexact && len(others) > 0
	if jobs == 0 && len(others) == 0 && !more && !first {
		return nil
	}
	b = append(b, `],"others":[`...)
	for i, id := range others {
		b = appendValue(appendComma(b, i), id, zulu)
	}
	b = append(strconv.AppendBool(append(b, `],"more":`...), more), "}\n\n"...)
	if cap(b) <= maxKeptBuffer {
		c.buffer = b
	}
	return b
}

// ownerColumn is the index of Owner in a row of all columns.
var ownerColumn = slices.IndexFunc(jobdb.Columns(), func(c jobdb.Column) bool { return c.Name() == "Owner" })

// send sends a piece at once. It fails if the client doesn't read it within the service's
// LinesTimeout.
func (c *changesStream) send(piece []byte) error {
	deadline := time.Now().Add(c.service.LinesTimeout) //nolint:forbidigo // the connection knows no other clock
	if err := c.control.SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := c.w.Write(piece); err != nil { //nolint:gosec // browsers take events for no page
		return err
	}
	return c.control.Flush()
}
