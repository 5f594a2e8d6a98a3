package schema

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// Probe reads the facts of a database: its catalog, its list of migrations and the state of its
// counts, but no jobs.
func Probe(ctx context.Context, q engine.Querier, d *engine.Dialect) (*Facts, error) {
	c, err := ReadCatalog(ctx, q, d)
	if err != nil {
		return nil, err
	}
	state, err := readMigrationState(ctx, q, d, c)
	if err != nil {
		return nil, err
	}
	s := inspect(c, d, len(state.pending) > 0)
	s.Refusal, s.NoCounts = state.refusal(), state.withoutCounts
	if s.Counts, s.Counted, err = keepsCounts(ctx, q, d, c); err != nil {
		return nil, err
	}
	return s, nil
}

// inspect derives facts from a catalog. If migrations are pending, missing tables are no fault.
func inspect(c Catalog, d *engine.Dialect, pending bool) *Facts {
	s := &Facts{
		Jobs: c[tables.Jobs.Name] != nil, History: c[tables.LoggingInfo.Name] != nil,
		Parameters: c[tables.JobParameters.Name] != nil, Outbox: c[tables.ParametersOutbox.Name] != nil,
		Series: c[tables.Tasks.Name] != nil && c[tables.Series.Name] != nil, OfVO: c.indexesOfVO(d), Indexes: c.indexes(),
		Collations: map[string]string{}, Nulls: map[string]bool{}, ExactCollation: d.ExactCollation, ColumnLimits: map[string]ColumnLimits{},
	}
	for _, t := range tables.Tables {
		live := c[t.Name]
		if live == nil {
			continue
		}
		for _, column := range t.Columns {
			found, _ := live.column(column.Name)
			if column.Kind == tables.KindText && found.collation != "" && d.ExactCollation != "" {
				s.Collations[t.Name+"."+column.Name] = found.collation
				if found.Nullable {
					s.Nulls[t.Name+"."+column.Name] = true
				}
			}
			if n := limitsOf(column, found, d); n != (ColumnLimits{}) {
				s.ColumnLimits[t.Name+"."+column.Name] = n
			}
			if column.Kind == tables.KindTime && found.Size < 6 && d.Catalog.WholeSeconds {
				s.WholeSeconds = true
			}
		}
	}
	s.Cascade = c.cascades()
	s.AtticCycles = c[tables.AtticJobParameters.Name] != nil && slices.Contains(c[tables.AtticJobParameters.Name].Key, "RescheduleCycle")
	s.Kind = c.kind(d, pending)
	return s
}

func (c Catalog) kind(d *engine.Dialect, pending bool) Kind {
	switch ours := c[migrationsTable] != nil; {
	case !ours && !c.holdsAny(tables.Tables):
		return KindEmpty
	case ours && pending: // an older one, or one whose migration was cut short
		return KindOurs
	case len(c.problems(d)) > 0:
		return KindUnknown
	case ours:
		return KindOurs
	case c.legacy():
		return KindLegacy
	}
	return KindDiracX
}

// foreign reports whether somebody else made tables of these names.
func (c Catalog) foreign() bool { return c[migrationsTable] == nil && c.holdsAny(tables.Tables) }

func (c Catalog) holdsAny(of []*tables.Table) bool {
	return slices.ContainsFunc(of, func(t *tables.Table) bool { return c[t.Name] != nil })
}

// jobTables are all tables but the history, which may be in another database, as it always is with
// DiracX.
func jobTables() []*tables.Table {
	return slices.DeleteFunc(slices.Clone(tables.Tables), func(t *tables.Table) bool { return t == tables.LoggingInfo })
}

// legacy reports whether DIRAC made the tables; otherwise DiracX did.
func (c Catalog) legacy() bool {
	if commands := c[tables.JobCommands.Name]; commands != nil {
		return slices.Contains(commands.Key, "Arguments")
	}
	order, _ := c[tables.LoggingInfo.Name].column("StatusTimeOrder")
	return order.Type == "double"
}

// cascades reports whether deleting a row of JobJDLs deletes all rows of the job.
func (c Catalog) cascades() bool {
	for _, t := range jobTables() {
		live := c[t.Name]
		if live == nil && t == tables.JobParameters {
			continue
		}
		if live == nil {
			return false
		}
		parent := tables.Jobs.Name
		if t == tables.Jobs {
			parent = tables.JobJDLs.Name
		}
		if t != tables.JobJDLs && !live.cascades[parent] {
			return false
		}
	}
	return true
}

// problems returns why a database can't be used. JobParameters may be missing, as in DIRAC from
// 9.1.22 on; everything else works without it.
func (c Catalog) problems(d *engine.Dialect) []string {
	var problems []string
	ours, withJobs := c[migrationsTable] != nil, c.holdsAny(jobTables())
	for _, t := range tables.Tables {
		needed := ours || withJobs && t != tables.LoggingInfo && t != tables.JobParameters
		if live := c[t.Name]; live != nil {
			problems = append(problems, live.problems(t, d)...)
		} else if needed {
			problems = append(problems, "the table "+t.Name+" is missing")
		}
	}
	return problems
}

// liveKeys are primary keys of live databases that jobdb can work with.
var liveKeys = map[*tables.Table][]string{
	tables.JobCommands:        {"JobID", "Arguments", "ReceptionTime"},
	tables.AtticJobParameters: {"JobID", "Name"},
}

