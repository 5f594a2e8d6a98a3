package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"jobdb/jobdbtest"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"jobdb": main}) }

// TestScripts runs the real binary as a user would, on SQLite.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script", nil) }

// TestEngineScripts runs the same scripts on each server.
func TestEngineScripts(t *testing.T) {
	for name, open := range map[string]func(testing.TB) string{
		"MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			address, err := url.Parse(open(t))
			if err != nil {
				t.Fatal(err)
			}
			password, _ := address.User.Password()
			wrong := *address
			wrong.User = url.UserPassword(address.User.Username(), "wr0ng-s3cret")
			nowhere := *address
			nowhere.Host = "127.0.0.1:1"
			runScripts(t, "testdata/engine", []string{
				"JOBDB_DB=" + address.String(), "WRONG_DB=" + wrong.String(), "NOWHERE_DB=" + nowhere.String(), "PASSWORD=" + password,
				"READER_DB=" + newReader(t, *address),
			})
		})
	}
}

// newReader makes a user who may read all tables of a database and change none, and returns the
// database's URL for this user.
func newReader(t *testing.T, address url.URL) string {
	t.Helper()
	name := "r" + strings.ToLower(rand.Text()[:10])
	database := strings.TrimPrefix(address.Path, "/")
	statements := []string{"CREATE USER " + name + "@'%' IDENTIFIED BY 'reader'", "GRANT SELECT ON " + database + ".* TO " + name + "@'%'"}
	drop := "DROP USER " + name + "@'%'"
	if address.Scheme == "postgres" {
		statements = []string{"CREATE ROLE " + name + " LOGIN PASSWORD 'reader'", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO " + name}
		drop = "DROP OWNED BY " + name + "; DROP ROLE " + name
	}
	admin := jobdbtest.Raw(t, address.String())
	for _, statement := range statements {
		if _, err := admin.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), drop); err != nil {
			t.Error(err)
		}
	})
	address.User = url.UserPassword(name, "reader")
	return address.String()
}

// TestReadme sees to it that the commands README.md shows are those of its script.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/script/readme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for line := range strings.Lines(string(readme)) {
		command, _, _ := strings.Cut(line, "#")
		if command = strings.TrimSpace(command); !strings.HasPrefix(line, "    jobdb ") {
			continue
		}
		shown++
		if !strings.Contains(string(script), "\nexec "+command+"\n") {
			t.Errorf("README.md shows %q, which testdata/script/readme.txtar doesn't run", command)
		}
	}
	if shown == 0 {
		t.Error("README.md shows no command")
	}
}

func runScripts(t *testing.T, folder string, env []string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: folder,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "HOME="+filepath.Join(e.WorkDir, "home"), "DATA="+filepath.Join(e.WorkDir, "home", ".local", "share", "jobdb"))
			e.Vars = append(e.Vars, env...)
			e.Values[serverKey{}] = &server{}
			return os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": serverCommand, "sql": sqlCommand, "disk": diskCommand, "setenv": setenvCommand,
		},
		Condition: func(name string) (bool, error) {
			if name != "mount" {
				return false, errors.New("no such condition")
			}
			return canMount(), nil
		},
		RequireExplicitExec: true,
	})
}

// server is the jobdb serve of one script.
type server struct {
	command *exec.Cmd
	logged  sync.WaitGroup
	mutex   sync.Mutex
	log     []byte
}

type serverKey struct{}

