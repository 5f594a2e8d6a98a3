package opensearch

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"

	"jobdb"
)

// A job has the bounds of [jobdb.MaxParameters], [jobdb.MaxParameterBytes] and
// [jobdb.MaxParametersBytes] here, too. A write of few and short parameters, as heartbeats are, looks
// only now and then at what the job has already, but always of jobs that were found to have half of
// what they may.
const (
	fewParameters   = 16
	shortParameters = 64 << 10
	lookEvery       = 16
	maxCrowded      = 10_000 // jobs that are known to have half; then all are forgotten
)

// size is how much parameters are.
type size struct{ names, bytes, longest int }

func (s *size) add(value json.RawMessage) {
	n := len(textOf(value))
	s.names, s.bytes, s.longest = s.names+1, s.bytes+n, max(s.longest, n)
}

func sizeOf(parameters map[string]json.RawMessage) (s size) {
	for name, value := range parameters {
		if name != "JobID" && name != "timestamp" {
			s.add(value)
		}
	}
	return s
}

func (s size) isSmall() bool { return s.names <= fewParameters && s.bytes <= shortParameters }

func (s size) isCrowded() bool {
	return s.names >= jobdb.MaxParameters/2 || s.bytes >= jobdb.MaxParametersBytes/2
}

func (s size) isTooMuch() bool {
	return s.names > jobdb.MaxParameters || s.bytes > jobdb.MaxParametersBytes
}

// crowdedJobs are those that were found to have half of the parameters that they may have, or more.
type crowdedJobs struct {
	mutex sync.Mutex
	jobs  map[jobdb.JobID]struct{}
}

func (c *crowdedJobs) note(id jobdb.JobID) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.jobs == nil || len(c.jobs) >= maxCrowded {
		c.jobs = map[jobdb.JobID]struct{}{}
	}
	c.jobs[id] = struct{}{}
}

func (c *crowdedJobs) has(id jobdb.JobID) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	_, ok := c.jobs[id]
	return ok
}

// checkSizes refuses parameters with which jobs of a VO would have more than they may. A job that has
// more, from another program, may have its values replaced by shorter ones.
func (p *DB) checkSizes(ctx context.Context, vo string, parameters map[jobdb.JobID]map[string]any) error {
	written := make(map[jobdb.JobID]map[string]json.RawMessage, len(parameters))
	look := map[jobdb.JobID]string{}
	var tooLarge []jobdb.JobID
	for id, values := range parameters {
		written[id] = make(map[string]json.RawMessage, len(values))
		for name, value := range values {
			text, err := json.Marshal(value)
			if err != nil {
				return &jobdb.ValueError{Job: id, Column: "parameters", Reason: "is no JSON: " + err.Error()}
			}
			written[id][name] = text
		}
		switch s := sizeOf(written[id]); {
		case s.isTooMuch() || s.longest > jobdb.MaxParameterBytes:
			tooLarge = append(tooLarge, id)
		case !s.isSmall() || p.crowded.has(id) || rand.IntN(lookEvery) == 0: //nolint:gosec // nothing secret
			look[id] = vo
		}
	}
	found, err := p.find(ctx, look, nil)
	if err != nil {
		return err
	}
	for id, document := range found {
		before, after := sizeOf(document.Source), maps.Clone(written[id])
		for name, value := range document.Source {
			if _, replaced := after[name]; !replaced {
				after[name] = value
			}
		}
		sum := sizeOf(after)
		if sum.isCrowded() {
			p.crowded.note(id)
		}
		if sum.isTooMuch() && (sum.names > before.names || sum.bytes > before.bytes) {
			tooLarge = append(tooLarge, id)
		}
	}
	if len(tooLarge) == 0 {
		return nil
	}
	slices.Sort(tooLarge)
	return &jobdb.ValueError{
		Job: tooLarge[0], Column: "parameters", TooLarge: tooLarge,
		Reason: "a job may have " + strconv.Itoa(jobdb.MaxParameters) + " parameters of " + strconv.Itoa(jobdb.MaxParameterBytes) + " bytes each and " +
			strconv.Itoa(jobdb.MaxParametersBytes) + " together; keep large or many values in files of its output",
	}
}

// checkRead refuses more parameters than a call returns.
func checkRead(all map[jobdb.JobID]map[string]string) error {
	bytes := 0
	for _, parameters := range all {
		for name, value := range parameters {
			bytes += len(name) + len(value)
		}
	}
	if bytes <= jobdb.MaxParametersRead {
		return nil
	}
	return &jobdb.QueryError{
		Field:  "parameters",
		Reason: "the jobs have more than " + strconv.Itoa(jobdb.MaxParametersRead) + " bytes of them; ask for fewer jobs, or for single parameters",
	}
}
