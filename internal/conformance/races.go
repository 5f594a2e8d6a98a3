package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb"
)

// This file lets many callers at the same jobs at once.
var raceTests = []conformanceTest{
	{"Takers", testTakers},
	{"HistoryWriters", testHistoryWriters},
	{"OverlappingBatches", testOverlappingBatches},
	{"OneTickCommands", testCommandWriters},
	{"CancelledWriter", testCancelledWriter},
	{"CancelledReader", testCancelledReader},
}

// shorter is how often something random is tried: n times on a database as jobdb makes it, a
// quarter of that on all others, since these run the same code again, and a tenth with -short.
func (f *fixture) shorter(n int) int {
	switch {
	case testing.Short():
		return n / 10
	case f.traits != Traits{}:
		return n / 4
	}
	return n
}

// together runs fn n times at once and wants no error of any.
func (f *fixture) together(n int, fn func(i int) error) {
	f.t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := fn(i); err != nil {
				f.t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// Sixteen takers get each of 5,000 commands exactly once while others are being added.
func testTakers(f *fixture) {
	const takers, adders, batch = 16, 4, 50
	total := f.shorter(5000)
	ids := f.addPlainJobs(100)
	var (
		adding sync.WaitGroup
		mu     sync.Mutex
		taken  = map[jobdb.Command]int{}
		done   = make(chan struct{})
	)
	for a := range adders {
		adding.Go(func() {
			for start := a * batch; start < total; start += adders * batch {
				commands := make([]jobdb.Command, 0, batch)
				for n := start; n < min(start+batch, total); n++ {
					commands = append(commands, command(ids[n%len(ids)], jobdb.KillCommand, strconv.Itoa(n)))
				}
				if err := f.SetJobCommands(f.ctx, commands); err != nil {
					f.t.Errorf("add commands: %v", err)
				}
			}
		})
	}
	go func() {
		adding.Wait()
		close(done)
	}()
	take := func(some []jobdb.JobID) error {
		commands, err := f.TakeJobCommands(f.ctx, some)
		mu.Lock()
		defer mu.Unlock()
		for _, c := range commands {
			taken[c]++
		}
		return err
	}
	f.together(takers, func(int) error {
		for {
			select {
			case <-done:
				return nil
			default:
			}
			from := rand.IntN(len(ids))
			if err := take(ids[from:min(len(ids), from+20)]); err != nil {
				return err
			}
		}
	})
	f.together(takers, func(int) error { return take(ids) })
	f.equal("different commands taken", len(taken), total)
	for c, times := range taken {
		if times != 1 {
			f.t.Errorf("the command %v was taken %d times", c, times)
		}
	}
	f.equal("commands left", len(f.take(ids...)), 0)
}

// Commands set for one job by many callers in one tick are all kept, each once.
func testCommandWriters(f *fixture) {
	const writers, each = 8, 10
	id := f.addPlainJobs(1)[0]
	f.together(writers, func(w int) error {
		for n := range each {
			if err := f.SetJobCommands(f.ctx, []jobdb.Command{command(id, "Peek", fmt.Sprint(w, " ", n)), command(id, "Peek", "shared")}); err != nil {
				return err
			}
		}
		return nil
	})
	f.equal("commands", len(f.take(id)), writers*each+1)
}

// Sixteen writers of one job's history leave no gap and no repetition, and none fails; nor do
// writers of many jobs at once.
func testHistoryWriters(f *fixture) {
	const writers = 16
	each := max(2, f.shorter(20))
	ids := f.addPlainJobs(4)
	orphan := missingID - 2 // a history without a job
	f.together(writers, func(w int) error {
		for n := range each {
			records := []jobdb.HistoryRecord{record(ids[0], "Running", fmt.Sprint(w), fmt.Sprint(n), noon)}
			if n%4 == 0 { // in an order of its own
				records = append(records, record(ids[1+w%3], "x", "", "", noon), record(ids[1+(w+1)%3], "x", "", "", noon), record(orphan, "x", "", "", noon))
			}
			if err := f.InsertHistory(f.ctx, records); err != nil {
				return err
			}
		}
		return nil
	})
	raw := f.rawHistory()
	f.checkNumbers(raw, ids[0], int64(writers*each))
	f.checkNumbers(raw, orphan, int64(writers*((each+3)/4)))
	f.ok(f.DeleteHistory(f.ctx, []jobdb.JobID{orphan}))
}

// Random overlapping batches of updates and deletes end with no error to the caller.
func testOverlappingBatches(f *fixture) {
	const callers = 8
	rounds := max(3, f.shorter(30))
	ids := f.addPlainJobs(200)
	first := seed(f.test)
	f.together(callers, func(caller int) error {
		random := rand.New(rand.NewPCG(first, uint64(caller)))
		for range rounds {
			if err := f.randomBatch(random, ids); err != nil {
				return err
			}
		}
		return nil
	})
	left := f.search(jobdb.SearchRequest{Parameters: []string{"JobID"}}, 1, 1).Total
	deleted, err := f.DeleteJobs(f.ctx, ids)
	f.ok(err)
	f.equal("jobs deleted at the end", deleted, left)
}

// randomBatch does one thing to a random part of the jobs, in random order; jobs may be gone.
func (f *fixture) randomBatch(random *rand.Rand, ids []jobdb.JobID) error {
	some := make([]jobdb.JobID, 0, 50)
	for _, i := range random.Perm(len(ids))[:1+random.IntN(50)] {
		some = append(some, ids[i])
	}
	attributes := map[jobdb.JobID]jobdb.Attributes{}
	for _, id := range some {
		attributes[id] = jobdb.Attributes{"Site": strconv.Itoa(random.IntN(5))}
		if random.IntN(2) == 0 {
			attributes[id]["Status"] = "Running"
		}
	}
	var err error
	switch random.IntN(10) {
	case 0:
		_, err = f.DeleteJobs(f.ctx, some[:1+len(some)/10])
	case 1:
		for _, id := range some {
			delete(attributes[id], "Status")
		}
		_, err = f.SetProperties(f.ctx, attributes, true)
	case 2:
		_, err = f.TakeJobCommands(f.ctx, some)
	case 3:
		err = f.InsertHistory(f.ctx, []jobdb.HistoryRecord{record(some[0], "x", "", "", noon), record(some[len(some)-1], "y", "", "", noon)})
	case 4:
		err = f.ArchiveJobParameters(f.ctx, some)
	case 5:
		err = f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error { // in no order, so that some lose and are run again
			for _, id := range some[:min(3, len(some))] {
				if _, err := tx.SetJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"Site": "tx"}}, jobdb.SetOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
	case 6:
		if err = f.SetOptimizerParameters(f.ctx, named{some[0]: {"p": "x"}}); err == nil {
			err = f.SetJobCommands(f.ctx, []jobdb.Command{command(some[0], "Peek", "")})
		}
		if errors.Is(err, jobdb.ErrNotFound) { // as it should be for a job that is gone
			err = nil
		}
	case 7:
		err = f.ExpireJobCommands(f.ctx, some)
	case 8:
		_, err = f.ConfirmJobCommands(f.ctx, some, "Peek")
	default:
		_, err = f.SetJobAttributes(f.ctx, attributes, jobdb.SetOptions{KeepFinal: true})
	}
	return err
}

// A cancelled context ends a statement that waits for a lock, in the server too, within a second.
func testCancelledWriter(f *fixture) {
	id := f.addPlainJobs(1)[0]
	held, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			_, err := tx.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"Site": "held"}}, false)
			close(held)
			<-release
			return err
		})
	}()
	<-held
	defer func() {
		close(release)
		f.ok(<-ended)
		f.equal("what is stored", f.attributes(id, "Site", "JobGroup"), map[string]any{"Site": "held", "JobGroup": "00000000"})
		f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(id, "Peek", "")}))
		if f.traits.NoKill {
			time.Sleep(200 * time.Millisecond) // what the server goes on with is done by then
		}
		commands, err := f.JobCommands(f.ctx, []jobdb.JobID{id})
		f.ok(err)
		if got := commands[id]; len(got) != 1 || got[0].Command.Command != "Peek" {
			f.t.Errorf("its commands are %v", got)
		}
	}()
	for what, call := range map[string]func(ctx context.Context) error{
		`UPDATE`: func(ctx context.Context) error {
			_, err := f.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"JobGroup": "lost", "UserPriority": 1}}, false)
			return err
		},
		`FOR UPDATE`: func(ctx context.Context) error {
			return f.SetJobCommands(ctx, []jobdb.Command{command(id, "Lost", "")})
		},
		`UPDATE `: func(ctx context.Context) error {
			return f.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
				_, err := tx.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"JobGroup": "lost", "UserPriority": 1}}, false)
				return err
			})
		},
	} {
		f.endsWhenCancelled(what, call)
	}
}

