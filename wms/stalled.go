package wms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"jobdb"
)

// StalledOptions say how [JobManager.CheckStalled] goes about it.
type StalledOptions struct {
	DryRun bool // no job changes
	// Changed is called for each job whose status changes or, in a dry run, would change; nil:
	// nothing is.
	Changed func(StalledJob)

	seen map[jobdb.JobID]bool // in a dry run, in which the next rules find the same jobs again
}

// StalledJob is a job whose status changes because it wasn't heard of.
type StalledJob struct {
	JobID    jobdb.JobID
	VO, Site string
	From, To jobdb.Status
	Heard    time.Time // when it was last heard of, or changed; zero: not known
}

// StalledCounts are numbers of jobs of a VO that became Stalled, Failed, and were rescheduled.
type StalledCounts struct{ Stalled, Failed, Rescheduled int64 }

func (c *StalledCounts) add(to jobdb.Status) {
	switch to {
	case jobdb.StatusStalled:
		c.Stalled++
	case jobdb.StatusFailed:
		c.Failed++
	default:
		c.Rescheduled++
	}
}

const (
	sourceStalled = "StalledJobAgent" // the same as DIRAC's agent
	stalledBatch  = 100               // jobs in a transaction
	stalledPause  = 20 * time.Millisecond

	pilotsPatience = 30 * time.Second // how long to wait for the pilots' database, which the other rules don't need
)

// stalledRule is one of the rules about jobs that aren't heard of.
type stalledRule struct {
	from     []jobdb.Status // of the jobs it is about
	to       jobdb.Status
	after    func(site string) Age // how long they must be silent
	shortest Age                   // of the ages that after returns; 0: the rule is off
	times    []string              // columns: the latest time in them is when a job was last heard of
	minor    func(after Age) string
	forced   bool // the state machine isn't asked
	kills    bool // sends a Kill, in case the job runs all the same

	reschedules bool // instead of only setting the status to

	only func(m *JobManager, ctx context.Context, vo string, ids []jobdb.JobID) ([]jobdb.JobID, error) // picks the jobs it is about; nil: all
}

// minorNoPilot is DIRAC's minor status of a Stalled job that has no pilot, or whose pilot has
// ended.
const minorNoPilot = "Job stalled: pilot not running"

// CheckStalled changes the status of jobs that weren't heard of for longer than book allows, as
// DIRAC's StalledJobAgent does:
//
//   - A job in Running or Completing becomes Stalled. Its next heartbeat, or change, makes it Running
//     again, see [JobManager.Heartbeat] and [JobManager.SetStatus].
//   - A job in Stalled becomes Failed with the minor status "Stalling for more than … sec", and gets a
//     Kill in case it is not dead.
//   - One that has no parameter Pilot_Reference, or whose pilots have ended, may become so sooner, with
//     the minor status "Job stalled: pilot not running". At sites that ask for it all these are
//     rescheduled instead, without a Kill, which the next run would get.
//   - A job in Submitting becomes Failed.
//   - A job that stays in a status before Running, as the rules name them, is rescheduled.
//
// Jobs are rescheduled as by [JobManager.Reschedule]: one that was rescheduled too often becomes
// Failed. A job was last heard of at the later of its HeartBeatTime and LastUpdateTime. Each job is
// checked again once it is locked. CheckStalled returns the numbers of changes by VO, also with an
// error. A rule for which the jobs' pilots can't be found out is an error, but the other rules are
// applied all the same.
func (m *JobManager) CheckStalled(ctx context.Context, book StalledBook, options StalledOptions) (map[string]StalledCounts, error) {
	vos, err := m.vos(ctx)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]StalledCounts, len(vos))
	options.seen = map[jobdb.JobID]bool{}
	var unknown []error
	for _, vo := range vos {
		of := StalledCounts{}
		for _, rule := range stalledRules(book.of(vo)) {
			if err = m.checkStalledRule(ctx, vo, rule, options, &of); err == nil {
				continue
			}
			err = fmt.Errorf("look for stalled jobs of %s: %w", vo, err)
			if _, ok := errors.AsType[unknownPilots](err); !ok {
				break
			}
			unknown, err = append(unknown, err), nil
		}
		counts[vo] = of
		if err != nil {
			break
		}
	}
	return counts, errors.Join(append(unknown, err)...)
}

// unknownPilots is the error of a rule for which the jobs' pilots can't be found out.
type unknownPilots struct{ error }

func (e unknownPilots) Unwrap() error { return e.error }

