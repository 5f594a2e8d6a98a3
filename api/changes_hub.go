package api

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"jobdb"
)

const (
	// changesInterval is how often the database is asked which jobs have changed.
	changesInterval = time.Second
	// changesOverlap is how far back each question overlaps the one before, because a change is
	// dated when it is made but seen only when it is committed.
	changesOverlap = 10 * time.Second
	// clockLead is how far the times of changes may be in the future.
	clockLead = time.Minute
	// maxChanged is how many changed jobs of a VO are read at once. If there are others readers are
	// only told that there are.
	maxChanged = 10_000
	// maxChangedRows is how many of them are sent with their rows.
	maxChangedRows = 500
	// changesBuffer is how many reports wait for a slow reader before it is cut off.
	changesBuffer = 8
)

// report says which jobs of a VO have changed.
type report struct {
	at   time.Time // up to when
	rows [][]any   // of all columns; shared between readers
	more bool      // others have changed, too
}

// changeHub asks the database once a second which jobs have changed, for all readers together, and
// not at all while there are none.
type changeHub struct {
	db     *jobdb.DB
	logger *slog.Logger

	mutex sync.Mutex
	vos   map[string]*changesOfVO // those with readers; "" for operators, who see all VOs
	stop  context.CancelFunc      // ends the goroutine that runs while there are readers
}

// changesOfVO has the readers of a VO, and what they have been told.
type changesOfVO struct {
	readers map[*changesReader]bool
	seen    map[int64]jobUpdate // the last updates of jobs that were updated in the last changesOverlap
	asked   time.Time           // up to when
}

// jobUpdate is the last update of a job.
type jobUpdate struct {
	at    time.Time
	state string // the job's status; only where times are whole seconds, in which a job may be updated twice
}

// follows reports whether an update came after another one of the same job.
func (u jobUpdate) follows(before jobUpdate) bool {
	return u.at.After(before.at) || u.at.Equal(before.at) && u.state != before.state
}

// changesReader gets reports until it leaves, or is closed because it is too slow.
type changesReader struct {
	vo      string
	reports chan report
}

func newChangeHub(db *jobdb.DB, logger *slog.Logger) *changeHub {
	return &changeHub{db: db, logger: logger, vos: map[string]*changesOfVO{}}
}

// join adds a reader of a VO's changes, and returns it with the time from which on it gets them.
func (h *changeHub) join(ctx context.Context, vo string) (*changesReader, time.Time, error) {
	r := &changesReader{vo: vo, reports: make(chan report, changesBuffer)}
	if now, ok := h.add(ctx, r, nil); ok {
		return r, now, nil
	}
	// Changes that were made before, but fall into the overlap, aren't new.
	now := h.db.Now()
	seen, _, err := h.changedSince(ctx, vo, now.Add(-changesOverlap))
	if err != nil {
		return nil, now, err
	}
	now, _ = h.add(ctx, r, &changesOfVO{readers: map[*changesReader]bool{}, seen: seen, asked: now})
	return r, now, nil
}

// add adds a reader to its VO. If it is the first one begin becomes the VO's; ok is false if begin
// is nil then.
func (h *changeHub) add(ctx context.Context, r *changesReader, begin *changesOfVO) (asked time.Time, ok bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	v := h.vos[r.vo]
	if v == nil {
		if begin == nil {
			return asked, false
		}
		v = begin
		h.vos[r.vo] = v
	}
	v.readers[r] = true
	if h.stop == nil {
		ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // it goes on for others
		h.stop = stop
		go h.run(ctx)
	}
	return v.asked, true
}

// leave removes a reader. The last one ends the hub's goroutine.
func (h *changeHub) leave(r *changesReader) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	v := h.vos[r.vo]
	if v == nil {
		return
	}
	delete(v.readers, r)
	if len(v.readers) == 0 {
		delete(h.vos, r.vo)
	}
	if len(h.vos) == 0 && h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// run asks for the changes of all VOs with readers until ctx ends.
