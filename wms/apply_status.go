package wms

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jobdb"
)

// updatePolicy says how the updates of a request are treated.
type updatePolicy struct {
	now   time.Time // by the server's clock
	force bool      // any status may follow any other

	// countsAsNow tells whether an update that is late counts as of now, instead of changing
	// nothing.
	countsAsNow func(StatusUpdate) bool

	// fit makes a text fit for the columns of a name, see [jobdb.DB.FitText].
	fit func(column, text string) string
}

// always is the countsAsNow of updates that the server itself makes. They are of now, even if the
// history has later times because a clock was ahead.
func always(StatusUpdate) bool { return true }

// jobUpdate computes what the updates of one job do to it.
type jobUpdate struct {
	updatePolicy
	job        jobdb.Attributes      // as it was before
	status     jobdb.Status          // after the steps applied so far
	history    []jobdb.HistoryRecord // only where one of the updates is late
	lastUpdate time.Time             // older updates are late
	counted    time.Time             // the time as of which the last update counts that wasn't late
	steps      []step                // the updates in the order of their times
	change     StatusChange
	notes      []string
}

// step is an update on its way into the history.
type step struct {
	StatusUpdate
	at      time.Time // the time as of which it counts
	late    bool      // it changes no status
	refused bool      // the state machine didn't let it change the status
}

// timeRounding allows for StatusTimeOrder, which databases round to milliseconds: a time may be
// this much before another one and yet be the same.
const timeRounding = time.Millisecond / 2

// maxClockSkew is how much a clock may be ahead of the server's.
const maxClockSkew = time.Minute

// minTime is before all computing grids; and times before 1978 can't be stored in every history.
var minTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// The source of a refused status gets a mark in the history, which holds so many characters of it.
const (
	maxSource   = 32
	refusedMark = "(SM)"
)

// newUpdate sorts a job's updates by their times. times has the latest time of each status in its
// history.
func (p updatePolicy) newUpdate(job jobdb.Attributes, times map[jobdb.Status]time.Time, updates []StatusUpdate) *jobUpdate {
	u := &jobUpdate{updatePolicy: p, job: job, status: statusOf(job)}
	for _, update := range updates {
		update.Time = update.Time.UTC().Truncate(time.Microsecond)
		u.fitText("MinorStatus", &update.MinorStatus)
		u.fitText("ApplicationStatus", &update.ApplicationStatus)
		u.steps = append(u.steps, step{StatusUpdate: update})
	}
	slices.SortStableFunc(u.steps, func(a, b step) int { return a.Time.Compare(b.Time) })
	u.lastUpdate = u.findLastUpdate(times)
	return u
}

// hasLate tells whether one of the updates is older than the job's last one.
func (u *jobUpdate) hasLate() bool { return len(u.steps) > 0 && u.isLate(&u.steps[0]) }

// apply applies the updates one after the other; their effect is in change.
func (u *jobUpdate) apply() {
	if u.status == jobdb.StatusStalled { // a job that is heard of again runs
		u.status = jobdb.StatusRunning
	}
	for i := range u.steps {
		s := &u.steps[i]
		u.resolveTime(s)
		if !s.late {
			u.move(s)
			u.setExecTimes(s)
			u.change.MinorStatus = cmp.Or(s.MinorStatus, u.change.MinorStatus)
			u.change.ApplicationStatus = cmp.Or(s.ApplicationStatus, u.change.ApplicationStatus)
			u.change.LastUpdateTime = u.now
		}
		u.setHeartBeat(s)
		u.fitText("StatusSource", &s.Source)
	}
	u.change.Note = strings.Join(u.notes, "; ")
}

// maxNotes is how many different notes a job gets at most.
const maxNotes = 10

func (u *jobUpdate) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case len(u.notes) > maxNotes || slices.Contains(u.notes, text):
	case len(u.notes) == maxNotes:
		u.notes = append(u.notes, "and more of this kind")
	default:
		u.notes = append(u.notes, text)
	}
}