// stalledRules returns the rules, in an order in which no job is found twice in one run.
func stalledRules(s Stalled) (rules []stalledRule) {
	heard, changed := []string{"HeartBeatTime", "LastUpdateTime"}, []string{"LastUpdateTime"}
	add := func(rule stalledRule, which func(StalledTimes) Age) { // with the ages of each site
		rule.times, rule.shortest = heard, s.shortest(which)
		rule.after = func(site string) Age { return which(s.at(site)) }
		rules = append(rules, rule)
	}
	stalled := []jobdb.Status{jobdb.StatusStalled}
	noPilot := stalledRule{from: stalled, to: jobdb.StatusFailed, kills: true, minor: func(Age) string { return minorNoPilot }}
	pilotEnded := noPilot
	noPilot.only, pilotEnded.only = (*JobManager).withoutPilot, (*JobManager).withEndedPilots
	silent := stalledRule{from: stalled, to: jobdb.StatusFailed, kills: true, minor: func(after Age) string {
		return "Stalling for more than " + strconv.FormatInt(int64(time.Duration(after)/time.Second), 10) + " sec"
	}}
	add(noPilot, func(t StalledTimes) Age { return t.failsAfter(t.NoPilotAfter) })
	add(pilotEnded, func(t StalledTimes) Age { return t.failsAfter(t.PilotEndedAfter) })
	add(silent, func(t StalledTimes) Age { return t.failsAfter(t.FailedAfter) })
	again := stalledRule{from: stalled, to: received.status, reschedules: true, only: noPilot.only}
	add(again, func(t StalledTimes) Age { return t.reschedulesAfter(t.NoPilotAfter) })
	again.only = pilotEnded.only
	add(again, func(t StalledTimes) Age { return t.reschedulesAfter(t.PilotEndedAfter) })
	again.only = nil
	add(again, func(t StalledTimes) Age { return t.reschedulesAfter(t.FailedAfter) })
	running := stalledRule{from: []jobdb.Status{jobdb.StatusRunning, jobdb.StatusCompleting}, to: jobdb.StatusStalled}
	add(running, func(t StalledTimes) Age { return t.StalledAfter })

	addSince := func(rule stalledRule, age Age) { // since the last change, at all sites
		rule.times, rule.shortest, rule.after = changed, age, func(string) Age { return age }
		rules = append(rules, rule)
	}
	addSince(stalledRule{from: []jobdb.Status{jobdb.StatusSubmitting}, to: jobdb.StatusFailed, forced: true}, s.SubmittingAfter)
	for _, status := range slices.Sorted(maps.Keys(s.RescheduleAfter)) {
		addSince(stalledRule{from: []jobdb.Status{status}, to: received.status, reschedules: true}, s.RescheduleAfter[status])
	}
	return rules
}

