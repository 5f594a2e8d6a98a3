package jobdb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// HasJobParameters reports whether this database has the table JobParameters. DIRAC from 9.1.22 on
// has none: its parameters are in OpenSearch. There [DB.SetJobParameters] and [DB.JobParameters]
// are a [SchemaError].
func (db *DB) HasJobParameters() bool { return db.schema.Parameters }

// lacks reports whether this database has no such table. Only JobParameters may be missing.
func (s *session) lacks(t *tables.Table) bool {
	return t == tables.JobParameters && !s.db.schema.Parameters
}

var errNoParameters = &SchemaError{
	Reason: "the table JobParameters is not in this database, whose DIRAC keeps the parameters of jobs in OpenSearch; " +
		"jobdb keeps them in a database that has that table",
}

// SetJobParameters stores parameters of jobs, values by name, and replaces those of the same names.
// A job that doesn't exist is a [NotFoundError], a text that is too long a [ValueError], as are more
// than [MaxParameters] or [MaxParametersBytes] of a job ([ErrTooLarge]). On a live
// database a name that its collation holds equal to another one of the job, such as cpu and CPU, is
// a [ConflictError]. Then nothing is stored. See also [DB.HasJobParameters].
func (a access) SetJobParameters(ctx context.Context, values map[JobID]map[string]string) error {
	return a.setParameters(ctx, tables.JobParameters, values, nil)
}

// SetOptimizerParameters is [DB.SetJobParameters] for the parameters that DIRAC's optimizers use.
func (a access) SetOptimizerParameters(ctx context.Context, values map[JobID]map[string]string) error {
	return a.setParameters(ctx, tables.OptimizerParameters, values, nil)
}

// JobParameters returns the parameters of jobs, values by name. Jobs without any are left out. More
// than [MaxParametersRead] of them are a [QueryError].
func (a access) JobParameters(ctx context.Context, ids []JobID) (map[JobID]map[string]string, error) {
	return a.parameters(ctx, tables.JobParameters, ids, MaxParametersRead)
}

// JobParametersNamed is [DB.JobParameters] for parameters of these names only.
func (a access) JobParametersNamed(ctx context.Context, ids []JobID, names []string) (map[JobID]map[string]string, error) {
	values := make(map[JobID]map[string]string)
	t := tables.JobParameters
	named := make([]any, 0, len(names))
	for _, name := range names {
		if checkLength(t.Columns[1], name) == nil { // no other can be there, and PostgreSQL refuses to look for some
			named = append(named, name)
		}
	}
	if len(named) == 0 {
		return values, nil
	}
	bound := readBound(MaxParametersRead)
	err := a.read(ctx, "read parameters", func(s *session) error {
		if s.lacks(t) {
			return errNoParameters
		}
		condition := " AND " + s.byteExact(t, "Name") + " IN (?" + strings.Repeat(", ?", len(named)-1) + ")"
		return s.eachIDBatch(ids, func(in string, args []any) error {
			return s.query(ctx, selectRows(t, t.Columns, in)+condition, slices.Concat(args, named), scanRows(t.Columns, func(row []scanned) error {
				return bound.add(values, row)
			}))
		})
	})
	return values, err
}

// OptimizerParameters is [DB.JobParameters] for the parameters that DIRAC's optimizers use.
func (a access) OptimizerParameters(ctx context.Context, ids []JobID) (map[JobID]map[string]string, error) {
	return a.parameters(ctx, tables.OptimizerParameters, ids, MaxParametersRead)
}

func (a access) parameters(ctx context.Context, t *tables.Table, ids []JobID, bound readBound) (map[JobID]map[string]string, error) {
	values := make(map[JobID]map[string]string)
	err := a.read(ctx, "read parameters", func(s *session) error {
		if s.lacks(t) {
			return errNoParameters
		}
		return s.readRows(ctx, t, t.Columns, ids, "", func(row []scanned) error {
			return bound.add(values, row)
		})
	})
	return values, err
}

