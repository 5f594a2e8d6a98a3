//go:build linux

package faults_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobdb/jobdbtest"
)

// galera are the places where distributions have the library.
var galera = []string{"/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so", "/usr/lib64/galera/libgalera_smm.so"}

// galeraFirst makes the folder of the first node.
const galeraFirst = `
mariadb-install-db --no-defaults --datadir="$DATA" --skip-name-resolve --skip-test-db --auth-root-authentication-method=normal &&
printf '%s;\n' "FLUSH PRIVILEGES" "CREATE USER jobdb@'127.0.0.1' IDENTIFIED BY 'jobdb'" "CREATE DATABASE jobs CHARACTER SET utf8mb4" \
  "GRANT ALL ON *.* TO jobdb@'127.0.0.1'" "DELETE FROM mysql.global_priv WHERE User = 'root'" |
  mariadbd --no-defaults --datadir="$DATA" --bootstrap
`

// galeraNode runs a node from the place in the cluster's history at which its data are. Its standard
// input takes the signal that ends it; when that closes, however we end, it is KILL.
const galeraNode = `
exec >>"$DATA.log" 2>&1
run() {
  exec mariadbd --no-defaults --datadir="$DATA" --socket="$DATA.socket" --pid-file="$DATA.pid" --bind-address=127.0.0.1 --port="$PORT" \
    --skip-name-resolve --max-connections=500 --character-set-server=utf8mb4 --innodb-flush-log-at-trx-commit=2 \
    --innodb-buffer-pool-size=128M --binlog-format=ROW --innodb-autoinc-lock-mode=2 --wsrep-on=ON --wsrep-provider="$GALERA" \
    --wsrep-cluster-address="gcomm://$MEMBERS" --wsrep-node-address="$MEMBER" --wsrep-sst-method=changes \
    --wsrep-provider-options="gmcast.listen_addr=tcp://$MEMBER;ist.recv_addr=$TRANSFER;gcache.size=128M" "$@"
}
if [ -e "$DATA/ibdata1" ]; then
  place=$(run --wsrep-recover 2>&1 | sed -n 's/.*Recovered position: *//p')
  set -- --wsrep-start-position="$place" "$@"
fi
run "$@" &
read -r signal
kill "-${signal:-KILL}" $!
wait
`

// galeraTransfer runs on both sides while a node gets what it has missed, or all where the others no
// longer have the changes since: then the node that gives it writes nothing until its files are
// copied, as with the methods that MariaDB brings along for that.
const galeraTransfer = `#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in --role) role=$2 ;; --address) address=$2 ;; --datadir) data=$2 ;; --gtid) place=$2 ;; --bypass) changes=yes ;; esac
  shift
done
data=${data%/}
if [ $role = donor ]; then
  to="/${address#*/}"
  if ! [ "$changes" ]; then
    echo "flush tables"
    until [ -s "$data/tables_flushed" ]; do sleep 0.1; done
    read -r place domain <"$data/tables_flushed"
    tar -C "$data" --exclude=galera.cache --exclude=grastate.dat --exclude=gvwstate.dat --exclude=place --exclude=tables_flushed -cf - . |
      tar -C "${to%/*}" -xf - || exit 5
    rm "$data/tables_flushed"
    sleep 5 # what is large takes longer
    echo continue
  fi
  echo "$place" >"$to.new" && mv "$to.new" "$to" && echo "done $place"
  exit
fi
rm -f "$data/place"
echo "ready $address$data/place"
until [ -s "$data/place" ]; do sleep 0.1; done
cat "$data/place"
`

// node is a MariaDB of a Galera cluster on 127.0.0.1.
type node struct {
	t           *testing.T
	data        string // its folder
	host        string // for clients
	environment []string
	account     *syscall.Credential
	shell       *exec.Cmd
	lifeline    io.WriteCloser
}

// clusterURL is the database by way of some nodes.
func clusterURL(hosts ...string) string {
	return "mysql://jobdb:jobdb@" + strings.Join(hosts, ",") + "/jobs"
}

