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

// CreateJob stores the JDL that a new job was submitted with, as it is given (see package jdl for
// the compressed form that DIRAC stores), and returns the job's ID. The job is complete after
// [DB.InsertJobAttributes], best called in the same transaction.
func (a access) CreateJob(ctx context.Context, originalJDL string) (JobID, error) {
	ids, err := a.CreateJobs(ctx, []string{originalJDL})
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// CreateJobs is [DB.CreateJob] for many jobs. The IDs are in the order of the JDLs; they ascend,
// but need not be consecutive.
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

// InsertJobAttributes stores the attributes of new jobs, their rows of Jobs. An attribute that is
// not given gets the column's default; VO has none. A job that has attributes already is a
// [ConflictError], one that wasn't created a [NotFoundError], an unknown column or a value that
// doesn't fit its column a [ValueError]; then nothing is written.
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
			s.truncateTimes(row)
		}
		if err := s.insert(ctx, tables.Jobs, tables.Jobs.Columns, rows, ""); err != nil {
			return err
		}
		for _, id := range ids {
			s.noteLocked(id)
		}
		return nil
	})
	return a.explainRefusal(ctx, err, "attributes", tables.JobJDLs, ids)
}

// newJobRow is a row of Jobs, in the table's order.
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
	case c == colJobID:
		return c, nil, &ValueError{Job: id, Column: name, Reason: "can't be set"}
	}
	stored, err := toStored(c.def(), value)
	if err != nil {
		return c, nil, &ValueError{Job: id, Column: name, Reason: err.Error()}
	}
	return c, stored, nil
}

// truncateTimes cuts the times of a row to what this database keeps of them.
func (s *session) truncateTimes(row []any) {
	for i, value := range row {
		if t, ok := value.(time.Time); ok {
			row[i] = s.time(t)
		}
	}
}

// InsertInputData stores the names (LFNs) of the jobs' input files. Jobs that don't exist are a
// [NotFoundError], a file that the job has already a [ConflictError], a name longer than its column
// a [ValueError]; then nothing is written.
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

// UpdateJobJDLs replaces the jobs' JDLs by others, which are stored as they are given; see
// [DB.CreateJob]. Jobs that don't exist are ignored.
func (a access) UpdateJobJDLs(ctx context.Context, jdls map[JobID]string) error {
	columns := tables.JobJDLs.Pick("JobID", "JDL")
	rows := make([][]any, 0, len(jdls))
	for _, id := range slices.Sorted(maps.Keys(jdls)) {
		if err := checkLength(columns[1], jdls[id]); err != nil {
			return &ValueError{Job: id, Column: "JDL", Reason: err.Error()}
		}
		rows = append(rows, []any{int64(id), jdls[id]})
	}
	write := a.write
	if len(rows) == 1 {
		write = a.writeOne
	}
	return write(ctx, "update JDLs", func(s *session) error {
		_, err := s.update(ctx, tables.JobJDLs, columns, 1, rows, "")
		return err
	})
}

// SetOptions are the conditions of [DB.SetJobAttributes].
type SetOptions struct {
	// At is the time of the change, DIRAC's myDate: jobs whose LastUpdateTime is later stay as they
	// are, the others get this one. The zero time sets no condition.
	At time.Time
	// KeepFinal keeps Status, MinorStatus and ApplicationStatus of jobs that are Done, Completed,
	// Failed or Killed, as DIRAC does with force=False.
	KeepFinal bool
}

