package jobdb

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is what a column holds.
type Kind uint8

// The kinds of columns.
const (
	Integer   Kind = iota // int64
	Text                  // string
	Time                  // time.Time, UTC
	Verified              // bool
	Accounted             // AccountedFlag

	decimal // float64 of three decimal places; only LoggingInfo has one
)

// column describes one column of one table. This file is the only place
// where names of tables and columns that reach a statement come from.
type column struct {
	name     string
	kind     Kind
	length   int  // of a text, in code points; 0: no limit of its own
	nullable bool // only times are
	value    any  // default on insert; nil and not nullable: the caller must give one
}

// table describes one table; key holds the columns of its primary key.
type table struct {
	name     string
	columns  []column
	key      []string
	database string // when it isn't the one connected to
}

// quoted is the table's name in a statement.
func (t *table) quoted() string {
	if t.database == "" {
		return quoteName(t.name)
	}
	return quoteName(t.database) + "." + quoteName(t.name)
}

func (t *table) column(name string) (column, bool) {
	for _, c := range t.columns {
		if c.name == name {
			return c, true
		}
	}
	return column{}, false
}

// pick returns the columns named, in the order given; unknown names are the
// programmer's fault.
func (t *table) pick(names ...string) []column {
	columns := make([]column, len(names))
	for i, name := range names {
		c, ok := t.column(name)
		if !ok {
			panic("no column " + name + " in " + t.name)
		}
		columns[i] = c
	}
	return columns
}

const maxText = 16<<20 - 1 // MEDIUMTEXT, in bytes; the largest text that every engine keeps

var (
	jobJDLs = &table{name: "JobJDLs", columns: []column{
		{name: "JobID", kind: Integer},
		{name: "JDL", kind: Text, value: ""},
		{name: "JobRequirements", kind: Text, value: ""},
		{name: "OriginalJDL", kind: Text, value: ""},
	}, key: []string{"JobID"}}

	jobs = &table{name: "Jobs", columns: []column{
		{name: "JobID", kind: Integer},
		{name: "JobType", kind: Text, length: 32, value: "user"},
		{name: "JobGroup", kind: Text, length: 32, value: "00000000"},
		{name: "Site", kind: Text, length: 100, value: "ANY"},
		{name: "JobName", kind: Text, length: 128, value: "Unknown"},
		{name: "Owner", kind: Text, length: 64, value: "Unknown"},
		{name: "OwnerGroup", kind: Text, length: 128, value: "Unknown"},
		{name: "VO", kind: Text, length: 32},
		{name: "SubmissionTime", kind: Time, nullable: true},
		{name: "RescheduleTime", kind: Time, nullable: true},
		{name: "LastUpdateTime", kind: Time, nullable: true},
		{name: "StartExecTime", kind: Time, nullable: true},
		{name: "HeartBeatTime", kind: Time, nullable: true},
		{name: "EndExecTime", kind: Time, nullable: true},
		{name: "Status", kind: Text, length: 32, value: "Received"},
		{name: "MinorStatus", kind: Text, length: 128, value: "Unknown"},
		{name: "ApplicationStatus", kind: Text, length: 255, value: "Unknown"},
		{name: "UserPriority", kind: Integer, value: int64(0)},
		{name: "RescheduleCounter", kind: Integer, value: int64(0)},
		{name: "VerifiedFlag", kind: Verified, length: 5, value: "False"},
		{name: "AccountedFlag", kind: Accounted, length: 6, value: "False"},
	}, key: []string{"JobID"}}

	inputData = &table{name: "InputData", columns: []column{
		{name: "JobID", kind: Integer},
		{name: "LFN", kind: Text, length: 255, value: ""},
		{name: "Status", kind: Text, length: 32, value: "AprioriGood"},
	}, key: []string{"JobID", "LFN"}}

	jobParameters = &table{name: "JobParameters", columns: []column{
		{name: "JobID", kind: Integer},
		{name: "Name", kind: Text, length: 100},
		{name: "Value", kind: Text},
	}, key: []string{"JobID", "Name"}}

	optimizerParameters = &table{name: "OptimizerParameters", columns: jobParameters.columns, key: jobParameters.key}

	atticJobParameters = &table{name: "AtticJobParameters", columns: []column{
		{name: "JobID", kind: Integer},
		{name: "Name", kind: Text, length: 100},
		{name: "Value", kind: Text},
		{name: "RescheduleCycle", kind: Integer},
	}, key: []string{"JobID", "Name", "RescheduleCycle"}}

	heartBeatLoggingInfo = &table{name: "HeartBeatLoggingInfo", columns: []column{
		{name: "JobID", kind: Integer},
		{name: "Name", kind: Text, length: 100},
		{name: "Value", kind: Text},
		{name: "HeartBeatTime", kind: Time},
	}, key: []string{"JobID", "Name", "HeartBeatTime"}}

	jobCommands = &table{name: "JobCommands", columns: []column{
		{name: "JobID", kind: Integer},
		{name: "Command", kind: Text, length: 100},
		{name: "Arguments", kind: Text, length: 100},
		{name: "Status", kind: Text, length: 64, value: "Received"},
		{name: "ReceptionTime", kind: Time},
		{name: "ExecutionTime", kind: Time, nullable: true},
	}, key: []string{"JobID", "ReceptionTime"}}

	loggingInfo = &table{name: "LoggingInfo", columns: []column{
		{name: "JobID", kind: Integer},
		{name: "SeqNum", kind: Integer},
		{name: "Status", kind: Text, length: 32, value: ""},
		{name: "MinorStatus", kind: Text, length: 128, value: ""},
		{name: "ApplicationStatus", kind: Text, length: 255, value: ""},
		{name: "StatusTime", kind: Time},
		{name: "StatusTimeOrder", kind: decimal},
		{name: "StatusSource", kind: Text, length: 32, value: "Unknown"},
	}, key: []string{"JobID", "SeqNum"}}

	// tables in an order in which each one's parents come first.
	tables = []*table{
		jobJDLs, jobs, inputData, jobParameters, optimizerParameters,
		atticJobParameters, heartBeatLoggingInfo, jobCommands, loggingInfo,
	}
)

