package wms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"jobdb"
)

// PurgeOptions say how [JobManager.Purge] goes about it.
type PurgeOptions struct {
	// DryRun deletes nothing, and counts the jobs that would be looked at.
	DryRun bool
	// Export saves jobs before they are deleted. It gets lines of JSON, one for each job, and must
	// have saved them when it returns. A job comes again if its deletion failed. A job that can't
	// be exported whole, because a part is damaged or too large, isn't deleted. Nil: nothing is
	// exported.
	Export func(lines []byte) error
	// State is the state that the last call returned. It says up to which time parts of jobs have
	// been deleted. With "" all jobs that have ended are looked at.
	State string
	// Progress is called after each batch with what has been done so far; nil: nothing is.
	Progress func(PurgeReport)
	// Pause is the least time between two batches, default 50 ms. After a batch that took longer
	// the pause is as long as the batch, at most 10 s.
	Pause time.Duration
}

// PurgeReport is what [JobManager.Purge] did, by VO.
type PurgeReport struct {
	VOs map[string]PurgeCounts
	// Replies are how many replies to repeated requests were deleted.
	Replies int64 `json:",omitzero"`
}

// PurgeCounts is what was deleted of one VO. In a dry run all are numbers of jobs that would be
// looked at.
type PurgeCounts struct {
	Jobs               map[jobdb.Status]int64 `json:",omitempty"` // by the key in [Retention.Jobs]
	Exported           int64                  `json:",omitzero"`  // jobs
	NotExported        int64                  `json:",omitzero"`  // jobs kept because they couldn't be exported whole
	ThinHeartbeats     int64                  `json:",omitzero"`  // values
	Heartbeats         int64                  `json:",omitzero"`  // values
	History            int64                  `json:",omitzero"`  // jobs whose history was deleted
	Commands           int64                  `json:",omitzero"`
	ArchivedParameters int64                  `json:",omitzero"`
	Series             int64                  `json:",omitzero"` // rows
}

// purgeBatch is how many jobs one transaction handles. Small ones let others write between them.
const purgeBatch = 50

// thinnedTo is the period of which thinning leaves one heartbeat.
const thinnedTo = time.Hour

// purge is one call of [JobManager.Purge].
type purge struct {
	*JobManager
	PurgeOptions

	now    time.Time
	report PurgeReport
	// marks are the LastUpdateTimes up to which parts were deleted, by VO and part.
	marks map[string]map[string]time.Time
}

// purgedPart is a part of jobs that is deleted while the jobs stay.
type purgedPart struct {
	name   string
	age    Age
	count  *int64
	remove func(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) (int64, error)
}

// Purge deletes what is older than book allows, the oldest first, in small transactions with pauses
// between them. A job that changes meanwhile is left alone. It returns what it did, and the state
// to give to the next call; both also with an error.
func (m *JobManager) Purge(ctx context.Context, book RetentionBook, options PurgeOptions) (PurgeReport, string, error) {
	p := &purge{JobManager: m, PurgeOptions: options, now: m.now(), report: PurgeReport{VOs: map[string]PurgeCounts{}}}
	if p.Pause == 0 {
		p.Pause = 50 * time.Millisecond
	}
	p.marks = map[string]map[string]time.Time{}
	if options.State != "" {
		if err := json.Unmarshal([]byte(options.State), &p.marks); err != nil {
			return p.report, "", fmt.Errorf("read how far jobs were purged: %w", err)
		}
	}
	err := p.run(ctx, book)
	state, stateErr := json.Marshal(p.marks)
	return p.report, string(state), errors.Join(err, stateErr)
}

func (p *purge) run(ctx context.Context, book RetentionBook) error {
	vos, err := p.vos(ctx)
	if err != nil {
		return err
	}
	for _, vo := range vos {
		counts := PurgeCounts{Jobs: map[jobdb.Status]int64{}}
		err := p.purgeVO(ctx, vo, book.of(vo), &counts)
		p.report.VOs[vo] = counts
		if err != nil {
			return fmt.Errorf("purge jobs of %s: %w", vo, err)
		}
	}
	if p.DryRun {
		return nil
	}
	p.report.Replies, err = p.DB.DeleteOldReplies(ctx)
	return err
}

