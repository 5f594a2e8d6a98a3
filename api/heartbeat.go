package api

import (
	"context"
	"maps"
	"math/bits"
	"net/http"
	"slices"
	"strings"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
	"jobdb/wms"
)

// command is sent to a job in the answer to its heartbeat.
type command struct {
	JobID     jobdb.JobID `json:"job_id"`
	Command   string      `json:"command"`
	Arguments string      `json:"arguments"`
}

// heartbeat stores heartbeats and answers with the commands that wait for these jobs.
// Jobs that don't exist are listed in a header.
func (s *service) heartbeat(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	var in validation.Reader
	beats := map[jobdb.JobID]wms.Beat{}
	if err := readByJob(&in, body, func(id jobdb.JobID, value any, at validation.Location) { beats[id] = readBeat(&in, value, at) }); err != nil {
		return err
	}
	scope, err := s.actionScope(p, auth.Pilot)
	if err != nil {
		return err
	}
	// Not change: a client that hung up wouldn't get its commands.
	report, err := act(r.Context(), s, p, memory, func(ctx context.Context) (wms.HeartbeatReport, error) {
		return s.Jobs.Heartbeat(ctx, scope, beats)
	})
	if err != nil {
		return err
	}
	memory.giveBack()
	addJobs(r, len(beats), len(report.Missing))
	s.noteDropped(r.Context(), report.Dropped)
	if len(report.Missing) > 0 {
		w.Header().Set(missingJobs, idList(report.Missing))
	}
	commands := make([]command, len(report.Commands))
	for i, c := range report.Commands {
		commands[i] = command{c.JobID, c.Command, c.Arguments}
	}
	noteCommands(r, report.Commands)
	noteJobs(r, "confirmed "+jobdb.PeekCommand, report.Peeked)
	return writeValue(w, commands)
}

// noteCommands says in the log which jobs got which commands.
func noteCommands(r *http.Request, commands []jobdb.Command) {
	ids := map[string][]jobdb.JobID{}
	for _, c := range commands {
		ids[c.Command] = append(ids[c.Command], c.JobID)
	}
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		noteJobs(r, "sent "+name, ids[name])
	}
}

// noteDropped counts outputs of jobs that couldn't be kept, and logs their number each time it has
// doubled.
func (s *service) noteDropped(ctx context.Context, n int) {
	total := s.dropped.Add(uint64(n))                    //nolint:gosec // it is not negative
	if bits.Len64(total) > bits.Len64(total-uint64(n)) { //nolint:gosec // as above
		s.Logger.WarnContext(ctx, "outputs in heartbeats are dropped: the database has no table JobParameters, or the jobs have too many parameters", "dropped", total)
	}
}

// readBeat reads the heartbeat of one job. Names that no heartbeat has are faults.
func readBeat(in *validation.Reader, value any, at validation.Location) (beat wms.Beat) {
	o, ok := in.Object(value, at)
	if !ok {
		return beat
	}
	beat.Values = map[string]float64{}
	for key, value := range o.All() {
		switch {
		case key == "StandardOutput":
			if value == nil {
				continue
			}
			if text, ok := in.Text(value, at.At(key)); ok {
				beat.StandardOutput = &text
			}
		case !slices.Contains(jobdb.HeartbeatFields, key):
			in.Fault("extra_forbidden", at.At(key), "is not something that a heartbeat has", value)
		case value != nil:
			beat.Values[key], _ = in.Number(value, at.At(key))
		}
	}
	return beat
}

// missingJobs is the header that lists jobs of the request that don't exist.
const missingJobs = "Jobdb-Missing-Jobs"

// maxListedJobs is how many jobs a header lists.
const maxListedJobs = 500

// idList is a list of jobs for a header. A list that is too long ends in "...".
func idList(ids []jobdb.JobID) string {
	texts := make([]string, 0, min(len(ids), maxListedJobs+1))
	for i, id := range ids {
		if i == maxListedJobs {
			texts = append(texts, "...")
			break
		}
		texts = append(texts, idText(id))
	}
	return strings.Join(texts, ",")
}
