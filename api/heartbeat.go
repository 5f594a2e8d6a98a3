package api

import (
	"context"
	"math/bits"
	"net/http"
	"slices"
	"strings"

	"jobdb"
	"jobdb/auth"
	"jobdb/wms"
)

// command is what a job is told.
type command struct {
	JobID     jobdb.JobID `json:"job_id"`
	Command   string      `json:"command"`
	Arguments string      `json:"arguments"`
}

// heartbeat takes signs of life and answers with the commands for the jobs.
// Jobs that don't exist are named in a header, and all others served.
func (s *service) heartbeat(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	var in reader
	beats := map[jobdb.JobID]wms.Beat{}
	if err := in.byJob(r, func(id jobdb.JobID, value any, at place) { beats[id] = in.beat(value, at) }); err != nil {
		return err
	}
	reach, err := s.reach(p, auth.Pilot)
	if err != nil {
		return err
	}
	report, err := s.Jobs.Heartbeat(r.Context(), reach, beats)
	if err != nil {
		return err
	}
	s.noteDropped(r.Context(), report.Dropped)
	if len(report.Missing) > 0 {
		w.Header().Set(missingJobs, idList(report.Missing))
	}
	commands := make([]command, len(report.Commands))
	for i, c := range report.Commands {
		commands[i] = command{c.JobID, c.Command, c.Arguments}
	}
	return writeValue(w, commands)
}

// noteDropped counts outputs of jobs that the database has no place for, and logs their number each time it has doubled.
func (s *service) noteDropped(ctx context.Context, n int) {
	total := s.dropped.Add(uint64(n))                    //nolint:gosec // it is not negative
	if bits.Len64(total) > bits.Len64(total-uint64(n)) { //nolint:gosec // as above
		s.Logger.WarnContext(ctx, "outputs in heartbeats are dropped: the database has no table JobParameters", "dropped", total)
	}
}

// beat reads what one job reports. The names are given, all others are faults.
func (r *reader) beat(value any, at place) (beat wms.Beat) {
	o, ok := r.object(value, at)
	if !ok {
		return beat
	}
	beat.Values = map[string]float64{}
	for _, key := range o.keys {
		value := o.values[key]
		switch {
		case key == "StandardOutput":
			if value == nil {
				continue
			}
			if text, ok := r.text(value, at.at(key)); ok {
				beat.StandardOutput = &text
			}
		case !slices.Contains(jobdb.HeartbeatFields, key):
			r.fault("extra_forbidden", at.at(key), "is not something that a heartbeat has", value)
		case value != nil:
			beat.Values[key], _ = r.number(value, at.at(key))
		}
	}
	return beat
}

// missingJobs is the header that names jobs that were asked for and don't exist.
const missingJobs = "Jobdb-Missing-Jobs"

// mostNamed bounds how many jobs a header names.
const mostNamed = 500

// idList is a list of jobs for a header, cut where it gets too long for one.
func idList(ids []jobdb.JobID) string {
	texts := make([]string, 0, min(len(ids), mostNamed+1))
	for i, id := range ids {
		if i == mostNamed {
			texts = append(texts, "...")
			break
		}
		texts = append(texts, idText(id))
	}
	return strings.Join(texts, ",")
}
