package tables

import (
	"slices"
	"strings"
)

// answers is a table of our own schema only.
var Answers = &Table{
	Name: "Answers",
	Columns: []Column{
		{Name: "Request", Kind: Text, Length: 64},
		{Name: "Content", Kind: Text, Length: 64},
		{Name: "Answer", Kind: Text},
		{Name: "AnswerTime", Kind: Time},
	},
	Key: []string{"Request"},
}

// Kind is what a column holds.
type Kind uint8

// The kinds of columns.
const (
	Integer   Kind = iota // int64
	Text                  // string
	Time                  // time.Time, UTC
	Verified              // bool
	Accounted             // AccountedFlag

	Decimal // float64 of three decimal places; only LoggingInfo has one
)

// column describes one column of one table. This file is the only place
// where names of tables and columns that reach a statement come from.
type Column struct {
	Name     string
	Kind     Kind
	Length   int  // of a text, in code points; 0: no limit of its own
	Nullable bool // only times are
	Value    any  // default on insert; nil and not nullable: the caller must give one
}

// table describes one table; key holds the columns of its primary key.
type Table struct {
	Name     string
	Columns  []Column
	Key      []string
	Database string // when it isn't the one connected to
}

// quoted is the table's name in a statement.
func (t *Table) Quoted() string {
	if t.Database == "" {
		return QuoteName(t.Name)
	}
	return QuoteName(t.Database) + "." + QuoteName(t.Name)
}

func (t *Table) Column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// pick returns the columns named, in the order given; unknown names are the
// programmer's fault.
func (t *Table) Pick(names ...string) []Column {
	columns := make([]Column, len(names))
	for i, name := range names {
		c, ok := t.Column(name)
		if !ok {
			panic("no column " + name + " in " + t.Name)
		}
		columns[i] = c
	}
	return columns
}

const MaxText = 16<<20 - 1 // MEDIUMTEXT, in bytes; the largest text that every engine keeps