// endsWhenCancelled starts a call that doesn't end by itself, waits until the server runs its
// statement, cancels it, and wants both the call and the statement to end within a second.
func (f *fixture) endsWhenCancelled(part string, call func(ctx context.Context) error) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- call(ctx) }()
	raw := f.raw()
	if !f.within(10*time.Second, func() bool { return f.Engine() == "sqlite" || raw.running(part) }) {
		f.t.Errorf("the server never ran the statement with %q", part)
	}
	if f.Engine() == "sqlite" {
		time.Sleep(50 * time.Millisecond) // there is no server to ask
	}
	cancel()
	start := time.Now()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			f.t.Errorf("%s: got %v, want: %v", part, err, context.Canceled)
		}
	case <-time.After(10 * time.Second):
		f.t.Fatalf("%s: a cancelled call doesn't return", part)
	}
	if f.Engine() != "sqlite" && !f.traits.NoKill && !f.within(10*time.Second, func() bool { return !raw.running(part) }) {
		f.t.Fatalf("%s: the statement of a cancelled call runs on in the server", part)
	}
	if took := time.Since(start); took > time.Second {
		f.t.Errorf("%s: it took %s to end a cancelled call", part, took)
	}
}

// endsBesideEmoji cancels a search while the statement of another connection has an emoji, with which
// MySQL can't show its list of connections.
func (f *fixture) endsBesideEmoji(search jobdb.Search) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	ended, slept := make(chan error, 1), make(chan struct{})
	go func() { ended <- streamError(f.Stream(ctx, search)) }()
	raw := f.raw()
	if !f.within(10*time.Second, func() bool { return raw.running("ApplicationStatus") }) {
		f.t.Errorf("the server never ran the search")
	}
	go func() {
		defer close(slept)
		raw.number("SELECT SLEEP(1) + ('😀' = '')")
	}()
	time.Sleep(200 * time.Millisecond) // until it runs, which the list can't tell
	cancel()
	f.only("a cancelled search", <-ended, context.Canceled)
	<-slept
	if !f.within(2*time.Second, func() bool { return !raw.running("ApplicationStatus") }) {
		f.t.Errorf("a search that was cancelled beside an emoji runs on in the server")
	}
}

