package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

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

// raceAtExit has a program that is built with the race detector end at once: else it waits for a
// second, which is most of what hundreds of short commands would take.
const raceAtExit = "GORACE=atexit_sleep_ms=0"

func runScripts(t *testing.T, folder string, env []string) {
	t.Helper()
	runScriptsWith(t, folder, env, nil)
}

// runScriptsWith runs scripts that may have a command of the test's own, "lines".
func runScriptsWith(t *testing.T, folder string, env []string, lines func(*testscript.TestScript, bool, []string)) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: folder,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "HOME="+filepath.Join(e.WorkDir, "home"), "DATA="+filepath.Join(e.WorkDir, "home", ".local", "share", "jobdb"))
			e.Vars = append(e.Vars, env...)
			e.Vars = append(e.Vars, raceAtExit)
			e.Values[serverKey{}] = &server{}
			return os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": serverCommand, "sql": sqlCommand, "disk": diskCommand, "setenv": setenvCommand, "get": getCommand, "collector": collectorCommand,
			"waitfor": waitforCommand, "waitlog": waitlogCommand, "certificate": certificateCommand, "lines": lines,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "mount":
				return canMount(), nil
			case "diracx":
				return slices.Contains(env, "DIRACX=yes"), nil
			}
			return false, errors.New("no such condition")
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
// starts one beside it that runs until the script ends, and sets OTHER_URL. "server terminal FLAGS…"
// is start with a terminal as standard error, "server demo FLAGS…" is it with jobdb demo, and "server hup"
// and "server kill" send signals.
func serverCommand(ts *testscript.TestScript, neg bool, args []string) {
	s, variable := ts.Value(serverKey{}).(*server), "JOBDB_URL"
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server start|other|terminal|demo FLAGS… | server hup|kill|stop")
	}
	if args[0] == "other" {
		s, variable = &server{}, "OTHER_URL"
	}
	if args[0] == "hup" {
		ts.Check(s.command.Process.Signal(syscall.SIGHUP))
		return
	}
	if args[0] == "kill" {
		ts.Check(s.command.Process.Kill())
		_ = s.stop()
		return
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
	stderr, last, err := s.attach(args[0] == "terminal")
	ts.Check(err)
	ts.Check(s.command.Start())
	if args[0] == "terminal" {
		ts.Check(s.command.Stderr.(*os.File).Close()) // else its other end wouldn't end with the server
	}
	ts.Defer(func() { _ = s.stop() })
	listening := make(chan string, 1)
	s.log = nil
	s.logged.Go(func() { s.read(stderr, last, listening) })
	select {
	case address := <-listening:
		if address == "" {
			err := s.stop()
			ts.Fatalf("the server ended: %v\n%s", err, s.said())
		}
		ts.Setenv(variable, address)
		if found := metricsRead.FindSubmatch(s.said()); found != nil {
			ts.Setenv("METRICS_URL", string(found[1]))
		}
		ts.Check(os.WriteFile(ts.MkAbs("server.log"), s.said(), 0o600))
	case <-time.After(time.Minute):
		ts.Fatalf("the server doesn't listen after a minute")
	}
}

