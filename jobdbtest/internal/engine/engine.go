// Package engine starts throw-away database servers from the binaries that are installed on this
// machine, and opens administrator connections to them. It works on Unix.
package engine

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// An Engine is one kind of database server.
type Engine struct {
	Name    string // for people: "MariaDB"
	Env     string // the environment variable that holds the URL of a running instance
	Install string // the command that installs it on Debian (of MariaDB what we need, without a service)
	Keeps   string // settings with which a killed server has whole what it has committed, while the machine goes on

	scheme, adminDB string   // of its URLs
	account         string   // runs the server when we are root; nobody does if it doesn't exist; "": we do
	programs        []string // the server and what prepares its data folder
	folders         []string // where to look for them, first the most preferred; globs; "" is PATH
	script          string   // prepares the folder it starts in, and defines run, which starts the server in the background
	fast, durable   string   // settings of the server
	stop            string   // the signal that ends it at once
	password        string   // of the administrator; "": a random one
	probe           string   // a query that succeeds as soon as the server is ready; "": any does
	environment     []string // more variables, NAME=value
}

// MariaDB listens on TCP and on a socket in its data folder. Killing it is clean: the folder is all
// it leaves.
var MariaDB = &Engine{
	Name:     "MariaDB",
	Env:      "JOBDB_TEST_MARIADB",
	Install:  "apt-get install mariadb-server-core mariadb-client-core",
	scheme:   "mysql",
	account:  "mysql",
	programs: []string{"mariadbd", "mariadb-install-db"},
	folders:  []string{"", "/usr/sbin", "/usr/bin"},
	script: `
{ mariadb-install-db --no-defaults --datadir="$DIR/data" --skip-name-resolve --skip-test-db \
    --auth-root-authentication-method=normal &&
  printf '%s;\n' "FLUSH PRIVILEGES" "CREATE USER jobdb@'127.0.0.1' IDENTIFIED BY '$PASSWORD'" \
    "GRANT ALL ON *.* TO jobdb@'127.0.0.1' WITH GRANT OPTION" \
    "DELETE FROM mysql.global_priv WHERE User = 'root'" | mariadbd --no-defaults --datadir="$DIR/data" --bootstrap
} >init.log 2>&1 || { cat init.log; exit 1; }
run() {
  mariadbd --no-defaults --datadir="$DIR/data" --socket="$DIR/socket" --pid-file="$DIR/pid" \
    --skip-networking=0 --bind-address=127.0.0.1 --port="$PORT" --skip-name-resolve --skip-log-bin --log-warnings=0 \
    --max-connections=500 --character-set-server=utf8mb4 $SETTINGS &
}
`,
	fast:    "--innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --sync-binlog=0 --innodb-buffer-pool-size=256M",
	durable: "--innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=1G --innodb-log-file-size=512M",
	Keeps:   "--innodb-flush-log-at-trx-commit=2 --innodb-doublewrite=1",
	stop:    "KILL",
}

// MySQL is what jobdbtest/mysql/install has unpacked, or in the folder of .cache that
// JOBDB_TEST_MYSQL_FOLDER names another; a mysqld elsewhere is often MariaDB's. As it
// may be in a folder that only we can enter, it runs as us even when we are root.
var MySQL = &Engine{
	Name:     "MySQL",
	Env:      "JOBDB_TEST_MYSQL",
	Install:  "make engines",
	scheme:   "mysql",
	programs: []string{"mysqld"},
	folders:  []string{cached(filepath.Join(cmp.Or(os.Getenv("JOBDB_TEST_MYSQL_FOLDER"), "mysql"), "bin"))},
	script: `
{ printf '%s;\n' "CREATE USER jobdb@'127.0.0.1' IDENTIFIED BY '$PASSWORD'" \
    "GRANT ALL ON *.* TO jobdb@'127.0.0.1' WITH GRANT OPTION" "DROP USER root@localhost" >init.sql &&
  mysqld --no-defaults --initialize-insecure --user=root --datadir="$DIR/data" --init-file="$DIR/init.sql" \
    --innodb-flush-method=nosync --innodb-redo-log-capacity=8M --secure-file-priv=NULL
} >init.log 2>&1 || { cat init.log; exit 1; }
run() {
  mysqld --no-defaults --user=root --datadir="$DIR/data" --socket="$DIR/socket" --pid-file="$DIR/pid" --mysqlx=OFF \
    --bind-address=127.0.0.1 --port="$PORT" --skip-name-resolve --skip-log-bin --log-error-verbosity=1 --secure-file-priv=NULL \
    --performance-schema=OFF --max-connections=500 --character-set-server=utf8mb4 $SETTINGS &
}
`,
	fast:    "--innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-flush-method=nosync --innodb-buffer-pool-size=256M",
	durable: "--innodb-flush-log-at-trx-commit=1 --innodb-buffer-pool-size=1G --innodb-redo-log-capacity=1G",
	Keeps:   "--innodb-flush-log-at-trx-commit=2 --innodb-doublewrite=1",
	stop:    "KILL",
}

