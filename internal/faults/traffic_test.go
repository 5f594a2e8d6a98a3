package faults_test

import (
	"context"
	"math/rand/v2"
	"time"

	"jobdb"
)

// act is one of the things that clients do.
type act struct {
	share int     // of a hundred requests of writers that write without an order from a clock
	rate  float64 // how often a second it is done on a grid that has the jobs of one LHCb
	do    func(l *load, random *rand.Rand)
}

// acts have about the shares and the rates of a grid. LHCb submits some 410,000 jobs a day, which is
// 4.75 a second. A job has seven changes of status after its submission and sets parameters once;
// 10,000 jobs that run send 5.6 heartbeats a second.
var acts = []act{
	{8, 0.475, (*load).submit},
	{40, 0, func(l *load, random *rand.Rand) { l.progress(random, 2) }},
	{0, 33, func(l *load, random *rand.Rand) { l.progress(random, 1) }},
	{32, 0, func(l *load, random *rand.Rand) { l.beat(random, l.journal.pick(random, 3, 0, 1, 2)) }},
	{0, 5.6, func(l *load, random *rand.Rand) { l.beat(random, l.journal.pick(random, 1, 0, 1, 2)) }},
	{3, 0.2, func(l *load, random *rand.Rand) {
		l.setStatus(random, kill, "user", `"Status":"Killed","Source":"User%s"`, l.journal.pick(random, 2, 1, 2))
	}},
	{1, 0.05, func(l *load, random *rand.Rand) {
		l.setStatus(random, remove, "user", `"Status":"Deleted","Source":"User%s"`, l.journal.pick(random, 1, 2))
	}},
	{10, 0, func(l *load, random *rand.Rand) { l.describe(random, l.journal.pick(random, 2, 0, 1, 2)) }},
	{0, 4.75, func(l *load, random *rand.Rand) { l.describe(random, l.journal.pick(random, 1, 0, 1, 2)) }},
	{2, 0.1, func(l *load, random *rand.Rand) { l.reschedule(random, l.journal.pick(random, 1, 0)) }},
	{4, 1, (*load).search},
}

// progress reports what jobs do now.
func (l *load) progress(random *rand.Rand, jobs int) {
	l.setStatus(random, setStatus, "pilot", `"ApplicationStatus":"working","Source":"Job%s"`, l.journal.pick(random, jobs, 0, 1, 2))
}

// act does one of the things that clients do, by their shares.
func (l *load) act(random *rand.Rand) {
	n := random.IntN(100)
	for _, a := range acts {
		if n -= a.share; n < 0 {
			a.do(l, random)
			return
		}
	}
}

const (
	pacedJobs   = 4_275 // that something happens to, of one LHCb: what is submitted in a quarter of an hour
	mostWaiting = 2_000 // requests of paced traffic that may be without an answer at once
)

// pace does each of the acts at its rate until ctx ends, however long the answers take: so many
// clients don't know of each other. What would be one request too many at once is left out and
// counted.
func (l *load) pace(ctx context.Context) {
	waiting := make(chan struct{}, mostWaiting)
	for _, a := range acts {
		if a.rate == 0 {
			continue
		}
		random := newRandom()
		l.running.Go(func() {
			for next := time.Now(); ; {
				next = next.Add(time.Duration(random.ExpFloat64() / (a.rate * l.lhcbs) * float64(time.Second)))
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Until(next)): // at once when this machine is behind
				}
				select {
				case waiting <- struct{}{}:
					l.running.Go(func() {
						defer func() { <-waiting }()
						a.do(l, newRandom())
					})
				default:
					l.leftOut.Add(1)
				}
			}
		})
	}
}

// metrics are what a heartbeat reports beside the CPU time.
const metrics = `,"AvailableDiskSpace":20123.5,"LoadAverage":1.02,"MemoryUsed":812345,"Vsize":1912345,"WallClockTime":3600.5`

func (l *load) beat(random *rand.Rand, jobs []jobdb.JobID) {
	if len(jobs) == 0 {
		return
	}
	w := l.journal.begin(heartbeat, jobs)
	l.write(w, random, "pilot", "PATCH", "/api/jobs/heartbeat", byJob(jobs, `"CPUConsumed":`+w.mark+metrics), l.hear)
}