// checkStalledRule applies a rule to the jobs that may be overdue. A job that never sent a
// heartbeat has no HeartBeatTime, so a second search finds these by their LastUpdateTime.
func (m *JobManager) checkStalledRule(ctx context.Context, vo string, rule stalledRule, options StalledOptions, counts *StalledCounts) error {
	if rule.shortest == 0 {
		return nil
	}
	before := m.now().Add(-time.Duration(rule.shortest))
	late := func(column string) jobdb.FilterSpec {
		return jobdb.FilterSpec{Parameter: column, Operator: "lt", Value: before.Format(time.RFC3339)}
	}
	finds := [][]jobdb.FilterSpec{{late(rule.times[0])}}
	if len(rule.times) > 1 {
		finds = append(finds, []jobdb.FilterSpec{{Parameter: rule.times[0], Operator: "is null"}, late(rule.times[1])})
	}
	for _, filters := range finds {
		statuses := make([]any, len(rule.from))
		for i, status := range rule.from {
			statuses[i] = string(status)
		}
		filters = append(filters, jobdb.FilterSpec{Parameter: "Status", Operator: "in", Values: statuses})
		search, err := (jobdb.SearchRequest{Parameters: []string{"JobID"}, Search: filters}).Parse(m.DB.Limits())
		if err != nil {
			return err
		}
		search.Scope.VO, search.PerPage = vo, stalledBatch
		err = m.eachBatch(ctx, search, stalledPause, func(ctx context.Context, ids []jobdb.JobID) error {
			return m.applyStalledRule(ctx, vo, rule, ids, options, counts)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// applyStalledRule changes those of the jobs that are overdue.
func (m *JobManager) applyStalledRule(
	ctx context.Context, vo string, rule stalledRule, ids []jobdb.JobID, options StalledOptions, counts *StalledCounts,
) (err error) {
	ids = slices.DeleteFunc(ids, func(id jobdb.JobID) bool { return options.seen[id] })
	if rule.only != nil {
		ids, err = rule.only(m, ctx, vo, ids)
		switch {
		case err != nil:
			return unknownPilots{err}
		case len(ids) == 0:
			return nil
		}
	}
	var changed []StalledJob
	find := func(ctx context.Context, tx *jobdb.Tx) (map[jobdb.JobID]jobdb.Attributes, error) {
		columns := slices.Concat(rescheduleColumns, updateColumns, []string{"Site", "LastUpdateTime"})
		jobs, err := (Scope{VO: vo}).lock(ctx, tx, ids, columns...)
		changed = m.overdueJobs(vo, rule, jobs)
		return jobs, err
	}
	if rule.reschedules && !options.DryRun {
		var r *rescheduling
		if r, err = m.rescheduleLocked(ctx, sourceStalled, false, find); err == nil {
			changed = slices.DeleteFunc(changed, func(job StalledJob) bool { // those whose JDL can't be prepared any more
				return job.To == rule.to && r.report.Failed[job.JobID] != ""
			})
		}
	} else {
		err = m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			jobs, err := find(ctx, tx)
			if err != nil || len(jobs) == 0 || options.DryRun {
				return err
			}
			return m.changeOverdue(ctx, tx, rule, jobs)
		})
	}
	if err != nil {
		return err
	}
	for _, job := range changed {
		counts.add(job.To)
		if options.DryRun {
			options.seen[job.JobID] = true
		}
		if options.Changed != nil {
			options.Changed(job)
		}
	}
	return nil
}

// withoutPilot are those of the jobs that have no parameter Pilot_Reference.
func (m *JobManager) withoutPilot(ctx context.Context, vo string, ids []jobdb.JobID) (without []jobdb.JobID, err error) {
	const reference = "Pilot_Reference"
	if m.Parameters == nil && m.DB.Schema() != jobdb.SchemaOurs {
		return nil, errors.New("NoPilotAfter: which jobs have a pilot isn't known here, for this database's parameters are in OpenSearch; " +
			"set --parameters-db on a server, or take the rule out")
	}
	parameters, err := m.ParametersOf(ctx, vo, ids, []string{reference})
	for _, id := range ids {
		if parameters[id][reference] == "" {
			without = append(without, id)
		}
	}
	return without, err
}

// withEndedPilots are those of the jobs whose pilots have all ended.
func (m *JobManager) withEndedPilots(ctx context.Context, _ string, ids []jobdb.JobID) ([]jobdb.JobID, error) {
	if m.PilotsEnded == nil {
		return nil, errors.New("PilotEndedAfter: which pilots have ended isn't known without their database; set --pilots-db, or take the rule out")
	}
	ctx, cancel := context.WithTimeout(ctx, pilotsPatience)
	defer cancel()
	return m.PilotsEnded(ctx, ids)
}

// overdueJobs returns those of the jobs that are overdue by the rule. It deletes the others from
// jobs.
func (m *JobManager) overdueJobs(vo string, rule stalledRule, jobs map[jobdb.JobID]jobdb.Attributes) (silent []StalledJob) {
	now := m.now()
	for _, id := range slices.Sorted(maps.Keys(jobs)) {
		job := StalledJob{JobID: id, VO: vo, Site: textOf(jobs[id], "Site"), From: statusOf(jobs[id])}
		for _, column := range rule.times {
			job.Heard = latest(job.Heard, timeOf(jobs[id], column, now))
		}
		after := rule.after(job.Site)
		if after > 0 && slices.Contains(rule.from, job.From) && now.Sub(job.Heard) > time.Duration(after) {
			job.To = m.statusByRule(rule, jobs[id])
		}
		if job.To == "" {
			delete(jobs, id)
			continue
		}
		silent = append(silent, job)
	}
	return silent
}

// statusByRule is the status that an overdue job gets by a rule, "" if it stays as it is.
func (m *JobManager) statusByRule(rule stalledRule, job jobdb.Attributes) jobdb.Status {
	if !rule.reschedules {
		return rule.to
	}
	switch refused, exhausted := m.refusesReschedule(job, false); {
	case exhausted && NextStatus(statusOf(job), jobdb.StatusFailed) == jobdb.StatusFailed:
		return jobdb.StatusFailed
	case refused != "":
		return ""
	}
	return rule.to
}

// changeOverdue changes the status of overdue jobs that tx has locked.
func (m *JobManager) changeOverdue(ctx context.Context, tx *jobdb.Tx, rule stalledRule, jobs map[jobdb.JobID]jobdb.Attributes) error {
	updates := make(map[jobdb.JobID][]StatusUpdate, len(jobs))
	for id, job := range jobs {
		update := StatusUpdate{Time: m.now(), Status: rule.to, Source: sourceStalled}
		if rule.minor != nil {
			update.MinorStatus = rule.minor(rule.after(textOf(job, "Site")))
		}
		updates[id] = []StatusUpdate{update}
	}
	if _, err := m.applyUpdates(ctx, tx, jobs, updates, updatePolicy{force: rule.forced, countsAsNow: always}); err != nil {
		return err
	}
	if !rule.kills {
		return nil
	}
	ids := slices.Sorted(maps.Keys(jobs))
	if err := kill(ctx, tx, ids); err != nil {
		return err
	}
	return m.leaveTaskQueues(ctx, tx, ids)
}