// serverCommand is "server start FLAGS…", which sets JOBDB_URL, and "server
// stop". Both leave all that the server said so far in the file server.log. "server other FLAGS…"
// starts one beside it that runs until the script ends, and sets OTHER_URL. "server demo FLAGS…" is
// "server start" with jobdb demo.
func serverCommand(ts *testscript.TestScript, neg bool, args []string) {
	s, variable := ts.Value(serverKey{}).(*server), "JOBDB_URL"
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server start FLAGS… | server other FLAGS… | server demo FLAGS… | server stop")
	}
	if args[0] == "other" {
		s, variable = &server{}, "OTHER_URL"
	}
	if args[0] == "stop" {
		ts.Check(s.stop())
		ts.Check(os.WriteFile(ts.MkAbs("server.log"), s.said(), 0o600))
		return
	}
	path, err := exec.LookPath("jobdb")
	ts.Check(err)
	command := "serve"
	if args[0] == "demo" {
		command = "demo"
	}
	s.command = exec.Command(path, append([]string{command, "--listen", "127.0.0.1:0"}, args[1:]...)...)
	s.command.Dir = ts.MkAbs(".")
	s.command.Env = append([]string{}, environment(ts)...)
	stderr, err := s.command.StderrPipe()
	ts.Check(err)
	ts.Check(s.command.Start())
	ts.Defer(func() { _ = s.stop() })
	listening := make(chan string, 1)
	s.log = nil
	s.logged.Go(func() { s.read(stderr, listening) })
	select {
	case address := <-listening:
		if address == "" {
			err := s.stop()
			ts.Fatalf("the server ended: %v\n%s", err, s.said())
		}
		ts.Setenv(variable, address)
		ts.Check(os.WriteFile(ts.MkAbs("server.log"), s.said(), 0o600))
	case <-time.After(time.Minute):
		ts.Fatalf("the server doesn't listen after a minute")
	}
}

// environment is the script's, as far as jobdb looks at it.
func environment(ts *testscript.TestScript) (env []string) {
	for _, name := range []string{
		"HOME", "PATH", "JOBDB_DB", "JOBDB_CONFIG", "JOBDB_DATA_DIR", "JOBDB_VISIBILITY", "DIRACX_DB_URL_JOBDB",
		"JOBDB_ISSUER", "DIRACX_SERVICE_AUTH_TOKEN_KEYSTORE", "GOCOVERDIR", "TMPDIR",
	} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// read keeps what the server says. When its welcome is over it sends its address, "" when it ended
// before.
func (s *server) read(stderr io.Reader, listening chan<- string) {
	defer close(listening)
	address := ""
	for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
		s.mutex.Lock()
		s.log = append(s.log, scanner.Text()+"\n"...)
		s.mutex.Unlock()
		if _, found, ok := strings.Cut(scanner.Text(), "jobdb is listening on "); ok {
			address = found
		}
		if strings.HasPrefix(scanner.Text(), "Ctrl-C") {
			listening <- address
		}
	}
}

func (s *server) said() []byte {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.log)
}

// stop ends the server as an operator would.
func (s *server) stop() error {
	if s.command == nil {
		return nil
	}
	_ = s.command.Process.Signal(syscall.SIGTERM)
	s.logged.Wait()
	err := s.command.Wait()
	s.command = nil
	return err
}

// sqlCommand is "sql FILE STATEMENT", on a SQLite file.
func sqlCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENT")
	}
	drivers := slices.DeleteFunc(sql.Drivers(), func(name string) bool { return !strings.Contains(name, "sqlite") })
	db, err := sql.Open(drivers[0], ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// setenvCommand is "setenv NAME FILE": the variable becomes what is in the file.
func setenvCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setenv NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// diskCommand is "disk FOLDER OPTIONS": it mounts a file system in memory there, such as one of
// size=300k or ro.
func diskCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: disk FOLDER OPTIONS")
	}
	folder := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(folder, 0o700))
	ts.Check(mount(folder, args[1]))
	ts.Defer(func() { _ = exec.Command("umount", "-l", folder).Run() })
}

func mount(folder, options string) error {
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	return nil
}

// canMount tells whether this user may mount disks: root, where no container forbids it.
var canMount = sync.OnceValue(func() bool {
	folder, err := os.MkdirTemp("", "jobdb")
	if err != nil {
		return false
	}
	defer func() { _ = os.Remove(folder) }()
	if mount(folder, "size=64k") != nil {
		return false
	}
	return exec.Command("umount", folder).Run() == nil
})
