//go:build linux

package faults_test

import (
	"database/sql"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jobdb/jobdbtest"
)

// fault is something that happens to servers, databases or what is between them.
type fault struct {
	name   string
	strike func(w *world, lasts time.Duration) // and is mended when it returns
	needs  func(w *world) bool                 // nil: nothing
}

func hasProcess(w *world) bool { return w.process != nil }
func hasProxy(w *world) bool   { return w.between != nil }
func hasDisk(w *world) bool    { return os.Geteuid() == 0 && isMounted(w.disk) }

func isMounted(folder string) bool {
	mounts, _ := os.ReadFile("/proc/self/mounts")
	return strings.Contains(string(mounts), " "+folder+" ")
}

var faults = []fault{
	{"a server is killed", func(w *world, lasts time.Duration) {
		s := w.servers[w.kills%len(w.servers)]
		w.kills++
		s.kill()
		time.Sleep(lasts)
		s.again()
	}, nil},
	{"the database is killed", func(w *world, lasts time.Duration) {
		w.process.Kill()
		time.Sleep(lasts)
		w.process.Run()
	}, hasProcess},
	{"the database doesn't answer", func(w *world, lasts time.Duration) {
		w.between.hold()
		time.Sleep(lasts)
		w.between.letGo()
	}, hasProxy},
	{"it doesn't answer COMMIT", func(w *world, lasts time.Duration) {
		w.between.holdCommits()
		time.Sleep(lasts)
		w.between.letGo()
	}, hasProxy},
	{"connections are cut", func(w *world, lasts time.Duration) {
		for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			w.between.cut()
		}
	}, hasProxy},
	{"each answer takes 50 ms more", func(w *world, lasts time.Duration) {
		w.between.delay(50 * time.Millisecond)
		time.Sleep(lasts)
		w.between.delay(0)
	}, hasProxy},
	{"the database's machine vanishes", func(w *world, lasts time.Duration) {
		w.between.vanish(w.t)
		time.Sleep(lasts)
	}, hasProxy},
	{"the disk is full", func(w *world, lasts time.Duration) {
		w.fillDisk(true)
		time.Sleep(lasts)
		w.fillDisk(false)
		if w.process != nil {
			w.process.Run() // where it gave up
		}
		w.revive()
	}, hasDisk},
	{"another program has the lock", func(w *world, lasts time.Duration) {
		db := jobdbtest.Raw(w.t, w.address)
		connection, err := db.Conn(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		defer connection.Close()
		texts := map[string][2]string{
			"SQLite": {"BEGIN EXCLUSIVE", "ROLLBACK"}, "MariaDB": {"LOCK TABLES Jobs WRITE", "UNLOCK TABLES"},
			"MySQL": {"LOCK TABLES Jobs WRITE", "UNLOCK TABLES"}, "PostgreSQL": {`BEGIN; LOCK TABLE "Jobs"`, "ROLLBACK"},
		}[w.engine]
		execute(w.t, connection, texts[0])
		time.Sleep(lasts)
		execute(w.t, connection, texts[1])
	}, nil},
	{"a server has no more descriptors", func(w *world, lasts time.Duration) {
		before := w.limit(w.servers[0], unix.RLIMIT_NOFILE, 10)
		for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			w.client.CloseIdleConnections()
		}
		w.limit(w.servers[0], unix.RLIMIT_NOFILE, before.Cur)
	}, nil},
	{"a server gets no more memory", func(w *world, lasts time.Duration) {
		size := processField(w.t, strconv.Itoa(w.servers[0].process.Pid), "VmSize:")
		w.limit(w.servers[0], unix.RLIMIT_AS, uint64(size))
		for end := time.Now().Add(lasts); time.Now().Before(end) && !w.servers[0].hasEnded(); time.Sleep(100 * time.Millisecond) {
			w.servers[0].send(w.tokens["user"], "POST", "/api/jobs/jdl", heavyBodies[12].body)
		}
		if !w.servers[0].hasEnded() {
			w.limit(w.servers[0], unix.RLIMIT_AS, unix.RLIM_INFINITY)
		}
		w.revive()
	}, nil},
}

