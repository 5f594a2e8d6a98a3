package demo

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"jobdb"
	"jobdb/wms"
)

// Rules are those of the grid's VOs: the defaults, with their types of jobs.
func Rules() wms.RuleBook {
	rules := wms.DefaultRules
	rules.Default.JobTypes = append(slices.Clone(rules.Default.JobTypes), jobTypes()...)
	rules.Default.MaxJobs = 1000
	return rules
}

// MaxRate bounds the rate of [Live].
const MaxRate = 100

// User is one of the users of the grid.
var User = wms.Owner{Name: grid[0].users[0], Group: grid[0].group, VO: grid[0].name}

// Live keeps a grid going until ctx ends: each second so many jobs are submitted, and as many take
// each further step. It looks in the database what there is to do, so it copes with what people do to
// the jobs meanwhile: a Kill ends a job, and a rescheduled one runs again. Errors are logged.
func Live(ctx context.Context, jobs *wms.JobManager, seed uint64, rate float64, logger *slog.Logger) {
	l := newLiveGrid(jobs, seed, rate)
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if err := l.tick(ctx); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "the demo's grid stumbled, and goes on", "error", err)
		}
	}
}

// liveGrid moves jobs on.
type liveGrid struct {
	jobs    *wms.JobManager
	random  *rand.Rand
	rate    float64 // jobs that are submitted in a second
	owed    float64 // the fraction of a job that was left over
	started int     // productions
	running *production
}

func newLiveGrid(jobs *wms.JobManager, seed uint64, rate float64) *liveGrid {
	return &liveGrid{jobs: jobs, random: rand.New(rand.NewPCG(seed, 2027)), rate: rate} //nolint:gosec // nothing secret
}

