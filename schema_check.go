package jobdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// The collations that compare utf8mb4 byte by byte, trailing spaces included.
const (
	mariaDBExact = "utf8mb4_nopad_bin"
	mysqlExact   = "utf8mb4_0900_bin"
)

// probeSchema finds out what database this is. It reads only the catalog.
func probeSchema(ctx context.Context, q querier, d *dialect) (*schema, error) {
	c, err := readCatalog(ctx, q, d)
	if err != nil {
		return nil, err
	}
	state, err := readMigrationState(ctx, q, d, c)
	if err != nil {
		return nil, err
	}
	s := inspect(c, d, len(state.pending) > 0)
	s.refusal = state.refusal()
	if s.counts, s.counted, err = keepsCounts(ctx, q, d, c); err != nil {
		return nil, err
	}
	if d.name == "mysql" {
		maria, err := isMariaDB(ctx, q)
		if err != nil {
			return nil, err
		}
		s.exactCollation = mysqlExact
		if maria {
			s.exactCollation = mariaDBExact
		}
	}
	return s, nil
}

func isMariaDB(ctx context.Context, q querier) (bool, error) {
	version, err := askText(ctx, q, catalogQueriesOf["mysql"].version)
	return strings.Contains(version, "MariaDB"), err
}

// inspect makes of a catalog what statements must know. With migrations
// pending, what is missing is still to come.
func inspect(c catalog, d *dialect, pending bool) *schema {
	s := &schema{jobs: c[jobs.name] != nil, history: c[loggingInfo.name] != nil, collations: map[string]string{}, narrow: map[string]narrow{}, ofVO: c.indexesOfVO()}
	for _, t := range tables {
		live := c[t.name]
		if live == nil {
			continue
		}
		for _, column := range t.columns {
			found, _ := live.column(column.name)
			if column.kind == Text && found.collation != "" && d.name == "mysql" {
				s.collations[t.name+"."+column.name] = found.collation
			}
			if n := narrowness(column, found); d.name == "mysql" && n != (narrow{}) {
				s.narrow[t.name+"."+column.name] = n
			}
			if column.kind == Time && found.size < 6 && d.name == "mysql" {
				s.wholeSeconds = true
			}
		}
	}
	s.cascade = c.cascades()
	s.atticCycles = c[atticJobParameters.name] != nil && slices.Contains(c[atticJobParameters.name].key, "RescheduleCycle")
	s.kind = c.kind(d, pending)
	return s
}

func (c catalog) kind(d *dialect, pending bool) SchemaKind {
	switch ours := c[migrationsTable] != nil; {
	case !ours && !c.holdsAny(tables):
		return SchemaEmpty
	case ours && pending: // an older one, or one whose migration was cut short
		return SchemaOurs
	case len(c.problems(d)) > 0:
		return SchemaUnknown
	case ours:
		return SchemaOurs
	case c.legacy():
		return SchemaLegacy
	}
	return SchemaDiracX
}

// foreign says that others made tables of these names.
func (c catalog) foreign() bool { return c[migrationsTable] == nil && c.holdsAny(tables) }

func (c catalog) holdsAny(tables []*table) bool {
	return slices.ContainsFunc(tables, func(t *table) bool { return c[t.name] != nil })
}

// jobTables are all but the history, which may be elsewhere, as it always is with DiracX.
func jobTables() []*table {
	return slices.DeleteFunc(slices.Clone(tables), func(t *table) bool { return t == loggingInfo })
}

// legacy says whether DIRAC made the tables; otherwise DiracX did.
func (c catalog) legacy() bool {
	if commands := c[jobCommands.name]; commands != nil {
		return slices.Contains(commands.key, "Arguments")
	}
	order, _ := c[loggingInfo.name].column("StatusTimeOrder")
	return order.typ == "double"
}

// cascades says whether deleting a row of JobJDLs deletes all of the job's.
func (c catalog) cascades() bool {
	for _, t := range jobTables() {
		live := c[t.name]
		if live == nil {
			return false
		}
		parent := jobs.name
		if t == jobs {
			parent = jobJDLs.name
		}
		if t != jobJDLs && !live.cascades[parent] {
			return false
		}
	}
	return true
}

// problems are what makes a database unusable.
func (c catalog) problems(d *dialect) []string {
	var problems []string
	ours, withJobs := c[migrationsTable] != nil, c.holdsAny(jobTables())
	for _, t := range tables {
		needed := ours || withJobs && t != loggingInfo
		if live := c[t.name]; live != nil {
			problems = append(problems, live.problems(t, d)...)
		} else if needed {
			problems = append(problems, "the table "+t.name+" is missing")
		}
	}
	return problems
}

// liveKeys are primary keys of live databases that jobdb can work with.
var liveKeys = map[*table][]string{
	jobCommands:        {"JobID", "Arguments", "ReceptionTime"},
	atticJobParameters: {"JobID", "Name"},
}