// findLastUpdate returns when the job was updated last, the zero time without a history. Times in
// the future, which a wrong clock wrote, don't count, or all later updates would be late.
//
// A history in a database of its own may be ahead of the job: it then has the records of an
// earlier try of this request, which failed before the job was changed. They don't count
// either, or the second try would be late.
func (u *jobUpdate) findLastUpdate(times map[jobdb.Status]time.Time) (last time.Time) {
	newest := time.Time{}
	for status, at := range times {
		if status != jobdb.Idem {
			newest = latest(newest, at)
		}
	}
	historyIsAhead := times[u.status].Before(newest)
	for status, at := range times {
		if u.isFuture(at) || historyIsAhead && u.asksFor(status, at) {
			continue
		}
		last = latest(last, at)
	}
	return last
}

func (u *jobUpdate) isFuture(t time.Time) bool { return isFuture(t, u.now) }

func isFuture(t, now time.Time) bool { return t.After(now.Add(maxClockSkew)) }

// asksFor reports whether one of the updates has this status and time.
func (u *jobUpdate) asksFor(status jobdb.Status, at time.Time) bool {
	return slices.ContainsFunc(u.steps, func(s step) bool {
		return cmp.Or(s.Status, jobdb.Idem) == status && s.Time.Sub(at).Abs() <= timeRounding
	})
}

func (u *jobUpdate) isLate(s *step) bool { return s.Time.Add(timeRounding).Before(u.lastUpdate) }

// resolveTime decides as of which time an update counts, or that it is late. Updates that count
// keep their order.
func (u *jobUpdate) resolveTime(s *step) {
	now := latest(u.now, u.lastUpdate.Add(timeRounding), u.counted)
	switch late := u.isLate(s); {
	case s.Time.Before(minTime):
		u.note("%s is of a clock that isn't set: it counts as %s", timeText(s.Time), timeText(now))
		s.Time = now
	case u.isFuture(s.Time):
		u.note("%s is more than a minute ahead of the server's clock: it counts as %s", timeText(s.Time), timeText(now))
		s.Time = now
	case late && u.countsAsNow(s.StatusUpdate):
		u.noteCounted(s, now)
		s.Time = now
	case late && u.isSlowClock(s):
		// The history keeps the time that the source gave: what it says next is newer than that.
		u.noteCounted(s, now)
		s.at, u.counted = now, now
		return
	case late:
		u.note("an update older than the job's last one (%s) changed no status: it is in the history only", timeText(u.lastUpdate))
		s.at, s.late = s.Time, true
		return
	case s.Time.Before(u.counted):
		u.note("%s counts as %s, after what was asked for before it", timeText(s.Time), timeText(u.counted))
		s.Time = u.counted
	}
	s.at, u.counted = s.Time, s.Time
}

func (u *jobUpdate) noteCounted(s *step, now time.Time) {
	u.note("%s of %s is older than the job's last update (%s): it counts as of %s",
		cmp.Or(string(s.Status), "an update"), timeText(s.Time), timeText(u.lastUpdate), timeText(now))
}

// isSlowClock reports whether a late update may come from a source whose clock is behind: it is
// newer than all earlier updates of the same source in this run of the job, and leads to a status
// that may follow the job's.
func (u *jobUpdate) isSlowClock(s *step) bool {
	allowed := s.Status == "" || s.Status == u.status || NextStatus(u.status, s.Status) == s.Status
	if !allowed || !u.isOfThisRun(s.Time) {
		return false
	}
	return !slices.ContainsFunc(u.history, func(r jobdb.HistoryRecord) bool {
		isOwn := u.sameSource(r.Source, s.Source)
		return isOwn && !recordedAs(s.Time, r).After(r.Time) && !u.repeats(r)
	})
}

// repeats reports whether a record of the history comes from one of the updates, because this
// request was made before.
func (u *jobUpdate) repeats(r jobdb.HistoryRecord) bool {
	return slices.ContainsFunc(u.steps, func(s step) bool {
		sameStatus := s.Status == "" || s.Status == r.Status
		return sameStatus && recordedAs(s.Time, r).Equal(r.Time) && u.sameSource(r.Source, s.Source)
	})
}

