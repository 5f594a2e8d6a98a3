package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"jobdb"
)

// fault is a way to fail: what the job says of it, and how far it comes.
type fault struct {
	minor       string
	application string  // with %s for the program and %d for its exit code
	part        float64 // of its run that it takes to fail
}

// The ways to fail, in the words of DIRAC's job wrapper, watchdog and stalled job agent.
var (
	appErrors  = fault{"Application Finished With Errors", "%s Exited With Status %d", 0.5}
	noInput    = fault{"Failed Input Data Resolution", "Failed to download input data: file not found on any storage element", 0.02}
	noUpload   = fault{"Uploading Job Outputs", "Failed to upload output data to the storage element", 1}
	stalledJob = fault{"Job stalled: pilot not running", "", 0.6}
	wallClock  = fault{"Job has exceeded maximum wall clock time", "", 1.8}
	noSandbox  = fault{"Downloading InputSandbox", "Failed Downloading Input Sandbox", 0.01}
	noDisk     = fault{"Job has insufficient disk space to continue", "", 0.4}
	mistake    = fault{"Application Finished With Errors", "%s Exited With Status %d", 0.03}
)

// step is one change of a job's status.
type step struct {
	at                 time.Time
	status             jobdb.Status
	minor, application string // empty: as before
	source             string
}

// life is what becomes of one job, also after the present.
type life struct {
	production *production
	number     int // in its production
	site       *site
	submitted  time.Time
	steps      []step
	cycles     int64     // how often it was rescheduled
	again      time.Time // when it was the last time
	memory     float64   // in kB, of its heartbeats
	efficiency float64   // of its CPU
}

// newLife makes up the life of a job.
func newLife(r *rand.Rand, p *production, number int, submitted time.Time) *life {
	l := &life{
		production: p, number: number, submitted: submitted,
		site:   pick(r, p.vo.sites, func(s site) int { return s.weight }),
		memory: 700_000 + 900_000*r.Float64(), efficiency: 0.97 - 0.25*r.Float64()*r.Float64(),
	}
	at := l.queue(r, submitted)
	if r.IntN(25) == 0 {
		at = l.fail(r, at, stalledJob)
		l.again = at.Add(time.Duration(5+r.IntN(40)) * time.Minute)
		l.add(l.again, jobdb.StatusRescheduled, "Job Rescheduled", "Unknown", "JobManager")
		l.cycles++
		l.site = pick(r, p.vo.sites, func(s site) int { return s.weight })
		at = l.queue(r, l.again)
	}
	switch {
	case r.IntN(40) == 0:
		l.kill(r, at)
	case r.Float64() < p.mistake:
		l.fail(r, at, mistake)
	case r.Float64() < l.site.failing:
		of := l.site.fault
		if r.IntN(4) == 0 {
			of = []fault{appErrors, noInput, noUpload, stalledJob, wallClock}[r.IntN(5)]
		}
		l.fail(r, at, of)
	default:
		l.succeed(r, at)
	}
	return l
}

// add appends a step.
func (l *life) add(at time.Time, status jobdb.Status, minor, application, source string) {
	l.steps = append(l.steps, step{at.Truncate(time.Microsecond), status, minor, application, source})
}

// queue takes the job to a worker node, and returns when it gets there.
func (l *life) queue(r *rand.Rand, at time.Time) time.Time {
	l.add(at, jobdb.StatusReceived, "Job accepted", "Unknown", "JobManager")
	at = at.Add(seconds(r, 2, 15))
	l.add(at, jobdb.StatusChecking, "JobSanity", "", "JobSanity")
	if l.production.program.input != "" {
		at = at.Add(seconds(r, 1, 30))
		l.add(at, jobdb.StatusChecking, "InputData", "", "InputData")
	}
	at = at.Add(seconds(r, 1, 10))
	l.add(at, jobdb.StatusWaiting, "Pilot Agent Submission", "", "JobScheduling")
	at = at.Add(30*time.Second + time.Duration(r.ExpFloat64()*float64(50*time.Minute)))
	l.add(at, jobdb.StatusMatched, "Assigned", "", "Matcher")
	at = at.Add(seconds(r, 1, 5))
	l.add(at, jobdb.StatusMatched, "Job Received by Agent", "", "JobAgent@"+l.site.name)
	return at
}