func execute(t *testing.T, connection *sql.Conn, text string) {
	t.Helper()
	if _, err := connection.ExecContext(t.Context(), text); err != nil {
		t.Errorf("%s: %v", text, err)
	}
}

// revive starts servers that have ended, as an init system does.
func (w *world) revive() {
	w.t.Helper()
	for _, s := range w.servers {
		if s.hasEnded() {
			s.again()
		}
	}
}

// row is what docs/reliability.md says of a fault on an engine.
type row struct {
	rounds, acknowledged, unknown int
	verdict
	longest, goesOn time.Duration
	memory          int64
	trouble         map[string]int
}

const (
	faultWriters = 16
	faultPause   = 25 * time.Millisecond

	longestRequest = 105 * time.Second // a query has a minute, a request half a minute more, a ROLLBACK 10 s
	longestPause   = time.Minute       // until all goes on
	grace          = 35 * time.Second  // a server that is told to stop lets requests end for 30 s
)

// TestFaults lets what may happen happen to servers and databases while a grid writes, and audits
// each time what they have. JOBDB_FAULTS_MINUTES says for how long on each engine, with a fault a
// minute; by default each fault happens once, for two seconds. JOBDB_FAULT is a regular expression for
// the names of those that are wanted, if not all are.
func TestFaults(t *testing.T) {
	for _, engine := range slices.Sorted(maps.Keys(jobdbtest.Engines)) {
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, engine)
			w.prepare()
			rows := w.strikeAll(faultMinutes())
			w.checkOperation()
			w.checkStop()
			w.report(rows)
		})
	}
}

func faultMinutes() int {
	minutes, _ := strconv.Atoi(os.Getenv("JOBDB_FAULTS_MINUTES"))
	return minutes
}

// prepare submits jobs for the writers to begin with.
func (w *world) prepare() {
	for range 10 {
		w.submit(newRandom())
	}
	if len(w.journal.jobs) == 0 {
		w.t.Fatalf("nothing can be submitted: %v\n%s", w.journal.trouble, w.servers[0].said())
	}
}

// strikeAll lets each fault happen that there is for this world, in turns for so many minutes.
func (w *world) strikeAll(minutes int) map[string]*row {
	rows := map[string]*row{}
	wanted, err := regexp.Compile(os.Getenv("JOBDB_FAULT"))
	if err != nil {
		w.t.Fatal(err)
	}
	for end := time.Now().Add(time.Duration(minutes) * time.Minute); ; {
		for _, f := range w.faults {
			if minutes > 0 && time.Now().After(end) {
				return rows
			}
			if f.needs != nil && !f.needs(w) || !wanted.MatchString(f.name) {
				continue
			}
			if rows[f.name] == nil {
				rows[f.name] = &row{trouble: map[string]int{}}
			}
			if w.cluster != nil {
				w.spread()
			}
			began := time.Now()
			if minutes > 0 {
				w.strike(f, rows[f.name], 10*time.Second, 15*time.Second)
				w.calm(time.Until(began.Add(time.Minute)))
			} else {
				w.strike(f, rows[f.name], 2*time.Second, 500*time.Millisecond)
			}
		}
		if minutes == 0 {
			return rows
		}
	}
}

// calm lets the writers write without a fault.
func (w *world) calm(lasts time.Duration) {
	w.start()
	w.journal.setCalm(true)
	time.Sleep(lasts)
	w.journal.setCalm(false)
	w.stop()
	if w.operated {
		w.noteOperation()
	}
}

