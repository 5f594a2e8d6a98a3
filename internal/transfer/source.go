package transfer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
	"jobdb/opensearch"
)

// source is a database whose rows are read: what moves, or the target when it is verified.
type source struct {
	jobs, history *engine.Engine
	tables        []sourceTable     // those of ours that it has, parents first
	groups        map[string]string // the VO of each OwnerGroup, where the source has no VO; else nil
	left          []string          // what doesn't move, for the report
}

// sourceTable is one table of ours as the source has it.
type sourceTable struct {
	*tables.Table
	engine *engine.Engine
	lacks  []bool // by column

	documents *opensearch.DB // has the rows, instead of the engine; nil: the engine has them
}

// optional are the tables that some release lacks.
var optional = map[*tables.Table]string{
	tables.JobParameters: "JobParameters: the source has no such table. Its parameters are in OpenSearch: name it, and they move, too",
}

func openSource(ctx context.Context, o Options) (*source, error) {
	e, err := openEngine(ctx, "the source", o.From, true)
	if err != nil {
		return nil, err
	}
	s := &source{jobs: e, history: e}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *source) open(ctx context.Context, o Options) error {
	jobs, err := schema.ReadCatalog(ctx, s.jobs.Reader, &s.jobs.Dialect)
	if err != nil {
		return fmt.Errorf("the source: read the schema: %w", err)
	}
	history := jobs
	switch o.FromHistory {
	case "":
	case NoHistory:
		s.history = nil
		s.left = append(s.left, "LoggingInfo: left behind, as was asked for")
	default:
		if s.history, err = openEngine(ctx, "the source's history", o.FromHistory, true); err != nil {
			s.history = s.jobs
			return err
		}
		if history, err = schema.ReadCatalog(ctx, s.history.Reader, &s.history.Dialect); err != nil {
			return fmt.Errorf("the source's history: read the schema: %w", err)
		}
	}
	var problems []string
	for _, t := range tables.Tables {
		e, c := s.jobs, jobs
		if t == tables.LoggingInfo {
			e, c = s.history, history
		}
		if e == nil {
			continue
		}
		if t == tables.JobParameters && o.FromParameters != nil {
			problems = append(problems, s.addDocuments(o.FromParameters, jobs[t.Name] != nil)...)
			continue
		}
		var columns []string
		if live := c[t.Name]; live != nil {
			for _, column := range live.Columns {
				columns = append(columns, column.Name)
			}
		}
		problems = append(problems, s.add(t, e, columns)...)
	}
	if len(problems) > 0 {
		return &RefusedError{"the source can't be moved:\n  - " + strings.Join(problems, "\n  - ")}
	}
	if s.groups != nil && o.Groups != nil {
		s.groups = o.Groups
	}
	return nil
}

// add takes a table that has these columns, and returns why it can't.
func (s *source) add(t *tables.Table, e *engine.Engine, columns []string) (problems []string) {
	if len(columns) == 0 {
		if note, ok := optional[t]; ok {
			s.left = append(s.left, note)
			return nil
		}
		if t == tables.LoggingInfo {
			return []string{"the table LoggingInfo, the history of states, is missing: name its database, or " + NoHistory + " to leave it behind"}
		}
		return []string{"the table " + t.Name + " is missing"}
	}
	found := sourceTable{Table: t, engine: e, lacks: make([]bool, len(t.Columns))}
	for i, c := range t.Columns {
		if slices.Contains(columns, c.Name) {
			continue
		}
		found.lacks[i] = true
		if t == tables.Jobs && c.Name == "VO" {
			s.groups = map[string]string{}
		} else {
			problems = append(problems, "the column "+t.Name+"."+c.Name+" is missing")
		}
	}
	for _, name := range columns {
		if _, known := t.Column(name); !known {
			s.left = append(s.left, t.Name+"."+name+": a column that jobdb doesn't have")
		}
	}
	s.tables = append(s.tables, found)
	return problems
}

