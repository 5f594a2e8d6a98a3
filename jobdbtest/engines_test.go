package jobdbtest

import (
	"bufio"
	"database/sql"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"jobdb/jobdbtest/internal/engine"
)

var helpers = []struct {
	name    string
	make    func(testing.TB) string
	env     string
	scheme  string
	current string // what the open database is called
	count   string // of databases with a name
}{
	{
		"MariaDB", MariaDB, "JOBDB_TEST_MARIADB", "mysql",
		"SELECT database()", "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?",
	},
	{
		"MySQL", MySQL, "JOBDB_TEST_MYSQL", "mysql",
		"SELECT database()", "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?",
	},
	{
		"PostgreSQL", PostgreSQL, "JOBDB_TEST_POSTGRES", "postgres",
		"SELECT current_database()", "SELECT count(*) FROM pg_database WHERE datname = $1",
	},
}

func TestDatabasesAreNewAndDropped(t *testing.T) {
	for _, h := range helpers {
		t.Run(h.name, func(t *testing.T) {
			admin := open(t, h.make(t))
			var made []string
			t.Run("make two", func(t *testing.T) {
				for range 2 {
					address := h.make(t)
					name := strings.TrimPrefix(parse(t, address).Path, "/")
					if got := ask(t, open(t, address), h.current); got != name {
						t.Errorf("the URL opens %s, want %s", got, name)
					}
					leaveOpenTransaction(t, address)
					made = append(made, name)
				}
			})
			if made[0] == made[1] {
				t.Errorf("got %s twice", made[0])
			}
			for _, name := range made {
				if got := ask(t, admin, h.count, name); got != "0" {
					t.Errorf("%s is still there after its test", name)
				}
			}
		})
	}
}

func TestMariaDBCharacterSet(t *testing.T) {
	for _, charset := range []string{"utf8mb4", "latin1"} {
		db := open(t, MariaDBWith(t, charset))
		if got := ask(t, db, "SELECT @@character_set_database"); got != charset {
			t.Errorf("character set %s, want %s", got, charset)
		}
	}
}

// A process without an engine skips, says so, and fails in CI; one with a wrong URL always fails,
// without telling secrets.
func TestMissingEngine(t *testing.T) {
	for _, h := range helpers {
		for _, test := range []struct {
			name, instance, ci string
			fails              bool
			says               string
		}{
			{"off", "none", "", false, "!!! NOT TESTED: no engine: " + h.env + "=none"},
			{"off in CI", "none", "true", true, "!!! CANNOT BE TESTED: no engine"},
			{"unreachable", h.scheme + "://jobdb:secret@127.0.0.1:1/", "", true, h.env + ": "},
			{"not a URL", "127.0.0.1:3306", "", true, h.env + ": "},
		} {
			t.Run(h.name+" "+test.name, func(t *testing.T) {
				child := child(t, h.env+"="+test.instance, "CI="+test.ci, "JOBDB_TEST_CHILD="+h.name)
				output, err := child.CombinedOutput()
				if (err != nil) != test.fails {
					t.Errorf("ended with %v, want failure %v", err, test.fails)
				}
				if strings.Contains(string(output), "secret") {
					t.Errorf("the password is in the output:\n%s", output)
				}
				if !strings.Contains(string(output), test.says) {
					t.Errorf("%q not in the output:\n%s", test.says, output)
				}
			})
		}
	}
}

// However a test process ends, its servers end and their folders go.
func TestServersEndWithTheirProcess(t *testing.T) {
	for _, h := range helpers {
		t.Run(h.name, func(t *testing.T) {
			h.make(t) // skips where there is no engine
			folder := folderForAll(t)
			child := child(t, h.env+"=", "CI=true", "JOBDB_TEST_CHILD="+h.name, "TMPDIR="+folder)
			output, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			address := ""
			for lines := bufio.NewScanner(output); address == "" && lines.Scan(); {
				_, address, _ = strings.Cut(lines.Text(), "child has ")
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait()
			if address == "" {
				t.Fatal("the child started no server")
			}

			host := parse(t, address).Host
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				left, err := os.ReadDir(folder)
				if err != nil {
					t.Fatal(err)
				}
				connection, err := net.Dial("tcp", host)
				if err == nil {
					_ = connection.Close()
				}
				if err != nil && len(left) == 0 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("after the kill the server answers: %v; folders left: %v", err == nil, left)
				}
			}
		})
	}
}

// TestChild is what the tests above run in a process of its own.
func TestChild(t *testing.T) {
	wanted := os.Getenv("JOBDB_TEST_CHILD")
	if wanted == "" {
		t.Skip("only as a child of another test")
	}
	for _, h := range helpers {
		if h.name == wanted {
			_, _ = os.Stdout.WriteString("child has " + h.make(t) + "\n")
		}
	}
	if !testing.Short() {
		time.Sleep(time.Minute) // until it is killed
	}
}

// child returns a command that runs TestChild with the settings added to our environment.
func child(t *testing.T, settings ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), settings...)
	return cmd
}

// folderForAll returns a folder like /tmp, which other users may enter.
func folderForAll(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "jobdbtest-") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return folder
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func open(t *testing.T, address string) *sql.DB {
	t.Helper()
	db, err := engine.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func ask(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	var answer string
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

// leaveOpenTransaction does what a careless test may: it never ends a transaction that has locks in
// the database.
func leaveOpenTransaction(t *testing.T, address string) {
	t.Helper()
	db, err := engine.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE careless (x integer)"); err != nil {
		t.Fatal(err)
	}
	connection, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"BEGIN", "INSERT INTO careless VALUES (1)"} {
		if _, err := connection.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}
