package wms

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// updatePolicy is how the updates of a request are treated.
type updatePolicy struct {
	now   time.Time // by the server's clock
	force bool      // any status may follow any other

	// countsAsNow tells whether an update that is late counts as of now, instead of changing
	// nothing.
	countsAsNow func(StatusUpdate) bool
}

// always is the countsAsNow of updates that the server itself makes: they are of now, even if the
// history has times of clocks that are ahead.
func always(StatusUpdate) bool { return true }

// jobUpdate is what becomes of the updates of one job.
type jobUpdate struct {
	updatePolicy
	status     jobdb.Status // the job's, as far as the state machine has come
	lastUpdate time.Time    // what is older is late
	steps      []step       // the updates in the order of their times
	change     StatusChange
	notes      []string
}

// step is an update on its way into the history.
type step struct {
	StatusUpdate
	late bool // it changes no status
}

// timeRounding allows for StatusTimeOrder, which databases round to milliseconds: a time may be
// this much before another one and yet be the same.
const timeRounding = time.Millisecond / 2

// maxClockSkew is how much a clock may be ahead of the server's.
const maxClockSkew = time.Minute

// minTime is before all computing grids; and times before 1978 can't be stored in every history.
var minTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// What the history holds of two texts, in characters, as in the reference; and the mark that the
// source of a refused status gets there.
const (
	maxSource            = 32
	maxApplicationStatus = 255
	refusedMark          = "(SM)"
)

// apply computes what becomes of a job's updates. times are the latest times of each status in its
// history.
func (p updatePolicy) apply(job jobdb.Attributes, times map[jobdb.Status]time.Time, updates []StatusUpdate) *jobUpdate {
	u := &jobUpdate{updatePolicy: p, status: statusOf(job)}
	for _, update := range updates {
		update.Time = update.Time.UTC().Truncate(time.Microsecond)
		u.steps = append(u.steps, step{StatusUpdate: update})
	}
	slices.SortStableFunc(u.steps, func(a, b step) int { return a.Time.Compare(b.Time) })
	u.lastUpdate = u.findLastUpdate(times)
	u.resolveTimes()
	u.setExecTimes(job["StartExecTime"] != nil, job["EndExecTime"] != nil)
	u.setStatus()
	u.cutTexts()
	u.change.Note = strings.Join(u.notes, "; ")
	return u
}

// maxNotes bounds what is told of a job that has many updates.
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

// findLastUpdate returns when the job was updated last, the zero time without a history. Times that
// others dated into the future don't count, or all later updates would be late.
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

func (u *jobUpdate) isFuture(t time.Time) bool { return t.After(u.now.Add(maxClockSkew)) }

// asksFor tells whether one of the updates is a record of the history.
func (u *jobUpdate) asksFor(status jobdb.Status, at time.Time) bool {
	return slices.ContainsFunc(u.steps, func(s step) bool {
		return cmp.Or(s.Status, jobdb.Idem) == status && s.Time.Sub(at).Abs() <= timeRounding
	})
}

// resolveTimes decides as of when each update counts, and which are late. Those that count keep the
// order of the times that they came with.
func (u *jobUpdate) resolveTimes() {
	var before time.Time // the one that counts before
	for i := range u.steps {
		s := &u.steps[i]
		isLate := s.Time.Add(timeRounding).Before(u.lastUpdate)
		switch now := latest(u.now, u.lastUpdate.Add(timeRounding), before); {
		case s.Time.Before(minTime):
			u.note("%s is of a clock that isn't set: it counts as %s", timeText(s.Time), timeText(now))
			s.Time = now
		case u.isFuture(s.Time):
			u.note("%s is more than a minute ahead of the server's clock: it counts as %s", timeText(s.Time), timeText(now))
			s.Time = now
		case isLate && u.countsAsNow(s.StatusUpdate):
			u.note("%s of %s is older than the job's last update (%s): it counts as of %s",
				s.Status, timeText(s.Time), timeText(u.lastUpdate), timeText(now))
			s.Time = now
		case isLate:
			u.note("an update older than the job's last one (%s) changed no status: it is in the history only", timeText(u.lastUpdate))
			s.late = true
			continue
		case s.Time.Before(before):
			u.note("%s counts as %s, after what was asked for before it", timeText(s.Time), timeText(before))
			s.Time = before
		}
		before = s.Time
	}
}

// setExecTimes sets the times at which the job began and ended to run, unless it has them. As in
// the reference, what is asked for counts here, even if it is late or not allowed.
func (u *jobUpdate) setExecTimes(hasStart, hasEnd bool) {
	var status jobdb.Status
	for _, s := range u.steps {
		status = cmp.Or(s.Status, status)
		switch {
		case !hasStart && status == jobdb.StatusRunning:
			u.change.StartExecTime, hasStart = s.Time, true
		case !hasEnd && slices.Contains(jobdb.FinalStatuses, status):
			u.change.EndExecTime, hasEnd = s.Time, true
		}
	}
}

// setStatus lets the updates that aren't late change the status, one after the other.
func (u *jobUpdate) setStatus() {
	if u.status == jobdb.StatusStalled { // a job of which something is heard runs
		u.status = jobdb.StatusRunning
	}
	for i := range u.steps {
		s := &u.steps[i]
		if !s.late {
			u.move(s)
			u.change.MinorStatus = cmp.Or(s.MinorStatus, u.change.MinorStatus)
			u.change.ApplicationStatus = cmp.Or(s.ApplicationStatus, u.change.ApplicationStatus)
			u.change.LastUpdateTime = u.now
		}
		if strings.HasPrefix(s.Source, "Job") || s.Source == sourceHeartbeat {
			u.change.HeartBeatTime = latest(u.change.HeartBeatTime, s.Time)
		}
	}
}

// move takes the job to the status of an update if the state machine lets it. An update without a
// status confirms the status that the job has; as in the reference, that undoes a forced one before
// it.
func (u *jobUpdate) move(s *step) {
	u.change.Status = cmp.Or(s.Status, u.status)
	if u.force || u.change.Status == u.status {
		return
	}
	if to := nextStatus(u.status, s.Status); to != s.Status {
		u.note("a job in %s can't become %s: it stays %s", u.status, s.Status, to)
		u.cut("Source", &s.Source, maxSource-len(refusedMark))
		s.Source += refusedMark
		s.Status = to
	}
	u.status, u.change.Status = s.Status, s.Status
}

// cutTexts cuts what is too long for the history.
func (u *jobUpdate) cutTexts() {
	for i := range u.steps {
		u.cut("Source", &u.steps[i].Source, maxSource)
		u.cut("ApplicationStatus", &u.steps[i].ApplicationStatus, maxApplicationStatus)
	}
}

func (u *jobUpdate) cut(name string, value *string, maxLength int) {
	if runes := []rune(*value); len(runes) > maxLength {
		*value = string(runes[:maxLength])
		u.note("%s was cut to %d characters in the history", name, maxLength)
	}
}

// historyRecords returns what the history is to keep of the updates.
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