// run takes the job through a part of its work, and returns when that was done.
func (l *life) run(r *rand.Rand, at time.Time, part float64) time.Time {
	at = at.Add(seconds(r, 5, 60))
	l.add(at, jobdb.StatusRunning, "Job Initialization", "", "JobWrapper")
	if l.production.program.input != "" {
		at = at.Add(seconds(r, 5, 60))
		l.add(at, jobdb.StatusRunning, "Input Data Resolution", "", "JobWrapper")
	}
	if part < 0.02 {
		return at.Add(seconds(r, 10, 120))
	}
	at = at.Add(seconds(r, 10, 60))
	program := l.production.program
	whole := time.Duration(program.hours * math.Exp(r.NormFloat64()*0.3) * float64(time.Hour))
	const parts = 5
	for i := range parts {
		done := float64(i) / parts
		if done > part {
			break
		}
		l.add(at.Add(time.Duration(done*float64(whole))), jobdb.StatusRunning, "Application", l.progress(done), fmt.Sprintf("Job_%d", l.number))
	}
	return at.Add(time.Duration(part * float64(whole)))
}

// progress is what the payload tells after a part of its work.
func (l *life) progress(part float64) string {
	program := l.production.program
	name := program.steps[min(int(part*float64(len(program.steps))), len(program.steps)-1)]
	if part == 0 {
		return name + " initialization"
	}
	return fmt.Sprintf("%s: %d of %d events", name, int(part*float64(program.events)), program.events)
}

func (l *life) succeed(r *rand.Rand, at time.Time) {
	at = l.run(r, at, 1)
	l.add(at, jobdb.StatusCompleting, "Application Finished Successfully", "Job Finished Successfully", "JobWrapper")
	at = at.Add(seconds(r, 2, 20))
	l.add(at, jobdb.StatusCompleting, "Uploading Output Data", "", "JobWrapper")
	at = at.Add(seconds(r, 5, 240))
	if r.IntN(30) == 0 {
		l.add(at, jobdb.StatusCompleted, "Pending Requests", "", "JobWrapper")
		at = at.Add(time.Duration(10+r.IntN(400)) * time.Minute)
		l.add(at, jobdb.StatusDone, "Requests Done", "", "RequestManager")
		return
	}
	l.add(at, jobdb.StatusDone, "Execution Complete", "", "JobWrapper")
}

// fail takes the job to its failure, and returns when that was.
func (l *life) fail(r *rand.Rand, at time.Time, f fault) time.Time {
	at = l.run(r, at, f.part)
	program := l.production.program
	application := f.application
	switch f.minor {
	case appErrors.minor:
		codes := []int{1, 2, 134, 137, 139, 255}
		application = fmt.Sprintf(f.application, program.steps[r.IntN(len(program.steps))], codes[skewed(r, len(codes))])
	case noUpload.minor:
		l.add(at, jobdb.StatusCompleting, "Uploading Output Data", "Job Finished Successfully", "JobWrapper")
		at = at.Add(seconds(r, 60, 900))
	case stalledJob.minor:
		at = at.Add(2 * time.Hour)
		l.add(at, jobdb.StatusStalled, stalledJob.minor, "", "StalledJobAgent")
		at = at.Add(2 * time.Hour)
		l.add(at, jobdb.StatusFailed, stalledJob.minor, "", "StalledJobAgent")
		return at
	}
	l.add(at, jobdb.StatusFailed, f.minor, application, "JobWrapper")
	return at
}

