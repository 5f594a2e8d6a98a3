package wms

import (
	"context"
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
	// Changed is told of each job whose status changes or, in a dry run, would; nil: nobody is.
	Changed func(StalledJob)
}

// StalledJob is a job whose status changes because it wasn't heard of.
type StalledJob struct {
	JobID    jobdb.JobID
	VO, Site string
	From, To jobdb.Status
	Heard    time.Time // when it was heard of last, or changed; zero: nobody knows
}

// StalledCounts are numbers of jobs of a VO that became Stalled, and Failed.
type StalledCounts struct{ Stalled, Failed int64 }

const (
	sourceStalled = "StalledJobAgent" // which DIRAC's agent names, too
	stalledBatch  = 100               // jobs in a transaction
	stalledPause  = 20 * time.Millisecond
)

// silence is one of the rules about jobs that aren't heard of.
type silence struct {
	from   []jobdb.Status // of these jobs
	to     jobdb.Status
	after  func(site string) Age // that are silent for so long
	least  Age                   // at any site; 0: never
	times  []string              // columns of which the latest says when a job was heard of; the first finds jobs
	minor  func(after Age) string
	forced bool // the state machine isn't asked
	kills  bool // in case they run all the same
}

// CheckStalled changes the status of jobs that weren't heard of for as long as book says, as DIRAC's
// StalledJobAgent does:
//
//   - A job in Running or Completing becomes Stalled. Its next heartbeat, or change, makes it Running
//     again, see [JobManager.Heartbeat] and [JobManager.SetStatus].
//   - A job in Stalled becomes Failed with the minor status "Stalling for more than … sec", and gets a
//     Kill in case it is not dead.
//   - A job in Submitting becomes Failed.
//
// A job was heard of at the later of its HeartBeatTime and LastUpdateTime. Each job is looked at
// again while nobody else can change it. It returns the numbers of changes by VO, also with an error.
//
// DIRAC's agent also fails a Stalled job at once when its pilot is gone, reschedules jobs at sites
// that ask for it, and those that stay Matched or Rescheduled. This doesn't.
func (m *JobManager) CheckStalled(ctx context.Context, book StalledBook, options StalledOptions) (map[string]StalledCounts, error) {
	vos, err := m.vos(ctx)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]StalledCounts, len(vos))
	for _, vo := range vos {
		of := StalledCounts{}
		for _, rule := range silences(book.of(vo)) {
			if err = m.checkSilence(ctx, vo, rule, options, &of); err != nil {
				break
			}
		}
		counts[vo] = of
		if err != nil {
			return counts, fmt.Errorf("look for stalled jobs of %s: %w", vo, err)
		}
	}
	return counts, nil
}

func silences(s Stalled) []silence {
	stalled := func(t StalledTimes) Age { return t.StalledAfter }
	failed := func(t StalledTimes) Age { return t.FailedAfter }
	heard := []string{"HeartBeatTime", "LastUpdateTime"}
	return []silence{
		{ // first, or a job could become both in one run
			from: []jobdb.Status{jobdb.StatusStalled}, to: jobdb.StatusFailed, least: s.shortest(failed), times: heard,
			after: func(site string) Age { return s.at(site).FailedAfter }, kills: true,
			minor: func(after Age) string {
				return "Stalling for more than " + strconv.FormatInt(int64(time.Duration(after)/time.Second), 10) + " sec"
			},
		},
		{
			from: []jobdb.Status{jobdb.StatusRunning, jobdb.StatusCompleting}, to: jobdb.StatusStalled, least: s.shortest(stalled), times: heard,
			after: func(site string) Age { return s.at(site).StalledAfter },
		},
		{
			from: []jobdb.Status{jobdb.StatusSubmitting}, to: jobdb.StatusFailed, least: s.SubmittingAfter, times: []string{"LastUpdateTime"},
			after: func(string) Age { return s.SubmittingAfter }, forced: true,
		},
	}
}

// checkSilence looks at the jobs that one rule may be about. Some have never beaten, so that their
// HeartBeatTime finds none of them.
func (m *JobManager) checkSilence(ctx context.Context, vo string, rule silence, options StalledOptions, counts *StalledCounts) error {
	if rule.least == 0 {
		return nil
	}
	before := m.now().Add(-time.Duration(rule.least))
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
			return m.applySilence(ctx, vo, rule, ids, options, counts)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// applySilence changes those of the jobs that the rule is about.
func (m *JobManager) applySilence(
	ctx context.Context, vo string, rule silence, ids []jobdb.JobID, options StalledOptions, counts *StalledCounts,
) error {
	var changed []StalledJob
	err := m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err := (Scope{VO: vo}).lock(ctx, tx, ids, append(slices.Clone(updateColumns), "Site", "LastUpdateTime")...)
		if err != nil {
			return err
		}
		changed = m.silentJobs(vo, rule, jobs)
		if options.DryRun || len(changed) == 0 {
			return nil
		}
		return m.changeSilent(ctx, tx, rule, jobs, changed)
	})
	if err != nil {
		return err
	}
	for _, job := range changed {
		if options.Changed != nil {
			options.Changed(job)
		}
	}
	if n := int64(len(changed)); rule.to == jobdb.StatusStalled {
		counts.Stalled += n
	} else {
		counts.Failed += n
	}
	return nil
}

// silentJobs are those of the jobs that the rule is about.
func (m *JobManager) silentJobs(vo string, rule silence, jobs map[jobdb.JobID]jobdb.Attributes) (silent []StalledJob) {
	now := m.now()
	for _, id := range slices.Sorted(maps.Keys(jobs)) {
		job := jobs[id]
		var heard time.Time
		for _, column := range rule.times {
			heard = latest(heard, timeOf(job, column, now))
		}
		after := rule.after(textOf(job, "Site"))
		if after > 0 && slices.Contains(rule.from, statusOf(job)) && now.Sub(heard) > time.Duration(after) {
			silent = append(silent, StalledJob{JobID: id, VO: vo, Site: textOf(job, "Site"), From: statusOf(job), To: rule.to, Heard: heard})
		}
	}
	return silent
}

// changeSilent changes jobs that tx has locked.
func (m *JobManager) changeSilent(
	ctx context.Context, tx *jobdb.Tx, rule silence, jobs map[jobdb.JobID]jobdb.Attributes, silent []StalledJob,
) error {
	those := make(map[jobdb.JobID]jobdb.Attributes, len(silent))
	updates := make(map[jobdb.JobID][]StatusUpdate, len(silent))
	var ids []jobdb.JobID
	for _, job := range silent {
		update := StatusUpdate{Time: m.now(), Status: rule.to, Source: sourceStalled}
		if rule.minor != nil {
			update.MinorStatus = rule.minor(rule.after(job.Site))
		}
		those[job.JobID], updates[job.JobID] = jobs[job.JobID], []StatusUpdate{update}
		ids = append(ids, job.JobID)
	}
	if _, err := m.applyUpdates(ctx, tx, those, updates, updatePolicy{force: rule.forced, countsAsNow: always}); err != nil {
		return err
	}
	if !rule.kills {
		return nil
	}
	if err := kill(ctx, tx, ids); err != nil {
		return err
	}
	return m.leaveTaskQueues(ctx, tx, ids)
}