// recordedAs returns t as precise as the time of a record: some databases keep whole seconds.
func recordedAs(t time.Time, r jobdb.HistoryRecord) time.Time {
	if r.Time.Nanosecond() == 0 {
		return t.Truncate(time.Second)
	}
	return t
}

// sameSource compares the source of a record, which may be cut and marked, with one of an update.
func (u *jobUpdate) sameSource(recorded, asked string) bool {
	recorded, isMarked := strings.CutSuffix(recorded, refusedMark)
	asked = u.fit("StatusSource", asked)
	if isMarked {
		asked = firstRunes(asked, maxSource-len(refusedMark))
	}
	return recorded == asked
}

// isOfThisRun reports whether a time is in the job's present run, which begins when it was last
// rescheduled.
func (u *jobUpdate) isOfThisRun(at time.Time) bool {
	return !at.Before(timeOf(u.job, "RescheduleTime", u.now))
}

// setExecTimes sets the times at which the payload began and ended, unless the job has them.
func (u *jobUpdate) setExecTimes(s *step) {
	c := &u.change
	switch {
	case s.refused || !u.isOfThisRun(s.at):
	case s.Status == jobdb.StatusRunning && u.job["StartExecTime"] == nil && c.StartExecTime.IsZero():
		c.StartExecTime = s.at
	case slices.Contains(jobdb.FinalStatuses, s.Status) && u.job["EndExecTime"] == nil && c.EndExecTime.IsZero():
		c.EndExecTime = s.at
	}
}

// setHeartBeat takes an update from the job itself, even a late one, for a sign of life, unless it
// is older than the last one.
func (u *jobUpdate) setHeartBeat(s *step) {
	last := timeOf(u.job, "HeartBeatTime", u.now)
	isOwn := strings.HasPrefix(s.Source, "Job") || s.Source == sourceHeartbeat
	if isOwn && u.isOfThisRun(s.at) && s.at.After(latest(last, u.change.HeartBeatTime)) {
		u.change.HeartBeatTime = s.at
	}
}

// move gives the job the status of an update if the state machine allows it. An update without a
// status keeps the job's status; as in the reference, that undoes a forced one of the same request.
func (u *jobUpdate) move(s *step) {
	u.change.Status = cmp.Or(s.Status, u.status)
	if u.force || u.change.Status == u.status {
		return
	}
	if to := NextStatus(u.status, s.Status); to != s.Status {
		u.note("a job in %s can't become %s: it stays %s", u.status, s.Status, to)
		u.fitText("StatusSource", &s.Source)
		if cut := firstRunes(s.Source, maxSource-len(refusedMark)); cut != s.Source {
			u.note("Source was cut to %d characters", maxSource-len(refusedMark))
			s.Source = cut
		}
		s.Source += refusedMark
		s.Status, s.refused = to, true
	}
	u.status, u.change.Status = s.Status, s.Status
}

// fitText makes a text fit for its columns: a text that is too long must not make the whole request
// fail.
func (u *jobUpdate) fitText(column string, text *string) {
	fitted := u.fit(column, *text)
	if fitted == *text {
		return
	}
	name := strings.TrimPrefix(column, "Status") // the name that requests have for it
	if before, after := utf8.RuneCountInString(*text), utf8.RuneCountInString(fitted); after < before {
		u.note("%s was cut to %d characters", name, after)
	} else {
		u.note("%s has characters that the database can't hold: they were replaced", name)
	}
	*text = fitted
}

func firstRunes(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}

// historyRecords returns the history records of the updates.
func (u *jobUpdate) historyRecords(id jobdb.JobID) []jobdb.HistoryRecord {
	records := make([]jobdb.HistoryRecord, len(u.steps))
	for i, s := range u.steps {
		records[i] = jobdb.HistoryRecord{
			JobID: id, Status: cmp.Or(s.Status, jobdb.Idem), MinorStatus: cmp.Or(s.MinorStatus, jobdb.Idem),
			ApplicationStatus: cmp.Or(s.ApplicationStatus, jobdb.Idem), Time: s.Time, Source: s.Source,
		}
	}
	return records
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

func timeText(t time.Time) string { return t.Format(time.RFC3339Nano) }