// kill ends the job by its owner's wish: half of them while they wait.
func (l *life) kill(r *rand.Rand, at time.Time) {
	if r.IntN(2) == 0 {
		last := l.steps[len(l.steps)-3].at // since when it waits
		l.steps = l.steps[:len(l.steps)-2]
		l.add(last.Add(time.Duration(r.Float64()*float64(at.Sub(last)))), jobdb.StatusKilled, "Marked for termination", "", "JobManager")
		return
	}
	at = l.run(r, at, 0.1+0.8*r.Float64())
	l.add(at, jobdb.StatusKilled, "Marked for termination", "", "JobManager")
	l.add(at.Add(seconds(r, 20, 600)), jobdb.StatusKilled, "Received Kill signal", "", "JobWrapper")
}

func seconds(r *rand.Rand, from, to int) time.Duration {
	return time.Duration((float64(from) + float64(to-from)*r.Float64()) * float64(time.Second))
}

// until leaves out what is still to come at a time. What is left is never empty.
func (l *life) until(now time.Time) {
	for i, s := range l.steps {
		if i > 0 && s.at.After(now) {
			l.steps = l.steps[:i]
			return
		}
	}
}

// movesBetween is whether the job takes a step after a time, until another one.
func (l *life) movesBetween(after, until time.Time) bool {
	return slices.ContainsFunc(l.steps, func(s step) bool { return s.at.After(after) && !s.at.After(until) })
}

// at is the job as it is at a time.
func (l *life) at(now time.Time) *life {
	then := *l
	then.until(now)
	return &then
}

// state is what the table Jobs has of the job at a time.
func (l *life) state(now time.Time) jobdb.Attributes {
	l = l.at(now)
	p, last := l.production, l.steps[len(l.steps)-1]
	a := jobdb.Attributes{
		"VO": p.vo.name, "Owner": p.owner, "OwnerGroup": p.group, "JobType": p.program.jobType, "JobGroup": p.jobGroup,
		"JobName": p.jobName(l.number), "UserPriority": p.priority, "VerifiedFlag": true, "SubmissionTime": l.submitted,
		"LastUpdateTime": last.at, "Status": last.status,
	}
	for _, s := range l.steps {
		switch {
		case s.status == jobdb.StatusRescheduled:
			a["Site"], a["StartExecTime"] = "ANY", nil
		case s.status == jobdb.StatusMatched:
			a["Site"] = l.site.name
		case s.status == jobdb.StatusRunning && a["StartExecTime"] == nil:
			a["StartExecTime"] = s.at
		}
		if s.minor != "" {
			a["MinorStatus"] = s.minor
		}
		if s.application != "" {
			a["ApplicationStatus"] = s.application
		}
	}
	if l.cycles > 0 && !l.again.After(last.at) {
		a["RescheduleCounter"], a["RescheduleTime"] = l.cycles, l.again.Truncate(time.Microsecond)
	}
	if _, beat := l.beats(now); !beat.IsZero() {
		a["HeartBeatTime"] = beat
	}
	if slices.Contains(jobdb.FinalStatuses, last.status) {
		a["EndExecTime"], a["AccountedFlag"] = last.at, true
	}
	return a
}

// counted is what of the state at a time is counted over time, and changes.
func (l *life) counted(now time.Time) jobdb.Attributes {
	state := l.state(now)
	a := jobdb.Attributes{"Status": state["Status"], "MinorStatus": state["MinorStatus"], "EndExecTime": state["EndExecTime"]}
	if state["Site"] != nil {
		a["Site"] = state["Site"]
	}
	return a
}

// history is what the table LoggingInfo has of the job.
func (l *life) history(id jobdb.JobID) []jobdb.HistoryRecord {
	records := make([]jobdb.HistoryRecord, len(l.steps))
	or := func(text string) string {
		if text == "" {
			return jobdb.Idem
		}
		return text
	}
	for i, s := range l.steps {
		source := s.source
		if source == fmt.Sprintf("Job_%d", l.number) {
			source = fmt.Sprintf("Job_%d", id)
		}
		records[i] = jobdb.HistoryRecord{
			JobID: id, Status: s.status, MinorStatus: or(s.minor), ApplicationStatus: or(s.application), Time: s.at, Source: source,
		}
	}
	return records
}

// beatEvery is how often a job beats.
const beatEvery = 15 * time.Minute

