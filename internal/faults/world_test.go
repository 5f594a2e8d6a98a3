//go:build linux

package faults_test

import (
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jobdb/jobdbtest"
)

// redelivery is how soon a Kill whose answer may have been lost is sent again.
const redelivery = 2 * time.Second

// diskSize is what the database's file system has when it isn't full. It is in memory, and takes
// only what is used.
const diskSize = 8 << 30

// world is a database with its servers and their clients.
type world struct {
	*load
	engine  string
	address string             // of the database
	raw     *sql.DB            // the database itself
	process *jobdbtest.Process // the database's, nil: it has none
	between *proxy             // before the database, nil: nothing can be
	disk    string             // the file system that the database is on
	cluster []*node            // whose nodes are the database, nil: it is no cluster
	faults  []fault            // that may happen
	kills   int                // of servers
	operation
}

// newWorld makes a world whose database's server has more variables in its environment.
func newWorld(t *testing.T, engine string, environment ...string) *world {
	t.Helper()
	needLinux(t)
	if testing.Short() {
		t.Skip("-short: a server is built and loaded for this")
	}
	if _, err := binary(); err != nil { // before TMPDIR is the disk of this world alone
		t.Fatal(err)
	}
	folder := t.TempDir() // as well: a server whose log can't be written stands still
	w := &world{engine: engine, disk: newDisk(t), faults: faults}
	w.operation = newOperation(t, folder)
	flags, count := append([]string{"--command-redelivery", redelivery.String()}, w.flags...), 2
	if w.operated {
		count = 3
	}
	if engine == "SQLite" {
		w.address = "sqlite:" + filepath.Join(w.disk, "jobs.db")
		flags, count = append(flags, "--db", w.address), 1
	} else {
		t.Setenv("TMPDIR", w.disk)
		w.process = jobdbtest.StartProcess(t, engine, "", environment...)
		w.address = newDatabase(t, w.process.URL)
		w.between = newProxy(t, w.address)
		flags = append(flags, "--db", w.between.address)
	}
	w.raw = jobdbtest.Raw(t, w.address)
	migrate(t, w.address)
	var servers []*server
	for range count {
		servers = append(servers, startServerIn(t, folder, flags...))
	}
	w.load = newLoad(t, servers, faultWriters, faultPause)
	return w
}

// newDatabase makes a database on a server whose administrator's URL is given, and returns its URL.
func newDatabase(t *testing.T, administrator string) string {
	t.Helper()
	if _, err := jobdbtest.Raw(t, administrator).ExecContext(t.Context(), "CREATE DATABASE jobs"); err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(administrator)
	if err != nil {
		t.Fatal(err)
	}
	address.Path = "/jobs"
	return address.String()
}

// newDisk is a folder on a file system of its own, if we may mount one.
func newDisk(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "jobdb-disk-") //nolint:usetesting // t.TempDir is closed to the database's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("mode=1777,size=%d", diskSize)); err != nil {
			t.Logf("no file system of its own: %v", err)
		} else {
			t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
		}
	}
	return folder
}

// fillDisk leaves no room on the database's disk, or gives it room again.
func (w *world) fillDisk(full bool) {
	w.t.Helper()
	size := int64(diskSize)
	if full {
		var used syscall.Statfs_t
		if err := syscall.Statfs(w.disk, &used); err != nil {
			w.t.Fatal(err)
		}
		size = int64(used.Blocks-used.Bfree)*used.Bsize + 256<<10
	}
	if err := syscall.Mount("tmpfs", w.disk, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", size)); err != nil {
		w.t.Errorf("resize the disk: %v", err)
	}
}

// limit sets a limit of a server's process, and returns what it was.
func (w *world) limit(s *server, resource int, soft uint64) (before unix.Rlimit) {
	w.t.Helper()
	if err := unix.Prlimit(s.process.Pid, resource, nil, &before); err != nil {
		w.t.Fatal(err)
	}
	now := before
	now.Cur = soft
	if err := unix.Prlimit(s.process.Pid, resource, &now, nil); err != nil {
		w.t.Fatal(err)
	}
	return before
}

// vanish is the end of a machine whose address another one takes: the server's side of all
// connections is gone, and whatever the clients send is not even acknowledged.
func (p *proxy) vanish(t *testing.T) {
	t.Helper()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0} // of each packet keep 0 bytes
	for l := range p.links {
		l.silent.Store(true)
		raw, err := l.client.(*net.TCPConn).SyscallConn()
		if err != nil {
			continue // it is closed already
		}
		controlErr := raw.Control(func(socket uintptr) {
			err = unix.SetsockoptSockFprog(int(socket), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
		})
		if controlErr == nil && err != nil {
			t.Errorf("silence a connection: %v", err)
		}
		_ = l.server.Close()
	}
}
