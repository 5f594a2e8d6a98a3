//go:build linux

package faults_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// galeraFaults are those of [faults] that matter to a cluster, and those that only one has.
var galeraFaults = slices.Concat(
	slices.DeleteFunc(slices.Clone(faults), func(f fault) bool {
		return !slices.Contains([]string{"a server is killed", "connections are cut"}, f.name)
	}),
	[]fault{
		{"a node is killed", func(w *world, lasts time.Duration) {
			w.cluster[0].end("KILL")
			time.Sleep(lasts)
			w.cluster[0].run()
			w.cluster[0].await("wsrep_local_state_comment", "Synced")
		}, nil},
		{"a node has lost its data", func(w *world, _ time.Duration) { // it gets a copy of another's, which writes nothing meanwhile
			w.cluster[0].end("KILL")
			w.cluster[0].command(`rm -r "$DATA" && mkdir "$DATA"`)
			w.cluster[0].run()
			w.cluster[0].await("wsrep_local_state_comment", "Synced")
		}, nil},
		{"a node is cut off", func(w *world, lasts time.Duration) {
			w.cluster[0].isolate(true)
			w.cluster[0].await("wsrep_cluster_status", "non-Primary")
			time.Sleep(lasts)
			w.cluster[0].isolate(false)
			w.cluster[0].await("wsrep_local_state_comment", "Synced")
		}, nil},
	})

// TestGalera is [TestFaults] on a cluster of three nodes of MariaDB. Each of two servers knows all
// nodes, and works on one of its own while that is there. On a node that is cut off nobody stays.
func TestGalera(t *testing.T) {
	w := newGaleraWorld(t)
	w.prepare()
	rows := w.strikeAll(faultMinutes())
	w.checkStop()
	w.report(rows)
	for _, n := range w.cluster {
		t.Logf("a node: %s writes lost at their commits, %s before", n.status("wsrep_local_cert_failures"), n.status("wsrep_local_bf_aborts"))
	}
	const commits = 3 * faultWriters // those that were under way, and some that follow
	for name, r := range rows {
		if r.trouble["500"] > 0 {
			t.Errorf("%s: %v", name, r.trouble)
		}
	}
	if r := rows["a node is cut off"]; r != nil && r.trouble["503"] > r.rounds*commits {
		t.Errorf("servers stay on a node that is cut off: %v in %d rounds", r.trouble, r.rounds)
	}
}

// TestGaleraLeavesBehind holds a node up as a backup or the transfer of its data to another node does.
// A server that has worked on it goes on at another one, and not a request waits for the end of that.
func TestGaleraLeavesBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a server is built for this")
	}
	nodes := startCluster(t)
	migrate(t, clusterURL(nodes[0].host))
	s := startServerIn(t, t.TempDir(), "--db", clusterURL(nodes[0].host, nodes[1].host, nodes[2].host))
	token := s.token("alice", "NormalUser")
	submit := func() (took time.Duration) {
		t.Helper()
		began := time.Now()
		if r := s.send(token, "POST", "/api/jobs/jdl", `["Executable = \"/bin/echo\";"]`); r.status >= 300 || r.err != nil {
			t.Fatalf("submit: %+v", r)
		}
		return time.Since(began)
	}
	submit()
	conn, err := jobdbtest.Raw(t, clusterURL(nodes[0].host)).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"SET GLOBAL wsrep_desync = ON", "FLUSH TABLES WITH READ LOCK"} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2 * time.Second) // for so long a server may take the node for what it was
	for range 20 {
		if took := submit(); took > 5*time.Second {
			t.Errorf("a submission took %v while a node was held up", took)
		}
	}
	for _, statement := range []string{"UNLOCK TABLES", "SET GLOBAL wsrep_desync = OFF"} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	checkSame(t, nodes)
}

func newGaleraWorld(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a server is built and loaded for this")
	}
	if _, err := binary(); err != nil {
		t.Fatal(err)
	}
	nodes := startCluster(t)
	w := &world{engine: "Galera", faults: galeraFaults, address: clusterURL(nodes[2].host), cluster: nodes}
	w.between = newProxy(t, clusterURL(nodes[0].host))
	migrate(t, w.address)
	_, throughProxy, _ := strings.Cut(strings.TrimSuffix(w.between.address, "/jobs"), "@")
	folder := t.TempDir()
	var servers []*server
	for _, hosts := range [][]string{
		{throughProxy, nodes[1].host, nodes[2].host}, {nodes[1].host, nodes[2].host, throughProxy},
	} {
		servers = append(servers, startServerIn(t, folder, "--command-redelivery", redelivery.String(), "--db", clusterURL(hosts...)))
	}
	w.load = newLoad(t, servers, faultWriters, faultPause)
	return w
}

// TestGaleraMigrates has servers on all nodes migrate one database at once: each node's lock keeps
// only its own from that. From an empty database, and from an older one with jobs, all is as one
// server would have made it.
func TestGaleraMigrates(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: servers are built for this")
	}
	older := buildOlder(t, olderEnded)
	nodes := startCluster(t)
	for name, jobs := range map[string]int{"empty": 0, "older": 50} {
		t.Run(name, func(t *testing.T) {
			raw := jobdbtest.Raw(t, clusterURL(nodes[0].host))
			for _, statement := range []string{"DROP DATABASE jobs", "CREATE DATABASE jobs CHARACTER SET utf8mb4"} {
				if _, err := raw.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			if jobs > 0 {
				s := startProgram(t, older, t.TempDir(), "--db", clusterURL(nodes[0].host))
				token := s.token("alice", "NormalUser")
				for range jobs {
					if r := s.send(token, "POST", "/api/jobs/jdl", `["Executable = \"/bin/echo\";"]`); r.status >= 300 || r.err != nil {
						t.Fatalf("submit: %+v", r)
					}
				}
				s.stop()
			}
			migrateAtOnce(t, nodes)
			checkSame(t, nodes)
			db := openJobs(t, clusterURL(nodes[1].host))
			if _, err := db.RebuildCounts(t.Context()); err != nil {
				t.Fatal(err)
			}
			wrong, err := db.VerifyCounts(t.Context())
			report, errSchema := db.CheckSchema(t.Context())
			if err != nil || errSchema != nil || len(wrong) > 0 || !report.Usable() || len(report.Pending) > 0 {
				t.Errorf("%v, %v, wrong counts %v, %+v", err, errSchema, wrong, report)
			}
			page, err := db.Search(t.Context(), jobdb.Search{Scope: jobdb.Scope{AllVOs: true}, Page: 1, PerPage: 1})
			if err != nil || page.Total != int64(jobs) {
				t.Errorf("%d jobs, %v, want %d", page.Total, err, jobs)
			}
		})
	}
}

// migrateAtOnce migrates on each node, and wants none to fail.
func migrateAtOnce(t *testing.T, nodes []*node) {
	t.Helper()
	var migrating sync.WaitGroup
	for i, n := range nodes {
		db := openJobs(t, clusterURL(n.host))
		migrating.Go(func() {
			applied, err := db.Migrate(t.Context())
			t.Logf("node %d applied %v", i, applied)
			if err != nil {
				t.Errorf("node %d: %v", i, err)
			}
		})
	}
	migrating.Wait()
}

// openJobs opens a database until the test ends.
func openJobs(t *testing.T, address string) *jobdb.DB {
	t.Helper()
	db, err := jobdb.Open(t.Context(), address, jobdb.Options{FoldInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// spread puts each server on a node of its own again: it stays on the one that a fault drove it to.
func (w *world) spread() {
	w.t.Helper()
	for _, s := range w.servers {
		s.kill()
		s.again()
	}
}