func (live *Table) problems(t *tables.Table, d *engine.Dialect) []string {
	var problems []string
	if live.beforeVO(colVO) {
		problems = append(problems, `DIRAC made it before its release 9: a job has no VO (the column Jobs.VO is missing); `+
			`"jobdb import" moves the jobs into a database of jobdb's own`)
	}
	for _, column := range t.Columns {
		found, ok := live.column(column.Name)
		problem := "is missing"
		if ok {
			problem = found.problem(column, d)
		}
		if problem != "" && !live.beforeVO(column) {
			problems = append(problems, "the column "+t.Name+"."+column.Name+" "+problem)
		}
	}
	for _, found := range live.Columns {
		if _, known := t.Column(found.Name); !known && !found.Nullable && !found.Value.Valid && !found.generated {
			problems = append(problems, "the column "+t.Name+"."+found.Name+" is not one of jobdb's, and needs a value in every new row")
		}
	}
	if !slices.Equal(live.Key, t.Key) && !slices.Equal(live.Key, liveKeys[t]) {
		problems = append(problems, "the primary key of "+t.Name+" is ("+strings.Join(live.Key, ", ")+
			"), jobdb needs ("+strings.Join(t.Key, ", ")+")")
	}
	if number, _ := live.column("JobID"); t == tables.JobJDLs && !number.generated && !d.Catalog.RowIDs {
		problems = append(problems, "the database gives no numbers to "+t.Name+".JobID")
	}
	return problems
}

var colVO = tables.Jobs.Pick("VO")[0]

// beforeVO reports whether this is the table Jobs of DIRAC 7 or 8 and the column is VO, which came
// with DIRAC 9.
func (live *Table) beforeVO(column tables.Column) bool {
	_, hasVO := live.column("VO")
	_, hasSetup := live.column("DIRACSetup")
	return column == colVO && hasSetup && !hasVO
}

// problem says why a column can't be used, "" if it can.
func (found Column) problem(want tables.Column, d *engine.Dialect) string {
	kind, known := KindOfType[found.Type]
	textTime := d.Catalog.Untyped && want.Kind == tables.KindTime && kind == tables.KindText
	wanted := want.Kind
	if wanted == tables.KindVerified || wanted == tables.KindAccounted {
		wanted = tables.KindText
	}
	switch {
	case !known || kind != wanted && !textTime:
		return "is of the type " + found.Type + ", jobdb needs " + kindNames[want.Kind]
	case want.Kind == tables.KindText && found.Size > 0 && found.Size < want.Length:
		return fmt.Sprint("holds ", found.Size, " characters, jobdb needs ", want.Length)
	case want.Nullable && !found.Nullable:
		return "can't be NULL, which jobdb needs"
	case found.collation != "" && d.ExactCollation == "":
		return "is compared by the collation " + found.collation + ", not byte by byte"
	}
	return ""
}

// KindOfType has the kinds of columns by the types' names in catalogs. An ENUM is a text.
var KindOfType = map[string]tables.Kind{
	"bigint": tables.KindInteger, "int": tables.KindInteger, "integer": tables.KindInteger,
	"varchar": tables.KindText, "character varying": tables.KindText, "enum": tables.KindText,
	"text": tables.KindText, "mediumtext": tables.KindText, "longtext": tables.KindText,
	"varbinary": tables.KindText, "blob": tables.KindText, "mediumblob": tables.KindText, "longblob": tables.KindText,
	"datetime": tables.KindTime, "timestamp": tables.KindTime, "timestamp with time zone": tables.KindTime,
	"decimal": tables.KindDecimal, "numeric": tables.KindDecimal, "double": tables.KindDecimal,
}

var kindNames = map[tables.Kind]string{
	tables.KindInteger: "an integer", tables.KindText: "a text", tables.KindTime: "a time", tables.KindDecimal: "a decimal",
	tables.KindVerified: "a text or an ENUM", tables.KindAccounted: "a text or an ENUM",
}

// keepsCounts reports whether triggers keep counts in a database with this catalog, and whether the
// counts are complete.
func keepsCounts(ctx context.Context, q engine.Querier, d *engine.Dialect, c Catalog) (kept, complete bool, err error) {
	if c[tables.JobSums.Name] == nil || c[tables.JobDifferences.Name] == nil || c[tables.Jobs.Name] == nil {
		return false, false, nil
	}
	var triggers, state int
	one := func(into *int) func(*sql.Rows) error { return func(rows *sql.Rows) error { return rows.Scan(into) } }
	err = engine.EachRow(ctx, q, d.Catalog.CountTriggers+"('"+strings.Join(tables.CountTriggers, "', '")+"')", one(&triggers))
	if err == nil {
		err = engine.EachRow(ctx, q, `SELECT "Count" FROM "JobSums" WHERE "Kind" = 0`, one(&state))
	}
	return triggers == len(tables.CountTriggers), state > 0, err
}

// indexes returns the indexes of Jobs, sorted by name.
func (c Catalog) indexes() []Index {
	var all []Index
	if jobs := c[tables.Jobs.Name]; jobs != nil {
		for _, name := range slices.Sorted(maps.Keys(jobs.indexes)) {
			all = append(all, Index{name, jobs.indexes[name]})
		}
	}
	return all
}

// indexesOfVO returns the names of the indexes of Jobs by (VO, column, JobID) and (VO, JobID),
// under the name of their second column. More columns may follow in the index.
func (c Catalog) indexesOfVO(d *engine.Dialect) map[string]string {
	found := map[string]string{}
	if c[tables.Jobs.Name] == nil {
		return found
	}
	for name, columns := range c[tables.Jobs.Name].indexes {
		if d.Catalog.EndsWithKey {
			columns = append(slices.Clip(columns), "JobID")
		}
		if at := slices.Index(columns, "JobID"); columns[0] == "VO" && (at == 1 || at == 2) {
			found[columns[1]] = name
		}
	}
	return found
}