// SetJobAttributes changes attributes of jobs, of each job those that are given for it.
// LastUpdateTime becomes options.At if that is given, else the present time where Status is set. It
// returns how many jobs were changed; jobs that don't exist are ignored. An unknown column, a value
// that doesn't fit its column or no job at all is a [ValueError]; then nothing is changed.
func (a access) SetJobAttributes(ctx context.Context, attributes map[JobID]Attributes, options SetOptions) (int64, error) {
	if len(attributes) == 0 {
		return 0, &ValueError{Column: "JobID", Reason: "no jobs were given"}
	}
	changes, err := groupChanges(attributes, options, a.db.now())
	if err != nil {
		return 0, err
	}
	var changed int64
	write := a.write
	if len(changes) == 1 && !options.KeepFinal && a.oneStatement(changes[0]) {
		write = a.writeOne
	}
	err = write(ctx, "set job attributes", func(s *session) error {
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

// change sets the same columns of several jobs.
type change struct {
	columns []Column // in the table's order
	ids     []JobID
	values  []map[Column]any // of each job, as they are stored
}

func (c *change) add(id JobID, values map[Column]any) {
	c.ids = append(c.ids, id)
	c.values = append(c.values, values)
}

func sortedColumns(values map[Column]any) []Column {
	return slices.SortedFunc(maps.Keys(values), compareColumns)
}

// groupChanges makes one change of all jobs that set the same columns.
func groupChanges(attributes map[JobID]Attributes, options SetOptions, now time.Time) ([]*change, error) {
	groups := map[string]*change{}
	for _, id := range slices.Sorted(maps.Keys(attributes)) {
		values, err := storedAttributes(id, attributes[id])
		if err != nil {
			return nil, err
		}
		if !options.At.IsZero() {
			values[colLastUpdateTime] = options.At.UTC().Truncate(time.Microsecond)
		} else if _, ok := values[colStatus]; ok {
			values[colLastUpdateTime] = now
		}
		if len(values) == 0 {
			continue
		}
		columns := sortedColumns(values)
		key := make([]byte, len(columns))
		for i, c := range columns {
			key[i] = c.index
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

var statusColumns = []Column{colStatus, colMinorStatus, colApplicationStatus}

// apply runs one change and returns how many jobs it changed. With KeepFinal the status columns are
// set by a statement of their own: only they depend on the status that the job has.
func (s *session) apply(ctx context.Context, c *change, options SetOptions) (int64, error) {
	notLater, args := "", []any(nil)
	if !options.At.IsZero() {
		notLater = `(t."LastUpdateTime" IS NULL OR t."LastUpdateTime" < ?)`
		args = []any{s.db.dialect.TimeBound(s.time(options.At).Add(s.tick()))}
	}
	if !options.KeepFinal {
		return s.setColumns(ctx, c, c.columns, notLater, args)
	}
	final := make([]string, len(FinalStatuses))
	for i, status := range FinalStatuses {
		final[i] = "'" + string(status) + "'"
	}
	notFinal := s.byteExact(tables.Jobs, "Status") + " NOT IN (" + strings.Join(final, ", ") + ")"
	if notLater != "" {
		notFinal += " AND " + notLater
	}
	status, others := c.splitStatus(!options.At.IsZero())
	changed, err := s.setColumns(ctx, c, status, notFinal, args)
	if err != nil || len(others) == 0 {
		return changed, err
	}
	return s.setColumns(ctx, c, others, notLater, args)
}

// splitStatus divides the columns of a change into those of the status and the others.
// LastUpdateTime belongs to a status that is set with it; to both if the change has a time of its
// own (dated); and to the others if the caller set it as an attribute.
func (c *change) splitStatus(dated bool) (status, others []Column) {
	withTime := dated || slices.Contains(c.columns, colStatus)
	for _, column := range c.columns {
		if slices.Contains(statusColumns, column) || withTime && column == colLastUpdateTime {
			status = append(status, column)
		} else {
			others = append(others, column)
		}
	}
	if dated && len(others) > 0 {
		others = slices.DeleteFunc(slices.Clone(c.columns), func(column Column) bool { return slices.Contains(statusColumns, column) })
	}
	return status, others
}

// oneStatement reports whether setColumns changes all columns of a change by one statement.
func (a access) oneStatement(c *change) bool {
	alike := !slices.ContainsFunc(c.values, func(values map[Column]any) bool { return !maps.Equal(values, c.values[0]) })
	return len(c.ids) == 1 || alike && a.db.dialect.ByList != "" && len(c.ids) <= a.db.dialect.MaxIDs
}

// setColumns sets some columns of a change in the rows for which the condition where holds, and
// returns how many these were.
func (s *session) setColumns(ctx context.Context, c *change, columns []Column, where string, args []any) (int64, error) {
	if len(columns) == 0 {
		return 0, nil
	}
	rows := make([][]any, len(c.ids))
	for i, id := range c.ids {
		rows[i] = append(make([]any, 0, len(columns)+1), int64(id))
		for _, column := range columns {
			rows[i] = append(rows[i], c.values[i][column])
		}
		s.truncateTimes(rows[i])
	}
	return s.update(ctx, tables.Jobs, slices.Concat(tables.JobIDColumn, definitions(columns)), 1, rows, where, args...)
}

// SetProperties changes the same attributes of all jobs given, each job to its own values, and
// returns how many of the jobs exist. With updateTimestamp LastUpdateTime becomes the present time.
// Jobs with different sets of attributes, and no job or no attribute at all, are a [ValueError].
func (a access) SetProperties(ctx context.Context, properties map[JobID]Attributes, updateTimestamp bool) (int64, error) {
	c, now := &change{}, a.db.now()
	for _, id := range slices.Sorted(maps.Keys(properties)) {
		values, err := storedAttributes(id, properties[id])
		if err != nil {
			return 0, err
		}
		if updateTimestamp {
			values[colLastUpdateTime] = now
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
	write := a.write
	if a.oneStatement(c) {
		write = a.writeOne
	}
	err := write(ctx, "set job properties", func(s *session) error {
		var err error
		matched, err = s.setColumns(ctx, c, c.columns, "", nil)
		return err
	})
	return matched, err
}

// DeleteJobs deletes the jobs and all that belongs to them, their history included. It returns how
// many of them existed.
func (a access) DeleteJobs(ctx context.Context, ids []JobID) (int64, error) {
	var deleted int64
	err := a.write(ctx, "delete jobs", func(s *session) error {
		if err := s.lock(ctx, ids); err != nil {
			return err
		}
		if err := s.queueParameters(ctx, ids, nil); err != nil {
			return err
		}
		in := access{db: s.db, tx: s}
		if err := in.DeleteHistory(ctx, ids); err != nil && !errors.Is(err, errNoHistory) {
			return err
		}
		var err error
		deleted, err = s.deleteRows(ctx, ids)
		return err
	})
	return deleted, err
}

// deleteRows deletes all rows of the jobs but their history, and returns how many jobs there were.
func (s *session) deleteRows(ctx context.Context, ids []JobID) (int64, error) {
	s.locked = nil // what is there no more isn't locked
	if !s.db.schema.Cascade {
		for _, t := range slices.Backward(tables.Tables) { // those that refer to a table come after it
			if t == tables.LoggingInfo || t == tables.JobJDLs || s.lacks(t) {
				continue
			}
			if _, err := s.removeRows(ctx, t, ids); err != nil {
				return 0, err
			}
		}
	}
	return s.removeRows(ctx, tables.JobJDLs, ids)
}