func (p *purge) purgeVO(ctx context.Context, vo string, r Retention, counts *PurgeCounts) error {
	if err := p.deleteJobs(ctx, vo, r, counts); err != nil {
		return err
	}
	for _, part := range p.partsOf(r, counts) {
		if part.age > 0 {
			if err := p.deletePart(ctx, vo, part, *counts); err != nil {
				return err
			}
		}
	}
	if r.Series > 0 && !p.DryRun {
		var err error
		counts.Series, err = p.DB.DropSeries(ctx, vo, p.now.Add(-time.Duration(r.Series)))
		return err
	}
	return nil
}

func (p *purge) partsOf(r Retention, counts *PurgeCounts) []purgedPart {
	return []purgedPart{
		{"Heartbeats", r.Heartbeats, &counts.Heartbeats, func(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) (int64, error) {
			return tx.DeleteHeartbeats(ctx, ids)
		}},
		{"ThinHeartbeats", r.ThinHeartbeats, &counts.ThinHeartbeats, func(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) (int64, error) {
			return tx.ThinHeartbeats(ctx, ids, thinnedTo)
		}},
		{"History", r.History, &counts.History, func(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) (int64, error) {
			return int64(len(ids)), tx.DeleteHistory(ctx, ids)
		}},
		{"Commands", r.Commands, &counts.Commands, func(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) (int64, error) {
			return tx.DeleteJobCommands(ctx, ids)
		}},
		{"ArchivedParameters", r.ArchivedParameters, &counts.ArchivedParameters, func(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) (int64, error) {
			return tx.DeleteArchivedParameters(ctx, ids)
		}},
	}
}

// deleteJobs deletes the jobs of a VO that are old enough for their status.
func (p *purge) deleteJobs(ctx context.Context, vo string, r Retention, counts *PurgeCounts) error {
	for _, status := range slices.Sorted(maps.Keys(r.Jobs)) {
		if r.Jobs[status] == 0 {
			continue
		}
		chosen := oldJobs{vo: vo, before: p.now.Add(-time.Duration(r.Jobs[status]))}
		if status != AnyStatus {
			chosen.statuses = []jobdb.Status{status}
		}
		if p.DryRun {
			n, err := p.count(ctx, chosen)
			if err != nil {
				return err
			}
			counts.Jobs[status] = n
			continue
		}
		err := p.eachBatch(ctx, chosen, func(ctx context.Context, ids []jobdb.JobID) error {
			ids, err := p.export(ctx, vo, ids, counts)
			if err != nil || len(ids) == 0 {
				return err
			}
			n, err := p.deleteBatch(ctx, chosen, ids)
			counts.Jobs[status] += n
			p.reportProgress(vo, *counts)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteBatch deletes those of the jobs that are still old enough.
func (p *purge) deleteBatch(ctx context.Context, chosen oldJobs, ids []jobdb.JobID) (deleted int64, err error) {
	err = p.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		still, err := chosen.lock(ctx, tx, ids)
		if err != nil {
			return err
		}
		if deleted, err = tx.DeleteJobs(ctx, still); err != nil {
			return err
		}
		return p.leaveTaskQueues(ctx, tx, still)
	})
	return deleted, err
}

// deletePart deletes a part of jobs that ended long enough ago. Jobs that the last call dealt with
// are not looked at again.
func (p *purge) deletePart(ctx context.Context, vo string, part purgedPart, counts PurgeCounts) error {
	if p.marks[vo] == nil {
		p.marks[vo] = map[string]time.Time{}
	}
	chosen := oldJobs{
		vo: vo, statuses: endedStatuses, from: p.marks[vo][part.name], before: p.now.Add(-time.Duration(part.age)).Truncate(time.Second),
	}
	if !chosen.from.Before(chosen.before) {
		return nil
	}
	if p.DryRun {
		var err error
		*part.count, err = p.count(ctx, chosen)
		return err
	}
	err := p.eachBatch(ctx, chosen, func(ctx context.Context, ids []jobdb.JobID) error {
		var n int64
		err := p.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			still, err := chosen.lock(ctx, tx, ids)
			if err != nil || len(still) == 0 {
				return err
			}
			n, err = part.remove(ctx, tx, still)
			return err
		})
		*part.count += n
		p.reportProgress(vo, counts)
		return err
	})
	if errors.Is(err, jobdb.ErrSchema) { // a live database without this part
		return nil
	}
	if err == nil {
		p.marks[vo][part.name] = chosen.before
	}
	return err
}

// reportProgress calls Progress with what has been done so far.
func (p *purge) reportProgress(vo string, counts PurgeCounts) {
	if p.Progress == nil {
		return
	}
	soFar := PurgeReport{VOs: maps.Clone(p.report.VOs)}
	soFar.VOs[vo] = counts
	p.Progress(soFar)
}

