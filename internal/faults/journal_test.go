package faults_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"jobdb"
)

// journal is what clients were told and what they were not: by it the database is audited.
type journal struct {
	mutex   sync.Mutex
	marks   int
	latest  int           // so many of the last jobs are those that something happens to
	jobs    []jobdb.JobID // that exist, in the order in which they were acknowledged
	writes  []*write
	audited int                  // so many of the writes were audited before
	told    map[jobdb.JobID]bool // that they are to end
	open    map[*write]time.Time // requests without an answer yet, by when they began

	acknowledged, unknown int
	answers               int           // to all requests
	longest               time.Duration // a request
	calm                  bool          // nothing happens to the servers now
	latencies             latencies     // of requests in calm times
	lastFailure           time.Time     // when a request ended that failed or took part in a fault
	trouble               map[string]int
}

// kind is what a write does.
type kind string

const (
	submit     kind = "submit"
	setStatus  kind = "status"
	kill       kind = "kill"
	remove     kind = "remove"
	heartbeat  kind = "heartbeat"
	parameter  kind = "parameter"
	reschedule kind = "reschedule"
)

// write is a request that changes jobs: all of them or, if it fails, none.
type write struct {
	kind           kind
	mark           string        // of this write alone, in what it leaves
	jobs           []jobdb.JobID // that it changes, or has made
	size           int           // so many jobs are submitted
	ended          []jobdb.JobID // those of the jobs that are to be told to end
	acknowledged   bool
	refused        bool // by an answer that says that nothing was done
	sent, answered time.Time
}

// latestJobs is how many jobs something happens to, unless the traffic is paced.
const latestJobs = 600

func newJournal(latest int) *journal {
	return &journal{latest: latest, told: map[jobdb.JobID]bool{}, latencies: latencies{}, open: map[*write]time.Time{}, trouble: map[string]int{}}
}

// begin enters a write before it is sent.
func (j *journal) begin(kind kind, jobs []jobdb.JobID) *write {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.marks++
	w := &write{kind: kind, mark: strconv.Itoa(1_000_000 + j.marks), jobs: jobs, sent: time.Now()}
	j.writes = append(j.writes, w)
	j.open[w] = w.sent
	return w
}

// end enters what came of it.
func (j *journal) end(w *write, r reply) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	delete(j.open, w)
	w.answered = time.Now()
	w.acknowledged = r.err == nil && r.status < 300
	w.refused = r.err == nil && r.status >= 400 && r.status < 500
	switch {
	case w.acknowledged:
		j.acknowledged++
	case w.refused && w.kind == reschedule: // of a job that may not be
	default:
		j.unknown++
		j.lastFailure = time.Now()
		j.trouble[troubleOf(r)]++
	}
	if w.acknowledged && w.kind == submit {
		j.jobs = append(j.jobs, w.jobs...)
	}
}

func (j *journal) setCalm(calm bool) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.calm = calm
}

// answered enters how long a request took.
func (j *journal) answered(request string, took time.Duration) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.answers++
	j.longest = max(j.longest, took)
	if j.calm {
		j.latencies.add(request, took)
	}
}

func troubleOf(r reply) string {
	if r.err != nil {
		return "no answer"
	}
	return strconv.Itoa(r.status)
}

// pick returns different jobs among the latest, of three kinds by their numbers, of which the wanted
// are some. A node of a cluster may give only each third number.
func (j *journal) pick(random *rand.Rand, n int, kinds ...jobdb.JobID) (jobs []jobdb.JobID) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	from := j.jobs[max(0, len(j.jobs)-j.latest):]
	for range 20 {
		if len(from) == 0 || len(jobs) == n {
			break
		}
		id := from[random.IntN(len(from))]
		if slices.Contains(kinds, id/3%3) && !slices.Contains(jobs, id) {
			jobs = append(jobs, id)
		}
	}
	return jobs
}

func (j *journal) hear(jobs []jobdb.JobID) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for _, id := range jobs {
		j.told[id] = true
	}
}

// recovered tells how long after a time requests still failed, or were unanswered that had begun
// before it, and whether none is any more.
func (j *journal) recovered(since time.Time) (after time.Duration, all bool) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	all = time.Since(j.lastFailure) > time.Second
	for _, began := range j.open {
		all = all && began.After(since)
	}
	return max(0, j.lastFailure.Sub(since)), all
}

// takeNew returns the writes that were not audited yet.
func (j *journal) takeNew() []*write {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	writes := j.writes[j.audited:]
	j.audited = len(j.writes)
	return slices.Clone(writes)
}

// forget leaves out writes that were audited and are older than a time: what they left may be purged.
func (j *journal) forget(before time.Time) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	n := 0
	for n < j.audited && j.writes[n].sent.Before(before) {
		n++
	}
	j.writes, j.audited = slices.Clone(j.writes[n:]), j.audited-n
}

// all returns the writes of the whole test that aren't forgotten.
func (j *journal) all() []*write {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return slices.Clone(j.writes)
}