func (h *changeHub) run(ctx context.Context) {
	ticks := time.NewTicker(changesInterval)
	defer ticks.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		h.mutex.Lock()
		vos := slices.Sorted(maps.Keys(h.vos))
		h.mutex.Unlock()
		for _, vo := range vos {
			err := h.ask(ctx, vo)
			if err != nil && ctx.Err() == nil && !failing {
				h.logger.WarnContext(ctx, "readers of changes wait: the database isn't reached; it is tried again", "error", err)
			}
			failing = err != nil
		}
	}
}

// ask finds out what has changed in a VO and tells its readers. After an error the next call
// includes all changes since the last success.
func (h *changeHub) ask(ctx context.Context, vo string) error {
	ctx, cancel := context.WithTimeout(ctx, queueWait)
	defer cancel()
	h.mutex.Lock()
	v := h.vos[vo]
	if v == nil {
		h.mutex.Unlock()
		return nil
	}
	seen, asked := v.seen, v.asked
	h.mutex.Unlock()
	now := h.db.Now()
	changed, more, err := h.changedSince(ctx, vo, asked.Add(-changesOverlap))
	if err != nil {
		return err
	}
	found := report{at: now, more: more}
	var ids []any
	for id, last := range changed {
		if before, ok := seen[id]; !ok || last.follows(before) {
			ids = append(ids, id)
		}
	}
	if found.rows, found.more, err = h.rowsOf(ctx, vo, ids, more); err != nil {
		return err
	}
	h.tell(v, changed, found)
	return nil
}

// tell gives a report to the readers of a VO. One whose buffer is full is cut off.
func (h *changeHub) tell(v *changesOfVO, changed map[int64]jobUpdate, found report) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	v.seen, v.asked = changed, found.at
	for r := range v.readers {
		select {
		case r.reports <- found:
		default:
			delete(v.readers, r)
			close(r.reports)
		}
	}
}

// changedSince returns the jobs of a VO that were updated since a time, with their last updates.
// more reports that there are others.
func (h *changeHub) changedSince(ctx context.Context, vo string, since time.Time) (changed map[int64]jobUpdate, more bool, err error) {
	request := jobdb.SearchRequest{
		Parameters: []string{"JobID", "LastUpdateTime"},
		Search: []jobdb.FilterSpec{
			{Parameter: "LastUpdateTime", Operator: "gte", Value: since},
			{Parameter: "LastUpdateTime", Operator: "lte", Value: h.db.Now().Add(clockLead)},
		},
		Sort: []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "desc"}},
	}
	if h.db.HasWholeSeconds() {
		request.Parameters = append(request.Parameters, "Status", "MinorStatus", "ApplicationStatus") // columns after the other two
	}
	rows, err := h.search(ctx, vo, request, maxChanged)
	changed = make(map[int64]jobUpdate, len(rows))
	for _, row := range rows {
		id, _ := row[0].(int64)
		last := jobUpdate{}
		if last.at, _ = row[1].(time.Time); len(row) > 2 {
			last.state = fmt.Sprintf("%q", row[2:])
		}
		changed[id] = last
	}
	return changed, len(rows) == maxChanged, err
}

// rowsOf returns the rows of jobs, if they are few enough to be sent.
func (h *changeHub) rowsOf(ctx context.Context, vo string, ids []any, more bool) (rows [][]any, tooMany bool, err error) {
	if len(ids) == 0 || len(ids) > maxChangedRows {
		return nil, more || len(ids) > 0, nil
	}
	request := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "JobID", Operator: "in", Values: ids}}}
	rows, err = h.search(ctx, vo, request, maxChangedRows)
	return rows, more, err
}

func (h *changeHub) search(ctx context.Context, vo string, request jobdb.SearchRequest, limit int) ([][]any, error) {
	query, err := request.Parse(h.db.Limits())
	if err != nil {
		return nil, err
	}
	query.Scope, query.Page, query.PerPage, query.Uncounted = jobdb.Scope{VO: vo, AllVOs: vo == ""}, 1, min(limit, h.db.Limits().PerPage), true
	page, err := h.db.Search(ctx, query)
	return page.Rows, err
}