// setParameters stores parameters. typed are the same values with their JSON types, for the outbox;
// nil: they are texts.
func (a access) setParameters(
	ctx context.Context, t *tables.Table, values map[JobID]map[string]string, typed map[JobID]map[string]any,
) error {
	ids := slices.Sorted(maps.Keys(values))
	var rows [][]any
	for _, id := range ids {
		for _, name := range slices.Sorted(maps.Keys(values[id])) {
			if err := checkParameter(t, id, name, values[id][name]); err != nil {
				return err
			}
			rows = append(rows, []any{int64(id), name, values[id][name]})
		}
	}
	sizes, look, err := a.db.parametersSizes(t, values)
	if err != nil {
		return err
	}
	outbox := t == tables.JobParameters && a.db.HasParametersOutbox()
	write := a.write
	if len(rows) == 1 && !look && !outbox {
		write = a.writeOne
	}
	err = write(ctx, "set parameters", func(s *session) error {
		if len(rows) > 0 && s.lacks(t) {
			return errNoParameters
		}
		if look {
			if err := s.checkParametersSize(ctx, t, values, sizes); err != nil {
				return err
			}
		}
		if outbox {
			if err := s.queueSet(ctx, values, typed); err != nil {
				return err
			}
		}
		return s.upsertParameters(ctx, t, ids, rows)
	})
	return a.explainRefusal(ctx, err, "a parameter of an equal name", tables.Jobs, ids)
}

// upsertParameters inserts rows of the jobs' parameters, and replaces those of the same names.
func (s *session) upsertParameters(ctx context.Context, t *tables.Table, ids []JobID, rows [][]any) error {
	upsert := s.db.dialect.Upsert(t.Key, []string{"Value"})
	if s.db.schema.Collation(t.Name, "Name") == "" {
		return s.insert(ctx, t, t.Columns, rows, upsert)
	}
	// Here the upsert would overwrite "cpu" with "CPU".
	if !s.inTx {
		return s.insert(ctx, t, t.Columns, rows, upsert+nullUnlessSameName)
	}
	// The lock keeps two that delete and then insert from finding each other's rows.
	if err := s.lock(ctx, ids); err != nil {
		return err
	}
	if err := s.remove(ctx, t, t.Columns[:2], rows); err != nil {
		return err
	}
	return s.insert(ctx, t, t.Columns, rows, "")
}

// nullUnlessSameName makes MariaDB and MySQL refuse an upsert of a parameter whose name isn't the same
// byte by byte.
const nullUnlessSameName = `, "JobID" = IF(CAST("Name" AS BINARY) = CAST(VALUES("Name") AS BINARY), "JobID", NULL)`

func checkParameter(t *tables.Table, id JobID, name, value string) error {
	if len(value) > MaxParameterBytes {
		return &ValueError{
			Job: id, Column: t.Name + ".Value", TooLarge: []JobID{id},
			Reason: itoa(len(value)) + " bytes, a parameter may have " + itoa(MaxParameterBytes) + "; keep long texts in files of the job's output",
		}
	}
	for i, text := range []string{name, value} {
		c := t.Columns[i+1]
		if err := checkLength(c, text); err != nil {
			return &ValueError{Job: id, Column: t.Name + "." + c.Name, Reason: err.Error()}
		}
	}
	return nil
}

// ArchiveJobParameters moves the jobs' parameters to the archive, with the job's RescheduleCounter
// as their cycle. If the archive has that cycle or a later one already, because the counter was
// reset, the cycle is the one after the last. So nothing is replaced, except on a schema made by
// DiracX, which keeps one cycle: there parameters of the same name are. Where [DB.HasJobParameters]
// is false this does nothing.
func (a access) ArchiveJobParameters(ctx context.Context, ids []JobID) error {
	return a.write(ctx, "archive job parameters", func(s *session) error {
		if s.lacks(tables.JobParameters) {
			return nil
		}
		if _, err := s.lockedJobs(ctx, ids); err != nil {
			return err
		}
		if err := s.eachIDBatch(ids, func(in string, args []any) error { return s.copyToArchive(ctx, in, args) }); err != nil {
			return err
		}
		if _, err := s.removeRows(ctx, tables.JobParameters, ids); err != nil {
			return err
		}
		return s.queueParameters(ctx, ids, nil)
	})
}

