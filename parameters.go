package jobdb

import (
	"context"
	"maps"
	"slices"
)

// SetJobParameters stores named values of jobs, in place of those of the
// same names. Jobs that don't exist are a [NotFoundError]; a name that the collation
// of a live database holds equal to another one of that job is a [ConflictError].
func (a access) SetJobParameters(ctx context.Context, values map[JobID]map[string]string) error {
	return a.setParameters(ctx, jobParameters, values)
}

// SetOptimizerParameters is [DB.SetJobParameters] for what optimizers know of a job.
func (a access) SetOptimizerParameters(ctx context.Context, values map[JobID]map[string]string) error {
	return a.setParameters(ctx, optimizerParameters, values)
}

// JobParameters returns the named values of jobs; jobs without any are left out.
func (a access) JobParameters(ctx context.Context, ids []JobID) (map[JobID]map[string]string, error) {
	return a.parameters(ctx, jobParameters, ids)
}

// OptimizerParameters is [DB.JobParameters] for what optimizers know of a job.
func (a access) OptimizerParameters(ctx context.Context, ids []JobID) (map[JobID]map[string]string, error) {
	return a.parameters(ctx, optimizerParameters, ids)
}

func (a access) parameters(ctx context.Context, t *table, ids []JobID) (map[JobID]map[string]string, error) {
	values := make(map[JobID]map[string]string)
	err := a.readJoined(ctx, "read parameters", t, t.columns, ids, "", func(row []cell) error {
		id := row[0].id()
		if values[id] == nil {
			values[id] = map[string]string{}
		}
		values[id][row[1].text()] = row[2].text()
		return nil
	})
	return values, err
}

func (a access) setParameters(ctx context.Context, t *table, values map[JobID]map[string]string) error {
	ids := slices.Sorted(maps.Keys(values))
	var rows [][]any
	for _, id := range ids {
		for _, name := range slices.Sorted(maps.Keys(values[id])) {
			for i, text := range []string{name, values[id][name]} {
				if err := t.columns[i+1].textFits(text); err != nil {
					return &ValueError{Job: id, Column: t.name + "." + t.columns[i+1].name, Reason: err.Error()}
				}
			}
			rows = append(rows, []any{int64(id), name, values[id][name]})
		}
	}
	err := a.write(ctx, "set parameters", func(s *session) error {
		if s.db.schema.collation(t.name, "Name") == "" {
			return s.insert(ctx, t, t.columns, rows, s.db.dialect.upsert(t.key, []string{"Value"}))
		}
		// The engine's upsert would overwrite "cpu" with "CPU" here.
		if _, err := s.remove(ctx, t, t.columns[:2], rows); err != nil {
			return err
		}
		return s.insert(ctx, t, t.columns, rows, "")
	})
	return a.refused(ctx, err, "a parameter of an equal name", jobs, ids)
}

// ArchiveJobParameters moves the jobs' parameters to the archive, under
// their present RescheduleCounter. What is there of the same cycle is
// replaced; on a schema that DiracX made, which has room for one cycle, what is there of the same name.
func (a access) ArchiveJobParameters(ctx context.Context, ids []JobID) error {
	return a.write(ctx, "archive job parameters", func(s *session) error {
		if _, err := s.lockJobs(ctx, ids); err != nil {
			return err
		}
		cycles, err := s.cycles(ctx, ids)
		if err != nil {
			return err
		}
		in := access{db: s.db, tx: s}
		values, err := in.JobParameters(ctx, ids)
		if err != nil {
			return err
		}
		var rows, keys [][]any
		for _, id := range slices.Sorted(maps.Keys(values)) {
			for _, name := range slices.Sorted(maps.Keys(values[id])) {
				rows = append(rows, []any{int64(id), name, values[id][name], cycles[id]})
				keys = append(keys, []any{int64(id), name, cycles[id]})
			}
		}
		keyColumns := atticJobParameters.pick("JobID", "Name", "RescheduleCycle")
		if !s.db.schema.atticCycles {
			keyColumns = keyColumns[:2]
			for i := range keys {
				keys[i] = keys[i][:2]
			}
		}
		if _, err := s.remove(ctx, atticJobParameters, keyColumns, keys); err != nil {
			return err
		}
		if err := s.insert(ctx, atticJobParameters, atticJobParameters.columns, rows, ""); err != nil {
			return err
		}
		_, err = s.remove(ctx, jobParameters, idColumn, idRows(ids))
		return err
	})
}

func (s *session) cycles(ctx context.Context, ids []JobID) (map[JobID]int64, error) {
	cycles := make(map[JobID]int64, len(ids))
	columns := jobs.pick("JobID", "RescheduleCounter")
	err := s.inBatches(idColumn, idRows(ids), func(source string, args []any) error {
		return s.query(ctx, s.joined(jobs, columns, source), args, scanRows(columns, func(row []cell) error {
			cycles[row[0].id()] = row[1].integer()
			return nil
		}))
	})
	return cycles, err
}

// ArchivedJobParameters returns what ArchiveJobParameters kept, by cycle and name.
func (a access) ArchivedJobParameters(ctx context.Context, ids []JobID) (map[JobID][]ArchivedParameter, error) {
	archived := make(map[JobID][]ArchivedParameter)
	err := a.readJoined(ctx, "read archived job parameters", atticJobParameters, atticJobParameters.columns, ids,
		`t."JobID", t."RescheduleCycle", t."Name"`, func(row []cell) error {
			id := row[0].id()
			archived[id] = append(archived[id], ArchivedParameter{Name: row[1].text(), Value: row[2].text(), Cycle: int(row[3].integer())})
			return nil
		})
	return archived, err
}
