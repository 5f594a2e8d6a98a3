package service_test

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"jobdb/internal/shadow"
)

// testChanges changes jobs, and looks at what became of them after each request.
func testChanges(r *round) {
	for range 300 {
		for len(r.live()) < 20 {
			r.submit(choose(r.generator, "alice", "alice", "bob"), r.jdl())
		}
		r.playChange(r.change())
	}
}

// playChange makes a request, and looks at what became of its jobs.
func (r *round) playChange(q request) {
	r.Helper()
	for _, j := range q.jobs {
		j.asked(q)
	}
	x, agreed := r.play(q)
	for _, j := range q.jobs {
		j.spent = j.spent || !agreed
		j.answered(x)
	}
	r.look(q.jobs...)
}

const (
	setStatus  = "PATCH /api/jobs/status"
	heartbeat  = "PATCH /api/jobs/heartbeat"
	metadata   = "PATCH /api/jobs/metadata"
	reschedule = "POST /api/jobs/reschedule"
)

// asked notes what a request wants of a job.
func (j *job) asked(q request) {
	j.killedLate, j.lateNow, j.lateAgain = false, false, false
	disordered := j.late
	updates, _ := shadow.Field(q.body, j.id).(object)
	if q.route() != setStatus {
		return
	}
	for text, item := range updates {
		update, _ := item.(object)
		at, err := readTime(text)
		ends := update["Status"] == "Killed" || update["Status"] == "Deleted"
		late := err == nil && at.Before(j.last)
		j.killedLate = j.killedLate || late && ends && !isPilot(q.who)
		j.lateAgain = j.lateAgain || late && disordered
		j.lateNow = j.lateNow || late
		j.late = j.late || late
		j.unset = j.unset || isUnset(text)
		j.blank = j.blank || update["MinorStatus"] == "" || update["ApplicationStatus"] == ""
		j.confirmed = j.confirmed || j.status == "Killed" || j.status == "Deleted"
	}
}

// answered notes what became of it.
func (j *job) answered(x exchange) {
	switch {
	case x.ours.Status == http.StatusOK && x.route() == heartbeat:
		j.confirmed = false
	case x.ours.Status == http.StatusOK && x.route() == reschedule:
		j.anew = true
	case x.ours.Status == http.StatusBadRequest && x.route() == reschedule: // we make it Failed if it was rescheduled too often
		j.spent = j.spent || strings.Contains(x.ours.Text, "Maximum")
	}
}

// live are the jobs that both services treated alike so far.
func (r *round) live() []*job {
	return slices.DeleteFunc(slices.Clone(r.jobs), func(j *job) bool { return j.spent })
}

// change is a random request to change jobs.
func (r *round) change() (q request) {
	jobs := r.someJobs()
	switch r.IntN(6) {
	case 0:
		jobs = jobs[:1]
		q = r.reschedule(jobs[0])
	case 2:
		q = r.heartbeat(jobs)
	case 1:
		q = r.metadata(jobs)
	default:
		q = r.statuses(jobs)
	}
	q.jobs = jobs
	return q
}

func (r *round) someJobs() []*job {
	live := r.live()
	r.Shuffle(len(live), func(a, b int) { live[a], live[b] = live[b], live[a] })
	return live[:min(len(live), choose(r.generator, 1, 1, 1, 2, 3))]
}

// who may change a job, mostly.
func (r *round) who(jobs []*job) string {
	return choose(r.generator, jobs[0].owner, jobs[0].owner, "admin", "pilot", "all", "bob", "monitor", "nothing")
}

var statuses = []string{
	"Submitting", "Received", "Checking", "Staging", "Waiting", "Matched", "Running", "Stalled",
	"Completing", "Done", "Completed", "Failed", "Deleted", "Killed", "Rescheduled",
}

func (r *round) statuses(jobs []*job) request {
	body := object{}
	for _, j := range jobs {
		updates := object{}
		for range choose(r.generator, 1, 1, 1, 2, 3) {
			at, late := r.when(j)
			updates[at] = r.update(late)
		}
		body[j.id] = updates
	}
	q := with(r.who(jobs), "PATCH", "/api/jobs/status", body)
	switch {
	case r.chance(15):
		q.path += "?force=" + choose(r.generator, "false", "maybe", "", "0", "False", "TRUE", "yes", "2")
	case r.chance(5):
		q.path += "?force=true"
	}
	return q
}

