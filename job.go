package jobdb

import (
	"errors"
	"reflect"
	"time"
)

// JobID identifies a job. IDs are given in ascending order from 1, and none is given twice.
type JobID int64

// AccountedFlag tells whether a job's use of resources was accounted.
type AccountedFlag string

// The three states of an [AccountedFlag].
const (
	AccountedFalse  AccountedFlag = "False"
	AccountedTrue   AccountedFlag = "True"
	AccountedFailed AccountedFlag = "Failed"
)

// MarshalJSON writes true, false or "Failed", as existing clients expect; null for "", which a live
// database may have.
func (f AccountedFlag) MarshalJSON() ([]byte, error) {
	switch f {
	case AccountedTrue:
		return []byte("true"), nil
	case AccountedFailed:
		return []byte(`"Failed"`), nil
	case AccountedFalse:
		return []byte("false"), nil
	case "":
		return []byte("null"), nil
	}
	return nil, errors.New("AccountedFlag is neither True, False nor Failed but " + string(f))
}

// Job is a row of the table Jobs, with a field for each column. A time that is NULL is the zero
// time.
type Job struct {
	JobID             JobID
	JobType           string
	JobGroup          string
	Site              string
	JobName           string
	Owner             string
	OwnerGroup        string
	VO                string
	SubmissionTime    time.Time
	RescheduleTime    time.Time
	LastUpdateTime    time.Time
	StartExecTime     time.Time
	HeartBeatTime     time.Time
	EndExecTime       time.Time
	Status            Status
	MinorStatus       string
	ApplicationStatus string
	UserPriority      int64
	RescheduleCounter int64
	VerifiedFlag      bool
	AccountedFlag     AccountedFlag
}

// jobOf makes a Job of a row of all columns.
func jobOf(row []any) Job {
	var job Job
	fields := reflect.ValueOf(&job).Elem()
	for i, column := range Columns() {
		if value := reflect.ValueOf(row[i]); value.IsValid() { // not NULL
			field := fields.FieldByName(column.Name())
			field.Set(value.Convert(field.Type()))
		}
	}
	return job
}

// Attributes are values of columns of the table Jobs by the columns' names. A value is of the
// column's kind: an integer type for integers, string for texts, bool for VerifiedFlag, bool or
// [AccountedFlag] for AccountedFlag, [time.Time] for times, nil for NULL where the column allows
// it.
type Attributes map[string]any

// Command is something to tell a job with its next heartbeat.
type Command struct {
	JobID     JobID
	Command   string // "Kill"
	Arguments string
}

// CommandRecord is a command as it is stored.
type CommandRecord struct {
	Command
	Status        string // Received, Sent, Confirmed or Expired
	ReceptionTime time.Time
	ExecutionTime time.Time // when it was handed out last; zero when it wasn't
}

// The states of a [CommandRecord].
const (
	CommandReceived  = "Received"
	CommandSent      = "Sent"
	CommandConfirmed = "Confirmed"
	CommandExpired   = "Expired"
)

// The commands that jobdb itself knows. A job that gets a Kill ends; so a Kill is repeated as long
// as the job sends heartbeats. A job that gets a Peek sends its last output.
const (
	KillCommand = "Kill"
	PeekCommand = "Peek"
)

// InputFile is a row of InputData.
type InputFile struct {
	LFN    string
	Status string
}

// Heartbeat is one value that a job reported of itself.
type Heartbeat struct {
	Name  string // one of [HeartbeatFields]
	Value string
	Time  time.Time
}

// HeartbeatFields are the names that HeartBeatLoggingInfo stores.
var HeartbeatFields = []string{
	"AvailableDiskSpace", "CPUConsumed", "LoadAverage", "MemoryUsed", "Vsize", "WallClockTime",
}

// ArchivedParameter is a job parameter of an earlier reschedule cycle.
type ArchivedParameter struct {
	Name  string
	Value string
	Cycle int // the job's RescheduleCounter when it was archived, or more if that number was taken
}

// HistoryRecord is one change of a job's status, a row of LoggingInfo.
type HistoryRecord struct {
	JobID             JobID
	Status            Status
	MinorStatus       string
	ApplicationStatus string
	Time              time.Time
	Source            string // who said so: "JobManager", "JobWrapper(SM)"
}

// Idem in a [HistoryRecord] stands for "as in the record before".
const Idem = "idem"
