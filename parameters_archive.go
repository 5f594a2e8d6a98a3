package jobdb

import (
	"context"
	"maps"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// ArchiveParameters puts parameters into the archive that are not in the table JobParameters, but
// elsewhere, as [DB.ArchiveJobParameters] does with those of the table. Texts that the archive
// can't hold are changed as [DB.ParameterText] does; names that it can't hold, or holds equal to
// another one of the job, such as CPU beside cpu, are left out. A job that doesn't exist is a
// [NotFoundError].
func (a access) ArchiveParameters(ctx context.Context, values map[JobID]map[string]string) error {
	ids := slices.Sorted(maps.Keys(values))
	t := tables.AtticJobParameters
	columns := t.Pick("JobID", "Name", "RescheduleCycle", "Value")
	return a.write(ctx, "archive parameters", func(s *session) error {
		if err := s.lockExisting(ctx, ids); err != nil {
			return err
		}
		cycles, err := s.nextCycles(ctx, ids)
		if err != nil {
			return err
		}
		var rows [][]any
		for _, id := range ids {
			for _, name := range s.archivable(values[id]) {
				rows = append(rows, []any{int64(id), name, cycles[id], s.db.parameterText(t, values[id][name])})
			}
		}
		upsert := ""
		switch exact := s.db.schema.Collation(t.Name, "Name") == ""; {
		case s.db.schema.AtticCycles:
		case exact:
			upsert = s.db.dialect.Upsert(tables.Names(columns[:2]), tables.Names(columns[2:]))
		default:
			if err := s.remove(ctx, t, columns[:2], rows); err != nil {
				return err
			}
		}
		return s.insert(ctx, t, columns, rows, upsert)
	})
}

// archivable returns the names that the archive can hold, sorted.
func (s *session) archivable(parameters map[string]string) []string {
	t := tables.AtticJobParameters
	limits := s.db.schema.ColumnLimits[t.Name+".Name"]
	var names []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		equal := func(other string) bool {
			return strings.EqualFold(strings.TrimRight(other, " "), strings.TrimRight(name, " "))
		}
		if checkLength(t.Columns[1], name) != nil || limits.Check(name) != "" ||
			s.db.schema.Collation(t.Name, "Name") != "" && slices.ContainsFunc(names, equal) {
			continue
		}
		names = append(names, name)
	}
	return names
}

// nextCycles are the cycles under which parameters of jobs are archived now: each job's
// RescheduleCounter, or the number after its last cycle, where cycles are kept.
func (s *session) nextCycles(ctx context.Context, ids []JobID) (map[JobID]int64, error) {
	cycles := make(map[JobID]int64, len(ids))
	take := func(row []scanned) error {
		cycles[row[0].id()] = row[1].integer()
		return nil
	}
	err := s.readRows(ctx, tables.Jobs, tables.Jobs.Pick("JobID", "RescheduleCounter"), ids, "", take)
	if err != nil || !s.db.schema.AtticCycles {
		return cycles, err
	}
	t := tables.AtticJobParameters
	return cycles, s.readRows(ctx, t, t.Pick("JobID", "RescheduleCycle"), ids, "", func(row []scanned) error {
		cycles[row[0].id()] = max(cycles[row[0].id()], row[1].integer()+1)
		return nil
	})
}
