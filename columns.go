package jobdb

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jobdb/internal/tables"
)

// Column is a column of the table Jobs. One can only be had by its name,
// from [ParseColumn]; the zero Column is JobID.
type Column struct{ index uint8 }

// Columns returns all columns of Jobs in the table's order.
func Columns() []Column {
	columns := make([]Column, len(tables.Jobs.Columns))
	for i := range columns {
		columns[i].index = uint8(i)
	}
	return columns
}

var columnByName = func() map[string]Column {
	byName := make(map[string]Column, len(tables.Jobs.Columns))
	for _, c := range Columns() {
		byName[c.Name()] = c
	}
	return byName
}()

// ParseColumn finds a column of Jobs by its exact name; any other name is a [QueryError].
func ParseColumn(name string) (Column, error) {
	c, ok := columnByName[name]
	if !ok {
		return Column{}, &QueryError{Field: quoteShort(name), Reason: "no such column; the columns are " + columnNames()}
	}
	return c, nil
}

func columnNames() string {
	names := make([]string, 0, len(tables.Jobs.Columns))
	for _, c := range tables.Jobs.Columns {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

func (c Column) def() tables.Column { return tables.Jobs.Columns[c.index] }

// Name is the column's name in the database and on the wire.
func (c Column) Name() string { return c.def().Name }

// Kind is what the column holds.
func (c Column) Kind() tables.Kind { return c.def().Kind }

func (c Column) String() string { return c.Name() }

// The names of flags as the database holds them, in byte order.
var (
	verifiedNames  = []string{"False", "True"}
	accountedNames = []string{"Failed", "False", "True"}
)

// toStored checks a value that a caller wants in this column and returns it as
// the driver gets it: int64, string, UTC time or nil. The error is a reason, without the
// names of column and job.
func toStored(c tables.Column, value any) (any, error) {
	if value == nil {
		if !c.Nullable {
			return nil, errReason("can't be NULL")
		}
		return nil, nil
	}
	switch c.Kind {
	case tables.KindInteger:
		return toInteger(value)
	case tables.KindTime:
		t, ok := value.(time.Time)
		if !ok {
			return nil, wrongType("a time", value)
		}
		t = t.UTC().Truncate(time.Microsecond)
		if t.Year() < 1 || t.Year() > 9999 {
			return nil, errReason("the year " + strconv.Itoa(t.Year()) + " is outside 1 to 9999")
		}
		return t, nil
	case tables.KindVerified:
		if b, ok := value.(bool); ok {
			return flagText(b), nil
		}
		return nil, wrongType("a bool", value)
	case tables.KindAccounted:
		switch v := value.(type) {
		case bool:
			return flagText(v), nil
		case AccountedFlag:
			for _, name := range accountedNames {
				if string(v) == name {
					return name, nil
				}
			}
		}
		return nil, wrongType("a bool or an AccountedFlag", value)
	case tables.KindText:
		if s, ok := value.(string); ok {
			return s, checkLength(c, s)
		}
		return nil, wrongType("a string", value)
	case tables.KindDecimal:
		return value, nil
	}
	panic("unknown kind of column " + c.Name)
}

func toInteger(value any) (any, error) {
	switch v := reflect.ValueOf(value); {
	case v.CanInt():
		return v.Int(), nil
	case v.CanUint():
		if v.Uint() > math.MaxInt64 {
			return nil, errReason("outside the range of 64-bit integers")
		}
		return int64(v.Uint()), nil //nolint:gosec // checked above
	}
	return nil, wrongType("an integer", value)
}

func checkLength(c tables.Column, s string) error {
	if err := checkText(s); err != nil {
		return err
	}
	if c.Length > 0 && len(s) > c.Length {
		if n := utf8.RuneCountInString(s); n > c.Length {
			return errReason(strconv.Itoa(n) + " characters, the column holds " + strconv.Itoa(c.Length))
		}
	}
	if len(s) > tables.MaxText {
		return errReason(strconv.Itoa(len(s)) + " bytes, the column holds " + strconv.Itoa(tables.MaxText))
	}
	return nil
}

// checkText refuses what not every engine can store or compare.
func checkText(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return errReason("holds the character U+0000")
	}
	if !utf8.ValidString(s) {
		return errReason("is not valid UTF-8")
	}
	return nil
}

func flagText(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func selectList(columns []Column) string { return tables.QuotedNames("", definitions(columns)) }

func definitions(columns []Column) []tables.Column {
	defs := make([]tables.Column, len(columns))
	for i, c := range columns {
		defs[i] = c.def()
	}
	return defs
}
