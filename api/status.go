package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
	"jobdb/wms"
)

// setStatus applies changes of status; those of a job in the order of their times.
func (s *service) setStatus(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	updates, force, err := readStatuses(r.URL.Query(), body)
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
	report, err := change(r.Context(), s, p, memory, func(ctx context.Context) (wms.StatusReport, error) {
		return s.Jobs.SetStatus(ctx, scope, updates, wms.StatusOptions{Force: force, Pilot: p.Has(auth.GenericPilot)})
	})
	if err != nil {
		return err
	}
	memory.giveBack()
	answer := outcome{Success: make(map[jobdb.JobID]any, len(report.Success)), Failed: reasons(report.Failed)}
	var killed, confirmed []jobdb.JobID
	for id, change := range report.Success {
		answer.Success[id] = statusOf(change)
		if change.Kill {
			killed = append(killed, id)
		}
		if change.KillConfirmed {
			confirmed = append(confirmed, id)
		}
	}
	noteJobs(r, "killed", killed)
	noteJobs(r, "confirmed "+jobdb.KillCommand, confirmed)
	return answer.write(w, r, http.StatusNotFound)
}

// readStatuses reads {id: {time: {Status, MinorStatus, ApplicationStatus, Source}}}.
func readStatuses(query url.Values, body []byte) (updates map[jobdb.JobID][]wms.StatusUpdate, force bool, err error) {
	var in validation.Reader
	force = in.QueryBool(query, "force")
	updates = map[jobdb.JobID][]wms.StatusUpdate{}
	var noOffset error // of a time; reported only where nothing else is wrong
	err = readByJob(&in, body, func(id jobdb.JobID, value any, at validation.Location) {
		var naive time.Time
		updates[id], naive = readStatusUpdates(&in, value, at)
		if !naive.IsZero() && noOffset == nil {
			noOffset = badRequest("a time of job " + idText(id) + " does not say its offset from UTC; write " +
				naive.Format(time.RFC3339Nano) + " if it is UTC")
		}
	})
	if err == nil {
		err = noOffset
	}
	return updates, force, err
}

// maxUpdates is how many updates of one job a request may have. Each becomes a record of its
// history.
const maxUpdates = 1000

// readStatusUpdates reads the updates of one job and sorts them by time. naive is one of the times
// that don't say their offsets from UTC, read as UTC; zero: all do.
func readStatusUpdates(in *validation.Reader, value any, at validation.Location) (updates []wms.StatusUpdate, naive time.Time) {
	o, ok := in.Dict(value, at)
	if !ok {
		return nil, naive
	}
	if o.Len() == 0 {
		in.Fault("too_short", at, "must have at least one time", o)
	}
	if o.Len() > maxUpdates {
		in.Fault("too_long", at, "must have at most "+strconv.Itoa(maxUpdates)+" times", nil)
		return nil, naive
	}
	known := make(map[int64]int, o.Len()) // from a time in microseconds to its index in updates
	for key, value := range o.All() {
		t, zoned, ok := in.Time(key, at.At(key, "[key]"))
		if ok && !zoned {
			naive = t
		}
		update := readStatusUpdate(in, value, at.At(key))
		update.Time = t
		if i, repeated := known[t.UnixMicro()]; repeated { // the last one counts, as with a repeated key
			updates[i] = update
			continue
		}
		known[t.UnixMicro()] = len(updates)
		updates = append(updates, update)
	}
	slices.SortStableFunc(updates, func(a, b wms.StatusUpdate) int { return a.Time.Compare(b.Time) })
	return updates, naive
}

// acceptedStatuses are those that an update may ask for: all but Scouting, which DiracX's model
// lacks.
var acceptedStatuses = slices.DeleteFunc(slices.Clone(jobdb.Statuses), func(s jobdb.Status) bool { return s == jobdb.StatusScouting })

func readStatusUpdate(in *validation.Reader, value any, at validation.Location) (update wms.StatusUpdate) {
	o, ok := in.Object(value, at)
	if !ok {
		return update
	}
	if status, given := o.Get("Status"); given && status != nil {
		text, ok := status.(string)
		if !ok || !slices.Contains(acceptedStatuses, jobdb.Status(text)) {
			in.Fault("enum", at.At("Status"), "must be a status of jobs, such as Running", status)
		}
		update.Status = jobdb.Status(text)
	}
	update.MinorStatus = readOptionalText(in, o, "MinorStatus", at)
	update.ApplicationStatus = readOptionalText(in, o, "ApplicationStatus", at)
	update.Source = "Unknown"
	if source, given := o.Get("Source"); given {
		update.Source, _ = in.Text(source, at.At("Source"))
	}
	return update
}

// readOptionalText reads a string that may be missing or null.
func readOptionalText(in *validation.Reader, o *validation.Object, key string, at validation.Location) string {
	value, given := o.Get(key)
	if !given || value == nil {
		return ""
	}
	text, _ := in.Text(value, at.At(key))
	return text
}

// statusAnswer is what an update set; what it didn't set is null.
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
		Status: nonEmpty(string(c.Status)), MinorStatus: nonEmpty(c.MinorStatus), ApplicationStatus: nonEmpty(c.ApplicationStatus),
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