// Column is a column of the table Jobs. One can only be had by its name,
// from [ParseColumn]; the zero Column is JobID.
type Column struct{ index uint8 }

// Columns returns all columns of Jobs in the table's order.
func Columns() []Column {
	columns := make([]Column, len(jobs.columns))
	for i := range columns {
		columns[i].index = uint8(i)
	}
	return columns
}

var columnByName = func() map[string]Column {
	byName := make(map[string]Column, len(jobs.columns))
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
	names := make([]string, 0, len(jobs.columns))
	for _, c := range jobs.columns {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

func (c Column) def() column { return jobs.columns[c.index] }

// Name is the column's name in the database and on the wire.
func (c Column) Name() string { return c.def().name }

// Kind is what the column holds.
func (c Column) Kind() Kind { return c.def().kind }

func (c Column) String() string { return c.Name() }

// The names of flags as the database holds them, in byte order.
var (
	verifiedNames  = []string{"False", "True"}
	accountedNames = []string{"Failed", "False", "True"}
)

// storedValue checks a value that a caller wants in this column and returns it as
// the driver gets it: int64, string, UTC time or nil. The error is a reason, without the
// names of column and job.
func storedValue(c column, value any) (any, error) {
	if value == nil {
		if !c.nullable {
			return nil, errReason("can't be NULL")
		}
		return nil, nil
	}
	switch c.kind {
	case Integer:
		return storedInteger(value)
	case Time:
		t, ok := value.(time.Time)
		if !ok {
			return nil, wrongType("a time", value)
		}
		t = t.UTC().Truncate(time.Microsecond)
		if t.Year() < 1 || t.Year() > 9999 {
			return nil, errReason("the year " + strconv.Itoa(t.Year()) + " is outside 1 to 9999")
		}
		return t, nil
	case Verified:
		if b, ok := value.(bool); ok {
			return flagText(b), nil
		}
		return nil, wrongType("a bool", value)
	case Accounted:
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
	case Text:
		if s, ok := value.(string); ok {
			return s, textFits(c, s)
		}
		return nil, wrongType("a string", value)
	case decimal:
		return value, nil
	}
	panic("unknown kind of column " + c.name)
}

func storedInteger(value any) (any, error) {
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

func textFits(c column, s string) error {
	if err := checkText(s); err != nil {
		return err
	}
	if c.length > 0 && len(s) > c.length {
		if n := utf8.RuneCountInString(s); n > c.length {
			return errReason(strconv.Itoa(n) + " characters, the column holds " + strconv.Itoa(c.length))
		}
	}
	if len(s) > maxText {
		return errReason(strconv.Itoa(len(s)) + " bytes, the column holds " + strconv.Itoa(maxText))
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

var idColumn = []column{{name: "JobID", kind: Integer}}

func nameList(prefix string, columns []column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = prefix + quoteName(c.name)
	}
	return strings.Join(names, ", ")
}

func selectList(columns []Column) string { return nameList("", definitions(columns)) }

// quoteName quotes an identifier, which comes from columns.go, or is the
// name of a database, which can hold anything.
func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func columnList(columns []column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

func definitions(columns []Column) []column {
	defs := make([]column, len(columns))
	for i, c := range columns {
		defs[i] = c.def()
	}
	return defs
}