// strike lets a fault happen under load, and audits what it leaves.
func (w *world) strike(f fault, r *row, lasts, before time.Duration) {
	w.t.Helper()
	for _, s := range w.servers {
		s.forgetPeak()
	}
	j := w.journal
	j.mutex.Lock()
	acknowledged, unknown := j.acknowledged, j.unknown
	j.longest, j.trouble = 0, map[string]int{}
	j.mutex.Unlock()

	w.start()
	time.Sleep(before)
	f.strike(w, lasts)
	mended := time.Now()
	goesOn, all := j.recovered(mended)
	for ; !all && time.Since(mended) < 2*longestPause; goesOn, all = j.recovered(mended) {
		time.Sleep(50 * time.Millisecond)
	}
	w.stop()
	v := w.audit(j.takeNew())

	r.rounds++
	r.acknowledged += j.acknowledged - acknowledged
	r.unknown += j.unknown - unknown
	r.lost, r.twice, r.wrong = r.lost+v.lost, r.twice+v.twice, r.wrong+v.wrong
	r.longest, r.goesOn = max(r.longest, j.longest), max(r.goesOn, goesOn)
	for _, s := range w.servers {
		r.memory = max(r.memory, s.peakMemory())
	}
	for what, n := range j.trouble {
		r.trouble[what] += n
	}
	w.t.Logf("%s: %d acknowledged, %v, longest request %v, goes on after %v", f.name, j.acknowledged-acknowledged, j.trouble, j.longest, goesOn)
	if len(v.faults) > 0 {
		w.t.Errorf("%s: %s", f.name, strings.Join(v.faults, "\n"))
	}
	if j.longest > longestRequest || !all || goesOn > longestPause {
		w.t.Errorf("%s: the longest request took %v; all went on after %v (%t)", f.name, j.longest, goesOn, all)
	}
}

// audit is audit of the database, of which each node of a cluster has all.
func (w *world) audit(writes []*write) verdict {
	w.t.Helper()
	if w.cluster != nil {
		checkSame(w.t, w.cluster)
	}
	return audit(w.t, w.address, writes)
}

// checkStop stops the servers under load, and audits everything once more: what was acknowledged is
// to be there after all faults.
func (w *world) checkStop() {
	w.t.Helper()
	w.start()
	time.Sleep(time.Second)
	for _, s := range w.servers {
		began := time.Now()
		_ = s.process.Signal(syscall.SIGTERM)
		select {
		case <-s.ended:
			w.t.Logf("a server stopped after %v", time.Since(began))
		case <-time.After(grace):
			_ = s.process.Signal(syscall.SIGQUIT) // whereupon it says what it does
			<-s.ended
			w.t.Errorf("a server didn't stop within %v: %s", grace, s.said())
		}
	}
	w.stop()
	w.revive()
	all := w.journal.all()
	v := w.audit(all)
	w.checkKills(&v, all)
	w.t.Logf("%d jobs; %d writes audited once more: %d lost, %d twice, %d wrong", len(w.journal.jobs), len(all), v.lost, v.twice, v.wrong)
	if len(v.faults) > 0 {
		w.t.Errorf("after all: %s", strings.Join(v.faults, "\n"))
	}
}

// report prints the rows of docs/reliability.md.
func (w *world) report(rows map[string]*row) {
	var text strings.Builder
	for _, f := range w.faults {
		if r := rows[f.name]; r != nil {
			fmt.Fprintf(&text, "| %s | %s | %d | %d | %d | %d | %d | %.1f | %.1f | %d |\n", f.name, w.engine, r.rounds,
				r.acknowledged, r.lost, r.twice, r.wrong, r.longest.Seconds(), r.goesOn.Seconds(), r.memory/mega)
		}
	}
	w.t.Logf("fault, engine, rounds, acknowledged, lost, twice, wrong, longest request (s), goes on after (s), peak memory (MB)\n%s", text.String())
	w.t.Logf("%g LHCbs (0: no rates): %d requests, %d left out, in %v", w.lhcbs, w.journal.answers, w.leftOut.Load(), w.loaded.Round(time.Second))
}
