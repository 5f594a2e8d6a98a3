package main

import (
	"fmt"
	"strings"
	"time"

	"jobdb"
)

// why explains in words why a job has its status, as far as its own records tell.
func (d details) why(now time.Time) string {
	id, last := d.attribute("JobID"), historyRecord{}
	if n := len(d.History); n > 0 {
		last = d.History[n-1]
	}
	since := ""
	if states := d.states(now); len(states) > 0 {
		since = " for " + duration(now.Sub(states[len(states)-1].from))
	}
	minor := d.attribute("MinorStatus")
	switch jobdb.Status(d.attribute("Status")) {
	case jobdb.StatusSubmitting:
		return "It is one of several parametric jobs whose submission was never confirmed" + since + ". jobdb status set Received " + id + " confirms it."
	case jobdb.StatusReceived, jobdb.StatusChecking, jobdb.StatusScouting:
		return "The services that check new jobs haven't passed it on" + since + " (" + minor + ")."
	case jobdb.StatusStaging:
		return "Its input data come from tape" + since + " (" + minor + ")."
	case jobdb.StatusWaiting:
		return "It waits for a pilot at " + orAny(d.attribute("Site")) + since + " (" + minor + "). It needs a site that has what its JDL asks for, see jobdb show --jdl " + id + "."
	case jobdb.StatusMatched:
		return "A pilot at " + orAny(d.attribute("Site")) + " has taken it, and it hasn't begun" + since + "."
	case jobdb.StatusRunning, jobdb.StatusCompleting:
		return "It runs at " + orAny(d.attribute("Site")) + since + d.lastBeat(now) + "."
	case jobdb.StatusStalled:
		return "It should run at " + orAny(d.attribute("Site")) + ", but nothing was heard of it" + d.lastBeat(now) + "."
	case jobdb.StatusDone, jobdb.StatusCompleted:
		return "It has ended well (" + minor + ")."
	case jobdb.StatusFailed:
		return "It failed" + d.before() + ": " + reasons(minor, d.attribute("ApplicationStatus")) + saidBy(last) + "."
	case jobdb.StatusKilled, jobdb.StatusDeleted:
		return "Somebody ended it" + d.before() + ": " + reasons(minor, d.attribute("ApplicationStatus")) + saidBy(last) + "."
	case jobdb.StatusRescheduled:
		return "It is to run again" + since + ": " + reasons(minor, d.attribute("ApplicationStatus")) + "."
	}
	return reasons(minor, d.attribute("ApplicationStatus")) + "."
}

func orAny(site string) string {
	if site == "" || site == "ANY" {
		return "any site"
	}
	return site
}

// lastBeat says when the last heartbeat of a job came.
func (d details) lastBeat(now time.Time) string {
	at := d.at("HeartBeatTime")
	if at.IsZero() {
		return ", and has sent no heartbeat"
	}
	return ", heard of " + duration(now.Sub(at)) + " ago"
}

// before says what the job did before it ended, and for how long.
func (d details) before() string {
	states := d.states(time.Time{})
	if len(states) < 2 {
		return ""
	}
	was := states[len(states)-2]
	return fmt.Sprintf(" after %s of %s at %s", duration(was.to.Sub(was.from)), was.status, orAny(d.attribute("Site")))
}

func reasons(minor, application string) string {
	if application == "" || application == "Unknown" {
		return minor
	}
	return strings.TrimPrefix(minor+", "+application, ", ")
}

func saidBy(r historyRecord) string {
	if r.Source == "" || r.Source == "Unknown" {
		return ""
	}
	return ", said " + r.Source
}