// beats are when the last run of the job began, and the time of its last heartbeat; both are zero
// if there is none. Jobs beat at five times in beatEvery only, so that those of a time are many.
func (l *life) beats(now time.Time) (begin, last time.Time) {
	end := now
	for _, s := range l.steps {
		switch s.status {
		case jobdb.StatusReceived:
			begin, end = time.Time{}, now
		case jobdb.StatusRunning:
			if begin.IsZero() {
				begin = s.at
			}
		case jobdb.StatusStalled:
			end = s.at.Add(-2 * time.Hour)
		case jobdb.StatusFailed, jobdb.StatusKilled, jobdb.StatusCompleting:
			if end.After(s.at) {
				end = s.at
			}
		default: // says nothing of when it runs
		}
	}
	last = now.Add(-beatEvery / 5 * time.Duration(l.number%5))
	for last.After(end) {
		last = last.Add(-beatEvery)
	}
	if begin.IsZero() || last.Before(begin) {
		return time.Time{}, time.Time{}
	}
	return begin, last
}

// measured is what the job reports so long after it began to run, by the names of
// [jobdb.HeartbeatFields].
func (l *life) measured(r *rand.Rand, after time.Duration) map[string]float64 {
	grown := 1 - math.Exp(-after.Hours())
	return map[string]float64{
		"CPUConsumed":        tenths(after.Seconds() * l.efficiency),
		"WallClockTime":      tenths(after.Seconds()),
		"LoadAverage":        tenths(8 + 6*r.Float64()),
		"MemoryUsed":         tenths(l.memory * (0.35 + 0.6*grown + 0.05*r.Float64())),
		"Vsize":              tenths(2.2 * l.memory * (0.5 + 0.5*grown)),
		"AvailableDiskSpace": tenths(45_000 - 9000*grown - 500*r.Float64()),
	}
}

func tenths(value float64) float64 { return math.Round(10*value) / 10 }

func number(value float64) string { return strconv.FormatFloat(value, 'f', 1, 64) }

// parameters are those of the job.
func (l *life) parameters(r *rand.Rand, id jobdb.JobID, now time.Time) map[string]string {
	begin, end := l.beats(now)
	if begin.IsZero() {
		return nil
	}
	models := []string{"AMD EPYC 7763 64-Core Processor", "Intel(R) Xeon(R) Gold 6330 CPU @ 2.00GHz", "AMD EPYC 9654 96-Core Processor"}
	ran := end.Sub(begin)
	parameters := map[string]string{
		"HostName":               fmt.Sprintf("wn%03d.%s.example.org", r.IntN(400), l.site.name),
		"CPUModel":               models[r.IntN(len(models))],
		"LocalAccount":           l.production.vo.name + "pil",
		"LocalJobID":             strconv.Itoa(4_000_000 + int(id)),
		"CEQueue":                "condor-" + l.production.vo.name,
		"GridCE":                 fmt.Sprintf("ce%02d.%s.example.org", 1+r.IntN(4), l.site.name),
		"CPUNormalizationFactor": number(14 + 14*r.Float64()),
		"PilotAgent":             "jobdb demo",
		"Pilot_Reference":        fmt.Sprintf("https://ce.%s.example.org/%d", l.site.name, 9_000_000+id),
		"TotalCPUTime(s)":        number(ran.Seconds() * l.efficiency),
		"WallClockTime(s)":       number(ran.Seconds()),
		"Memory(kB)":             number(l.memory),
		"LastUpdateCPU(s)":       number(ran.Seconds() * l.efficiency),
	}
	switch last := l.steps[len(l.steps)-1]; {
	case last.status == jobdb.StatusDone:
		parameters["UploadedOutputData"] = fmt.Sprintf("/%s/out/%s/%08d.root", l.production.vo.name, l.production.jobGroup, l.number)
	case last.status == jobdb.StatusFailed && last.minor == appErrors.minor:
		parameters["StandardOutput"] = "INFO   initialize: " + l.production.program.steps[0] + "\nFATAL  " + last.application +
			"\nERROR  the event loop ended early; see std.err\n"
	}
	return parameters
}
