package api

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
	"jobdb/wms"
)

// reschedule makes jobs run again.
func (s *service) reschedule(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	var value any
	if len(body) > 0 {
		var err error
		if value, err = validation.Decode(body); err != nil {
			return err
		}
	}
	var in validation.Reader
	reset := in.QueryBool(r.URL.Query(), "reset_jobs")
	ids := readJobIDs(&in, value)
	if err := in.Err(); err != nil {
		return err
	}
	scope, err := s.actionScope(p, auth.Manage)
	if err != nil {
		return err
	}
	report, err := change(r.Context(), s, p, memory, func(ctx context.Context) (wms.RescheduleReport, error) {
		return s.Jobs.Reschedule(ctx, scope, ids, reset)
	})
	if err != nil {
		return err
	}
	memory.giveBack()
	memoryOfJDLs := s.memoryForJDLs(p, &report)
	defer memoryOfJDLs.leave()
	answer := outcome{Success: make(map[jobdb.JobID]any, len(report.Success)), Failed: reasons(report.Failed)}
	for id, job := range report.Success {
		answer.Success[id] = rescheduledOf(job)
	}
	noteJobs(r, "rescheduled", slices.Collect(maps.Keys(report.Success)))
	return answer.write(w, r, http.StatusBadRequest)
}

// memoryForJDLs takes memory for the JDLs in the answer to a reschedule, until the client has read
// it. If there is none the JDLs are left out: the jobs are rescheduled already.
func (s *service) memoryForJDLs(p auth.Principal, report *wms.RescheduleReport) *permit {
	size := 0
	for _, job := range report.Success {
		size += len(job.JDL)
	}
	if size <= smallAnswer {
		return nil
	}
	memoryOfJDLs := s.answers.tryTake(p.Subject, int64(size))
	if memoryOfJDLs == nil {
		for id, job := range report.Success {
			job.JDL = ""
			report.Success[id] = job
		}
	}
	return memoryOfJDLs
}

// readJobIDs reads {"job_ids": [1, 2]}.
func readJobIDs(in *validation.Reader, body any) []jobdb.JobID {
	o, _ := body.(*validation.Object)
	if o == nil {
		o = &validation.Object{}
	}
	value, ok := o.Get("job_ids")
	if !ok || value == nil {
		in.Fault("missing", validation.Body.At("job_ids"), "is required", nil)
		return nil
	}
	list, _ := in.List(value, validation.Body.At("job_ids"))
	ids := make([]jobdb.JobID, len(list))
	for i, item := range list {
		n, _ := in.Integer(item, validation.Body.At("job_ids", i))
		ids[i] = jobdb.JobID(n)
	}
	return ids
}

// rescheduledAnswer has the JDL under the name InputData, as in DiracX.
type rescheduledAnswer struct {
	InputData         string
	Site              string
	UserPriority      int64
	RescheduleTime    wireTime
	RescheduleCounter int64
	statusAnswer
}

func rescheduledOf(job wms.Rescheduled) rescheduledAnswer {
	return rescheduledAnswer{
		InputData: job.JDL, Site: job.Site, UserPriority: job.UserPriority,
		RescheduleTime: wireTime(job.RescheduleTime), RescheduleCounter: job.RescheduleCounter,
		statusAnswer: statusOf(wms.StatusChange{
			Status: job.Status, MinorStatus: job.MinorStatus, ApplicationStatus: job.ApplicationStatus, LastUpdateTime: job.LastUpdateTime,
		}),
	}
}
