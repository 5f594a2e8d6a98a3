package jobdb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
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
		return s.replace(ctx, t, t.columns, 2, rows)
	})
	return a.refused(ctx, err, "a parameter of an equal name", jobs, ids)
}

// ArchiveJobParameters moves the jobs' parameters to the archive, under
// their present RescheduleCounter. What is there of the same cycle is
// replaced; on a schema that DiracX made, which has room for one cycle, what is there of the same name.
func (a access) ArchiveJobParameters(ctx context.Context, ids []JobID) error {
	return a.write(ctx, "archive job parameters", func(s *session) error {
		cycles, err := s.lockCycles(ctx, ids)
		if err != nil {
			return err
		}
		values, err := access{db: s.db, tx: s}.JobParameters(ctx, ids)
		if err != nil {
			return err
		}
		var rows [][]any
		for _, id := range slices.Sorted(maps.Keys(values)) {
			for _, name := range slices.Sorted(maps.Keys(values[id])) {
				rows = append(rows, []any{int64(id), name, cycles[id], values[id][name]})
			}
		}
		columns := atticJobParameters.pick("JobID", "Name", "RescheduleCycle", "Value")
		keys := 3
		if !s.db.schema.atticCycles {
			keys = 2
		}
		if err := s.replace(ctx, atticJobParameters, columns, keys, rows); err != nil {
			return err
		}
		_, err = s.remove(ctx, jobParameters, idColumn, idRows(ids))
		return err
	})
}

// lockCycles locks the jobs and returns their RescheduleCounters.
func (s *session) lockCycles(ctx context.Context, ids []JobID) (map[JobID]int64, error) {
	cycles := make(map[JobID]int64, len(ids))
	columns := jobs.pick("JobID", "RescheduleCounter")
	err := s.inBatches(idColumn, idRows(ids), func(source string, args []any) error {
		text := s.joined(jobs, columns, source) + ` ORDER BY t."JobID"` + s.db.dialect.lock
		return s.query(ctx, text, args, scanRows(columns, func(row []cell) error {
			cycles[row[0].id()] = row[1].integer()
			return nil
		}))
	})
	return cycles, err
}

// replace writes rows in place of those whose keys, the first columns, are equal.
func (s *session) replace(ctx context.Context, t *table, columns []column, keys int, rows [][]any) error {
	if s.db.schema.collation(t.name, "Name") == "" {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = c.name
		}
		return s.insert(ctx, t, columns, rows, s.db.dialect.upsert(names[:keys], names[keys:]))
	}
	// The engine's upsert would overwrite "cpu" with "CPU" here.
	if _, err := s.remove(ctx, t, columns[:keys], rows); err != nil {
		return err
	}
	return s.insert(ctx, t, columns, rows, "")
}

// ArchivedJobParameters returns what ArchiveJobParameters kept, by cycle and name.
func (a access) ArchivedJobParameters(ctx context.Context, ids []JobID) (map[JobID][]ArchivedParameter, error) {
	archived := make(map[JobID][]ArchivedParameter)
	err := a.readJoined(ctx, "read archived job parameters", atticJobParameters, atticJobParameters.columns, ids,
		"", func(row []cell) error {
			id := row[0].id()
			archived[id] = append(archived[id], ArchivedParameter{Name: row[1].text(), Value: row[2].text(), Cycle: int(row[3].integer())})
			return nil
		})
	for _, parameters := range archived { // here, because a live collation has an order of its own
		slices.SortFunc(parameters, func(a, b ArchivedParameter) int {
			return cmp.Or(cmp.Compare(a.Cycle, b.Cycle), strings.Compare(a.Name, b.Name))
		})
	}
	return archived, err
}
