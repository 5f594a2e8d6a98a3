package api

import (
	"encoding/json"
	"net/http"

	"jobdb"
	"jobdb/auth"
	"jobdb/wms"
)

// detailsAnswer is all of one job.
type detailsAnswer struct {
	Attributes          json.RawMessage
	JDL                 string
	OriginalJDL         string
	Parameters          map[string]string
	OptimizerParameters map[string]string
	ArchivedParameters  []jobdb.ArchivedParameter
	InputData           []jobdb.InputFile
	History             []historyAnswer
	Commands            []commandAnswer
	Heartbeats          []heartbeatAnswer
}

// historyAnswer is a change of status, as a search for LoggingInfo gives it, too.
type historyAnswer struct {
	Status            string
	MinorStatus       string
	ApplicationStatus string
	StatusTime        wireTime
	Source            string
}

type commandAnswer struct {
	Command       string
	Arguments     string
	Status        string
	ReceptionTime wireTime
	ExecutionTime *wireTime
}

type heartbeatAnswer struct {
	Name  string
	Value string
	Time  wireTime
}

const (
	standardHeartbeats = 10
	mostHeartbeats     = 1000
)

// details answers with all that is known of one job.
func (s *service) details(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	var in reader
	id, _ := in.integer(r.PathValue("job_id"), place{"path", "job_id"})
	heartbeats := in.queryAtMost(r.URL.Query(), "heartbeats", standardHeartbeats, mostHeartbeats)
	if err := in.err(); err != nil {
		return err
	}
	scope, err := s.actionScope(p, auth.Read)
	if err != nil {
		return err
	}
	job, err := s.Jobs.Details(r.Context(), scope, jobdb.JobID(id), heartbeats)
	if err != nil {
		return err
	}
	return writeValue(w, detailsOf(job))
}

func detailsOf(job wms.Details) detailsAnswer {
	answer := detailsAnswer{
		Attributes: attributesJSON(job.Attributes), JDL: job.JDL, OriginalJDL: job.OriginalJDL,
		Parameters: orEmpty(job.Parameters), OptimizerParameters: orEmpty(job.OptimizerParameters),
		ArchivedParameters: append([]jobdb.ArchivedParameter{}, job.ArchivedParameters...),
		InputData:          append([]jobdb.InputFile{}, job.InputData...),
		History:            historyOf(job.History),
		Commands:           make([]commandAnswer, len(job.Commands)),
		Heartbeats:         make([]heartbeatAnswer, len(job.Heartbeats)),
	}
	for i, c := range job.Commands {
		answer.Commands[i] = commandAnswer{c.Command.Command, c.Arguments, c.Status, wireTime(c.ReceptionTime), nonZero(c.ExecutionTime)}
	}
	for i, h := range job.Heartbeats {
		answer.Heartbeats[i] = heartbeatAnswer{h.Name, h.Value, wireTime(h.Time)}
	}
	return answer
}

func historyOf(records []jobdb.HistoryRecord) []historyAnswer {
	history := make([]historyAnswer, len(records))
	for i, r := range records {
		history[i] = historyAnswer{r.Status, r.MinorStatus, r.ApplicationStatus, wireTime(r.Time), r.Source}
	}
	return history
}

// orEmpty is an object also where there is nothing.
func orEmpty(values map[string]string) map[string]string {
	if values == nil {
		return map[string]string{}
	}
	return values
}

// attributesJSON writes a job as a search writes its row.
func attributesJSON(attributes jobdb.Attributes) json.RawMessage {
	columns := jobdb.Columns()
	row := make([]any, len(columns))
	for i, c := range columns {
		row[i] = attributes[c.Name()]
	}
	list := appendRows(nil, columns, false, [][]any{row}, zulu)
	return list[1 : len(list)-1]
}
