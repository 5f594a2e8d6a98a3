package jobdb

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// CreateJob stores a new job's original JDL, in the form in which it is to
// be stored, and returns the job's ID. The job is complete once
// InsertJobAttributes was called for it, best in the same transaction.
func (a access) CreateJob(ctx context.Context, originalJDL string) (JobID, error) {
	ids, err := a.CreateJobs(ctx, []string{originalJDL})
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// CreateJobs is [DB.CreateJob] for many: the IDs are in the order of the
// JDLs and ascend, but need not be consecutive.
func (a access) CreateJobs(ctx context.Context, originalJDLs []string) ([]JobID, error) {
	columns := tables.JobJDLs.Pick("OriginalJDL")
	rows := make([][]any, len(originalJDLs))
	for i, jdl := range originalJDLs {
		if err := checkLength(columns[0], jdl); err != nil {
			return nil, &ValueError{Column: "OriginalJDL", Reason: err.Error()}
		}
		rows[i] = []any{jdl}
	}
	var ids []JobID
	err := a.write(ctx, "create jobs", func(s *session) error {
		ids = make([]JobID, 0, len(rows))
		return s.insertStatements(tables.JobJDLs, tables.JobJDLs.Pick("JDL", "JobRequirements"), columns, rows, func(statement string, args []any) error {
			created, err := s.insertNumbered(ctx, statement, args)
			ids = append(ids, created...)
			return err
		})
	})
	return ids, err
}

// InsertJobAttributes stores the rows of Jobs of new jobs. What is not given
// has the column's default; VO must be given. Attributes that exist already
// are a [ConflictError], jobs that weren't created a [NotFoundError],
// unknown columns and values that don't fit a [ValueError]; then nothing is written.
func (a access) InsertJobAttributes(ctx context.Context, attributes map[JobID]Attributes) error {
	rows := make([][]any, 0, len(attributes))
	ids := slices.Sorted(maps.Keys(attributes))
	for _, id := range ids {
		row, err := newJobRow(id, attributes[id])
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	err := a.write(ctx, "insert job attributes", func(s *session) error {
		for _, row := range rows {
			s.cutTimes(row)
		}
		err := s.insert(ctx, tables.Jobs, tables.Jobs.Columns, rows, "")
		if err == nil {
			for _, id := range ids {
				s.noteLocked(id)
			}
		}
		return err
	})
	return a.explainRefusal(ctx, err, "attributes", tables.JobJDLs, ids)
}

func newJobRow(id JobID, attributes Attributes) ([]any, error) {
	if id < 1 {
		return nil, &ValueError{Job: id, Column: "JobID", Reason: "IDs begin at 1"}
	}
	row := make([]any, len(tables.Jobs.Columns))
	row[0] = int64(id)
	for i, c := range tables.Jobs.Columns[1:] {
		row[i+1] = c.Value
	}
	for name, value := range attributes {
		c, stored, err := toStoredAttribute(id, name, value)
		if err != nil {
			return nil, err
		}
		row[c.index] = stored
	}
	for i, c := range tables.Jobs.Columns {
		if row[i] == nil && !c.Nullable {
			return nil, &ValueError{Job: id, Column: c.Name, Reason: "must be given"}
		}
	}
	return row, nil
}

func toStoredAttribute(id JobID, name string, value any) (Column, any, error) {
	c, ok := columnByName[name]
	switch {
	case !ok:
		return c, nil, &ValueError{Job: id, Column: quoteShort(name), Reason: "no such column"}
	case c == Column{}:
		return c, nil, &ValueError{Job: id, Column: name, Reason: "can't be set"}
	}
	stored, err := toStored(c.def(), value)
	if err != nil {
		return c, nil, &ValueError{Job: id, Column: name, Reason: err.Error()}
	}
	return c, stored, nil
}

func (s *session) cutTimes(row []any) {
	for i, value := range row {
		if t, ok := value.(time.Time); ok {
			row[i] = s.time(t)
		}
	}
}

// InsertInputData stores the jobs' input files, by their LFNs.
func (a access) InsertInputData(ctx context.Context, lfns map[JobID][]string) error {
	columns := tables.InputData.Columns
	ids := slices.Sorted(maps.Keys(lfns))
	var rows [][]any
	for _, id := range ids {
		for _, lfn := range slices.Sorted(slices.Values(lfns[id])) {
			if err := checkLength(columns[1], lfn); err != nil {
				return &ValueError{Job: id, Column: "LFN", Reason: err.Error()}
			}
			rows = append(rows, []any{int64(id), lfn, columns[2].Value})
		}
	}
	err := a.write(ctx, "insert input data", func(s *session) error {
		return s.insert(ctx, tables.InputData, columns, rows, "")
	})
	return a.explainRefusal(ctx, err, "input data", tables.Jobs, ids)
}

// UpdateJobJDLs replaces the jobs' JDLs, given in the form in which they are
// to be stored. Jobs that don't exist are passed over.
func (a access) UpdateJobJDLs(ctx context.Context, jdls map[JobID]string) error {
	columns := tables.JobJDLs.Pick("JobID", "JDL")
	rows := make([][]any, 0, len(jdls))
	for _, id := range slices.Sorted(maps.Keys(jdls)) {
		if err := checkLength(columns[1], jdls[id]); err != nil {
			return &ValueError{Job: id, Column: "JDL", Reason: err.Error()}
		}
		rows = append(rows, []any{int64(id), jdls[id]})
	}
	return a.write(ctx, "update JDLs", func(s *session) error {
		_, err := s.update(ctx, tables.JobJDLs, columns, 1, rows, "")
		return err
	})
}

// SetOptions are the conditions of [DB.SetJobAttributes].
type SetOptions struct {
	// At is the time of the change (legacy myDate): jobs whose
	// LastUpdateTime is later stay as they are, the others get this one.
	At time.Time
	// KeepFinal (legacy force=False): jobs in Done, Completed, Failed or
	// Killed keep Status, MinorStatus and ApplicationStatus.
	KeepFinal bool
}

// SetJobAttributes changes columns of jobs, each job its own set of them.
// LastUpdateTime becomes now, or options.At, where Status is set. It returns how many
// jobs were changed; jobs that don't exist are passed over. No jobs at all is a [ValueError], as in the seed.
func (a access) SetJobAttributes(ctx context.Context, attributes map[JobID]Attributes, options SetOptions) (int64, error) {
	if len(attributes) == 0 {
		return 0, &ValueError{Column: "JobID", Reason: "no jobs were given"}
	}
	changes, err := groupChanges(attributes, options, a.db.now())
	if err != nil {
		return 0, err
	}
	var changed int64
	err = a.write(ctx, "set job attributes", func(s *session) error {
		changed = 0
		if len(changes) > 1 || options.KeepFinal { // each statement locks in order, but not all of them
			if err := s.lock(ctx, slices.Collect(maps.Keys(attributes))); err != nil {
				return err
			}
		}
		for _, c := range changes {
			n, err := s.apply(ctx, c, options)
			if err != nil {
				return err
			}
			changed += n
		}
		return nil
	})
	return changed, err
}

// change is the same columns of several jobs; the rows begin with the ID.
type change struct {
	columns []Column
	rows    [][]any
}

func (c *change) add(id JobID, values map[Column]any) {
	row := make([]any, 1, len(c.columns)+1)
	row[0] = int64(id)
	for _, column := range c.columns {
		row = append(row, values[column])
	}
	c.rows = append(c.rows, row)
}

func sortedColumns(values map[Column]any) []Column {
	return slices.SortedFunc(maps.Keys(values), func(x, y Column) int { return int(x.index) - int(y.index) })
}

// groupChanges brings together the jobs that set the same columns.
func groupChanges(attributes map[JobID]Attributes, options SetOptions, now time.Time) ([]*change, error) {
	groups := map[string]*change{}
	for _, id := range slices.Sorted(maps.Keys(attributes)) {
		values, err := storedAttributes(id, attributes[id])
		if err != nil {
			return nil, err
		}
		if !options.At.IsZero() {
			values[columnByName["LastUpdateTime"]] = options.At.UTC().Truncate(time.Microsecond)
		} else if _, ok := attributes[id]["Status"]; ok {
			values[columnByName["LastUpdateTime"]] = now
		}
		if len(values) == 0 {
			continue
		}
		columns := sortedColumns(values)
		key := make([]byte, 0, len(columns))
		for _, c := range columns {
			key = append(key, c.index)
		}
		if groups[string(key)] == nil {
			groups[string(key)] = &change{columns: columns}
		}
		groups[string(key)].add(id, values)
	}
	ordered := make([]*change, 0, len(groups))
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		ordered = append(ordered, groups[key])
	}
	return ordered, nil
}

func storedAttributes(id JobID, attributes Attributes) (map[Column]any, error) {
	values := make(map[Column]any, len(attributes)+1)
	for name, value := range attributes {
		c, stored, err := toStoredAttribute(id, name, value)
		if err != nil {
			return nil, err
		}
		values[c] = stored
	}
	return values, nil
}

var statusColumns = []string{"Status", "MinorStatus", "ApplicationStatus"}

// apply runs one change. With KeepFinal the status columns go first, by
// themselves: what is set in the same statement must not depend on what it changes.
func (s *session) apply(ctx context.Context, c *change, options SetOptions) (int64, error) {
	where, args := "", []any(nil)
	if !options.At.IsZero() {
		where = `(t."LastUpdateTime" IS NULL OR t."LastUpdateTime" < ?)`
		args = []any{s.db.dialect.TimeBound(s.time(options.At).Add(s.tick()))}
	}
	if !options.KeepFinal {
		return s.setColumns(ctx, c, func(Column) bool { return true }, where, args)
	}
	// LastUpdateTime is a column like any other where the caller gave it.
	given := options.At.IsZero() && !slices.Contains(c.columns, columnByName["Status"])
	isStatus := func(col Column) bool {
		return slices.Contains(statusColumns, col.Name()) || !given && col.Name() == "LastUpdateTime"
	}
	finals := s.byteExact(tables.Jobs, "Status") + ` NOT IN ('` + strings.Join(finalStatuses, `', '`) + `')`
	if where != "" {
		finals += " AND " + where
	}
	changed, err := s.setColumns(ctx, c, isStatus, finals, args)
	if err != nil || !slices.ContainsFunc(c.columns, func(col Column) bool { return !isStatus(col) }) {
		return changed, err
	}
	return s.setColumns(ctx, c, func(col Column) bool { return !isStatus(col) || col.Name() == "LastUpdateTime" && !options.At.IsZero() }, where, args)
}

// setColumns sets those columns of a change that are wanted.
func (s *session) setColumns(ctx context.Context, c *change, wanted func(Column) bool, where string, args []any) (int64, error) {
	columns := []tables.Column{tables.JobIDColumn[0]}
	places := []int{0}
	for i, col := range c.columns {
		if wanted(col) {
			columns = append(columns, col.def())
			places = append(places, i+1)
		}
	}
	if len(columns) == 1 {
		return 0, nil
	}
	rows := make([][]any, len(c.rows))
	for i, row := range c.rows {
		rows[i] = make([]any, len(places))
		for j, place := range places {
			rows[i][j] = row[place]
		}
		s.cutTimes(rows[i])
	}
	return s.update(ctx, tables.Jobs, columns, 1, rows, where, args...)
}

// SetProperties changes the same columns of all jobs given and returns how
// many of them exist. With updateTimestamp LastUpdateTime becomes now. Jobs
// that set different columns, or no jobs or columns at all, are a [ValueError].
func (a access) SetProperties(ctx context.Context, properties map[JobID]Attributes, updateTimestamp bool) (int64, error) {
	c := &change{}
	for _, id := range slices.Sorted(maps.Keys(properties)) {
		values, err := storedAttributes(id, properties[id])
		if err != nil {
			return 0, err
		}
		if updateTimestamp {
			values[columnByName["LastUpdateTime"]] = a.db.now()
		}
		if columns := sortedColumns(values); c.columns == nil {
			c.columns = columns
		} else if !slices.Equal(columns, c.columns) {
			return 0, &ValueError{Job: id, Column: "JobID", Reason: "all jobs must set the same properties"}
		}
		c.add(id, values)
	}
	if len(c.columns) == 0 {
		return 0, &ValueError{Column: "JobID", Reason: "no properties were given"}
	}
	var matched int64
	err := a.write(ctx, "set job properties", func(s *session) error {
		var err error
		matched, err = s.setColumns(ctx, c, func(Column) bool { return true }, "", nil)
		return err
	})
	return matched, err
}

// DeleteJobs deletes the jobs and everything that belongs to them, their
// history included. It returns how many there were.
func (a access) DeleteJobs(ctx context.Context, ids []JobID) (int64, error) {
	var deleted int64
	err := a.write(ctx, "delete jobs", func(s *session) error {
		if err := s.lock(ctx, ids); err != nil {
			return err
		}
		in := access{db: s.db, tx: s}
		if err := in.DeleteHistory(ctx, ids); err != nil && !errors.Is(err, errNoHistory) {
			return err
		}
		for _, t := range slices.Backward(tables.Tables) {
			if t == tables.LoggingInfo || s.lacks(t) || s.db.schema.Cascade && t != tables.JobJDLs {
				continue
			}
			var err error
			if deleted, err = s.removeRows(ctx, t, ids); err != nil {
				return err
			}
		}
		return nil
	})
	return deleted, err
}
