package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

// jobsTogetherChanged is how many jobs one request changes.
const jobsTogetherChanged = 500

// lastRequest is how long a request in flight may still take after Ctrl-C.
const lastRequest = 10 * time.Second

// actOn does an action to jobs, batch by batch, and notes the outcome of each. Its error says why
// it stopped before the last one: a failure, or Ctrl-C.
func (c *client) actOn(ctx context.Context, p *program, jobs []target, do action, results outcomes) error {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastRequest, cancel) })()
	bar := p.progress(do.done+" %d of %d jobs", len(jobs))
	defer bar.end()
	done := 0
	for batch := range batches(jobs) {
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err := c.actFor(batch[0].VO); err != nil {
			return err
		}
		became, err := c.actOnBatch(sending, batch, do)
		maps.Copy(results, became)
		if err != nil {
			return err
		}
		done += len(batch)
		bar.at(done)
	}
	return nil
}

// batches splits jobs into those that one request changes: at most jobsTogetherChanged, of one VO.
func batches(jobs []target) iter.Seq[[]target] {
	byVO := slices.Clone(jobs)
	slices.SortStableFunc(byVO, func(a, b target) int { return strings.Compare(a.VO, b.VO) })
	return func(yield func([]target) bool) {
		for len(byVO) > 0 {
			n := slices.IndexFunc(byVO, func(t target) bool { return t.VO != byVO[0].VO })
			if n < 0 {
				n = len(byVO)
			}
			for batch := range slices.Chunk(byVO[:n], jobsTogetherChanged) {
				if !yield(batch) {
					return
				}
			}
			byVO = byVO[n:]
		}
	}
}

var errInterrupted = errors.New("interrupted")

// actOnBatch does an action to jobs in one request. A server refuses a request as a whole when, for
// example, one job belongs to somebody else. Then the batch is halved until it is known which.
func (c *client) actOnBatch(ctx context.Context, batch []target, do action) (outcomes, error) {
	became, err := do.send(ctx, c, batch)
	refused := (*refusalError)(nil)
	if err == nil || !errors.As(err, &refused) || !refused.isOfJobs() {
		return became, err
	}
	if len(batch) == 1 {
		return outcomes{batch[0].JobID: {outcomeRefused, refused.text}}, nil
	}
	half := len(batch) / 2
	first, err := c.actOnBatch(ctx, batch[:half], do)
	if err != nil {
		return first, err
	}
	rest, err := c.actOnBatch(ctx, batch[half:], do)
	maps.Copy(first, rest)
	return first, err
}

// isOfJobs reports whether the reason is some of the jobs, so that the others may be accepted.
func (e *refusalError) isOfJobs() bool {
	return e.isOfBody() || e.status == http.StatusForbidden || e.status == http.StatusNotFound
}

// statusChange is a change of status as it is sent.
type statusChange struct {
	Status            jobdb.Status `json:",omitempty"`
	MinorStatus       string       `json:",omitempty"`
	ApplicationStatus string       `json:",omitempty"`
	Source            string
}

// report is the server's answer to a change of many jobs.
type report struct {
	Success map[jobdb.JobID]struct {
		Status *jobdb.Status
		Note   string
	} `json:"success"`
	Failed map[jobdb.JobID]struct {
		Detail string `json:"detail"`
	} `json:"failed"`
}

// readReport decodes a report. When no job succeeded it is in the detail of an error.
func readReport(a answer, err error) (r report, _ error) {
	text := json.RawMessage(a.body)
	if refused := (*refusalError)(nil); errors.As(err, &refused) {
		if json.Unmarshal(refused.detail, &r) != nil || len(r.Failed) == 0 {
			return r, err
		}
		return r, nil
	}
	if err == nil {
		if err = json.Unmarshal(text, &r); err != nil {
			err = fmt.Errorf("the server's answer can't be read: %w", err)
		}
	}
	return r, err
}

// setStatuses sends the same change of status for each job. It may safely be sent twice.
func setStatuses(p *program, change statusChange, force bool) func(context.Context, *client, []target) (outcomes, error) {
	return func(ctx context.Context, server *client, batch []target) (outcomes, error) {
		path := "/api/jobs/status"
		if force {
			path += "?force=true"
		}
		at := server.now(p).Format(time.RFC3339Nano)
		body := make(map[string]map[string]statusChange, len(batch))
		for _, job := range batch {
			body[strconv.FormatInt(int64(job.JobID), 10)] = map[string]statusChange{at: change}
		}
		r, err := readReport(server.ask(ctx, http.MethodPatch, path, body))
		if err != nil {
			return nil, err
		}
		became := outcomes{}
		for id, success := range r.Success {
			switch {
			case change.Status == "" || success.Status != nil && *success.Status == change.Status:
				became[id] = outcome{outcomeDone, ""}
			case success.Note != "":
				became[id] = outcome{outcomeRefused, success.Note}
			default:
				became[id] = outcome{outcomeRefused, "its status doesn't allow it any more"}
			}
		}
		r.noteFailed(became)
		return became, nil
	}
}