// startCluster starts three nodes, as an unprivileged user when we are root. They end with the test.
func startCluster(t *testing.T) []*node {
	t.Helper()
	library := slices.IndexFunc(galera, func(path string) bool { _, err := os.Stat(path); return err == nil })
	_, err := exec.LookPath("mariadb-install-db")
	switch missing := "Galera: apt-get install galera-4 mariadb-server-core\n"; {
	case os.Getenv("JOBDB_TEST_MARIADB") == "none":
		t.Skip("\n\n!!! NOT TESTED: JOBDB_TEST_MARIADB=none\n")
	case (library < 0 || err != nil) && os.Getenv("CI") != "":
		t.Fatal("\n\n!!! CANNOT BE TESTED: " + missing)
	case library < 0 || err != nil:
		t.Skip("\n\n!!! NOT TESTED: " + missing)
	}
	folder, account := newDisk(t), unprivileged(t)
	if err := os.WriteFile(filepath.Join(folder, "wsrep_sst_changes"), []byte(galeraTransfer), 0o755); err != nil {
		t.Fatal(err)
	}
	members := []string{freeAddress(t), freeAddress(t), freeAddress(t)}
	var nodes []*node
	for i, member := range members {
		n := &node{t: t, data: filepath.Join(folder, strconv.Itoa(i)), host: freeAddress(t), account: account}
		n.environment = []string{
			"DATA=" + n.data, "PORT=" + strings.TrimPrefix(n.host, "127.0.0.1:"), "GALERA=" + galera[library], "MEMBERS=" + strings.Join(members, ","),
			"MEMBER=" + member, "TRANSFER=" + freeAddress(t), "TMPDIR=" + folder, "LC_ALL=C",
			"PATH=" + folder + ":" + os.Getenv("PATH") + ":/usr/sbin:/usr/bin:/sbin:/bin",
		}
		nodes = append(nodes, n)
		t.Cleanup(func() { n.end("KILL") })
	}
	n := nodes[0]
	n.command(galeraFirst)
	n.run("--wsrep-new-cluster") // alone, whereby it writes down which cluster its data are of
	n.await("wsrep_local_state_comment", "Synced")
	n.end("TERM")
	for _, other := range nodes[1:] {
		n.command(`rm -f "$DATA/galera.cache" && cp -R "$DATA" ` + other.data)
	}
	n.run("--wsrep-new-cluster")
	n.await("wsrep_local_state_comment", "Synced")
	for _, other := range nodes[1:] {
		other.run()
		other.await("wsrep_local_state_comment", "Synced")
	}
	return nodes
}

// command runs a script to its end.
func (n *node) command(script string) {
	n.t.Helper()
	command := n.script(script)
	if out, err := command.CombinedOutput(); err != nil {
		n.t.Fatalf("%v: %s", err, out)
	}
}

func (n *node) script(script string, args ...string) *exec.Cmd {
	command := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	command.Dir, command.Env = filepath.Dir(n.data), n.environment
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: n.account}
	return command
}

// run starts the node.
func (n *node) run(more ...string) {
	n.t.Helper()
	n.shell = n.script(galeraNode, more...)
	var err error
	if n.lifeline, err = n.shell.StdinPipe(); err == nil {
		err = n.shell.Start()
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// end ends the node by a signal, and returns when it has ended.
func (n *node) end(signal string) {
	if n.shell != nil {
		_, _ = io.WriteString(n.lifeline, signal+"\n")
		_ = n.shell.Wait()
	}
}

// isolate cuts the node off from the others, or joins them again.
func (n *node) isolate(isolated bool) {
	n.t.Helper()
	option := map[bool]string{true: "1", false: "0"}[isolated]
	if _, err := jobdbtest.Raw(n.t, clusterURL(n.host)).ExecContext(n.t.Context(), "SET GLOBAL wsrep_provider_options = 'gmcast.isolate="+option+"'"); err != nil {
		n.t.Error(err)
	}
}

// status is what the node says of itself; "" when it says nothing.
func (n *node) status(variable string) (value string) {
	n.t.Helper()
	_ = jobdbtest.Raw(n.t, clusterURL(n.host)).QueryRowContext(n.t.Context(), "SHOW STATUS LIKE '"+variable+"'").Scan(new(string), &value)
	return value
}

// await returns when the node says of itself what is wanted.
func (n *node) await(variable, wanted string) {
	n.t.Helper()
	for began := time.Now(); n.status(variable) != wanted; time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			said, _ := os.ReadFile(n.data + ".log")
			n.t.Fatalf("%s isn't %s, but %q:\n%s", variable, wanted, n.status(variable), said[max(0, len(said)-4096):])
		}
	}
}

// checkSame fails when the nodes don't have the same rows, once each has what the others have.
func checkSame(t *testing.T, nodes []*node) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		var sums []string
		for _, n := range nodes {
			n.await("wsrep_local_state_comment", "Synced")
			sums = append(sums, n.checksums())
		}
		if slices.Max(sums) == slices.Min(sums) {
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Errorf("the nodes have different rows:\n%s", strings.Join(sums, "\n"))
			return
		}
	}
}

// checksums are those of all tables, by their names.
func (n *node) checksums() (sums string) {
	n.t.Helper()
	db := jobdbtest.Raw(n.t, clusterURL(n.host))
	var names string
	err := db.QueryRowContext(n.t.Context(), `SELECT GROUP_CONCAT(table_name ORDER BY table_name) FROM information_schema.tables
		WHERE table_schema = 'jobs' AND table_type = 'BASE TABLE'`).Scan(&names)
	if err != nil {
		n.t.Fatal(err)
	}
	rows, err := db.QueryContext(n.t.Context(), "CHECKSUM TABLE "+names)
	if err != nil {
		n.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, sum string
		if err := rows.Scan(&table, &sum); err != nil {
			n.t.Fatal(err)
		}
		sums += table + " " + sum + ", "
	}
	if err := rows.Err(); err != nil {
		n.t.Fatal(err)
	}
	return sums
}

// unprivileged is a user for the nodes when we are root.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(nobody.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// freeAddress has a port that nobody has, below those that the system takes for outgoing connections:
// a node that is killed finds it free.
func freeAddress(t *testing.T) string {
	t.Helper()
	for {
		address := "127.0.0.1:" + strconv.Itoa(15_000+rand.IntN(17_000))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
}