// addDocuments takes the parameters from OpenSearch, and returns why it can't.
func (s *source) addDocuments(documents *opensearch.DB, hasTable bool) (problems []string) {
	if s.groups != nil {
		return []string{"its jobs have no VO, by which parameters are found in OpenSearch"}
	}
	t := tables.JobParameters
	s.tables = append(s.tables, sourceTable{Table: t, engine: s.jobs, lacks: make([]bool, len(t.Columns)), documents: documents})
	if hasTable {
		s.left = append(s.left, "JobParameters: the parameters come from OpenSearch instead, as was asked for")
	}
	return nil
}

func (s *source) close() error {
	err := s.jobs.Close()
	if s.history != nil && s.history != s.jobs {
		err = errors.Join(err, s.history.Close())
	}
	return err
}

func (s *source) engines() []*engine.Engine {
	if s.history == nil || s.history == s.jobs {
		return []*engine.Engine{s.jobs}
	}
	return []*engine.Engine{s.jobs, s.history}
}

// checkGroups refuses groups whose VO isn't known.
func (s *source) checkGroups(ctx context.Context) error {
	if s.groups == nil {
		return nil
	}
	unknown := map[string]int64{}
	count := `SELECT "OwnerGroup", count(*) FROM "Jobs" GROUP BY ` + exact(&s.jobs.Dialect, `"OwnerGroup"`)
	if s.jobs.Dialect.ExactCollation != "" {
		count = `SELECT g, count(*) FROM (SELECT ` + exact(&s.jobs.Dialect, `"OwnerGroup"`) + ` AS g FROM "Jobs") AS j GROUP BY g`
	}
	err := engine.EachRow(ctx, s.jobs.Reader, count, func(rows *sql.Rows) error {
		var (
			group sql.NullString
			n     int64
		)
		err := rows.Scan(&group, &n)
		if _, known := s.groups[group.String]; !known {
			unknown[group.String] += n
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the source: read the groups: %w", err)
	}
	return unknownGroups(unknown)
}

func unknownGroups(jobs map[string]int64) error {
	if len(jobs) == 0 {
		return nil
	}
	lines := make([]string, 0, len(jobs))
	for group, n := range jobs {
		lines = append(lines, strconv.Quote(group)+" ("+strconv.FormatInt(n, 10)+" jobs)")
	}
	slices.Sort(lines)
	return &RefusedError{"the source's jobs have no VO, as in DIRAC 7 and 8, and no file of groups says that of:\n  - " + strings.Join(lines, "\n  - ")}
}

// exact is a text column that is grouped byte by byte.
func exact(d *engine.Dialect, column string) string {
	if d.ExactCollation == "" {
		return column
	}
	return "CONVERT(" + column + " USING utf8mb4) COLLATE " + d.ExactCollation
}

// A span is the JobIDs from first to last.
type span struct{ first, last int64 }

// bounds are the lowest and the highest JobID of all tables; none says that there are no rows.
func (s *source) bounds(ctx context.Context) (all span, none bool, err error) {
	none = true
	for _, t := range s.tables {
		if t.documents != nil {
			continue
		}
		var low, high sql.NullInt64
		err := engine.EachRow(ctx, t.engine.Reader, `SELECT min("JobID"), max("JobID") FROM `+t.Quoted(), func(rows *sql.Rows) error {
			return rows.Scan(&low, &high)
		})
		if err != nil {
			return all, none, fmt.Errorf("look for JobIDs in %s: %w", t.Name, err)
		}
		if !low.Valid {
			continue
		}
		if none {
			all = span{low.Int64, high.Int64}
		}
		all.first, all.last, none = min(all.first, low.Int64), max(all.last, high.Int64), false
	}
	return all, none, nil
}

// lastOf is the last JobID of a range that begins at first, has so many jobs and ends with bound.
func (s *source) lastOf(ctx context.Context, first int64, jobs int, bound int64) (int64, error) {
	last := bound
	text := `SELECT "JobID" FROM "Jobs" WHERE "JobID" BETWEEN ` + strconv.FormatInt(first, 10) + ` AND ` + strconv.FormatInt(bound, 10) +
		` ORDER BY "JobID" LIMIT 1 OFFSET ` + strconv.Itoa(jobs-1)
	err := engine.EachRow(ctx, s.jobs.Reader, text, func(rows *sql.Rows) error { return rows.Scan(&last) })
	return last, err
}

// count is the number of jobs.
func (s *source) count(ctx context.Context) (n int64, err error) {
	err = engine.EachRow(ctx, s.jobs.Reader, `SELECT count(*) FROM "Jobs"`, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

// nextID is more than any number of a job that was given.
func (s *source) nextID(ctx context.Context) (int64, error) {
	next, err := engine.NextID(ctx, s.jobs.Reader, &s.jobs.Dialect)
	if err != nil {
		return 0, fmt.Errorf("ask for the next JobID: %w", err)
	}
	all, none, err := s.bounds(ctx)
	if !none {
		next = max(next, all.last+1)
	}
	return max(next, 1), err
}

// snapshot reads one state of the source.
type snapshot struct {
	source *source
	txs    map[*engine.Engine]*sql.Tx
}

func (s *source) snapshot(ctx context.Context) (*snapshot, error) {
	snap := &snapshot{s, map[*engine.Engine]*sql.Tx{}}
	for _, e := range s.engines() {
		tx, err := e.Reader.BeginTx(ctx, e.Snapshot)
		if err != nil {
			snap.end()
			return nil, err
		}
		snap.txs[e] = tx
	}
	return snap, nil
}

func (s *snapshot) end() {
	for _, tx := range s.txs {
		_ = tx.Rollback()
	}
}

// jobIDs are those of Jobs in a range, in ascending order.
func (s *snapshot) jobIDs(ctx context.Context, in span) ([]int64, error) {
	var ids []int64
	rows, err := s.txs[s.source.jobs].QueryContext(ctx,
		s.source.jobs.Dialect.Rebind(`SELECT "JobID" FROM "Jobs" WHERE "JobID" BETWEEN ? AND ? ORDER BY "JobID"`), in.first, in.last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return slices.Compact(ids), rows.Err()
}

// eachJob calls each with the rows of one job after the other, in the order of their IDs. Values
// are as the driver gives them, nil in columns that the source lacks; the first is the JobID, an
// int64.
func (s *snapshot) eachJob(ctx context.Context, t sourceTable, in span, each func(id int64, rows [][]any) error) error {
	if t.documents != nil {
		return s.eachDocument(ctx, t, in, each)
	}
	names := make([]string, 0, len(t.Columns))
	for i, c := range t.Columns {
		if !t.lacks[i] {
			names = append(names, tables.Quote(c.Name))
		}
	}
	text := "SELECT " + strings.Join(names, ", ") + " FROM " + t.Quoted() + ` WHERE "JobID" BETWEEN ? AND ? ORDER BY "JobID"`
	rows, err := s.txs[t.engine].QueryContext(ctx, t.engine.Dialect.Rebind(text), in.first, in.last)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.Name, err)
	}
	defer rows.Close()
	var (
		id       int64
		gathered [][]any
	)
	for rows.Next() {
		row, err := scanRow(rows, t)
		if err != nil {
			return fmt.Errorf("read %s: %w", t.Name, err)
		}
		if of := row[0].(int64); of != id || len(gathered) == 0 { //nolint:forcetypeassert // scanRow made it one
			if len(gathered) > 0 {
				if err := each(id, gathered); err != nil {
					return err
				}
			}
			id, gathered = of, nil
		}
		gathered = append(gathered, row)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", t.Name, err)
	}
	if len(gathered) > 0 {
		return each(id, gathered)
	}
	return nil
}

func scanRow(rows *sql.Rows, t sourceTable) ([]any, error) {
	row := make([]any, len(t.Columns))
	targets := make([]any, 0, len(row))
	for i := range row {
		if !t.lacks[i] {
			targets = append(targets, &row[i])
		}
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	id, ok := toInteger(row[0])
	if !ok {
		return nil, errors.New("a JobID that is no number")
	}
	row[0] = id
	return row, nil
}