// oldJobs are the jobs of a VO whose LastUpdateTime is in a period.
type oldJobs struct {
	vo           string
	statuses     []jobdb.Status // nil: all
	from, before time.Time
}

// search finds them, the oldest first.
func (o oldJobs) search(limits jobdb.Limits) (jobdb.Search, error) {
	request := jobdb.SearchRequest{
		Parameters: []string{"JobID"},
		Search:     []jobdb.FilterSpec{{Parameter: "LastUpdateTime", Operator: "lt", Value: o.before.UTC().Format(time.RFC3339)}},
		Sort:       []jobdb.SortSpec{{Parameter: "LastUpdateTime", Direction: "asc"}},
	}
	if !o.from.IsZero() {
		request.Search = append(request.Search, jobdb.FilterSpec{Parameter: "LastUpdateTime", Operator: "gte", Value: o.from.UTC().Format(time.RFC3339)})
	}
	if o.statuses != nil {
		values := make([]any, len(o.statuses))
		for i, status := range o.statuses {
			values[i] = string(status)
		}
		request.Search = append(request.Search, jobdb.FilterSpec{Parameter: "Status", Operator: "in", Values: values})
	}
	search, err := request.Parse(limits)
	search.Scope.VO = o.vo
	return search, err
}

// lock locks those of the jobs that are still old enough, and returns them.
func (o oldJobs) lock(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) (still []jobdb.JobID, err error) {
	jobs, err := tx.LockJobs(ctx, ids, "VO", "Status", "LastUpdateTime")
	for id, job := range jobs {
		at, _ := job["LastUpdateTime"].(time.Time)
		if textOf(job, "VO") == o.vo && at.Before(o.before) && (o.statuses == nil || slices.Contains(o.statuses, statusOf(job))) {
			still = append(still, id)
		}
	}
	slices.Sort(still)
	return still, err
}

func (p *purge) count(ctx context.Context, chosen oldJobs) (int64, error) {
	search, err := chosen.search(p.DB.Limits())
	if err != nil {
		return 0, err
	}
	search.Page, search.PerPage = 1, 1
	page, err := p.DB.Search(ctx, search)
	return page.Total, err
}

// eachBatch calls each with batches of the jobs, and pauses between them.
func (p *purge) eachBatch(ctx context.Context, chosen oldJobs, each func(context.Context, []jobdb.JobID) error) error {
	search, err := chosen.search(p.DB.Limits())
	if err != nil {
		return err
	}
	search.PerPage = purgeBatch
	return p.JobManager.eachBatch(ctx, search, p.Pause, each)
}

// export gives jobs to the option Export, and returns those that were exported.
func (p *purge) export(ctx context.Context, vo string, ids []jobdb.JobID, counts *PurgeCounts) ([]jobdb.JobID, error) {
	if p.Export == nil {
		return ids, nil
	}
	var lines []byte
	var exported []jobdb.JobID
	for _, id := range ids {
		job, err := p.Details(ctx, Scope{VO: vo}, id, DetailsOptions{Heartbeats: math.MaxInt32, History: math.MaxInt32})
		if errors.Is(err, jobdb.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if job.Note != "" { // not all of it is there
			counts.NotExported++
			continue
		}
		line, err := json.Marshal(job)
		if err != nil {
			return nil, err
		}
		lines = append(append(lines, line...), '\n')
		exported = append(exported, id)
	}
	if len(lines) > 0 {
		if err := p.Export(lines); err != nil {
			return nil, fmt.Errorf("export jobs: %w", err)
		}
	}
	counts.Exported += int64(len(exported))
	return exported, nil
}

// Lines returns the counts as lines of text, in a fixed order. Counts of 0 are left out.
func (c PurgeCounts) Lines() (lines []string) {
	for _, status := range slices.Sorted(maps.Keys(c.Jobs)) {
		if n := c.Jobs[status]; n > 0 {
			lines = append(lines, fmt.Sprintf("jobs %s: %d", status, n))
		}
	}
	for _, part := range []struct {
		name string
		n    int64
	}{
		{"exported", c.Exported},
		{"not exported, so kept", c.NotExported},
		{"heartbeats thinned", c.ThinHeartbeats},
		{"heartbeats", c.Heartbeats},
		{"histories", c.History},
		{"commands", c.Commands},
		{"archived parameters", c.ArchivedParameters},
		{"counts over time", c.Series},
	} {
		if part.n > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d", part.name, part.n))
		}
	}
	return lines
}
