package faults_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/internal/conformance"
)

// verdict is what an audit found.
type verdict struct {
	lost, twice, wrong int
	faults             []string // the first of them, in words
}

func (v *verdict) add(count *int, format string, args ...any) {
	*count++
	if len(v.faults) < 10 {
		v.faults = append(v.faults, fmt.Sprintf(format, args...))
	}
}

// stored is all that the database has of some jobs.
type stored struct {
	history    map[jobdb.JobID]map[string]int // records by the mark in their Source
	again      map[jobdb.JobID]int64          // records of rescheduling
	beats      map[jobdb.JobID]map[string]int // values of CPUConsumed
	parameters map[jobdb.JobID]map[string]int
	commands   map[jobdb.JobID][]jobdb.CommandRecord
	counter    map[jobdb.JobID]int64
	named      map[string][]jobdb.JobID // jobs by JobName
}

// audit compares the database with what the writes were answered with, and with itself.
func audit(t *testing.T, address string, writes []*write) verdict {
	t.Helper()
	db, err := jobdb.Open(t.Context(), address, jobdb.Options{FoldInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	v := verdict{}
	s := readStored(t, db, writes)
	for _, w := range writes {
		s.check(&v, w)
	}
	s.checkReschedules(&v, writes)
	wrong, err := db.VerifyCounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		v.add(&v.wrong, "counted %d instead of %d: %v", w.Counted, w.Jobs, w.Values)
	}
	for _, id := range conformance.HistoryGaps(t, address) {
		v.add(&v.wrong, "the history of job %d has a gap", id)
	}
	return v
}

func readStored(t *testing.T, db *jobdb.DB, writes []*write) *stored {
	t.Helper()
	s := &stored{
		history: map[jobdb.JobID]map[string]int{}, again: map[jobdb.JobID]int64{}, beats: map[jobdb.JobID]map[string]int{},
		parameters: map[jobdb.JobID]map[string]int{}, commands: map[jobdb.JobID][]jobdb.CommandRecord{}, counter: map[jobdb.JobID]int64{},
		named: map[string][]jobdb.JobID{},
	}
	all := map[jobdb.JobID]bool{}
	var names []any
	for _, w := range writes {
		for _, id := range w.jobs {
			all[id] = true
		}
		if w.kind == submit {
			names = append(names, w.mark)
		}
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(all)), 500) {
		if err := s.readJobs(t, db, ids); err != nil {
			t.Fatal(err)
		}
	}
	for some := range slices.Chunk(names, 100) {
		if err := s.readNames(t, db, some); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func count(m map[jobdb.JobID]map[string]int, id jobdb.JobID, text string) {
	if m[id] == nil {
		m[id] = map[string]int{}
	}
	m[id][text]++
}

func (s *stored) readJobs(t *testing.T, db *jobdb.DB, ids []jobdb.JobID) error {
	t.Helper()
	ctx := t.Context()
	histories, err := db.History(ctx, ids)
	if err != nil {
		return err
	}
	for id, records := range histories {
		for _, r := range records {
			mark := strings.TrimPrefix(strings.TrimPrefix(r.Source, "User"), "Job")
			count(s.history, id, strings.TrimSuffix(mark, "(SM)")) // so are those marked that didn't change the status
			if r.MinorStatus == "Job Rescheduled" && r.Source == "Unknown" {
				s.again[id]++
			}
		}
	}
	beats, err := db.Heartbeats(ctx, ids, 0)
	if err != nil {
		return err
	}
	for id, some := range beats {
		for _, b := range some {
			count(s.beats, id, b.Value)
		}
	}
	parameters, err := db.JobParameters(ctx, ids)
	if err != nil {
		return err
	}
	for id, some := range parameters {
		for _, value := range some {
			count(s.parameters, id, value)
		}
	}
	archived, err := db.ArchivedJobParameters(ctx, ids)
	if err != nil {
		return err
	}
	for id, some := range archived {
		for _, p := range some {
			count(s.parameters, id, p.Value)
		}
	}
	commands, err := db.JobCommands(ctx, ids)
	if err != nil {
		return err
	}
	maps.Copy(s.commands, commands)
	jobs, err := db.LockJobs(ctx, ids, "RescheduleCounter")
	for id, job := range jobs {
		s.counter[id], _ = job["RescheduleCounter"].(int64)
	}
	return err
}

func (s *stored) readNames(t *testing.T, db *jobdb.DB, names []any) error {
	t.Helper()
	search, err := jobdb.SearchRequest{
		Parameters: []string{"JobID", "JobName"},
		Search:     []jobdb.FilterSpec{{Parameter: "JobName", Operator: "in", Values: names}},
	}.Parse(jobdb.DefaultLimits)
	if err != nil {
		return err
	}
	search.Scope.AllVOs = true
	for row, err := range db.Stream(t.Context(), search) {
		if err != nil {
			return err
		}
		id, _ := row[0].(int64)
		name, _ := row[1].(string)
		s.named[name] = append(s.named[name], jobdb.JobID(id))
	}
	return nil
}

// check looks for what a write has left: once in each of its jobs if it was acknowledged, else in
// all or in none of them.
func (s *stored) check(v *verdict, w *write) {
	var found []int
	switch w.kind {
	case submit:
		s.checkSubmission(v, w)
		return
	case reschedule: // leaves no mark
		return
	case heartbeat:
		found = traces(s.beats, w)
	case parameter:
		found = traces(s.parameters, w)
	default:
		found = traces(s.history, w)
	}
	least, most := slices.Min(found), slices.Max(found)
	switch {
	case w.acknowledged && least == 0:
		v.add(&v.lost, "%s %s of jobs %v: found %v times", w.kind, w.mark, w.jobs, found)
	case most > 1:
		v.add(&v.twice, "%s %s of jobs %v: found %v times", w.kind, w.mark, w.jobs, found)
	case least != most:
		v.add(&v.wrong, "%s %s of jobs %v is there in part: %v", w.kind, w.mark, w.jobs, found)
	case w.refused && most > 0:
		v.add(&v.wrong, "%s %s of jobs %v was refused, and is there", w.kind, w.mark, w.jobs)
	}
}

func traces(of map[jobdb.JobID]map[string]int, w *write) []int {
	found := make([]int, len(w.jobs))
	for i, id := range w.jobs {
		found[i] = of[id][w.mark]
	}
	return found
}

func (s *stored) checkSubmission(v *verdict, w *write) {
	found := s.named[w.mark]
	slices.Sort(found)
	switch {
	case w.acknowledged && len(found) < w.size:
		v.add(&v.lost, "%d of %d jobs of submission %s are there", len(found), w.size, w.mark)
	case len(found) > w.size:
		v.add(&v.twice, "%d instead of %d jobs of submission %s", len(found), w.size, w.mark)
	case len(found) > 0 && len(found) < w.size, w.acknowledged && !slices.Equal(found, w.jobs):
		v.add(&v.wrong, "submission %s of %d jobs answered %v, and has made %v", w.mark, w.size, w.jobs, found)
	}
}

// checkReschedules compares how often jobs were rescheduled by what they were answered, by their
// counters and by their histories.
func (s *stored) checkReschedules(v *verdict, writes []*write) {
	known := map[jobdb.JobID]int64{}
	for _, w := range writes {
		if w.kind == reschedule && w.acknowledged {
			known[w.jobs[0]]++
		}
	}
	for id, n := range s.counter {
		if n != s.again[id] {
			v.add(&v.wrong, "job %d: RescheduleCounter %d, and %d records of it", id, n, s.again[id])
		}
	}
	for id, n := range known {
		if s.again[id] < n {
			v.add(&v.lost, "job %d was rescheduled %d times, and has %d records of it", id, n, s.again[id])
		}
	}
}

// checkKills beats for all jobs whose end was acknowledged until each has been told.
func (l *load) checkKills(v *verdict, writes []*write) {
	wanted := map[jobdb.JobID]bool{}
	for _, w := range writes {
		for _, id := range w.ended {
			wanted[id] = true
		}
	}
	for range 4 {
		maps.DeleteFunc(wanted, func(id jobdb.JobID, _ bool) bool { return l.journal.told[id] })
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(wanted)), 200) {
			r, answer := l.send(newRandom(), "pilot", http.MethodPatch, "/api/jobs/heartbeat", byJob(ids, `"LoadAverage":1`))
			if r.err != nil || r.status != http.StatusOK {
				v.add(&v.wrong, "a heartbeat after all: %+v %s", r, answer)
			} else if err := l.hear(answer); err != nil {
				l.t.Error(err)
			}
		}
		if len(wanted) > 0 {
			time.Sleep(redelivery + time.Second)
		}
	}
	for id := range wanted {
		v.add(&v.lost, "job %d was not told to end", id)
	}
}
