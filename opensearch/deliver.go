package opensearch

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"jobdb"
)

// Delivery copies parameters of jobs from the outbox of a database to OpenSearch, in the background,
// until it is closed. Each change arrives at least once, those of one job in their order. Several
// deliveries, of several servers, may work on one database.
type Delivery struct {
	from   *jobdb.DB
	to     *DB
	logger *slog.Logger
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Deliver begins a delivery. The database needs an outbox, see [jobdb.DB.HasParametersOutbox].
func Deliver(ctx context.Context, from *jobdb.DB, to *DB, logger *slog.Logger) *Delivery {
	d := &Delivery{from: from, to: to, logger: logger}
	ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	d.done.Go(func() { d.loop(ctx) })
	return d
}

// Close ends the delivery. What waits is delivered by the next one.
func (d *Delivery) Close() {
	d.cancel()
	d.done.Wait()
}

// Waiting is how many changes have not arrived yet; see [jobdb.DB.CountParametersChanges].
func (d *Delivery) Waiting(ctx context.Context) (int64, error) {
	return d.from.CountParametersChanges(ctx)
}

const (
	deliveryPause    = time.Second // between two looks into an outbox that is empty
	maxDeliveryPause = time.Minute // while OpenSearch can't be reached
	maxJobs          = 500         // in one request
	maxBytes         = 8 << 20     // of changes in one request, unless one change has more
)

func (d *Delivery) loop(ctx context.Context) {
	pause, failing := time.Duration(0), false
	for sleep(ctx, pause) {
		more, err := d.deliverSome(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			if pause = min(max(2*pause, deliveryPause), maxDeliveryPause); !failing || pause == maxDeliveryPause {
				d.logFailure(ctx, err)
			}
			failing = true
			continue
		case failing && err == nil:
			d.logger.InfoContext(ctx, "parameters of jobs are delivered to OpenSearch again")
			failing = false
		}
		if pause = deliveryPause; more {
			pause = 0
		}
	}
}

// sleep waits about so long, each time another time so that several servers don't meet each time.
// It reports whether ctx goes on.
func sleep(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
	case <-time.After(pause/2 + rand.N(pause+1)): //nolint:gosec // jitter
	}
	return ctx.Err() == nil
}

func (d *Delivery) logFailure(ctx context.Context, err error) {
	waiting, countErr := d.Waiting(ctx)
	d.logger.WarnContext(ctx, "parameters of jobs wait in the outbox: they can't be delivered to OpenSearch",
		"waiting", waiting, "error", errors.Join(err, countErr))
}

// deliverSome delivers the changes of the jobs that wait longest, and reports whether some arrived and
// others are likely to wait. A job whose document somebody else writes meanwhile is left to the next
// call.
//
// The versions of documents are read before the changes, and a document is written only if it still
// has its version. So when two servers deliver the same job, and one of them is slow, it either
// knows all changes that the other wrote or doesn't write.
func (d *Delivery) deliverSome(ctx context.Context) (more bool, err error) {
	vos, err := d.from.WaitingJobs(ctx, maxJobs, maxBytes)
	if err != nil || len(vos) == 0 {
		return false, err
	}
	if err := d.to.makeTemplate(ctx); err != nil {
		return false, err
	}
	documents, err := d.to.find(ctx, vos, []string{})
	if err != nil {
		return false, err
	}
	changes, all, err := d.from.ParametersChanges(ctx, slices.Collect(maps.Keys(vos)), maxBytes)
	if err != nil {
		return false, err
	}
	arrived, err := d.write(ctx, changes, documents)
	var ids []int64
	for _, id := range arrived {
		for _, change := range changes[id] {
			ids = append(ids, change.ID)
		}
	}
	more = len(arrived) == maxJobs || !all && len(arrived) > 0
	return more, errors.Join(err, d.from.RemoveParametersChanges(ctx, ids))
}

// write writes the changes of jobs whose documents are given, and returns those that need no more.
func (d *Delivery) write(
	ctx context.Context, changes map[jobdb.JobID][]jobdb.ParametersChange, documents map[jobdb.JobID]stored,
) (arrived []jobdb.JobID, err error) {
	var writes []write
	for id, ofJob := range changes {
		document, exists := documents[id]
		if w, ok := foldChanges(ofJob).write(document, exists && document.Found); ok {
			writes = append(writes, w)
		} else {
			arrived = append(arrived, id)
		}
	}
	statuses, err := d.to.bulk(ctx, writes)
	for i, status := range statuses {
		id := writes[i].job
		switch {
		case status == http.StatusConflict || status == http.StatusNotFound: // somebody was faster
		case status == http.StatusBadRequest:
			if refusal := d.writeEach(ctx, foldChanges(changes[id])); refusal != nil {
				err = refusal
				continue
			}
			arrived = append(arrived, id)
		case status > http.StatusBadRequest: // also what the user may not, until he may
			err = unavailable("write parameters of job %d: OpenSearch answered %d", id, status)
		default:
			arrived = append(arrived, id)
		}
	}
	return arrived, err
}

// folded is what several changes of one job come to.
type folded struct {
	job      jobdb.JobID
	vo       string
	at       time.Time
	replaces bool           // nothing of what was there before stays
	values   map[string]any // what is set
}

func foldChanges(changes []jobdb.ParametersChange) folded {
	f := folded{values: map[string]any{}}
	for _, change := range changes {
		f.job, f.vo, f.at = change.JobID, change.VO, change.Time
		if change.Values == nil {
			f.replaces = true
			clear(f.values)
		}
		maps.Copy(f.values, change.Values)
	}
	return f
}

// write is what does it to a document, and false if there is nothing to do.
func (f folded) write(document stored, exists bool) (w write, ok bool) {
	w = write{vo: f.vo, job: f.job, body: documentOf(f.job, f.at, f.values)}
	if !exists {
		w.action = "create"
		return w, len(f.values) > 0
	}
	w.settings = map[string]any{"if_seq_no": document.SeqNo, "if_primary_term": document.Primary}
	switch {
	case f.replaces && len(f.values) == 0:
		w.action, w.body = "delete", nil
	case f.replaces:
		w.action = "index"
	default:
		w.action, w.body = "update", map[string]any{"doc": w.body}
	}
	return w, true
}

// writeEach writes the parameters of a job one by one, because OpenSearch has refused them: one of
// them is of another type than its index has under that name. Those that it refuses then are in the
// table JobParameters only, and the log says which.
func (d *Delivery) writeEach(ctx context.Context, f folded) error {
	var writes []write
	names := slices.Sorted(maps.Keys(f.values))
	if f.replaces {
		writes = append(writes, write{action: "delete", vo: f.vo, job: f.job})
	}
	for _, name := range names {
		writes = append(writes, upsert(f.vo, f.job, f.at, map[string]any{name: f.values[name]}))
	}
	statuses, err := d.to.bulk(ctx, writes)
	var refused []string
	for i, status := range statuses {
		switch {
		case status < http.StatusBadRequest || writes[i].action == "delete" && status == http.StatusNotFound:
		case status == http.StatusBadRequest:
			refused = append(refused, names[len(names)-len(statuses)+i])
		default:
			return unavailable("write parameters of job %d: OpenSearch answered %d", f.job, status)
		}
	}
	if len(refused) > 0 {
		d.logger.WarnContext(ctx, "OpenSearch refuses parameters of a job, whose values are of other types than its index has; "+
			"they stay in the table JobParameters only", "job", int64(f.job), "names", refused)
	}
	return err
}