func (live *catalogTable) problems(t *table, d *dialect) []string {
	var problems []string
	for _, column := range t.columns {
		found, ok := live.column(column.name)
		problem := "is missing"
		if ok {
			problem = found.problem(column, d)
		}
		if problem != "" {
			problems = append(problems, "the column "+t.name+"."+column.name+" "+problem)
		}
	}
	for _, found := range live.columns {
		if _, known := t.column(found.name); !known && !found.nullable && !found.value.Valid && !found.generated {
			problems = append(problems, "the column "+t.name+"."+found.name+" is not one of jobdb's, and needs a value in every new row")
		}
	}
	if !slices.Equal(live.key, t.key) && !slices.Equal(live.key, liveKeys[t]) {
		problems = append(problems, "the primary key of "+t.name+" is ("+strings.Join(live.key, ", ")+
			"), jobdb needs ("+strings.Join(t.key, ", ")+")")
	}
	if number, _ := live.column("JobID"); t == jobJDLs && !number.generated && d.name != "sqlite" {
		problems = append(problems, "the database gives no numbers to "+t.name+".JobID")
	}
	return problems
}

// problem says why a column can't be the one that jobdb needs.
func (found catalogColumn) problem(want column, d *dialect) string {
	kind, known := kindOfType[found.typ]
	textTime := d.name == "sqlite" && want.kind == Time && kind == Text // SQLite has no times
	wanted := want.kind
	if wanted == Verified || wanted == Accounted {
		wanted = Text
	}
	switch {
	case !known || kind != wanted && !textTime:
		return "is of the type " + found.typ + ", jobdb needs " + kindNames[want.kind]
	case want.kind == Text && found.size > 0 && found.size < want.length:
		return fmt.Sprint("holds ", found.size, " characters, jobdb needs ", want.length)
	case want.nullable && !found.nullable:
		return "can't be NULL, which jobdb needs"
	case found.collation != "" && d.name != "mysql":
		return "is compared by the collation " + found.collation + ", not byte by byte"
	}
	return ""
}

// kindOfType has the types by the names that the engines' catalogs give
// them. ENUM is a text here.
var kindOfType = map[string]Kind{
	"bigint": Integer, "int": Integer, "integer": Integer,
	"varchar": Text, "character varying": Text, "text": Text, "mediumtext": Text, "longtext": Text, "enum": Text,
	"varbinary": Text, "blob": Text, "mediumblob": Text, "longblob": Text,
	"datetime": Time, "timestamp": Time, "timestamp with time zone": Time,
	"decimal": decimal, "numeric": decimal, "double": decimal,
}

var kindNames = map[Kind]string{
	Integer: "an integer", Text: "a text", Time: "a time", Verified: "a text or an ENUM", Accounted: "a text or an ENUM",
	decimal: "a decimal",
}

// countTriggersQuery asks how many of the triggers are there; in parentheses, their names.
var countTriggersQuery = map[string]string{
	"sqlite":   `SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN `,
	"mysql":    `SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND trigger_name IN `,
	"postgres": `SELECT count(*) FROM pg_trigger WHERE tgrelid = '"Jobs"'::regclass AND tgenabled <> 'D' AND tgname IN `,
}

// keepsCounts reports whether counts are kept in a database that has these tables, and are complete.
func keepsCounts(ctx context.Context, q querier, d *dialect, c catalog) (kept, complete bool, err error) {
	if c[jobCounts.name] == nil || c[jobDifferences.name] == nil || c[jobs.name] == nil {
		return false, false, nil
	}
	var triggers, state int
	one := func(into *int) func(*sql.Rows) error { return func(rows *sql.Rows) error { return rows.Scan(into) } }
	err = eachRow(ctx, q, countTriggersQuery[d.name]+"('"+strings.Join(countTriggers, "', '")+"')", one(&triggers))
	if err == nil {
		err = eachRow(ctx, q, `SELECT "Count" FROM "JobCounts" WHERE "Kind" = 0`, one(&state))
	}
	return triggers == len(countTriggers), state > 0, err
}

// narrowness says what a column of MariaDB holds less than ours.
func narrowness(want column, found catalogColumn) narrow {
	charset, _, _ := strings.Cut(found.collation, "_")
	n := narrow{charset: charset, int32: want.kind == Integer && found.typ == "int"}
	if charset == "utf8mb4" {
		n.charset = ""
	}
	if want.kind == Text && want.length == 0 && found.typ == "text" {
		n.bytes = 1<<16 - 1
	}
	return n
}

// indexesOfVO are the indexes of Jobs by (VO, column, JobID), and by (VO, JobID), by the column's name.
func (c catalog) indexesOfVO() map[string]string {
	found := map[string]string{}
	if c[jobs.name] == nil {
		return found
	}
	for name, columns := range c[jobs.name].indexes {
		n := len(columns)
		if n >= 2 && n <= 3 && columns[0] == "VO" && columns[n-1] == "JobID" {
			found[columns[1]] = name
		}
	}
	return found
}
