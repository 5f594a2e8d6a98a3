// Package tables has the names, columns, kinds, lengths and defaults of all tables. Names in
// statements come from here only.
package tables

import (
	"slices"
	"strings"
)

// Kind is what a column holds.
type Kind uint8

// The kinds of columns.
const (
	KindInteger   Kind = iota // int64
	KindText                  // string
	KindTime                  // time.Time, UTC
	KindVerified              // bool
	KindAccounted             // AccountedFlag

	KindDecimal // float64 of three decimal places; only LoggingInfo has one
)

// Column describes one column of one table. This file is the only place where names of tables and
// columns that reach a statement come from.
type Column struct {
	Name     string
	Kind     Kind
	Length   int  // of a text, in code points; 0: no limit of its own
	Nullable bool // only times are
	Value    any  // default on insert; nil and not nullable: the caller must give one
}

// Table describes one table.
type Table struct {
	Name     string
	Columns  []Column
	Key      []string // the columns of its primary key
	Database string   // when it isn't the one connected to
}

// Quoted is the table's name in a statement.
func (t *Table) Quoted() string {
	if t.Database == "" {
		return Quote(t.Name)
	}
	return Quote(t.Database) + "." + Quote(t.Name)
}

// Column finds a column by its name.
func (t *Table) Column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// Pick returns the columns named, in the order given; unknown names are the programmer's fault.
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

// MaxText is the size in bytes of the largest text that every engine keeps: MEDIUMTEXT's.
const MaxText = 16<<20 - 1

