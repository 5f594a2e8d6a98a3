package api

import (
	"net/http"

	"jobdb"
	"jobdb/auth"
	"jobdb/wms"
)

// reschedule makes jobs run again.
func (s *service) reschedule(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	value := any(nil)
	if len(body) > 0 {
		if value, err = decode(body); err != nil {
			return err
		}
	}
	var in reader
	reset := in.queryFlag(r.URL.Query(), "reset_jobs")
	ids := in.jobIDs(value)
	if err := in.err(); err != nil {
		return err
	}
	scope, err := s.actionScope(p, auth.Manage)
	if err != nil {
		return err
	}
	report, err := s.Jobs.Reschedule(r.Context(), scope, ids, reset)
	if err != nil {
		return err
	}
	answer := outcome{Success: make(map[jobdb.JobID]any, len(report.Success)), Failed: reasons(report.Failed)}
	for id, job := range report.Success {
		answer.Success[id] = rescheduledOf(job)
	}
	return answer.write(w, http.StatusBadRequest)
}

// jobIDs reads {"job_ids": [1, 2]}.
func (r *reader) jobIDs(body any) []jobdb.JobID {
	o, _ := body.(*object)
	if o == nil {
		o = &object{}
	}
	value, ok := o.get("job_ids")
	if !ok || value == nil {
		r.fault("missing", inBody.at("job_ids"), "is required", nil)
		return nil
	}
	list, _ := r.list(value, inBody.at("job_ids"))
	ids := make([]jobdb.JobID, len(list))
	for i, item := range list {
		n, _ := r.integer(item, inBody.at("job_ids", i))
		ids[i] = jobdb.JobID(n)
	}
	return ids
}

// rescheduledAnswer has its JDL under the name that the reference gives it.
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
