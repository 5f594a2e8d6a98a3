package jobdb

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jobdb/internal/tables"
)

// Column is a column of the table Jobs. [ParseColumn] makes one from its name; the zero Column is
// JobID.
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

// The columns that have a meaning of their own to this package.
var (
	colJobID             = columnByName["JobID"]
	colOwner             = columnByName["Owner"]
	colVO                = columnByName["VO"]
	colLastUpdateTime    = columnByName["LastUpdateTime"]
	colStatus            = columnByName["Status"]
	colMinorStatus       = columnByName["MinorStatus"]
	colApplicationStatus = columnByName["ApplicationStatus"]
	colSite              = columnByName["Site"]
	colOwnerGroup        = columnByName["OwnerGroup"]
	colJobType           = columnByName["JobType"]
	colJobGroup          = columnByName["JobGroup"]
	colJobName           = columnByName["JobName"]
	colEndExecTime       = columnByName["EndExecTime"]
)

// colParameter stands in filters for the value of a job's parameter. It is no column of Jobs.
var colParameter = Column{index: math.MaxUint8}

// ParseColumn finds a column of Jobs by its exact name. An unknown name is a [QueryError].
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

func (c Column) def() tables.Column {
	if c == colParameter {
		return tables.JobParameters.Columns[2]
	}
	return tables.Jobs.Columns[c.index]
}

// Name is the column's name in the database and in JSON.
func (c Column) Name() string { return c.def().Name }

// Kind is what the column holds.
func (c Column) Kind() tables.Kind { return c.def().Kind }

func (c Column) String() string { return c.Name() }

// compareColumns sorts columns in the table's order.
func compareColumns(a, b Column) int { return int(a.index) - int(b.index) }

func (c Column) isFlag() bool {
	return c.Kind() == tables.KindVerified || c.Kind() == tables.KindAccounted
}

// The names of flags as the database holds them, in byte order.
var (
	verifiedNames  = []string{"False", "True"}
	accountedNames = []string{"Failed", "False", "True"}
)

// toStored checks a value for a column and returns it as the driver gets it: int64, string, UTC
// time or nil. The error is an errReason, to which the caller adds the job and the column.
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
		return toTime(value)
	case tables.KindVerified:
		return toVerified(value)
	case tables.KindAccounted:
		return toAccounted(value)
	case tables.KindText:
		return toText(c, value)
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

func toTime(value any) (any, error) {
	t, ok := value.(time.Time)
	if !ok {
		return nil, wrongType("a time", value)
	}
	t = t.UTC().Truncate(time.Microsecond)
	return t, checkYear(t)
}

func toVerified(value any) (any, error) {
	b, ok := value.(bool)
	if !ok {
		return nil, wrongType("a bool", value)
	}
	return flagText(b), nil
}

func toAccounted(value any) (any, error) {
	switch v := value.(type) {
	case bool:
		return flagText(v), nil
	case AccountedFlag:
		if slices.Contains(accountedNames, string(v)) {
			return string(v), nil
		}
	}
	return nil, wrongType("a bool or an AccountedFlag", value)
}

func toText(c tables.Column, value any) (any, error) {
	switch s := value.(type) {
	case string:
		return s, checkLength(c, s)
	case Status:
		return string(s), checkLength(c, string(s))
	}
	return nil, wrongType("a string", value)
}

// checkLength refuses a text that the column c can't hold: it counts characters where a length is
// declared, and bytes of UTF-8 up to the longest text that every engine keeps.
func checkLength(c tables.Column, s string) error {
	if err := checkText(s); err != nil {
		return err
	}
	if c.Length > 0 && utf8.RuneCountInString(s) > c.Length {
		return errReason(strconv.Itoa(utf8.RuneCountInString(s)) + " characters, the column holds " + strconv.Itoa(c.Length))
	}
	if len(s) > tables.MaxText {
		return errReason(strconv.Itoa(len(s)) + " bytes, the column holds " + strconv.Itoa(tables.MaxText))
	}
	return nil
}

// checkText refuses texts that some engine can't store or compare.
func checkText(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return errReason("holds the character U+0000")
	}
	if !utf8.ValidString(s) {
		return errReason("is not valid UTF-8")
	}
	return nil
}

// checkYear refuses times that some engine or driver can't store.
func checkYear(t time.Time) error {
	if t.Year() < 1 || t.Year() > 9999 {
		return errReason("the year " + strconv.Itoa(t.Year()) + " is outside 1 to 9999")
	}
	return nil
}

func flagText(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// selectList is the columns' quoted names, separated by commas.
func selectList(columns []Column) string { return tables.QuotedNames("", definitions(columns)) }

func definitions(columns []Column) []tables.Column {
	defs := make([]tables.Column, len(columns), len(columns)+1) // one is often appended
	for i, c := range columns {
		defs[i] = c.def()
	}
	return defs
}