// when is a time of an update: mostly now, at times late or the same as the last one.
func (r *round) when(j *job) (text string, late bool) {
	at := r.now()
	switch {
	case r.chance(10):
		late = true
		at = time.Now().Add(-time.Duration(1+r.IntN(1000)) * time.Minute).Truncate(time.Millisecond)
	case r.chance(15) && r.sent.has(j.last):
		at = j.last
	case r.chance(15) && r.sent.has(j.last):
		late = true
		at = j.last.Add(-time.Millisecond)
	}
	if at.Nanosecond() == 0 { // it could be the reference's own
		at = at.Add(-time.Millisecond)
	}
	r.sent.add(at)
	at = at.UTC()
	return choose(r.generator, at.Format(instantForm)+"Z", at.Format(instantForm)+"Z", at.Format(time.RFC3339Nano),
		at.Format(instantForm+"-07:00"), at.Format("2006-01-02 15:04:05.000000+0000")), late
}

// update is what somebody tells of a job. A late one tells of its status: the reference can't show
// histories that begin without.
func (r *round) update(late bool) object {
	update := object{}
	if late || !r.chance(5) {
		update["Status"] = choose(r.generator, statuses...)
	}
	if r.chance(2) {
		update["MinorStatus"] = choose[any](r.generator, "Application", "Marked as killed", nil, "é")
	}
	if r.chance(3) {
		update["ApplicationStatus"] = choose[any](r.generator, "Gauss 49.5 OK", "Unknown", nil, "idem")
	}
	if r.chance(2) {
		update["Source"] = choose(r.generator, "JobAgent", "JobWrapper", "Heartbeat", "User", "Unknown", "", "job")
	}
	return update
}

// heartbeat is one beat of some jobs. Each reports values once a second at most: the reference
// fails at a second beat.
func (r *round) heartbeat(jobs []*job) request {
	body := object{}
	for _, j := range jobs {
		beat := object{}
		if time.Since(j.beat) > 1100*time.Millisecond {
			for _, name := range []string{"LoadAverage", "MemoryUsed", "Vsize", "AvailableDiskSpace", "CPUConsumed", "WallClockTime"} {
				if r.chance(3) {
					beat[name] = choose[any](r.generator, 0, 1, 2.5, -1, 1e300, "5", "1e3", " 7 ", true, nil)
				}
			}
			j.beat = time.Now()
		}
		if r.chance(4) {
			beat["StandardOutput"] = choose[any](r.generator, "", "the end", nil, "é🚀")
		}
		body[j.id] = beat
	}
	return with(r.who(jobs), "PATCH", "/api/jobs/heartbeat", body)
}

// reschedule is about one job, so that not several differences meet.
func (r *round) reschedule(j *job) request {
	ids := choose(r.generator, []any{j.id}, []any{j.id}, []any{j.id, j.id})
	query := choose(r.generator, "", "", "", "?reset_jobs=false", "?reset_jobs=true", "?reset_jobs=1", "?reset_jobs=x", "?reset_jobs=")
	return with(r.who([]*job{j}), "POST", "/api/jobs/reschedule"+query, object{"job_ids": ids})
}

// metadata is random metadata, at times of a kind that is refused.
func (r *round) metadata(jobs []*job) request {
	body := object{}
	for _, j := range jobs {
		values := object{}
		for range 1 + r.IntN(3) {
			switch r.IntN(8) {
			case 0, 1, 2:
				values["Site"] = choose[any](r.generator, "LCG.CERN.cern", "LCG.PIC.es", "", nil)
			case 3:
				values[choose(r.generator, columns...)] = r.junk()
			case 4:
				values[choose(r.generator, "CPUNormalizationFactor", "NormCPUTime(s)", "total_cpu_time_s")] = choose[any](r.generator, 1, 2.7, "3.5", "1e3", "x", true, nil, -1.5)
			case 5:
				values[choose(r.generator, "HostName", "grid_ce", "Memory(MB)", "payload_pid", "timestamp", "site", "job_name")] = r.junk()
			default:
				values[choose(r.generator, "Mine", "x y", "", "é")] = r.junk()
			}
		}
		body[j.id] = values
	}
	return with(r.who(jobs), "PATCH", "/api/jobs/metadata", body)
}

// testSpoiled spoils the bodies of requests of all kinds.
func testSpoiled(r *round) {
	for range 300 {
		for len(r.live()) < 10 {
			r.submit(choose(r.generator, "alice", "alice", "bob"), r.jdl())
		}
		q := r.change()
		if r.chance(4) {
			q = with("alice", "POST", "/api/jobs/jdl", []any{r.jdl()})
		}
		r.spoilBody(&q)
		switch {
		case q.route() == reschedule && len(idsOf(q)) == 2 && idsOf(q)[0] != idsOf(q)[1]:
			// Several differences could meet in one answer.
		case q.jobs != nil:
			r.playChange(q)
		default:
			x, _ := r.play(q)
			r.inserted(q.who, x)
		}
	}
}
