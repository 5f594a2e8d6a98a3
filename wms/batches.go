package wms

import (
	"context"
	"slices"
	"time"

	"jobdb"
)

// vos returns the VOs that have jobs, sorted.
func (m *JobManager) vos(ctx context.Context) (vos []string, err error) {
	request := jobdb.SummaryRequest{Grouping: []string{"VO"}}
	summary, err := request.Parse(m.DB.Limits())
	if err != nil {
		return nil, err
	}
	summary.Scope.AllVOs = true
	rows, err := m.DB.Summary(ctx, summary)
	for _, row := range rows.Rows {
		if vo, _ := row[0].(string); vo != "" {
			vos = append(vos, vo)
		}
	}
	slices.Sort(vos)
	return vos, err
}

// eachBatch calls each with the jobs that a search finds, a page at a time. It pauses after each
// page for as long as the page took, at least pause and at most maxPause, so that other work gets
// its turn.
func (m *JobManager) eachBatch(ctx context.Context, search jobdb.Search, pause time.Duration, each func(context.Context, []jobdb.JobID) error) error {
	search.Page, search.Uncounted = 1, true
	for {
		begun := m.Clock()
		page, err := m.DB.Search(ctx, search)
		if err != nil || len(page.Rows) == 0 {
			return err
		}
		ids := make([]jobdb.JobID, len(page.Rows))
		for i, row := range page.Rows {
			id, _ := row[0].(int64)
			ids[i] = jobdb.JobID(id)
		}
		if err := each(ctx, ids); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		search.Page, search.Cursor = 0, page.Next
		if err := sleep(ctx, max(pause, min(m.Clock().Sub(begun), maxPause))); err != nil {
			return err
		}
	}
}

// maxPause bounds the pause after a page that took long.
const maxPause = 10 * time.Second

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
