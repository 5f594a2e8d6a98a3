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

// Catalog has the tables of a database by their names, as the engine describes them.
type Catalog map[string]*Table

// Table is a table in a database, whoever made it.
type Table struct {
	Columns  []Column
	Key      []string            // the columns of the primary key, in its order
	indexes  map[string][]string // all others
	cascades map[string]bool     // tables it refers to; whether deleting there deletes here
}

// Column is a column of a [Table].
type Column struct {
	Name      string
	Type      string // in lower case, without what is in parentheses: "varchar"
	Size      int    // the first number in parentheses
	Nullable  bool
	collation string         // "" where the engine compares byte by byte
	Value     sql.NullString // the default as the engine writes it
	generated bool           // the engine numbers new rows, and gives no number twice
}

func (t *Table) column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// ReadCatalog reads all tables of a database, by three queries.
func ReadCatalog(ctx context.Context, q engine.Querier, d *engine.Dialect) (Catalog, error) {
	c := Catalog{}
	err := engine.EachRow(ctx, q, d.Catalog.Columns, c.addColumn)
	if err == nil {
		err = engine.EachRow(ctx, q, d.Catalog.Indexes, c.addIndex)
	}
	if err == nil {
		err = engine.EachRow(ctx, q, d.Catalog.Parents, c.addParent)
	}
	return c, err
}

// Tables returns the names of all tables but SQLite's own, sorted.
func (c Catalog) Tables() []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(c)), func(name string) bool { return strings.HasPrefix(name, "sqlite_") })
	slices.Sort(names)
	return names
}

// Has reports whether there is a table with a column.
func (c Catalog) Has(table, column string) bool {
	if c[table] == nil {
		return false
	}
	_, found := c[table].column(column)
	return found
}

func (c Catalog) addColumn(rows *sql.Rows) error {
	var (
		table, typ string
		column     Column
	)
	err := rows.Scan(&table, &column.Name, &typ, &column.Nullable, &column.collation, &column.Value, &column.generated)
	column.Type, column.Size = parseType(typ)
	if c[table] == nil {
		c[table] = &Table{indexes: map[string][]string{}, cascades: map[string]bool{}}
	}
	c[table].Columns = append(c[table].Columns, column)
	return err
}

func (c Catalog) addIndex(rows *sql.Rows) error {
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

func (c Catalog) addParent(rows *sql.Rows) error {
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
