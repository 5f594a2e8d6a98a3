package service_test

import "strings"

func (r *round) again(who string, theirs, ours int, ids ...string) exchange {
	r.Helper()
	return r.differ(with(who, "POST", "/api/jobs/reschedule", object{"job_ids": ids}), theirs, ours)
}

func showRescheduleCommands(r *round) {
	j := r.new()
	r.to(j, "Killed")
	r.play(with("admin", "PATCH", "/api/jobs/status?force=true", about(j, object{zulu(r.now()): object{"Status": "Received"}})))
	r.again("alice", 200, 200, j.id)
	x := r.differ(with("pilot", "PATCH", "/api/jobs/heartbeat", about(j, object{})), 200, 200)
	r.wants("commands", x.theirs.Text, `[{"job_id":`+j.id+`,"command":"Kill","arguments":""}]`, x.ours.Text, "[]")
}

func showRescheduleExhausted(r *round) {
	j := r.new()
	for range 3 {
		r.again("alice", 200, 200, j.id)
	}
	r.again("alice", 400, 400, j.id)
	theirs, ours := r.rowOf(j)
	r.wants("Status", theirs["Status"], "Received", ours["Status"], "Failed")
}

func showRescheduleFinal(r *round) {
	for _, way := range [][]string{ways["Done"], {"Killed"}, {"Deleted"}, append(ways["Running"], "Completing")} {
		j := r.new()
		r.to(j, way...)
		r.again("alice", 200, 400, j.id)
	}
}

func showRescheduleMissing(r *round) {
	x := r.again("admin", 200, 200, r.new().id, nobody)
	r.wants("failed", len(x.theirs.Body.(object)["failed"].(object)), 0, len(x.ours.Body.(object)["failed"].(object)), 1)
}

func showReschedulePlaceholder(r *round) {
	j := r.new()
	x := r.again("alice", 200, 200, j.id)
	theirs, ours := outcomeOf(x.theirs, j)["InputData"].(string), outcomeOf(x.ours, j)["InputData"].(string)
	r.wants("JobName", strings.Contains(theirs, `"job %j"`), true, strings.Contains(ours, `"job `+j.id+`"`), true)
}

func showRescheduleStatus(r *round) {
	j := r.new()
	r.to(j, ways["Failed"]...)
	r.again("alice", 200, 200, j.id)
	theirs, ours := r.rowOf(j)
	r.wants("Status", theirs["Status"], "Failed", ours["Status"], "Received")
}

func showRescheduleTimes(r *round) {
	j := r.new()
	r.to(j, ways["Running"]...)
	r.again("alice", 200, 200, j.id)
	theirs, ours := r.rowOf(j)
	r.wants("StartExecTime", theirs["StartExecTime"] != nil, true, ours["StartExecTime"], nil)
}

func showNoAttributes(r *round) {
	r.submit("alice", "[]")
	r.again("alice", 200, 400, r.jobs[len(r.jobs)-1].id)
}
