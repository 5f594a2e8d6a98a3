package service_test

import (
	"strings"
	"time"
)

func showEmptyMap(r *round) {
	r.differ(with("alice", "PATCH", "/api/jobs/status", about(r.new(), object{})), 500, 422)
}

func showFuture(r *round) {
	j := r.new()
	ahead := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{ahead.Format(time.RFC3339): object{"Status": "Checking"}})), 200, 200)
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{"Status": "Waiting"}})), 200, 200)
	theirs, ours := r.rowOf(j)
	r.wants("Status", theirs["Status"], "Checking", ours["Status"], "Waiting")
}

func showLateKill(r *round) {
	for who, status := range map[string]string{"alice": "Killed", "pilot": "Checking"} {
		j := r.new()
		r.to(j, "Checking") // of the same source, which is later than the Killed
		r.differ(with(who, "PATCH", "/api/jobs/status", about(j, object{"2024-02-29T10:00:00Z": object{"Status": "Killed"}})), 200, 200)
		theirs, ours := r.rowOf(j)
		r.wants(who, theirs["Status"], "Checking", ours["Status"], status)
	}
}

// showUnsetClock has a worker report that has just started, and doesn't know the time yet.
func showUnsetClock(r *round) {
	j := r.new()
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{"1970-01-01T00:00:09Z": object{"Status": "Checking"}})), 200, 200)
	theirs, ours := r.rowOf(j)
	r.wants("Status", theirs["Status"], "Received", ours["Status"], "Checking")
}

func showNote(r *round) {
	j := r.new()
	x := r.differ(with("alice", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{"Status": "Done"}})), 200, 200)
	r.wants("Note", outcomeOf(x.theirs, j)["Note"], nil, outcomeOf(x.ours, j)["Note"] != nil, true)
}

// showEmptyText gives a text and then, later, none.
func showEmptyText(r *round) {
	j := r.new()
	x := r.differ(with("alice", "PATCH", "/api/jobs/status", about(j, object{
		zulu(r.now()): object{"MinorStatus": "x"}, zulu(r.now()): object{"MinorStatus": ""},
	})), 200, 200)
	r.wants("MinorStatus", outcomeOf(x.theirs, j)["MinorStatus"], nil, outcomeOf(x.ours, j)["MinorStatus"], "x")
}

func showKillConfirmed(r *round) {
	j := r.new()
	r.to(j, "Killed")
	beat := with("pilot", "PATCH", "/api/jobs/heartbeat", about(j, object{}))
	r.play(beat)
	r.play(with("alice", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{"MinorStatus": "x"}})))
	x := r.differ(beat, 200, 200)
	r.wants("commands", len(x.theirs.Body.([]any)), 1, len(x.ours.Body.([]any)), 0)
}

func showOffset(r *round) {
	r.differ(with("alice", "PATCH", "/api/jobs/status", about(r.new(), object{"2024-02-29T10:00:00+02:00": object{"Status": "Checking"}})), 400, 200)
}

// showRounding dates two updates with the same time, whose fraction of milliseconds is rounded up.
func showRounding(r *round) {
	j := r.new()
	at := zulu(r.now().Add(600 * time.Microsecond))
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{at: object{"Status": "Checking"}})), 200, 200)
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{at: object{"Status": "Waiting"}})), 200, 200)
	theirs, ours := r.rowOf(j)
	r.wants("Status", theirs["Status"], "Checking", ours["Status"], "Waiting")
}

func showExecTimes(r *round) {
	j := r.new()
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{"Status": "Done"}})), 200, 200)
	theirs, ours := r.rowOf(j)
	r.wants("EndExecTime", theirs["EndExecTime"] != nil, true, ours["EndExecTime"], nil)
}

func showHeartBeatTime(r *round) {
	j := r.new()
	r.play(with("pilot", "PATCH", "/api/jobs/heartbeat", about(j, object{})))
	late := object{"2024-02-29T10:00:00Z": object{"MinorStatus": "x", "Source": "JobWrapper"}}
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, late)), 200, 200)
	theirs, ours := r.rowOf(j)
	isBack := func(row object) bool { return strings.HasPrefix(row["HeartBeatTime"].(string), "2024") }
	r.wants("HeartBeatTime is back", isBack(theirs), true, isBack(ours), false)
}

func showSlowClock(r *round) {
	j := r.new()
	late := object{"2024-02-29T10:00:00Z": object{"Status": "Checking", "Source": "JobWrapper"}}
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, late)), 200, 200)
	theirs, ours := r.rowOf(j)
	r.wants("Status", theirs["Status"], "Received", ours["Status"], "Checking")
}