// tick is what happens in a second.
func (l *liveGrid) tick(ctx context.Context) error {
	l.owed += l.rate
	n := int(l.owed)
	l.owed -= float64(n)
	if err := l.submit(ctx, n); err != nil {
		return err
	}
	for _, v := range grid {
		if err := l.moveOn(ctx, v, n); err != nil {
			return err
		}
		if err := l.beat(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// submit adds jobs to the production that is being submitted.
func (l *liveGrid) submit(ctx context.Context, n int) error {
	for n > 0 {
		p := l.running
		if p == nil || p.made >= p.size {
			l.started++
			p = newProduction(l.random, 700+l.started, l.jobs.DB.Now(), 30)
			l.running = p
		}
		jdls := make([]string, 0, n)
		for ; len(jdls) < n && p.made < p.size; p.made++ {
			jdls = append(jdls, p.jdl(p.made+1))
		}
		if _, err := l.jobs.Submit(ctx, wms.Owner{Name: p.owner, Group: p.group, VO: p.vo.name}, jdls); err != nil {
			return fmt.Errorf("submit jobs: %w", err)
		}
		n -= len(jdls)
	}
	return nil
}

// passage is a step that jobs take once they have been for a while in a status.
type passage struct {
	from  jobdb.Status
	since string // the column that says since when; those that are longest in it go first
	after time.Duration
	many  int // how many may take it, for each job that is submitted
	next  func(l *liveGrid, v vo, job liveJob) wms.StatusUpdate
}

var passages = []passage{
	{jobdb.StatusReceived, "LastUpdateTime", 2 * time.Second, 10, to(jobdb.StatusChecking, "JobSanity", "JobSanity")},
	{jobdb.StatusRescheduled, "LastUpdateTime", 2 * time.Second, 10, to(jobdb.StatusReceived, "Job accepted", "JobManager")},
	{jobdb.StatusChecking, "LastUpdateTime", 2 * time.Second, 10, to(jobdb.StatusWaiting, "Pilot Agent Submission", "JobScheduling")},
	{jobdb.StatusWaiting, "LastUpdateTime", 10 * time.Second, 1, to(jobdb.StatusMatched, "Assigned", "Matcher")},
	{jobdb.StatusMatched, "LastUpdateTime", 3 * time.Second, 10, to(jobdb.StatusRunning, "Application", "JobWrapper")},
	{jobdb.StatusRunning, "StartExecTime", 20 * time.Second, 1, (*liveGrid).end},
	{jobdb.StatusCompleting, "LastUpdateTime", 4 * time.Second, 10, to(jobdb.StatusDone, "Execution Complete", "JobWrapper")},
	{jobdb.StatusStalled, "LastUpdateTime", 2 * time.Minute, 1, to(jobdb.StatusFailed, stalledJob.minor, "StalledJobAgent")},
}

func to(status jobdb.Status, minor, source string) func(*liveGrid, vo, liveJob) wms.StatusUpdate {
	return func(*liveGrid, vo, liveJob) wms.StatusUpdate {
		return wms.StatusUpdate{Status: status, MinorStatus: minor, Source: source}
	}
}

// end ends a job that runs, one way or another.
func (l *liveGrid) end(v vo, job liveJob) wms.StatusUpdate {
	failing, of := 0.06, appErrors
	for _, s := range v.sites {
		if s.name == job.site {
			failing, of = s.failing, s.fault
		}
	}
	if l.random.Float64() >= failing {
		return wms.StatusUpdate{
			Status: jobdb.StatusCompleting, MinorStatus: "Uploading Output Data", ApplicationStatus: "Job Finished Successfully", Source: "JobWrapper",
		}
	}
	u := wms.StatusUpdate{Status: jobdb.StatusFailed, MinorStatus: of.minor, ApplicationStatus: of.application, Source: "JobWrapper"}
	switch of.minor {
	case appErrors.minor:
		u.ApplicationStatus = fmt.Sprintf(of.application, v.programs[0].steps[0], 1+l.random.IntN(3))
	case stalledJob.minor:
		u.Status, u.Source = jobdb.StatusStalled, "StalledJobAgent"
	}
	return u
}

// moveOn lets the jobs of a VO take their next steps.
func (l *liveGrid) moveOn(ctx context.Context, v vo, n int) error {
	updates := map[jobdb.JobID][]wms.StatusUpdate{}
	sites := map[jobdb.JobID]jobdb.Attributes{}
	now := l.jobs.DB.Now()
	for _, p := range passages {
		found, err := l.find(ctx, v, n*p.many, p.since, isStatus(p.from), jobdb.FilterSpec{Parameter: p.since, Operator: "lt", Value: timeText(now.Add(-p.after))})
		if err != nil {
			return err
		}
		for _, job := range found {
			update := p.next(l, v, job)
			update.Time = now
			updates[job.id] = []wms.StatusUpdate{update}
			if p.from == jobdb.StatusWaiting {
				sites[job.id] = jobdb.Attributes{"Site": pick(l.random, v.sites, func(s site) int { return s.weight }).name}
			}
		}
	}
	if len(sites) > 0 {
		if _, err := l.jobs.DB.SetJobAttributes(ctx, sites, jobdb.SetOptions{}); err != nil {
			return err
		}
	}
	return l.update(ctx, v, updates)
}

func (l *liveGrid) update(ctx context.Context, v vo, updates map[jobdb.JobID][]wms.StatusUpdate) error {
	if len(updates) == 0 {
		return nil
	}
	_, err := l.jobs.SetStatus(ctx, wms.Scope{VO: v.name}, updates, wms.StatusOptions{Pilot: true})
	return err
}

// How many jobs of a VO beat each second, at most, and how often a job does if they are fewer.
const (
	beatsAtOnce = 25
	liveBeat    = 30 * time.Second
)

// beat lets jobs beat that haven't been heard of for longest, and those that somebody killed: they
// are told so, and end.
func (l *liveGrid) beat(ctx context.Context, v vo) error {
	now := l.jobs.DB.Now()
	quiet := jobdb.FilterSpec{Parameter: "LastUpdateTime", Operator: "lt", Value: timeText(now.Add(-liveBeat))}
	running, err := l.find(ctx, v, beatsAtOnce, "LastUpdateTime", isStatus(jobdb.StatusRunning), quiet)
	if err != nil {
		return err
	}
	killed, err := l.find(ctx, v, beatsAtOnce, "LastUpdateTime", isStatus(jobdb.StatusKilled),
		jobdb.FilterSpec{Parameter: "LastUpdateTime", Operator: "gt", Value: timeText(now.Add(-2 * time.Minute))},
		jobdb.FilterSpec{Parameter: "MinorStatus", Operator: "neq", Value: "Received Kill signal"},
		jobdb.FilterSpec{Parameter: "StartExecTime", Operator: "is not null"})
	if err != nil {
		return err
	}
	beats := map[jobdb.JobID]wms.Beat{}
	updates := map[jobdb.JobID][]wms.StatusUpdate{}
	for _, job := range running {
		beats[job.id] = wms.Beat{Values: l.measure(job, now)}
		updates[job.id] = []wms.StatusUpdate{{Time: now, ApplicationStatus: l.progress(v, job), Source: fmt.Sprintf("Job_%d", job.id)}}
	}
	for _, job := range killed {
		beats[job.id] = wms.Beat{Values: l.measure(job, now)}
	}
	if len(beats) == 0 {
		return nil
	}
	report, err := l.jobs.Heartbeat(ctx, wms.Scope{VO: v.name}, beats)
	if err != nil {
		return err
	}
	for _, c := range report.Commands {
		if c.Command == jobdb.KillCommand {
			updates[c.JobID] = []wms.StatusUpdate{{Time: now, Status: jobdb.StatusKilled, MinorStatus: "Received Kill signal", Source: "JobWrapper"}}
		}
	}
	return l.update(ctx, v, updates)
}

// measure is what a job reports of itself. Of the memory it knows no more than its ID.
func (l *liveGrid) measure(job liveJob, now time.Time) map[string]float64 {
	of := life{memory: 700_000 + float64(job.id%97)*9000, efficiency: 0.97 - float64(job.id%31)/150}
	return of.measured(l.random, max(0, now.Sub(job.started)))
}

// progress is what the payload says: some more events than before.
func (l *liveGrid) progress(v vo, job liveJob) string {
	name, rest, _ := strings.Cut(job.application, ": ")
	var done, all int
	if n, _ := fmt.Sscanf(rest, "%d of %d events", &done, &all); n < 2 {
		name, done, all = v.programs[0].steps[0], 0, v.programs[0].events
	}
	return fmt.Sprintf("%s: %d of %d events", name, min(all, done+1+all/50+l.random.IntN(1+all/50)), all)
}

// liveJob is what must be known of a job to move it on.
type liveJob struct {
	id                jobdb.JobID
	site, application string
	started           time.Time
}

// find returns so many jobs of a VO, those with the lowest values of a column first.
func (l *liveGrid) find(ctx context.Context, v vo, limit int, sort string, filters ...jobdb.FilterSpec) (found []liveJob, err error) {
	if limit == 0 {
		return nil, nil
	}
	request := jobdb.SearchRequest{
		Parameters: []string{"JobID", "Site", "StartExecTime", "ApplicationStatus"},
		Search:     filters, Sort: []jobdb.SortSpec{{Parameter: sort, Direction: "asc"}},
	}
	search, err := request.Parse(l.jobs.DB.Limits())
	if err != nil {
		return nil, err
	}
	search.Scope, search.Page, search.PerPage, search.Uncounted = jobdb.Scope{VO: v.name}, 1, limit, true
	page, err := l.jobs.DB.Search(ctx, search)
	for _, row := range page.Rows {
		id, _ := row[0].(int64) // the columns are in the table's order
		job := liveJob{id: jobdb.JobID(id)}
		job.site, _ = row[1].(string)
		job.started, _ = row[2].(time.Time)
		job.application, _ = row[3].(string)
		found = append(found, job)
	}
	return found, err
}

func isStatus(status jobdb.Status) jobdb.FilterSpec {
	return jobdb.FilterSpec{Parameter: "Status", Operator: "eq", Value: string(status)}
}

func timeText(t time.Time) string { return t.Format("2006-01-02T15:04:05.000000Z") }