func (r report) noteFailed(became outcomes) {
	for id, failed := range r.Failed {
		became[id] = outcome{outcomeRefused, failed.Detail}
	}
}

// reschedule reschedules jobs. It must not do so twice: if an answer is lost, it tries again only
// with jobs whose RescheduleCounter hasn't changed.
func reschedule(p *program, reset bool, reason string) func(context.Context, *client, []target) (outcomes, error) {
	return func(ctx context.Context, server *client, batch []target) (outcomes, error) {
		became := outcomes{}
		path := "/api/jobs/reschedule"
		if reset {
			path += "?reset_jobs=true"
		}
		for try := 1; len(batch) > 0; try++ {
			r, err := readReport(server.rescheduleOnce(ctx, path, batch))
			if err == nil {
				if err := server.finishReschedule(ctx, p, r, became); err != nil {
					return became, err
				}
				r.noteFailed(became)
				break
			}
			if try == tries || !server.mayAskAgain(err) || server.pause(ctx, try, err) != nil {
				return became, err
			}
			if batch, err = server.notRescheduled(ctx, batch, became); err != nil {
				return became, err
			}
		}
		return became, server.tellReason(ctx, p, reason, became)
	}
}

// finishReschedule notes the jobs that were rescheduled. DiracX may leave a job in its old status.
// Such a job is set to Rescheduled and then Received, as DiracX's state machine demands.
func (c *client) finishReschedule(ctx context.Context, p *program, r report, became outcomes) error {
	at := c.now(p)
	body := map[string]map[string]statusChange{}
	for id, success := range r.Success {
		became[id] = outcome{outcomeDone, ""}
		if success.Status != nil && *success.Status != jobdb.StatusReceived {
			body[strconv.FormatInt(int64(id), 10)] = map[string]statusChange{
				at.Format(time.RFC3339Nano):                       {Status: jobdb.StatusRescheduled, Source: "User"},
				at.Add(time.Millisecond).Format(time.RFC3339Nano): {Status: jobdb.StatusReceived, MinorStatus: "Job Rescheduled", Source: "User"},
			}
		}
	}
	if len(body) == 0 {
		return nil
	}
	finished, err := readReport(c.ask(ctx, http.MethodPatch, "/api/jobs/status", body))
	for id, success := range finished.Success {
		if success.Status == nil || *success.Status != jobdb.StatusReceived {
			became[id] = outcome{outcomeRefused, "the server left its status as it was"}
		}
	}
	finished.noteFailed(became)
	return err
}

func (c *client) rescheduleOnce(ctx context.Context, path string, batch []target) (answer, error) {
	ids := make([]jobdb.JobID, len(batch))
	for i, job := range batch {
		ids[i] = job.JobID
	}
	body, err := json.Marshal(map[string]any{"job_ids": ids})
	if err != nil {
		return answer{}, err
	}
	return c.askOnce(ctx, http.MethodPost, path, body)
}

// notRescheduled returns the jobs whose RescheduleCounter hasn't changed. The others were
// rescheduled, and are noted as done.
func (c *client) notRescheduled(ctx context.Context, batch []target, became outcomes) ([]target, error) {
	ids := make([]any, len(batch))
	before := make(map[jobdb.JobID]target, len(batch))
	for i, job := range batch {
		ids[i], before[job.JobID] = int64(job.JobID), job
	}
	request := jobdb.SearchRequest{
		Parameters: []string{"JobID", "Status", "RescheduleCounter"},
		Search:     []jobdb.FilterSpec{{Parameter: "JobID", Operator: "in", Values: ids}},
	}
	var left []target
	err := c.eachPage(ctx, request, 0, func(_ answer, rows []row) error {
		for _, r := range rows {
			var job target
			if err := json.Unmarshal(r, &job); err != nil {
				return err
			}
			if was := before[job.JobID]; job.RescheduleCounter != was.RescheduleCounter {
				became[job.JobID] = outcome{outcomeDone, ""}
			} else {
				left = append(left, job)
			}
		}
		return nil
	})
	return left, err
}

// tellReason sets the reason as ApplicationStatus of rescheduled jobs: the route of rescheduling
// takes none.
func (c *client) tellReason(ctx context.Context, p *program, reason string, became outcomes) error {
	var batch []target
	for id, o := range became {
		if o.Outcome == outcomeDone {
			batch = append(batch, target{JobID: id})
		}
	}
	if reason == "" || len(batch) == 0 {
		return nil
	}
	_, err := setStatuses(p, statusChange{ApplicationStatus: reason, Source: "User"}, false)(ctx, c, batch)
	return err
}