// PostgreSQL listens on TCP only. It is stopped by SIGQUIT, because a killed one leaves shared
// memory behind.
var PostgreSQL = &Engine{
	Name:     "PostgreSQL",
	Env:      "JOBDB_TEST_POSTGRES",
	Install:  "apt-get install postgresql",
	scheme:   "postgres",
	adminDB:  "postgres",
	account:  "postgres",
	programs: []string{"postgres", "initdb"},
	// Debian keeps the servers of all versions out of PATH; what is in PATH may be a wrapper.
	folders: []string{"/usr/lib/postgresql/*/bin", ""},
	script: `
{ echo "$PASSWORD" >password &&
  initdb --pgdata="$DIR/data" --username=jobdb --pwfile=password --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync
} >init.log 2>&1 || { cat init.log; exit 1; }
run() {
  postgres -D "$DIR/data" -p "$PORT" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 \
    -c log_min_messages=log $SETTINGS &
}
`,
	fast:    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off",
	durable: "-c fsync=on -c shared_buffers=512MB -c max_wal_size=4GB",
	Keeps:   "-c synchronous_commit=on -c full_page_writes=on",
	stop:    "QUIT",
}

// With is the engine with more settings of its server, which come last, and more variables of its
// environment.
func (e *Engine) With(settings string, environment ...string) *Engine {
	with := *e
	with.fast, with.durable, with.environment = e.fast+" "+settings, e.durable+" "+settings, environment
	return &with
}

// All are the engines there are.
var All = []*Engine{MariaDB, MySQL, PostgreSQL}

// ErrMissing means that the engine's programs are not on this machine.
var ErrMissing = errors.New("not installed")

// find returns the absolute folders of the engine's programs, in the order of the programs.
func (e *Engine) find() ([]string, error) {
	var found []string
	for _, program := range e.programs {
		path := lookIn(e.folders, program)
		if path == "" {
			return nil, fmt.Errorf("%s: %w: no %s in %q (\"\" is PATH); try: %s",
				e.Name, ErrMissing, program, e.folders, e.Install)
		}
		found = append(found, filepath.Dir(path))
	}
	return found, nil
}

// lookIn returns the path of a program in the first of the folders that has it, or "".
func lookIn(folders []string, program string) string {
	for _, folder := range folders {
		if folder == "" {
			if path, err := exec.LookPath(program); err == nil {
				return path
			}
			continue
		}
		// A glob that sorts by text: …/9.6/bin comes after …/15/bin, but nothing that old runs here.
		matches, _ := filepath.Glob(filepath.Join(folder, program))
		for _, match := range slices.Backward(matches) {
			if info, err := os.Stat(match); err == nil && info.Mode()&0o111 != 0 {
				return match
			}
		}
	}
	return ""
}

// cached is a folder in what `make` keeps for this project; one that can't be there outside of it.
func cached(folder string) string {
	root, err := ModuleRoot()
	if err != nil {
		return os.DevNull
	}
	return filepath.Join(root, ".cache", folder)
}

// ModuleRoot is the folder of go.mod: tests run in the folder of their package.
func ModuleRoot() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no go.mod here or above")
		}
		folder = parent
	}
	return "", err
}
