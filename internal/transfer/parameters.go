package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"jobdb"
)

// documentsAtOnce is for how many jobs OpenSearch is asked at once.
const documentsAtOnce = 500

// eachDocument is eachJob for parameters that the source has in OpenSearch. They are as they are
// when they are read: OpenSearch knows no snapshots.
func (s *snapshot) eachDocument(ctx context.Context, t sourceTable, in span, each func(id int64, rows [][]any) error) error {
	jobs, err := s.vos(ctx, in)
	if err != nil {
		return fmt.Errorf("read Jobs: %w", err)
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(jobs)), documentsAtOnce) {
		ofVO := map[string][]jobdb.JobID{}
		for _, id := range some {
			ofVO[jobs[id]] = append(ofVO[jobs[id]], id)
		}
		found := map[jobdb.JobID]map[string]string{}
		for vo, ids := range ofVO {
			parameters, err := t.documents.Get(ctx, vo, ids)
			if err != nil {
				return fmt.Errorf("read parameters of jobs of the VO %s: %w", vo, err)
			}
			maps.Copy(found, parameters)
		}
		for _, id := range slices.Sorted(maps.Keys(found)) {
			var rows [][]any
			for _, name := range slices.Sorted(maps.Keys(found[id])) {
				rows = append(rows, []any{int64(id), name, found[id][name]})
			}
			if err := each(int64(id), rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// vos are the jobs of a range, with the VO of each.
func (s *snapshot) vos(ctx context.Context, in span) (map[jobdb.JobID]string, error) {
	e := s.source.jobs
	text := e.Dialect.Rebind(`SELECT "JobID", "VO" FROM "Jobs" WHERE "JobID" BETWEEN ? AND ?`)
	rows, err := s.txs[e].QueryContext(ctx, text, in.first, in.last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	jobs := map[jobdb.JobID]string{}
	for rows.Next() {
		var (
			id int64
			vo string
		)
		if err := rows.Scan(&id, &vo); err != nil {
			return nil, err
		}
		jobs[jobdb.JobID(id)] = vo
	}
	return jobs, rows.Err()
}
