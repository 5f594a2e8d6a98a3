package wms

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// manner is how updates are treated.
type manner struct {
	now   time.Time // by the server's clock
	force bool
	// urgent tells whether an update that is late counts from now.
	urgent func(StatusUpdate) bool
}

// work is what becomes of one job's updates.
type work struct {
	manner
	status string // of the job, as far as the state machine has come
	last   time.Time
	steps  []step
	change StatusChange
	notes  []string
}

// step is one update on its way: when it counts, and what goes into the history.
type step struct {
	StatusUpdate
	late bool // it changes no status
}

// StatusTimeOrder is rounded to milliseconds: a time may be this much before
// another one and yet be the same.
const rounding = time.Millisecond / 2

// mostAhead is how much a clock may be ahead of the server's.
const mostAhead = time.Minute

// What the history holds of texts that the reference cuts, and the mark for a status that isn't the one asked for.
const (
	mostSource      = 32
	mostApplication = 255
	refusedMark     = "(SM)"
)

// work finds out what becomes of a job's updates. times are the latest of each status in its history.
func (m manner) work(job jobdb.Attributes, times map[string]time.Time, updates []StatusUpdate) *work {
	w := &work{manner: m}
	w.status, _ = job["Status"].(string)
	for _, u := range updates {
		u.Time = u.Time.UTC().Truncate(time.Microsecond)
		w.steps = append(w.steps, step{StatusUpdate: u})
	}
	slices.SortStableFunc(w.steps, func(a, b step) int { return a.Time.Compare(b.Time) })
	w.last = w.lastUpdate(times)
	w.settle()
	w.startAndEnd(job["StartExecTime"] != nil, job["EndExecTime"] != nil)
	w.setStatus()
	w.cut()
	w.change.Note = strings.Join(w.notes, "; ")
	return w
}

// mostNotes bounds what is told of a job whose updates are many.
const mostNotes = 10

func (w *work) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case len(w.notes) > mostNotes || slices.Contains(w.notes, text):
	case len(w.notes) == mostNotes:
		w.notes = append(w.notes, "and more of this kind")
	default:
		w.notes = append(w.notes, text)
	}
}

// lastUpdate is when the job was updated last, or zero without a history. What
// others dated into the future doesn't count, or all later updates would be late.
//
// Where the history has a database of its own it may be ahead of the job: it has
// the records of an earlier try of this request, which failed before the job
// was changed. These don't count either, or the second try would be late.
func (w *work) lastUpdate(times map[string]time.Time) (last time.Time) {
	newest := time.Time{}
	for status, at := range times {
		if status != jobdb.Idem {
			newest = latest(newest, at)
		}
	}
	ahead := times[w.status].Before(newest)
	for status, at := range times {
		if w.isFuture(at) || ahead && w.asksFor(status, at) {
			continue
		}
		last = latest(last, at)
	}
	return last
}

func (w *work) isFuture(t time.Time) bool { return t.After(w.now.Add(mostAhead)) }

func (w *work) asksFor(status string, at time.Time) bool {
	return slices.ContainsFunc(w.steps, func(s step) bool {
		return cmp.Or(s.Status, jobdb.Idem) == status && s.Time.Sub(at).Abs() <= rounding
	})
}

// earliest is before all computing grids; and times before 1978 can't be stored in every history.
var earliest = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// settle finds out when each update counts and which are late. What counts does so in the order of the times that were given.
func (w *work) settle() {
	var before time.Time
	for i := range w.steps {
		s := &w.steps[i]
		isLate := s.Time.Add(rounding).Before(w.last)
		switch now := latest(w.now, w.last.Add(rounding), before); {
		case s.Time.Before(earliest):
			w.note("%s is of a clock that isn't set: it counts as %s", timeText(s.Time), timeText(now))
			s.Time = now
		case w.isFuture(s.Time):
			w.note("%s is more than a minute ahead of the server's clock: it counts as %s", timeText(s.Time), timeText(now))
			s.Time = now
		case isLate && w.urgent(s.StatusUpdate):
			w.note("%s of %s is older than the job's last update (%s): it counts as of %s", s.Status, timeText(s.Time), timeText(w.last), timeText(now))
			s.Time = now
		case isLate:
			w.note("an update older than the job's last one (%s) changed no status: it is in the history only", timeText(w.last))
			s.late = true
			continue
		case s.Time.Before(before):
			w.note("%s counts as %s, after what was asked for before it", timeText(s.Time), timeText(before))
			s.Time = before
		}
		before = s.Time
	}
}

// startAndEnd finds the times at which the job began and ended to run, unless
// it has them. As in the reference, what is asked for counts here, late or not, allowed or not.
func (w *work) startAndEnd(started, ended bool) {
	status := ""
	for _, s := range w.steps {
		status = cmp.Or(s.Status, status)
		switch {
		case !started && status == statusRunning:
			w.change.StartExecTime, started = s.Time, true
		case !ended && slices.Contains(finals, status):
			w.change.EndExecTime, ended = s.Time, true
		}
	}
}

// setStatus lets those updates that aren't late change the status.
func (w *work) setStatus() {
	if w.status == statusStalled { // who reports something runs
		w.status = statusRunning
	}
	for i := range w.steps {
		s := &w.steps[i]
		if !s.late {
			w.move(s)
			w.change.MinorStatus = cmp.Or(s.MinorStatus, w.change.MinorStatus)
			w.change.ApplicationStatus = cmp.Or(s.ApplicationStatus, w.change.ApplicationStatus)
			w.change.LastUpdateTime = w.now
		}
		if strings.HasPrefix(s.Source, "Job") || s.Source == sourceHeartbeat {
			w.change.HeartBeatTime = latest(w.change.HeartBeatTime, s.Time)
		}
	}
}

// move asks the state machine where the job goes. An update without a status
// confirms the one that is. As in the reference, this takes a forced one back that came before it.
func (w *work) move(s *step) {
	w.change.Status = cmp.Or(s.Status, w.status)
	if w.force || w.change.Status == w.status {
		return
	}
	if to := next(w.status, s.Status); to != s.Status {
		w.note("a job in %s can't become %s: it stays %s", w.status, s.Status, to)
		w.shorten("Source", &s.Source, mostSource-len(refusedMark))
		s.Source += refusedMark
		s.Status = to
	}
	w.status, w.change.Status = s.Status, s.Status
}

// cut shortens what the history can't hold.
func (w *work) cut() {
	for i := range w.steps {
		w.shorten("Source", &w.steps[i].Source, mostSource)
		w.shorten("ApplicationStatus", &w.steps[i].ApplicationStatus, mostApplication)
	}
}

func (w *work) shorten(name string, value *string, most int) {
	if runes := []rune(*value); len(runes) > most {
		*value = string(runes[:most])
		w.note("%s was cut to %d characters in the history", name, most)
	}
}

// history is what is to be remembered of the updates.
func (w *work) history(id jobdb.JobID) []jobdb.HistoryRecord {
	records := make([]jobdb.HistoryRecord, len(w.steps))
	for i, s := range w.steps {
		records[i] = jobdb.HistoryRecord{
			JobID: id, Status: cmp.Or(s.Status, jobdb.Idem), MinorStatus: cmp.Or(s.MinorStatus, jobdb.Idem),
			ApplicationStatus: cmp.Or(s.ApplicationStatus, jobdb.Idem), Time: s.Time, Source: s.Source,
		}
	}
	return records
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

func timeText(t time.Time) string { return t.Format(time.RFC3339Nano) }
