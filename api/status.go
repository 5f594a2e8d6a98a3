package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"jobdb"
	"jobdb/auth"
	"jobdb/wms"
)

// setStatus applies changes of status, each job's in the order of their times.
func (s *service) setStatus(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	updates, force, err := readStatuses(r)
	if err != nil {
		return err
	}
	action := auth.Manage
	if force {
		action = auth.Force
	}
	scope, err := s.actionScope(p, action)
	if err != nil {
		return err
	}
	report, err := s.Jobs.SetStatus(r.Context(), scope, updates, wms.StatusOptions{Force: force, Pilot: p.Has(auth.GenericPilot)})
	if err != nil {
		return err
	}
	answer := outcome{Success: make(map[jobdb.JobID]any, len(report.Success)), Failed: reasons(report.Failed)}
	for id, change := range report.Success {
		answer.Success[id] = statusOf(change)
	}
	return answer.write(w, http.StatusNotFound)
}

// readStatuses reads {id: {time: {Status, MinorStatus, ApplicationStatus, Source}}}.
func readStatuses(r *http.Request) (updates map[jobdb.JobID][]wms.StatusUpdate, force bool, err error) {
	var in reader
	force = in.queryFlag(r.URL.Query(), "force")
	updates = map[jobdb.JobID][]wms.StatusUpdate{}
	var local error // a time without an offset, told only where nothing else is wrong
	err = in.byJob(r, func(id jobdb.JobID, value any, at place) {
		var naive string
		updates[id], naive = in.statuses(value, at)
		if naive != "" && local == nil {
			local = badRequest("the time " + naive + " of job " + idText(id) + " does not say its offset from UTC; write " + naive + "Z if it is UTC")
		}
	})
	if err == nil {
		err = local
	}
	return updates, force, err
}

// mostUpdates bounds the updates of one job in one request, each of which becomes a record of its history.
const mostUpdates = 1000

// statuses reads the updates of one job in the order of their times, and tells of a time without an offset.
func (r *reader) statuses(value any, at place) (updates []wms.StatusUpdate, naive string) {
	o, ok := r.dict(value, at)
	if !ok {
		return nil, ""
	}
	if len(o.keys) == 0 {
		r.fault("too_short", at, "must have at least one time", o)
	}
	if len(o.keys) > mostUpdates {
		r.fault("too_long", at, "must have at most "+strconv.Itoa(mostUpdates)+" times", nil)
		return nil, ""
	}
	known := make(map[int64]int, len(o.keys)) // times by microsecond, and where they are in updates
	for _, key := range o.keys {
		t, zoned, ok := r.time(key, at.at(key, "[key]"))
		if ok && !zoned {
			naive = key
		}
		update := r.status(o.values[key], at.at(key))
		update.Time = t
		if i, twice := known[t.UnixMicro()]; twice { // as of a repeated key, the last counts
			updates[i] = update
			continue
		}
		known[t.UnixMicro()] = len(updates)
		updates = append(updates, update)
	}
	slices.SortStableFunc(updates, func(a, b wms.StatusUpdate) int { return a.Time.Compare(b.Time) })
	return updates, naive
}

// statusNames are those that the reference's model takes.
var statusNames = []string{
	"Submitting", "Received", "Checking", "Staging", "Waiting", "Matched", "Running", "Stalled",
	"Completing", "Done", "Completed", "Failed", "Deleted", "Killed", "Rescheduled",
}

func (r *reader) status(value any, at place) (update wms.StatusUpdate) {
	o, ok := r.object(value, at)
	if !ok {
		return update
	}
	if status, given := o.get("Status"); given && status != nil {
		text, ok := status.(string)
		if !ok || !slices.Contains(statusNames, text) {
			r.fault("enum", at.at("Status"), "must be a status of jobs, such as Running", status)
		}
		update.Status = text
	}
	update.MinorStatus = r.optionalText(o, "MinorStatus", at)
	update.ApplicationStatus = r.optionalText(o, "ApplicationStatus", at)
	update.Source = "Unknown"
	if source, given := o.get("Source"); given {
		update.Source, _ = r.text(source, at.at("Source"))
	}
	return update
}

// optionalText reads a text that may be missing or null.
func (r *reader) optionalText(o *object, key string, at place) string {
	value, given := o.get(key)
	if !given || value == nil {
		return ""
	}
	text, _ := r.text(value, at.at(key))
	return text
}

// statusAnswer is what an update did; null is what it didn't touch.
type statusAnswer struct {
	Status            *string
	MinorStatus       *string
	ApplicationStatus *string
	HeartBeatTime     *wireTime
	StartExecTime     *wireTime
	EndExecTime       *wireTime
	LastUpdateTime    *wireTime
	Note              string `json:",omitempty"`
}

func statusOf(c wms.StatusChange) statusAnswer {
	return statusAnswer{
		Status: nonEmpty(c.Status), MinorStatus: nonEmpty(c.MinorStatus), ApplicationStatus: nonEmpty(c.ApplicationStatus),
		HeartBeatTime: nonZero(c.HeartBeatTime), StartExecTime: nonZero(c.StartExecTime),
		EndExecTime: nonZero(c.EndExecTime), LastUpdateTime: nonZero(c.LastUpdateTime), Note: c.Note,
	}
}

func nonEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func nonZero(t time.Time) *wireTime {
	if t.IsZero() {
		return nil
	}
	return (*wireTime)(&t)
}
