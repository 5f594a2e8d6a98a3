package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"jobdb"
)

// details is all that is known of one job, as the server sends it.
type details struct {
	Attributes          map[string]any
	JDL, OriginalJDL    string
	Parameters          map[string]string
	OptimizerParameters map[string]string
	InputData           []jobdb.InputFile
	History             []historyRecord
	Commands            []struct {
		Command, Arguments, Status   string
		ReceptionTime, ExecutionTime string
	}
	Heartbeats []struct{ Name, Value, Time string }
	Note       string
}

// historyRecord is a change of a job's status, as the server sends it.
type historyRecord struct {
	Status, MinorStatus, ApplicationStatus, StatusTime, Source string
}

// heartbeatsShown is how many values of heartbeats are asked for. A heartbeat has some six of them.
const heartbeatsShown = 300

// job asks for all of one job. It returns the JSON of the answer, too. DiracX has the attributes
// and the history only.
func (c *client) job(ctx context.Context, id jobdb.JobID) (details, []byte, error) {
	a, err := c.ask(ctx, http.MethodGet, fmt.Sprintf("/api/jobdb/jobs/%d?heartbeats=%d", id, heartbeatsShown), nil)
	if refused := (*refusalError)(nil); errors.As(err, &refused) && refused.status == http.StatusNotFound {
		return c.jobBySearch(ctx, id)
	}
	if err != nil {
		return details{}, nil, err
	}
	d, err := decodeDetails(a.body)
	return d, a.body, err
}

func decodeDetails(body []byte) (d details, err error) {
	if err = json.Unmarshal(body, &d); err != nil {
		return d, fmt.Errorf("the server's answer can't be read: %w", err)
	}
	values, err := row(body).values() // whose numbers are exact
	if attributes, ok := values["Attributes"].(map[string]any); ok {
		d.Attributes = attributes
	}
	return d, err
}

// jobBySearch asks for what every server tells of a job.
func (c *client) jobBySearch(ctx context.Context, id jobdb.JobID) (details, []byte, error) {
	request := jobdb.SearchRequest{Search: []jobdb.FilterSpec{{Parameter: "JobID", Operator: "eq", Value: int64(id)}}}
	for _, column := range jobdb.Columns() {
		request.Parameters = append(request.Parameters, column.Name())
	}
	request.Parameters = append(request.Parameters, "LoggingInfo")
	a, err := c.search(ctx, "/api/jobs/search?page=1&per_page=1", request)
	if err != nil {
		return details{}, nil, err
	}
	rows, err := decodeRows(a.body)
	if err != nil {
		return details{}, nil, err
	}
	if len(rows) == 0 {
		return details{}, nil, fmt.Errorf("there is no job %d, or it isn't yours to see", id)
	}
	values, err := rows[0].values()
	if err != nil {
		return details{}, nil, err
	}
	history, _ := json.Marshal(values["LoggingInfo"]) // it was read from JSON
	delete(values, "LoggingInfo")
	d := details{Attributes: values, Note: "this server tells attributes and history only; jobdb serve tells the rest"}
	if err := json.Unmarshal(history, &d.History); err != nil {
		return details{}, nil, fmt.Errorf("the server's answer can't be read: %w", err)
	}
	body, err := json.Marshal(map[string]any{"Attributes": values, "History": json.RawMessage(history), "Note": d.Note})
	return d, body, err
}

// attribute returns a value of the job's row as text.
func (d details) attribute(name string) string { return text(d.Attributes[name]) }

// at returns a time of the job's row; zero if it is NULL.
func (d details) at(name string) time.Time {
	t, err := parseTime(d.attribute(name))
	if err != nil {
		return time.Time{}
	}
	return t
}

// state is a time that a job spent in a status.
type state struct {
	status   string
	from, to time.Time
}

// finalStatuses are the statuses of jobs that have ended.
var finalStatuses = append(slices.Clone(jobdb.FinalStatuses), jobdb.StatusDeleted)

// states returns the statuses that a job had, in their order, with how long each lasted. The last
// one lasts until now unless the job has ended.
func (d details) states(now time.Time) []state {
	var states []state
	for _, record := range d.History {
		at, err := parseTime(record.StatusTime)
		if err != nil || record.Status == jobdb.Idem || record.Status == "" {
			continue
		}
		if n := len(states); n > 0 {
			states[n-1].to = at
			if states[n-1].status == record.Status {
				continue
			}
		}
		states = append(states, state{record.Status, at, at})
	}
	if n := len(states); n > 0 && !slices.Contains(finalStatuses, jobdb.Status(states[n-1].status)) && now.After(states[n-1].from) {
		states[n-1].to = now
	}
	return states
}

// beats returns the values of one name in the heartbeats, the oldest first.
func (d details) beats(name string) (values []float64) {
	for _, beat := range slices.Backward(d.Heartbeats) { // the server sends the latest first
		var value float64
		if _, err := fmt.Sscan(beat.Value, &value); beat.Name == name && err == nil {
			values = append(values, value)
		}
	}
	return values
}

// efficiency returns the job's CPU time divided by its wall clock time. ok is false if they aren't
// known.
func (d details) efficiency() (cpu, wall float64, ok bool) {
	last := func(name, parameter string) float64 {
		var value float64
		_, _ = fmt.Sscan(d.Parameters[parameter], &value) // 0 if there is none
		if values := d.beats(name); len(values) > 0 {
			value = values[len(values)-1]
		}
		return value
	}
	cpu, wall = last("CPUConsumed", "TotalCPUTime(s)"), last("WallClockTime", "WallClockTime(s)")
	return cpu, wall, cpu > 0 && wall > 0
}
