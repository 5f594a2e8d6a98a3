//go:build linux

package faults_test

import (
	"slices"
	"strings"
	"testing"
	"time"
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

// spread puts each server on a node of its own again: it stays on the one that a fault drove it to.
func (w *world) spread() {
	w.t.Helper()
	for _, s := range w.servers {
		s.kill()
		s.again()
	}
}