// Names are those of the columns.
func Names(columns []Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

// QuotedNames is a list for a statement, with the prefix ("t.") before each name.
func QuotedNames(prefix string, columns []Column) string {
	var list strings.Builder
	for i, c := range columns {
		if i > 0 {
			list.WriteString(", ")
		}
		list.WriteString(prefix)
		list.WriteByte('"')
		list.WriteString(c.Name) // which has no quotes
		list.WriteByte('"')
	}
	return list.String()
}

// Quote quotes an identifier, which comes from this file, or is the name of a database, which can
// hold anything.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// The tables of jobs and their history, which live databases have, too.
var (
	JobJDLs = &Table{Name: "JobJDLs", Columns: []Column{
		{Name: "JobID", Kind: KindInteger},
		{Name: "JDL", Kind: KindText, Value: ""},
		{Name: "JobRequirements", Kind: KindText, Value: ""},
		{Name: "OriginalJDL", Kind: KindText, Value: ""},
	}, Key: []string{"JobID"}}

	Jobs = &Table{Name: "Jobs", Columns: []Column{
		{Name: "JobID", Kind: KindInteger},
		{Name: "JobType", Kind: KindText, Length: 32, Value: "user"},
		{Name: "JobGroup", Kind: KindText, Length: 32, Value: "00000000"},
		{Name: "Site", Kind: KindText, Length: 100, Value: "ANY"},
		{Name: "JobName", Kind: KindText, Length: 128, Value: "Unknown"},
		{Name: "Owner", Kind: KindText, Length: 64, Value: "Unknown"},
		{Name: "OwnerGroup", Kind: KindText, Length: 128, Value: "Unknown"},
		{Name: "VO", Kind: KindText, Length: 32},
		{Name: "SubmissionTime", Kind: KindTime, Nullable: true},
		{Name: "RescheduleTime", Kind: KindTime, Nullable: true},
		{Name: "LastUpdateTime", Kind: KindTime, Nullable: true},
		{Name: "StartExecTime", Kind: KindTime, Nullable: true},
		{Name: "HeartBeatTime", Kind: KindTime, Nullable: true},
		{Name: "EndExecTime", Kind: KindTime, Nullable: true},
		{Name: "Status", Kind: KindText, Length: 32, Value: "Received"},
		{Name: "MinorStatus", Kind: KindText, Length: 128, Value: "Unknown"},
		{Name: "ApplicationStatus", Kind: KindText, Length: 255, Value: "Unknown"},
		{Name: "UserPriority", Kind: KindInteger, Value: int64(0)},
		{Name: "RescheduleCounter", Kind: KindInteger, Value: int64(0)},
		{Name: "VerifiedFlag", Kind: KindVerified, Length: 5, Value: "False"},
		{Name: "AccountedFlag", Kind: KindAccounted, Length: 6, Value: "False"},
	}, Key: []string{"JobID"}}

	InputData = &Table{Name: "InputData", Columns: []Column{
		{Name: "JobID", Kind: KindInteger},
		{Name: "LFN", Kind: KindText, Length: 255, Value: ""},
		{Name: "Status", Kind: KindText, Length: 32, Value: "AprioriGood"},
	}, Key: []string{"JobID", "LFN"}}

	JobParameters = &Table{Name: "JobParameters", Columns: []Column{
		{Name: "JobID", Kind: KindInteger},
		{Name: "Name", Kind: KindText, Length: 100},
		{Name: "Value", Kind: KindText},
	}, Key: []string{"JobID", "Name"}}

	OptimizerParameters = &Table{Name: "OptimizerParameters", Columns: JobParameters.Columns, Key: JobParameters.Key}

	AtticJobParameters = &Table{Name: "AtticJobParameters", Columns: []Column{
		{Name: "JobID", Kind: KindInteger},
		{Name: "Name", Kind: KindText, Length: 100},
		{Name: "Value", Kind: KindText},
		{Name: "RescheduleCycle", Kind: KindInteger},
	}, Key: []string{"JobID", "Name", "RescheduleCycle"}}

	HeartBeatLoggingInfo = &Table{Name: "HeartBeatLoggingInfo", Columns: []Column{
		{Name: "JobID", Kind: KindInteger},
		{Name: "Name", Kind: KindText, Length: 100},
		{Name: "Value", Kind: KindText},
		{Name: "HeartBeatTime", Kind: KindTime},
	}, Key: []string{"JobID", "Name", "HeartBeatTime"}}

	JobCommands = &Table{Name: "JobCommands", Columns: []Column{
		{Name: "JobID", Kind: KindInteger},
		{Name: "Command", Kind: KindText, Length: 100},
		{Name: "Arguments", Kind: KindText, Length: 100},
		{Name: "Status", Kind: KindText, Length: 64, Value: "Received"},
		{Name: "ReceptionTime", Kind: KindTime},
		{Name: "ExecutionTime", Kind: KindTime, Nullable: true},
	}, Key: []string{"JobID", "ReceptionTime"}}

	LoggingInfo = &Table{Name: "LoggingInfo", Columns: []Column{
		{Name: "JobID", Kind: KindInteger},
		{Name: "SeqNum", Kind: KindInteger},
		{Name: "Status", Kind: KindText, Length: 32, Value: ""},
		{Name: "MinorStatus", Kind: KindText, Length: 128, Value: ""},
		{Name: "ApplicationStatus", Kind: KindText, Length: 255, Value: ""},
		{Name: "StatusTime", Kind: KindTime},
		{Name: "StatusTimeOrder", Kind: KindDecimal},
		{Name: "StatusSource", Kind: KindText, Length: 32, Value: "Unknown"},
	}, Key: []string{"JobID", "SeqNum"}}
)

// Tables are those, in an order in which each one's parents come first.
var Tables = []*Table{
	JobJDLs, Jobs, InputData, JobParameters, OptimizerParameters,
	AtticJobParameters, HeartBeatLoggingInfo, JobCommands, LoggingInfo,
}

// JobIDColumn is the column that each of them begins with.
var JobIDColumn = []Column{{Name: "JobID", Kind: KindInteger}}

// Tables that only jobdb's own databases have.
var (
	// Answers has the replies to requests with an Idempotency-Key.
	Answers = &Table{
		Name: "Answers",
		Columns: []Column{
			{Name: "Request", Kind: KindText, Length: 64},
			{Name: "Content", Kind: KindText, Length: 64},
			{Name: "Answer", Kind: KindText},
			{Name: "AnswerTime", Kind: KindTime},
		},
		Key: []string{"Request"},
	}

	// JobSums and JobDifferences have the counts of jobs.
	JobSums = &Table{Name: "JobSums", Columns: []Column{
		{Name: "Kind", Kind: KindInteger},
		{Name: "VO", Kind: KindText, Length: 32},
		{Name: "Value1", Kind: KindText, Length: 255},
		{Name: "Value2", Kind: KindText, Length: 128},
		{Name: "Value3", Kind: KindText, Length: 128},
		{Name: "Value4", Kind: KindText, Length: 64},
		{Name: "Value5", Kind: KindText, Length: 32},
		{Name: "Value6", Kind: KindText, Length: 32},
		{Name: "Value7", Kind: KindText, Length: 32},
		{Name: "Count", Kind: KindInteger},
	}, Key: []string{"Kind", "VO", "Value1", "Value2", "Value3", "Value4", "Value5", "Value6", "Value7"}}

	JobDifferences = &Table{Name: "JobDifferences", Columns: slices.Concat(
		[]Column{{Name: "ID", Kind: KindInteger}},
		Jobs.Pick("VO", "JobType", "JobGroup", "Site", "Owner", "OwnerGroup", "Status", "MinorStatus", "ApplicationStatus",
			"UserPriority", "RescheduleCounter"),
		[]Column{{Name: "Count", Kind: KindInteger}},
	), Key: []string{"ID"}}

	// ParametersOutbox has changes of JobParameters that OpenSearch is to get.
	ParametersOutbox = &Table{Name: "ParametersOutbox", Columns: []Column{
		{Name: "ID", Kind: KindInteger},
		{Name: "JobID", Kind: KindInteger},
		{Name: "VO", Kind: KindText, Length: 32},
		{Name: "ChangeTime", Kind: KindTime},
		{Name: "Change", Kind: KindText},
	}, Key: []string{"ID"}}

	// Actions and ActionParts have actions on many jobs.
	Actions = &Table{Name: "Actions", Columns: []Column{
		{Name: "ID", Kind: KindInteger},
		{Name: "VO", Kind: KindText, Length: 32},
		{Name: "Username", Kind: KindText, Length: 64},
		{Name: "Kind", Kind: KindText, Length: 32},
		{Name: "Reason", Kind: KindText},
		{Name: "Question", Kind: KindText},
		{Name: "Preview", Kind: KindText},
		{Name: "Owner", Kind: KindText, Length: 64},
		{Name: "Hidden", Kind: KindInteger},
		{Name: "State", Kind: KindText, Length: 32},
		{Name: "Total", Kind: KindInteger},
		{Name: "Done", Kind: KindInteger},
		{Name: "Refused", Kind: KindInteger},
		{Name: "Failed", Kind: KindInteger},
		{Name: "Parts", Kind: KindInteger},
		{Name: "NextPart", Kind: KindInteger},
		{Name: "CreateTime", Kind: KindTime},
		{Name: "TurnTime", Kind: KindTime},
		{Name: "Holder", Kind: KindText, Length: 64},
		{Name: "LeaseTime", Kind: KindTime},
	}, Key: []string{"ID"}}

	ActionParts = &Table{Name: "ActionParts", Columns: []Column{
		{Name: "ActionID", Kind: KindInteger},
		{Name: "Part", Kind: KindInteger},
		{Name: "Jobs", Kind: KindText},
		{Name: "Outcomes", Kind: KindText},
	}, Key: []string{"ActionID", "Part"}}

	// Tasks has the background work that one of all servers does at a time.
	Tasks = &Table{Name: "Tasks", Columns: []Column{
		{Name: "Name", Kind: KindText, Length: 64},
		{Name: "Holder", Kind: KindText, Length: 128}, // which server does it, until when
		{Name: "Until", Kind: KindTime},
		{Name: "Next", Kind: KindTime},  // when it is due
		{Name: "State", Kind: KindText}, // what it needs to know the next time
	}, Key: []string{"Name"}}

	// Series has the counts of jobs over time.
	Series = &Table{Name: "Series", Columns: []Column{
		{Name: "Span", Kind: KindInteger}, // seconds
		{Name: "Kind", Kind: KindInteger},
		{Name: "VO", Kind: KindText, Length: 32},
		{Name: "Time", Kind: KindTime},
		{Name: "Value", Kind: KindText, Length: 128},
		{Name: "Status", Kind: KindText, Length: 32},
		{Name: "Count", Kind: KindInteger},
	}, Key: []string{"Span", "Kind", "VO", "Time", "Value", "Status"}}

	// CountTriggers are the triggers of Jobs that keep the counts.
	CountTriggers = []string{"CountInserted", "CountUpdated", "CountDeleted"}
)
