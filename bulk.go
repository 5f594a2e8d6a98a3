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

// batchSize is how many of the rows one statement takes.
func batchSize(rows [][]any) int {
	n, bytes := 0, 0
	for n < len(rows) && n < engine.MaxRows && (n == 0 || bytes < engine.MostBytes) {
		for _, value := range rows[n] {
			if text, ok := value.(string); ok {
				bytes += len(text)
			}
		}
		n++
	}
	return n
}

// inBatches splits rows below the engines' limits. run gets the table s to
// join with, whose columns are c0, c1 …, and its arguments.
func (s *session) inBatches(columns []tables.Column, rows [][]any, run func(source string, args []any) error) error {
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

// insert writes new rows; upsert is "" or what a dialect's upsert gives.
func (s *session) insert(ctx context.Context, t *tables.Table, columns []tables.Column, rows [][]any, upsert string) error {
	return s.insertStatements(t, nil, columns, rows, func(statement string, args []any) error {
		_, err := s.exec(ctx, statement+upsert, args...)
		return err
	})
}

// insertStatements makes the statements that write new rows. In the columns of empty every row has an empty text.
func (s *session) insertStatements(t *tables.Table, empty, columns []tables.Column, rows [][]any, run func(statement string, args []any) error) error {
	if err := s.checkLimits(t, columns, rows); err != nil {
		return err
	}
	into := "INSERT INTO " + t.Quoted() + " (" + tables.QuotedNames("", slices.Concat(empty, columns)) + ") "
	constants := strings.Repeat("'', ", len(empty))
	if most := s.db.dialect.MaxInsertArguments; most > 0 {
		return s.insertValues(into, constants, rows, most/len(columns), run)
	}
	return s.inBatches(columns, rows, func(source string, args []any) error {
		return run(into+"SELECT "+constants+strings.Join(s.values(t, columns), ", ")+" FROM "+source, args)
	})
}

// insertValues writes rows as VALUES. The numbers of rows are powers of two, so
// that there are few statements for connections to remember.
func (s *session) insertValues(into, constants string, rows [][]any, most int, run func(statement string, args []any) error) error {
	for len(rows) > 0 {
		n := 1 << (bits.Len(uint(batchSize(rows[:min(len(rows), most)]))) - 1)
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

// update sets the columns after the first keys of each row where those are
// equal and where holds, in the order of the rows. It returns how many rows matched.
func (s *session) update(ctx context.Context, t *tables.Table, columns []tables.Column, keys int, rows [][]any, where string, whereArgs ...any) (int64, error) {
	if err := s.checkLimits(t, columns, rows); err != nil {
		return 0, err
	}
	if keys == 1 && (len(rows) == 1 || s.db.dialect.LongTexts && longTexts(rows)) {
		return s.updateEach(ctx, t, columns, rows, where, whereArgs)
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
	err := s.inBatches(columns, rows, func(source string, args []any) error {
		source = s.db.dialect.InOrder(source, t.Quoted(), equal)
		n, err := s.exec(ctx, s.db.dialect.Update(t.Quoted(), strings.Join(sets, ", "), source, on), append(args, whereArgs...)...)
		matched += n
		return err
	})
	return matched, err
}

// longTexts reports whether rows are so long that each is better sent by itself.
func longTexts(rows [][]any) bool {
	const long = 200
	bytes := 0
	for _, row := range rows {
		for _, value := range row {
			if text, ok := value.(string); ok {
				bytes += len(text)
			}
		}
	}
	return bytes > long*len(rows)
}

// updateEach is update of the rows of one job with a statement, without a table to join with:
// MariaDB would make one on disk for a long text.
func (s *session) updateEach(ctx context.Context, t *tables.Table, columns []tables.Column, rows [][]any, where string, whereArgs []any) (matched int64, err error) {
	sets := make([]string, 0, len(columns)-1)
	for _, c := range columns[1:] {
		sets = append(sets, tables.Quote(c.Name)+" = ?")
	}
	on := "t." + tables.Quote(columns[0].Name) + " = ?"
	if where != "" {
		on += " AND " + where
	}
	text := "UPDATE " + t.Quoted() + " AS t SET " + strings.Join(sets, ", ") + " WHERE " + on
	run := func(args ...any) (int64, error) { return s.exec(ctx, text, args...) }
	if len(rows) > 1 {
		prepared, err := s.q.PrepareContext(ctx, s.db.dialect.Rebind(text)) //nolint:sqlclosecheck // it is, below
		if err != nil {
			return 0, s.fail(ctx, err)
		}
		defer prepared.Close() //nolint:errcheck // what it did is known
		run = func(args ...any) (int64, error) { return s.affected(ctx)(prepared.ExecContext(ctx, args...)) }
	}
	args := make([]any, 0, len(columns)+len(whereArgs))
	for _, row := range rows {
		args = args[:0]
		for _, value := range row[1:] {
			args = append(args, s.db.dialect.Argument(value))
		}
		n, err := run(append(append(args, row[0]), whereArgs...)...)
		if err != nil {
			return matched, err
		}
		matched += n
	}
	return matched, nil
}

// remove deletes the rows whose keys are equal, on MariaDB: only there an
// upsert may overwrite what has other keys.
func (s *session) remove(ctx context.Context, t *tables.Table, keys []tables.Column, rows [][]any) error {
	return s.inBatches(keys, rows, func(source string, args []any) error {
		_, err := s.exec(ctx, "DELETE t FROM "+source+s.db.dialect.Join+t.Quoted()+" AS t WHERE "+s.keysEqual(t, keys), args...)
		return err
	})
}

// eachIDBatch splits jobs below the engines' limits, in ascending order, so that
// all transactions lock rows in one order. run gets the rest of a condition
// that begins with a column of JobIDs, and its arguments.
func (s *session) eachIDBatch(ids []JobID, run func(in string, args []any) error) error {
	for some := range slices.Chunk(sorted(ids), s.db.dialect.MaxIDs) {
		in, args := " = ?", []any{int64(some[0])} // PostgreSQL would plan a list of one anew each time
		if len(some) > 1 {
			in, args = s.db.dialect.InIDs(int64s(some))
		}
		if err := run(in, args); err != nil {
			return err
		}
	}
	return nil
}

// readRows calls each for the rows of t that belong to the jobs; rest follows the condition.
func (s *session) readRows(ctx context.Context, t *tables.Table, columns []tables.Column, ids []JobID, rest string, each func([]scanned) error) error {
	return s.eachIDBatch(ids, func(in string, args []any) error {
		return s.query(ctx, selectRows(t, columns, in)+rest, args, scanRows(columns, each))
	})
}

// selectRows is the start of a query that reads rows of t.
func selectRows(t *tables.Table, columns []tables.Column, in string) string {
	return "SELECT " + tables.QuotedNames("t.", columns) + " FROM " + t.Quoted() + ` AS t WHERE t."JobID"` + in
}

// removeRows deletes the rows of t that belong to the jobs. It returns how many there were.
func (s *session) removeRows(ctx context.Context, t *tables.Table, ids []JobID) (int64, error) {
	var removed int64
	err := s.eachIDBatch(ids, func(in string, args []any) error {
		n, err := s.exec(ctx, "DELETE FROM "+t.Quoted()+` WHERE "JobID"`+in, args...)
		removed += n
		return err
	})
	return removed, err
}

// keysEqual joins table t with source s on the source's first columns.
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
				" AND CONVERT(" + name + " USING utf8mb4) COLLATE " + s.db.schema.ExactCollation + " = " + value
		}
	}
	return strings.Join(parts, " AND ")
}

// byteExact is a column of t that is compared byte by byte.
func (s *session) byteExact(t *tables.Table, name string) string {
	text := "t." + tables.Quote(name)
	if s.db.factsOf(t).Collation(t.Name, name) == "" {
		return text
	}
	return "CONVERT(" + text + " USING utf8mb4) COLLATE " + s.db.schema.ExactCollation
}

// time is a time as this database stores it: some have whole seconds only,
// and whether an engine cuts or rounds to them differs.
func (s *session) time(t time.Time) time.Time { return t.UTC().Truncate(s.tick()) }

// tick is the smallest difference between two times that this database keeps.
func (s *session) tick() time.Duration { return s.db.schema.Tick() }

func int64s(ids []JobID) []int64 {
	list := make([]int64, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	return list
}

// sorted leaves out repetitions, too.
func sorted(ids []JobID) []JobID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// values are the columns of a source as they are stored in columns of t.
func (s *session) values(t *tables.Table, columns []tables.Column) []string {
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = "s.c" + itoa(i)
		if c.Kind == tables.KindText && c.Length == 0 && s.db.factsOf(t).Collation(t.Name, c.Name) != "" {
			// MariaDB copies a long text into a TEXT of 64 kB without a look at its
			// length, and keeps its length modulo 64 k; an expression it checks.
			values[i] = "CONCAT(" + values[i] + ")"
		}
	}
	return values
}

// readRows reads columns of the rows of a table that belong to the jobs.
func (a access) readRows(ctx context.Context, what string, t *tables.Table, columns []tables.Column, ids []JobID, rest string, each func([]scanned) error) error {
	return a.read(what, func(s *session) error { return s.readRows(ctx, t, columns, ids, rest, each) })
}

// checkLimits refuses what a live database can't hold, naming the job, which the
// engine's own error wouldn't. The first column of rows is the job's ID, if there is one yet.
func (s *session) checkLimits(t *tables.Table, columns []tables.Column, rows [][]any) error {
	for i, c := range columns {
		n, ok := s.db.factsOf(t).Narrow[t.Name+"."+c.Name]
		if !ok {
			continue
		}
		for _, row := range rows {
			if reason := n.Refuses(row[i]); reason != "" {
				id, _ := row[0].(int64)
				return &ValueError{Job: JobID(id), Column: c.Name, Reason: reason}
			}
		}
	}
	return nil
}