// copyToArchive copies parameters of jobs to the archive; in and args are as in eachIDBatch.
func (s *session) copyToArchive(ctx context.Context, in string, args []any) error {
	columns := tables.AtticJobParameters.Pick("JobID", "Name", "RescheduleCycle", "Value")
	attic := tables.AtticJobParameters.Quoted()
	next := `COALESCE((SELECT MAX(a."RescheduleCycle") + 1 FROM ` + attic + ` AS a WHERE a."JobID" = t."JobID"), t."RescheduleCounter")`
	cycle := `CASE WHEN ` + next + ` > t."RescheduleCounter" THEN ` + next + ` ELSE t."RescheduleCounter" END`
	if !s.db.schema.AtticCycles {
		cycle = `t."RescheduleCounter"`
	}
	parameters := `SELECT p."JobID", p."Name", ` + cycle + `, p."Value" FROM ` + tables.Jobs.Quoted() + " AS t" +
		s.db.dialect.Join + tables.JobParameters.Quoted() + ` AS p ON p."JobID" = t."JobID" AND t."JobID"` + in
	upsert := ""
	if !s.db.schema.AtticCycles {
		var err error
		if upsert, err = s.mergeKeys(ctx, tables.AtticJobParameters, columns, columns[:2], parameters, args); err != nil {
			return err
		}
	}
	into := "INSERT INTO " + attic + " (" + tables.QuotedNames("", columns) + ") "
	_, err := s.exec(ctx, into+parameters+upsert, args...)
	return err
}

// mergeKeys prepares the insertion of rows that a query selects. It returns the upsert clause that
// overwrites rows with the same keys. Where that would overwrite "cpu" with "CPU" it deletes the
// rows itself instead.
func (s *session) mergeKeys(
	ctx context.Context, t *tables.Table, columns, keys []tables.Column, query string, args []any,
) (upsert string, err error) {
	if s.db.schema.Collation(t.Name, "Name") == "" {
		return s.db.dialect.Upsert(tables.Names(keys), tables.Names(columns[len(keys):])), nil
	}
	var rows [][]any
	err = s.query(ctx, query, args, scanRows(columns, func(row []scanned) error {
		rows = append(rows, []any{row[0].value, row[1].value, row[2].value})
		return nil
	}))
	if err == nil {
		err = s.remove(ctx, t, keys, rows)
	}
	return "", err
}

// ArchivedJobParameters returns what [DB.ArchiveJobParameters] kept, sorted by cycle and then by
// name. More than [MaxParametersRead] of it are a [QueryError].
func (a access) ArchivedJobParameters(ctx context.Context, ids []JobID) (map[JobID][]ArchivedParameter, error) {
	archived, bound := make(map[JobID][]ArchivedParameter), readBound(MaxParametersRead)
	err := a.readRows(ctx, "read archived job parameters", tables.AtticJobParameters, tables.AtticJobParameters.Columns, ids,
		"", func(row []scanned) error {
			if err := bound.take(row); err != nil {
				return err
			}
			id := row[0].id()
			archived[id] = append(archived[id], ArchivedParameter{Name: row[1].text(), Value: row[2].text(), Cycle: int(row[3].integer())})
			return nil
		})
	for _, parameters := range archived { // in Go, because a live database sorts by its collation
		slices.SortFunc(parameters, func(a, b ArchivedParameter) int {
			return cmp.Or(cmp.Compare(a.Cycle, b.Cycle), strings.Compare(a.Name, b.Name))
		})
	}
	return archived, err
}