// within asks until the answer is yes, or the time is over.
func (f *fixture) within(limit time.Duration, ask func() bool) bool {
	f.t.Helper()
	for range limit / (10 * time.Millisecond) {
		if ask() {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// running tells whether the server is at a statement on jobs that has this part.
func (r *rawDB) running(part string) bool {
	r.f.t.Helper()
	return r.number("SELECT count(*)"+r.statements(part)) > 0
}

// statements are from where the statements on jobs are that run in the server and have this part.
func (r *rawDB) statements(part string) string {
	like := `LIKE '%` + part + `%' AND `
	if r.f.Engine() == "mysql" {
		return ` FROM information_schema.processlist WHERE info ` + like + `info LIKE '%Jobs%' AND db = DATABASE() AND id <> CONNECTION_ID()`
	}
	return ` FROM pg_stat_activity WHERE query ` + like + `query LIKE '%Jobs%' AND state = 'active' AND datname = current_database()
		AND pid <> pg_backend_pid()`
}

// connectionID is the column of the connection's number there.
func (r *rawDB) connectionID() string {
	if r.f.Engine() == "mysql" {
		return "id"
	}
	return "pid"
}

// A cancelled context ends a search that takes long, in the server too, also when rows have come
// already; the database serves on.
func testCancelledReader(f *fixture) {
	const quick, slow = 300, 3000
	attributes := make([]jobdb.Attributes, quick+slow)
	for i := range attributes {
		attributes[i] = jobdb.Attributes{"ApplicationStatus": strings.Repeat("a", 255), "MinorStatus": strings.Repeat("m", 128)}
		if i < quick {
			attributes[i]["JobType"] = "quick"
		}
	}
	f.addJobs(attributes...)
	// Each row that isn't quick is tried against all of these, each at every place.
	either := []jobdb.FilterSpec{{Parameter: "JobType", Operator: "eq", Value: "quick"}}
	for i := range 60 {
		either = append(either, jobdb.FilterSpec{Parameter: "ApplicationStatus", Operator: "like", Value: "%" + strings.Repeat("a", 120) + fmt.Sprint("b", i) + "%"})
	}
	filters := []jobdb.FilterSpec{{Or: either[1:]}, {Or: either}}
	if f.traits.LateCancel {
		filters = filters[:1]
	}
	for _, filter := range filters {
		search, err := jobdb.SearchRequest{Search: []jobdb.FilterSpec{filter}}.Parse(f.Limits())
		f.ok(err)
		search.Scope.VO = f.vo
		f.endsWhenCancelled(`ApplicationStatus`, func(ctx context.Context) error {
			return streamError(f.Stream(ctx, search))
		})
	}
	if f.Engine() == "mysql" && !f.traits.NoKill {
		search, err := jobdb.SearchRequest{Search: filters[:1]}.Parse(f.Limits())
		f.ok(err)
		search.Scope.VO = f.vo
		f.endsBesideEmoji(search)
	}
	f.equal("a search after it", f.search(jobdb.SearchRequest{}, 1, 1).Total, int64(len(attributes)))
}
