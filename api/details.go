package api

import (
	"context"
	"encoding/json"
	"net/http"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
	"jobdb/wms"
)

// detailsAnswer is all that is stored about one job.
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
	Note                string `json:",omitempty"`
}

// historyAnswer is a record of a job's history, here and in searches with LoggingInfo.
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
	defaultHeartbeats = 10
	maxHeartbeats     = 1000
	defaultHistory    = 1000
	maxHistory        = 10_000
	recordSize        = 5 * valueSize // bytes of memory that a record of the history takes, or of another list
)

// details answers with all that is stored about one job.
func (s *service) details(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	var in validation.Reader
	id, _ := in.Integer(r.PathValue("job_id"), validation.Location{"path", "job_id"})
	options := wms.DetailsOptions{
		Heartbeats: in.QueryCount(r.URL.Query(), "heartbeats", defaultHeartbeats, maxHeartbeats),
		History:    in.QueryCount(r.URL.Query(), "history", defaultHistory, maxHistory),
	}
	if err := in.Err(); err != nil {
		return err
	}
	scope, err := s.actionScope(p, auth.Read)
	if err != nil {
		return err
	}
	job, err := inTurn(r.Context(), s.pages, p, nil, func(ctx context.Context) (wms.Details, error) {
		return s.Jobs.Details(ctx, scope, jobdb.JobID(id), options)
	})
	if err != nil {
		return err
	}
	return s.ask(w, r, p, question{size: sizeOf(job), read: func(context.Context, []byte, func(int64) error) (int, []byte, error) {
		answer, err := json.Marshal(detailsOf(job))
		return http.StatusOK, answer, err
	}})
}

// sizeOf is about how many bytes of memory an answer with a job takes.
func sizeOf(job wms.Details) int64 {
	records := len(job.History) + len(job.Heartbeats) + len(job.Commands) + len(job.InputData)
	size := len(job.JDL) + len(job.OriginalJDL) + records*recordSize
	for _, parameters := range []map[string]string{job.Parameters, job.OptimizerParameters} {
		for name, value := range parameters {
			size += len(name) + len(value)
		}
	}
	for _, archived := range job.ArchivedParameters {
		size += len(archived.Name) + len(archived.Value)
	}
	return int64(size)
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
		Note:               job.Note,
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
		history[i] = historyAnswer{string(r.Status), r.MinorStatus, r.ApplicationStatus, wireTime(r.Time), r.Source}
	}
	return history
}

// orEmpty keeps a nil map from becoming null.
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
	return appendRow(nil, jsonKeys(columns, false), row, zulu)
}
