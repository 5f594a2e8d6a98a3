package jobdb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"jobdb/internal/tables"
)

// HasJobParameters reports whether this database has the table JobParameters. DIRAC from 9.1.22 on has none: its
// parameters are in OpenSearch. There [DB.SetJobParameters] and [DB.JobParameters] are a [SchemaError].
func (db *DB) HasJobParameters() bool { return db.schema.Parameters }

// lacks reports whether this database does without the table.
func (s *session) lacks(t *tables.Table) bool {
	return t == tables.JobParameters && !s.db.schema.Parameters
}

var errNoParameters = &SchemaError{
	Reason: "the table JobParameters is not in this database, whose DIRAC keeps the parameters of jobs in OpenSearch; " +
		"jobdb keeps them in a database that has that table",
}

// SetJobParameters stores named values of jobs, in place of those of the
// same names. Jobs that don't exist are a [NotFoundError]; a name that the collation
// of a live database holds equal to another one of that job is a [ConflictError]. See also [DB.HasJobParameters].
func (a access) SetJobParameters(ctx context.Context, values map[JobID]map[string]string) error {
	return a.setParameters(ctx, tables.JobParameters, values)
}

// SetOptimizerParameters is [DB.SetJobParameters] for what optimizers know of a job.
func (a access) SetOptimizerParameters(ctx context.Context, values map[JobID]map[string]string) error {
	return a.setParameters(ctx, tables.OptimizerParameters, values)
}

// JobParameters returns the named values of jobs; jobs without any are left out.
func (a access) JobParameters(ctx context.Context, ids []JobID) (map[JobID]map[string]string, error) {
	return a.parameters(ctx, tables.JobParameters, ids)
}

// OptimizerParameters is [DB.JobParameters] for what optimizers know of a job.
func (a access) OptimizerParameters(ctx context.Context, ids []JobID) (map[JobID]map[string]string, error) {
	return a.parameters(ctx, tables.OptimizerParameters, ids)
}

func (a access) parameters(ctx context.Context, t *tables.Table, ids []JobID) (map[JobID]map[string]string, error) {
	values := make(map[JobID]map[string]string)
	err := a.read("read parameters", func(s *session) error {
		if s.lacks(t) {
			return errNoParameters
		}
		return s.readRows(ctx, t, t.Columns, ids, "", func(row []scanned) error {
			id := row[0].id()
			if values[id] == nil {
				values[id] = map[string]string{}
			}
			values[id][row[1].text()] = row[2].text()
			return nil
		})
	})
	return values, err
}

func (a access) setParameters(ctx context.Context, t *tables.Table, values map[JobID]map[string]string) error {
	ids := slices.Sorted(maps.Keys(values))
	var rows [][]any
	for _, id := range ids {
		for _, name := range slices.Sorted(maps.Keys(values[id])) {
			for i, text := range []string{name, values[id][name]} {
				if err := checkLength(t.Columns[i+1], text); err != nil {
					return &ValueError{Job: id, Column: t.Name + "." + t.Columns[i+1].Name, Reason: err.Error()}
				}
			}
			rows = append(rows, []any{int64(id), name, values[id][name]})
		}
	}
	err := a.write(ctx, "set parameters", func(s *session) error {
		if len(rows) > 0 && s.lacks(t) {
			return errNoParameters
		}
		if s.db.schema.Collation(t.Name, "Name") == "" {
			return s.insert(ctx, t, t.Columns, rows, s.db.dialect.Upsert(t.Key, []string{"Value"}))
		}
		// The engine's upsert would overwrite "cpu" with "CPU" here. Of two who remove and then insert
		// at once the second would find the first's row.
		if err := s.lock(ctx, ids); err != nil {
			return err
		}
		if err := s.remove(ctx, t, t.Columns[:2], rows); err != nil {
			return err
		}
		return s.insert(ctx, t, t.Columns, rows, "")
	})
	return a.explainRefusal(ctx, err, "a parameter of an equal name", tables.Jobs, ids)
}

// ArchiveJobParameters moves the jobs' parameters to the archive, under
// their present RescheduleCounter. What is there of the same cycle is
// replaced; on a schema that DiracX made, which has room for one cycle, what is there of the same name.
// Where [DB.HasJobParameters] is false there is nothing to move, and nothing changes.
func (a access) ArchiveJobParameters(ctx context.Context, ids []JobID) error {
	columns := tables.AtticJobParameters.Pick("JobID", "Name", "RescheduleCycle", "Value")
	return a.write(ctx, "archive job parameters", func(s *session) error {
		if s.lacks(tables.JobParameters) {
			return nil
		}
		keys := columns[:3]
		if !s.db.schema.AtticCycles {
			keys = columns[:2]
		}
		if _, err := s.lockedJobs(ctx, ids); err != nil {
			return err
		}
		err := s.eachIDBatch(ids, func(in string, args []any) error {
			parameters := `SELECT p."JobID", p."Name", t."RescheduleCounter", p."Value" FROM ` + tables.Jobs.Quoted() + " AS t" +
				s.db.dialect.Join + tables.JobParameters.Quoted() + ` AS p ON p."JobID" = t."JobID" AND t."JobID"` + in
			upsert, err := s.mergeKeys(ctx, tables.AtticJobParameters, columns, keys, parameters, args)
			if err != nil {
				return err
			}
			_, err = s.exec(ctx, "INSERT INTO "+tables.AtticJobParameters.Quoted()+" ("+tables.QuotedNames("", columns)+") "+parameters+upsert, args...)
			return err
		})
		if err != nil {
			return err
		}
		_, err = s.removeRows(ctx, tables.JobParameters, ids)
		return err
	})
}

// mergeKeys gives the upsert for rows that a query selects, or removes what has their keys
// where the engine's upsert would overwrite "cpu" with "CPU".
func (s *session) mergeKeys(ctx context.Context, t *tables.Table, columns, keys []tables.Column, query string, args []any) (upsert string, err error) {
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

// ArchivedJobParameters returns what ArchiveJobParameters kept, by cycle and name.
func (a access) ArchivedJobParameters(ctx context.Context, ids []JobID) (map[JobID][]ArchivedParameter, error) {
	archived := make(map[JobID][]ArchivedParameter)
	err := a.readRows(ctx, "read archived job parameters", tables.AtticJobParameters, tables.AtticJobParameters.Columns, ids,
		"", func(row []scanned) error {
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

// ParameterText is what this database can hold of a text that nobody checks, such as a
// job's output, as the value of a parameter: characters that it lacks are
// replaced, and of what is too long the end is kept.
func (db *DB) ParameterText(text string) string {
	n := db.schema.Narrow[tables.JobParameters.Name+".Value"]
	instead := utf8.RuneError
	if n.Lacks(instead) {
		instead = '?'
	}
	text = strings.Map(func(r rune) rune {
		if r == 0 || r == utf8.RuneError || n.Lacks(r) {
			return instead
		}
		return r
	}, text)
	most := tables.MaxText
	if n.Bytes > 0 {
		most = n.Bytes
	}
	if len(text) <= most {
		return text
	}
	text = text[len(text)-most:]
	for !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}