// environment is the script's, as far as jobdb looks at it.
func environment(ts *testscript.TestScript) (env []string) {
	for _, name := range []string{
		"HOME", "PATH", "JOBDB_DB", "JOBDB_CONFIG", "JOBDB_DATA_DIR", "JOBDB_VISIBILITY", "DIRACX_DB_URL_JOBDB",
		"JOBDB_ISSUER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "DIRACX_SERVICE_AUTH_TOKEN_KEYSTORE", "GOCOVERDIR", "GORACE", "TMPDIR",
	} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// listens is what a server logs once it takes requests, in text or in JSON.
var listens = regexp.MustCompile(`jobdb is listening",? ?"?url"?[=:]"?([^\s"]+)`)

// metricsRead is what a server logs before that about a listener for metrics.
var metricsRead = regexp.MustCompile(`metrics can be read",? ?"?url"?[=:]"?([^\s"]+)`)

// attach gives the server a standard error, and returns its other end and what it says there last
// when it starts.
func (s *server) attach(terminal bool) (stderr io.Reader, last *regexp.Regexp, err error) {
	if terminal {
		here, there, err := openTerminal()
		s.command.Stderr = there
		return here, regexp.MustCompile("^Ctrl-C"), err
	}
	stderr, err = s.command.StderrPipe()
	return stderr, listens, err
}

// read keeps what the server says. When it has said what it says last it sends its address, "" when
// it ended before.
func (s *server) read(stderr io.Reader, last *regexp.Regexp, listening chan<- string) {
	defer close(listening)
	address := ""
	for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
		s.mutex.Lock()
		s.log = append(s.log, scanner.Text()+"\n"...)
		s.mutex.Unlock()
		if found := listens.FindStringSubmatch(scanner.Text()); found != nil {
			address = found[1]
		}
		if last.MatchString(scanner.Text()) {
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

// getCommand is "get FILE URL HEADER…": what is answered is left in the file, with its status and its
// headers before it. The URL of a unix socket is unix:SOCKET:PATH.
func getCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: get FILE URL HEADER…")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	address := args[1]
	if socket, ok := strings.CutPrefix(address, unixPrefix); ok {
		socket, path, _ := strings.Cut(socket, ":")
		address = "http://socket.example" + path
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", ts.MkAbs(socket))
		}
	}
	request, err := http.NewRequest(http.MethodGet, address, http.NoBody)
	ts.Check(err)
	for _, header := range args[2:] {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	answer, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(request)
	ts.Check(err)
	defer answer.Body.Close()
	var text bytes.Buffer
	fmt.Fprintln(&text, answer.Status)
	if answer.TLS != nil {
		fmt.Fprintln(&text, "certificate of", answer.TLS.PeerCertificates[0].Subject.CommonName)
	}
	ts.Check(answer.Header.Write(&text))
	_, err = text.ReadFrom(answer.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text.Bytes(), 0o600))
}

// waitforCommand is "waitfor FILE URL PATTERN": get until the pattern is found.
func waitforCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: waitfor FILE URL PATTERN")
	}
	await(ts, args[2], func() string {
		getCommand(ts, false, args[:2])
		return ts.ReadFile(args[0])
	})
}

// waitlogCommand is "waitlog PATTERN": it waits until the server says so, and leaves what it said so
// far in server.log.
func waitlogCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: waitlog PATTERN")
	}
	s := ts.Value(serverKey{}).(*server)
	await(ts, args[0], func() string { return string(s.said()) })
	ts.Check(os.WriteFile(ts.MkAbs("server.log"), s.said(), 0o600))
}

func await(ts *testscript.TestScript, pattern string, read func() string) {
	wanted := regexp.MustCompile("(?m)" + pattern)
	for end := time.Now().Add(30 * time.Second); !wanted.MatchString(read()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s isn't there after half a minute:\n%s", pattern, read())
		}
	}
}

// collectorCommand is "collector FILE": it takes traces at TRACES_URL, and writes a line for each span
// to the file.
func collectorCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: collector FILE")
	}
	file, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		say := (&program{stderr: file}).say
		body, _ := io.ReadAll(r.Body)
		var sent tracepb.TracesData
		if err := proto.Unmarshal(body, &sent); err != nil {
			say("%v", err)
		}
		for _, of := range sent.GetResourceSpans() {
			say("%s %s %v", r.URL.Path, r.Header.Get("X-Key"), of.GetResource())
			for _, span := range of.GetScopeSpans()[0].GetSpans() {
				say("trace=%x parent=%x span=%x %q %v", span.GetTraceId(), span.GetParentSpanId(), span.GetSpanId(), span.GetName(), span.GetAttributes())
			}
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("TRACES_URL", server.URL)
}

// certificateCommand is "certificate NAME CERT KEY": it writes a certificate for that name.
func certificateCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: certificate NAME CERT KEY")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: args[0]}, DNSNames: []string{args[0]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	ts.Check(err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
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