var (
	JobJDLs = &Table{Name: "JobJDLs", Columns: []Column{
		{Name: "JobID", Kind: Integer},
		{Name: "JDL", Kind: Text, Value: ""},
		{Name: "JobRequirements", Kind: Text, Value: ""},
		{Name: "OriginalJDL", Kind: Text, Value: ""},
	}, Key: []string{"JobID"}}

	Jobs = &Table{Name: "Jobs", Columns: []Column{
		{Name: "JobID", Kind: Integer},
		{Name: "JobType", Kind: Text, Length: 32, Value: "user"},
		{Name: "JobGroup", Kind: Text, Length: 32, Value: "00000000"},
		{Name: "Site", Kind: Text, Length: 100, Value: "ANY"},
		{Name: "JobName", Kind: Text, Length: 128, Value: "Unknown"},
		{Name: "Owner", Kind: Text, Length: 64, Value: "Unknown"},
		{Name: "OwnerGroup", Kind: Text, Length: 128, Value: "Unknown"},
		{Name: "VO", Kind: Text, Length: 32},
		{Name: "SubmissionTime", Kind: Time, Nullable: true},
		{Name: "RescheduleTime", Kind: Time, Nullable: true},
		{Name: "LastUpdateTime", Kind: Time, Nullable: true},
		{Name: "StartExecTime", Kind: Time, Nullable: true},
		{Name: "HeartBeatTime", Kind: Time, Nullable: true},
		{Name: "EndExecTime", Kind: Time, Nullable: true},
		{Name: "Status", Kind: Text, Length: 32, Value: "Received"},
		{Name: "MinorStatus", Kind: Text, Length: 128, Value: "Unknown"},
		{Name: "ApplicationStatus", Kind: Text, Length: 255, Value: "Unknown"},
		{Name: "UserPriority", Kind: Integer, Value: int64(0)},
		{Name: "RescheduleCounter", Kind: Integer, Value: int64(0)},
		{Name: "VerifiedFlag", Kind: Verified, Length: 5, Value: "False"},
		{Name: "AccountedFlag", Kind: Accounted, Length: 6, Value: "False"},
	}, Key: []string{"JobID"}}

	InputData = &Table{Name: "InputData", Columns: []Column{
		{Name: "JobID", Kind: Integer},
		{Name: "LFN", Kind: Text, Length: 255, Value: ""},
		{Name: "Status", Kind: Text, Length: 32, Value: "AprioriGood"},
	}, Key: []string{"JobID", "LFN"}}

	JobParameters = &Table{Name: "JobParameters", Columns: []Column{
		{Name: "JobID", Kind: Integer},
		{Name: "Name", Kind: Text, Length: 100},
		{Name: "Value", Kind: Text},
	}, Key: []string{"JobID", "Name"}}

	OptimizerParameters = &Table{Name: "OptimizerParameters", Columns: JobParameters.Columns, Key: JobParameters.Key}

	AtticJobParameters = &Table{Name: "AtticJobParameters", Columns: []Column{
		{Name: "JobID", Kind: Integer},
		{Name: "Name", Kind: Text, Length: 100},
		{Name: "Value", Kind: Text},
		{Name: "RescheduleCycle", Kind: Integer},
	}, Key: []string{"JobID", "Name", "RescheduleCycle"}}

	HeartBeatLoggingInfo = &Table{Name: "HeartBeatLoggingInfo", Columns: []Column{
		{Name: "JobID", Kind: Integer},
		{Name: "Name", Kind: Text, Length: 100},
		{Name: "Value", Kind: Text},
		{Name: "HeartBeatTime", Kind: Time},
	}, Key: []string{"JobID", "Name", "HeartBeatTime"}}

	JobCommands = &Table{Name: "JobCommands", Columns: []Column{
		{Name: "JobID", Kind: Integer},
		{Name: "Command", Kind: Text, Length: 100},
		{Name: "Arguments", Kind: Text, Length: 100},
		{Name: "Status", Kind: Text, Length: 64, Value: "Received"},
		{Name: "ReceptionTime", Kind: Time},
		{Name: "ExecutionTime", Kind: Time, Nullable: true},
	}, Key: []string{"JobID", "ReceptionTime"}}

	LoggingInfo = &Table{Name: "LoggingInfo", Columns: []Column{
		{Name: "JobID", Kind: Integer},
		{Name: "SeqNum", Kind: Integer},
		{Name: "Status", Kind: Text, Length: 32, Value: ""},
		{Name: "MinorStatus", Kind: Text, Length: 128, Value: ""},
		{Name: "ApplicationStatus", Kind: Text, Length: 255, Value: ""},
		{Name: "StatusTime", Kind: Time},
		{Name: "StatusTimeOrder", Kind: Decimal},
		{Name: "StatusSource", Kind: Text, Length: 32, Value: "Unknown"},
	}, Key: []string{"JobID", "SeqNum"}}

	// tables in an order in which each one's parents come first.
	Tables = []*Table{
		JobJDLs, Jobs, InputData, JobParameters, OptimizerParameters,
		AtticJobParameters, HeartBeatLoggingInfo, JobCommands, LoggingInfo,
	}
)

var IdColumn = []Column{{Name: "JobID", Kind: Integer}}

func NameList(prefix string, columns []Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = prefix + QuoteName(c.Name)
	}
	return strings.Join(names, ", ")
}

// quoteName quotes an identifier, which comes from columns.go, or is the
// name of a database, which can hold anything.
func QuoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func ColumnList(columns []Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

var (
	JobCounts = &Table{Name: "JobCounts", Columns: []Column{
		{Name: "Kind", Kind: Integer},
		{Name: "VO", Kind: Text, Length: 32},
		{Name: "Value1", Kind: Text, Length: 255},
		{Name: "Value2", Kind: Text, Length: 128},
		{Name: "Value3", Kind: Text, Length: 128},
		{Name: "Value4", Kind: Text, Length: 128},
		{Name: "Count", Kind: Integer},
	}, Key: []string{"Kind", "VO", "Value1", "Value2", "Value3", "Value4"}}

	JobDifferences = &Table{Name: "JobDifferences", Columns: slices.Concat(
		[]Column{{Name: "ID", Kind: Integer}},
		Jobs.Pick("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus"),
		[]Column{{Name: "Count", Kind: Integer}},
	), Key: []string{"ID"}}

	CountTriggers = []string{"CountInserted", "CountUpdated", "CountDeleted"}
)
