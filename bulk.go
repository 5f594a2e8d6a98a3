package jobdb

import (
	"context"
	"math/bits"
	"slices"
	"strings"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// batchSize is how many of the first rows fit into one statement, at least one.
func batchSize(rows [][]any) int {
	n, bytes := 0, 0
	for n < len(rows) && n < engine.MaxRows && bytes < engine.MaxBytes {
		bytes += textBytes(rows[n])
		n++
	}
	return n
}

// eachBatch calls run for batches of rows that are small enough for one statement. Source is a
// derived table with the alias s, whose columns are c0, c1 …; args are its arguments.
func (s *session) eachBatch(columns []tables.Column, rows [][]any, run func(source string, args []any) error) error {
	for len(rows) > 0 {
		n := batchSize(rows)
		source, args := s.db.dialect.Batch(columns, rows[:n])
		if err := run(source, args); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// insert writes new rows; upsert is "" or the clause that the dialect makes for rows that exist.
func (s *session) insert(ctx context.Context, t *tables.Table, columns []tables.Column, rows [][]any, upsert string) error {
	return s.insertStatements(t, nil, columns, rows, func(statement string, args []any) error {
		_, err := s.exec(ctx, statement+upsert, args...)
		return err
	})
}

// insertStatements calls run with each statement that inserts the rows. The columns in empty get an
// empty text in every row.
func (s *session) insertStatements(
	t *tables.Table, empty, columns []tables.Column, rows [][]any, run func(statement string, args []any) error,
) error {
	if t.Name != tables.LoggingInfo.Name { // by name, as db.logging may be a copy
		if missing := s.impossibleJobs(t, columns, rows); missing != nil {
			return &NotFoundError{Jobs: missing}
		}
	}
	if err := s.checkLimits(t, columns, rows); err != nil {
		return err
	}
	into := "INSERT INTO " + t.Quoted() + " (" + tables.QuotedNames("", slices.Concat(empty, columns)) + ") "
	constants := strings.Repeat("'', ", len(empty))
	if maxArguments := s.db.dialect.MaxInsertArguments; maxArguments > 0 {
		return s.insertValues(into, constants, rows, maxArguments/len(columns), run)
	}
	return s.eachBatch(columns, rows, func(source string, args []any) error {
		return run(into+"SELECT "+constants+strings.Join(s.values(t, columns), ", ")+" FROM "+source, args)
	})
}

// insertValues writes rows as VALUES, at most maxRows in a statement. The number of rows is always
// a power of two, so that connections keep few prepared statements.
func (s *session) insertValues(into, constants string, rows [][]any, maxRows int, run func(statement string, args []any) error) error {
	for len(rows) > 0 {
		n := 1 << (bits.Len(uint(batchSize(rows[:min(len(rows), maxRows)]))) - 1)
		row := "(" + constants + "?" + strings.Repeat(", ?", len(rows[0])-1) + ")"
		args := make([]any, 0, n*len(rows[0]))
		for _, values := range rows[:n] {
			args = append(args, values...)
		}
		if err := run(into+"VALUES "+row+strings.Repeat(", "+row, n-1), args); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// update sets columns of t. In each row the first values, as many as keys says, select a row of t.
// The others are set in it if the condition where holds. It returns how many rows of t matched, and
// locks them in the order of rows.
func (s *session) update(
	ctx context.Context, t *tables.Table, columns []tables.Column, keys int, rows [][]any, where string, whereArgs ...any,
) (int64, error) {
	if missing := s.impossibleJobs(t, columns, rows); missing != nil {
		rows = slices.DeleteFunc(slices.Clone(rows), func(row []any) bool {
			id, _ := row[0].(int64)
			return slices.Contains(missing, JobID(id))
		})
	}
	if err := s.checkLimits(t, columns, rows); err != nil {
		return 0, err
	}
	if keys == 1 && (len(rows) == 1 || s.db.dialect.LongTexts && longTexts(rows)) {
		return s.updateEach(ctx, t, columns, rows, where, whereArgs)
	}
	if keys == 1 && s.db.dialect.ByList != "" && alike(rows) {
		return s.updateAlike(ctx, t, columns, rows, where, whereArgs)
	}
	sets := make([]string, 0, len(columns)-keys)
	for i, value := range s.values(t, columns) {
		if i >= keys {
			sets = append(sets, tables.Quote(columns[i].Name)+" = "+value)
		}
	}
	equal := s.keysEqual(t, columns[:keys])
	on := equal
	if where != "" {
		on += " AND " + where
	}
	var matched int64
	err := s.eachBatch(columns, rows, func(source string, args []any) error {
		source = s.db.dialect.InOrder(source, t.Quoted(), equal)
		n, err := s.exec(ctx, s.db.dialect.Update(t.Quoted(), strings.Join(sets, ", "), source, on), append(args, whereArgs...)...)
		matched += n
		return err
	})
	return matched, err
}

// longTexts reports whether the rows hold so much text that a statement for each is faster.
func longTexts(rows [][]any) bool {
	const longRow = 200 // bytes
	bytes := 0
	for _, row := range rows {
		bytes += textBytes(row)
	}
	return bytes > longRow*len(rows)
}

// textBytes is the length of a row's texts.
func textBytes(row []any) int {
	bytes := 0
	for _, value := range row {
		if text, ok := value.(string); ok {
			bytes += len(text)
		}
	}
	return bytes
}

// updateEach is update with one key and one statement per row. MariaDB would write a derived table
// with long texts to disk to join with it.
func (s *session) updateEach(
	ctx context.Context, t *tables.Table, columns []tables.Column, rows [][]any, where string, whereArgs []any,
) (int64, error) {
	text := updateText(t, "", columns, " = ?", where)
	if len(rows) == 1 {
		return s.exec(ctx, text, s.updateArgs(rows[0], whereArgs)...)
	}
	prepared, err := s.q.PrepareContext(ctx, s.db.dialect.Rebind(text))
	if err != nil {
		return 0, s.fail(ctx, err)
	}
	defer prepared.Close() //nolint:errcheck // the rows are written, or their error is returned
	var matched int64
	end := s.began(ctx, text)
	defer func() { end(s.failed) }()
	for _, row := range rows {
		n, err := s.affected(ctx)(prepared.ExecContext(ctx, s.updateArgs(row, whereArgs)...))
		if err != nil {
			return matched, err
		}
		matched += n
	}
	return matched, nil
}

// updateAlike is update with one key that sets the same values in all rows. A list of keys is
// faster than a join with a table of them.
func (s *session) updateAlike(
	ctx context.Context, t *tables.Table, columns []tables.Column, rows [][]any, where string, whereArgs []any,
) (matched int64, err error) {
	ids := make([]JobID, len(rows))
	for i, row := range rows {
		ids[i] = JobID(row[0].(int64)) //nolint:forcetypeassert // the key
	}
	values := s.updateArgs(rows[0], nil)[:len(columns)-1]
	err = s.eachIDBatch(ids, func(in string, keys []any) error {
		n, err := s.exec(ctx, updateText(t, s.db.dialect.ByList, columns, in, where), slices.Concat(values, keys, whereArgs)...)
		matched += n
		return err
	})
	return matched, err
}

// alike reports whether several rows differ in nothing but their keys, which come first.
func alike(rows [][]any) bool {
	return len(rows) > 1 && !slices.ContainsFunc(rows, func(row []any) bool { return !slices.Equal(row[1:], rows[0][1:]) })
}

// updateText is an UPDATE of all columns but the first, which is the key. in is the right-hand side
// of the condition on the key, such as " = ?". hint is an index hint, or "".
func updateText(t *tables.Table, hint string, columns []tables.Column, in, where string) string {
	sets := make([]string, 0, len(columns)-1)
	for _, c := range columns[1:] {
		sets = append(sets, tables.Quote(c.Name)+" = ?")
	}
	text := "UPDATE " + t.Quoted() + " AS t" + hint + " SET " + strings.Join(sets, ", ") + " WHERE t." + tables.Quote(columns[0].Name) + in
	if where != "" {
		text += " AND " + where
	}
	return text
}

// updateArgs are the arguments of updateText for one row: the values to set, the key, and those of where.
func (s *session) updateArgs(row, whereArgs []any) []any {
	args := make([]any, 0, len(row)+len(whereArgs))
	for _, value := range row[1:] {
		args = append(args, s.db.dialect.Argument(value))
	}
	return append(append(args, row[0]), whereArgs...)
}

// remove deletes the rows of t with these keys. Its SQL is that of MariaDB and MySQL: only their
// collations can hold different keys to be equal, so that an upsert would overwrite another key's
// row.
func (s *session) remove(ctx context.Context, t *tables.Table, keys []tables.Column, rows [][]any) error {
	return s.eachBatch(keys, rows, func(source string, args []any) error {
		_, err := s.exec(ctx, "DELETE t FROM "+source+s.db.dialect.Join+t.Quoted()+" AS t WHERE "+s.keysEqual(t, keys), args...)
		return err
	})
}

// eachIDBatch calls run for batches of jobs that are small enough for one statement. The IDs
// ascend, so that all transactions lock rows in the same order. in is the right-hand side of a
// condition on a column of JobIDs, such as " = ?"; args are its arguments.
func (s *session) eachIDBatch(ids []JobID, run func(in string, args []any) error) error {
	for some := range slices.Chunk(sorted(ids), s.db.dialect.MaxIDs) {
		in, args := " = ?", []any{int64(some[0])} // with a list PostgreSQL makes a new plan each time
		if len(some) > 1 {
			in, args = s.db.dialect.InIDs(int64s(some))
		}
		if err := run(in, args); err != nil {
			return err
		}
	}
	return nil
}

// readRows calls each for the rows of t that belong to the jobs; rest is what follows the condition
// in the statement.
func (s *session) readRows(
	ctx context.Context, t *tables.Table, columns []tables.Column, ids []JobID, rest string, each func([]scanned) error,
) error {
	return s.eachIDBatch(ids, func(in string, args []any) error {
		return s.query(ctx, selectRows(t, columns, in)+rest, args, scanRows(columns, each))
	})
}

// readRows is session.readRows on a DB or a Tx; what says in errors what was being done.
func (a access) readRows(
	ctx context.Context, what string, t *tables.Table, columns []tables.Column, ids []JobID, rest string, each func([]scanned) error,
) error {
	return a.read(ctx, what, func(s *session) error { return s.readRows(ctx, t, columns, ids, rest, each) })
}

// selectRows is a query that reads rows of t; in is as in eachIDBatch.
func selectRows(t *tables.Table, columns []tables.Column, in string) string {
	return "SELECT " + tables.QuotedNames("t.", columns) + " FROM " + t.Quoted() + ` AS t WHERE t."JobID"` + in
}

// removeRows deletes the rows of t that belong to the jobs, and returns how many there were.
func (s *session) removeRows(ctx context.Context, t *tables.Table, ids []JobID) (int64, error) {
	var removed int64
	s.lastNumbers = nil
	err := s.eachIDBatch(ids, func(in string, args []any) error {
		n, err := s.exec(ctx, "DELETE FROM "+t.Quoted()+` WHERE "JobID"`+in, args...)
		removed += n
		return err
	})
	return removed, err
}

// keysEqual is the condition that joins a row of t with a row of source s, whose first columns are
// the key. Where a collation doesn't compare bytes, its first half finds the row by the index and
// its second half compares bytes.
func (s *session) keysEqual(t *tables.Table, keys []tables.Column) string {
	parts := make([]string, len(keys))
	for i, key := range keys {
		name, value := "t."+tables.Quote(key.Name), "s.c"+itoa(i)
		parts[i] = name + " = " + value
		switch collation := s.db.factsOf(t).Collation(t.Name, key.Name); {
		case key.Kind == tables.KindTime:
			parts[i] = s.db.dialect.TimeEqual(name, value)
		case collation != "":
			charset, _, _ := strings.Cut(collation, "_")
			parts[i] = name + " = CONVERT(" + value + " USING " + charset + ") COLLATE " + collation +
				" AND " + s.byteExact(t, key.Name) + " = " + value
		}
	}
	return strings.Join(parts, " AND ")
}

// byteExact is an expression for a column of t that is compared byte by byte.
func (s *session) byteExact(t *tables.Table, name string) string {
	return s.db.factsOf(t).ByteExact(t.Name, name, "t."+tables.Quote(name))
}

// time is a time as this database stores it. Engines differ in whether they cut or round to whole
// seconds, so it is cut here.
func (s *session) time(t time.Time) time.Time { return t.UTC().Truncate(s.tick()) }

// tick is the smallest difference between two times in this database.
func (s *session) tick() time.Duration { return s.db.schema.Tick() }

func int64s(ids []JobID) []int64 {
	list := make([]int64, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return list
}

// sorted returns the jobs in ascending order, each once.
func sorted(ids []JobID) []JobID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// values are the expressions that store the columns of source s in columns of t.
func (s *session) values(t *tables.Table, columns []tables.Column) []string {
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = "s.c" + itoa(i)
		if c.Kind == tables.KindText && c.Length == 0 && s.db.factsOf(t).Collation(t.Name, c.Name) != "" {
			// MariaDB copies a column into a TEXT of 64 kB without a check, and keeps the length
			// modulo 64 k. It checks expressions.
			values[i] = "CONCAT(" + values[i] + ")"
		}
	}
	return values
}

// impossibleJobs returns those of the jobs in rows that can't exist in this database, ascending. It
// returns nil if the first column isn't the job's ID.
func (s *session) impossibleJobs(t *tables.Table, columns []tables.Column, rows [][]any) []JobID {
	if columns[0].Name != "JobID" {
		return nil
	}
	limits := s.db.factsOf(t).ColumnLimits[t.Name+".JobID"]
	var ids []JobID
	for _, row := range rows {
		if id, _ := row[0].(int64); id < 1 || limits.Check(id) != "" {
			ids = append(ids, JobID(id))
		}
	}
	return sorted(ids)
}

// checkLimits refuses values that a live database can't hold. Its error names the job, which the
// engine's own doesn't: each row begins with the ID, if the job has one yet.
func (s *session) checkLimits(t *tables.Table, columns []tables.Column, rows [][]any) error {
	for i, c := range columns {
		limits, ok := s.db.factsOf(t).ColumnLimits[t.Name+"."+c.Name]
		if !ok {
			continue
		}
		for _, row := range rows {
			if reason := limits.Check(row[i]); reason != "" {
				id, _ := row[0].(int64)
				return &ValueError{Job: JobID(id), Column: c.Name, Reason: reason}
			}
		}
	}
	return nil
}
