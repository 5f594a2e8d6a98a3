package schema

import (
	"context"
	"database/sql"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"jobdb/internal/engine"
)

// catalog is what an engine says of the tables in a database, by their names.
type catalog map[string]*catalogTable

type catalogTable struct {
	Columns  []CatalogColumn
	Key      []string            // the columns of the primary key, in its order
	indexes  map[string][]string // all others
	cascades map[string]bool     // tables it refers to; whether deleting there deletes here
}

type CatalogColumn struct {
	Name      string
	Typ       string // in lower case, without what is in parentheses: "varchar"
	Size      int    // the first number in parentheses
	Nullable  bool
	collation string         // "" where the engine compares byte by byte
	Value     sql.NullString // the default as the engine writes it
	generated bool           // numbers are given by the engine, none twice
}

func (t *catalogTable) column(name string) (CatalogColumn, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return CatalogColumn{}, false
}

// catalogQueries are the questions to one engine. The answers have the same
// columns everywhere.
type catalogQueries struct {
	Version string // its own name and number
	columns string // table, column, type, nullable, collation, default, generated
	indexes string // table, index, is it the primary key, column
	parents string // table, the table it refers to, cascades
}

var CatalogQueriesOf = map[string]catalogQueries{
	"sqlite": {
		Version: `SELECT sqlite_version()`,
		// A collation is told only by the text of the table; one that isn't byte by byte is refused anyway.
		columns: `SELECT m.name, c.name, c.type, c."notnull" = 0,
			CASE WHEN m.sql LIKE '%NOCASE%' THEN 'NOCASE' WHEN m.sql LIKE '%RTRIM%' THEN 'RTRIM' ELSE '' END,
			c.dflt_value, c.pk = 1 AND m.sql LIKE '%AUTOINCREMENT%'
			FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' ORDER BY m.name, c.cid`,
		indexes: `SELECT * FROM (
			SELECT m.name AS t, '' AS i, 1 AS k, c.name, c.pk AS n
			FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' AND c.pk > 0
			UNION ALL SELECT m.name, l.name, 0, c.name, c.seqno
			FROM sqlite_master AS m, pragma_index_list(m.name) AS l, pragma_index_info(l.name) AS c
			WHERE m.type = 'table' AND l.origin <> 'pk' AND c.name IS NOT NULL
			) ORDER BY t, i, n`,
		parents: `SELECT m.name, f."table", f.on_delete = 'CASCADE'
			FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'`,
	},
	"mysql": {
		Version: `SELECT VERSION()`,
		columns: `SELECT table_name, column_name, column_type, is_nullable = 'YES',
			CASE WHEN collation_name IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') THEN '' ELSE COALESCE(collation_name, '') END,
			column_default, extra LIKE '%auto_increment%'
			FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position`,
		indexes: `SELECT table_name, index_name, index_name = 'PRIMARY', column_name, seq_in_index
			FROM information_schema.statistics WHERE table_schema = DATABASE() AND column_name IS NOT NULL
			ORDER BY table_name, index_name, seq_in_index`,
		parents: `SELECT table_name, referenced_table_name, delete_rule = 'CASCADE'
			FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()`,
	},
	"postgres": {
		Version: `SELECT current_setting('server_version')`,
		columns: `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
			CASE WHEN o.collname IN ('C', 'POSIX', 'ucs_basic') THEN '' ELSE COALESCE(o.collname, '') END,
			pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '' OR COALESCE(pg_get_expr(d.adbin, d.adrelid), '') LIKE 'nextval(%'
			FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
			JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			LEFT JOIN pg_collation AS o ON o.oid = a.attcollation
			LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
			WHERE c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum`,
		indexes: `SELECT c.relname, i.relname, x.indisprimary, a.attname, k.n
			FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
			JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
			CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
			JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
			ORDER BY c.relname, i.relname, k.n`,
		parents: `SELECT c.relname, p.relname, k.confdeltype = 'c'
			FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_class AS p ON p.oid = k.confrelid
			JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema() WHERE k.contype = 'f'`,
	},
}

// ReadCatalog asks three questions, whatever the number of tables.
func ReadCatalog(ctx context.Context, q engine.Querier, d *engine.Dialect) (catalog, error) {
	c := catalog{}
	queries := CatalogQueriesOf[d.Name]
	err := engine.EachRow(ctx, q, queries.columns, c.addColumn)
	if err == nil {
		err = engine.EachRow(ctx, q, queries.indexes, c.addIndex)
	}
	if err == nil {
		err = engine.EachRow(ctx, q, queries.parents, c.addParent)
	}
	return c, err
}

// Tables returns the names of all tables but SQLite's own, sorted.
func (c catalog) Tables() []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(c)), func(name string) bool { return strings.HasPrefix(name, "sqlite_") })
	slices.Sort(names)
	return names
}

// Has reports whether there is a table with a column.
func (c catalog) Has(table, column string) bool {
	if c[table] == nil {
		return false
	}
	_, found := c[table].column(column)
	return found
}

func (c catalog) addColumn(rows *sql.Rows) error {
	var (
		table, typ string
		column     CatalogColumn
	)
	err := rows.Scan(&table, &column.Name, &typ, &column.Nullable, &column.collation, &column.Value, &column.generated)
	column.Typ, column.Size = parseType(typ)
	if c[table] == nil {
		c[table] = &catalogTable{indexes: map[string][]string{}, cascades: map[string]bool{}}
	}
	c[table].Columns = append(c[table].Columns, column)
	return err
}

func (c catalog) addIndex(rows *sql.Rows) error {
	var (
		table, index, column string
		primary              bool
		position             int
	)
	err := rows.Scan(&table, &index, &primary, &column, &position)
	if t := c[table]; t != nil && primary {
		t.Key = append(t.Key, column)
	} else if t != nil {
		t.indexes[index] = append(t.indexes[index], column)
	}
	return err
}

func (c catalog) addParent(rows *sql.Rows) error {
	var (
		table, parent string
		cascades      bool
	)
	err := rows.Scan(&table, &parent, &cascades)
	if t := c[table]; t != nil {
		before, known := t.cascades[parent]
		t.cascades[parent] = cascades && (before || !known)
	}
	return err
}

var typeArguments = regexp.MustCompile(`\s*\(([^)]*)\)`)

// parseType reads "VARCHAR(32)", "int(11) unsigned", "timestamp(6) with time zone".
func parseType(text string) (name string, size int) {
	text = strings.ToLower(text)
	if arguments := typeArguments.FindStringSubmatch(text); arguments != nil {
		first, _, _ := strings.Cut(arguments[1], ",")
		size, _ = strconv.Atoi(first) // 0 for the names of an ENUM
	}
	name = typeArguments.ReplaceAllString(text, "")
	return strings.TrimSuffix(strings.TrimSuffix(name, " zerofill"), " unsigned"), size
}
