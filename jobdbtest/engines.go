// Package jobdbtest makes databases for tests, of jobdb and of programs that embed it: throw-away
// servers of each engine ([Engines]), and databases on them that go when the test ends.
package jobdbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"jobdb/jobdbtest/internal/engine"
)

// MariaDB returns the URL (mysql://user:password@127.0.0.1:port/name) of a new, empty database with
// the character set utf8mb4 on a MariaDB for tests. The database is dropped when the test ends. Its
// user is an administrator.
//
// The server is the one whose administrator's URL is in JOBDB_TEST_MARIADB, or else one that is
// started once for this process and ends with it (JOBDB_TEST_DURABLE=1 starts it with the settings
// of production, for benchmarks). Where there is no such server the test is skipped, and fails when
// CI is set; JOBDB_TEST_MARIADB=none asks for that. With -short the test is skipped always.
func MariaDB(tb testing.TB) string {
	tb.Helper()
	return MariaDBWith(tb, "utf8mb4")
}

// MariaDBWith is MariaDB with another character set ("utf8mb4", "latin1") and that character set's
// default collation.
func MariaDBWith(tb testing.TB, charset string) string {
	tb.Helper()
	return newDatabase(tb, mariaDB, "CREATE DATABASE %s CHARACTER SET "+charset, dropMariaDB)
}

// MySQL is MariaDB with a real MySQL, which `make engines` unpacks, and JOBDB_TEST_MYSQL.
func MySQL(tb testing.TB) string {
	tb.Helper()
	return MySQLWith(tb, "utf8mb4")
}

// MySQLWith is MariaDBWith on MySQL.
func MySQLWith(tb testing.TB, charset string) string {
	tb.Helper()
	return newDatabase(tb, mySQL, "CREATE DATABASE %s CHARACTER SET "+charset, dropMariaDB)
}

// PostgreSQL returns the URL (postgres://user:password@127.0.0.1:port/name) of a new, empty
// database; all else is as MariaDB says, with JOBDB_TEST_POSTGRES.
func PostgreSQL(tb testing.TB) string {
	tb.Helper()
	return newDatabase(tb, postgreSQL, "CREATE DATABASE %s", dropPostgreSQL)
}

// Server starts a server of the engine (a name of [Engines], not SQLite) that has more settings,
// such as "--log-bin=on", and returns its administrator's URL. It ends with the test, which is
// skipped where [MariaDB] would skip it.
func Server(tb testing.TB, name, settings string) string {
	tb.Helper()
	return StartProcess(tb, name, settings).URL
}

// An instance is a server for tests that this process has found or started.
type instance struct {
	url   *url.URL
	admin *sql.DB
}

// A lookup returns the instance of one engine; all callers get the same.
type lookup func() (*instance, error)

var (
	mariaDB    lookup = sync.OnceValues(func() (*instance, error) { return locate(engine.MariaDB) })
	mySQL      lookup = sync.OnceValues(func() (*instance, error) { return locate(engine.MySQL) })
	postgreSQL lookup = sync.OnceValues(func() (*instance, error) { return locate(engine.PostgreSQL) })
)

// errNoEngine means that there is no server here, which is no fault of what is tested.
var errNoEngine = errors.New("no engine")

// locate finds the engine's instance in the environment or starts one. It is never stopped: it ends
// with the process.
func locate(e *engine.Engine) (*instance, error) {
	address := os.Getenv(e.Env)
	switch address {
	case "none":
		return nil, fmt.Errorf("%w: %s=none", errNoEngine, e.Env)
	case "":
		server, err := e.Start(context.Background(), os.Getenv("JOBDB_TEST_DURABLE") == "1")
		if err != nil {
			return nil, fmt.Errorf("%w: %w\nto install it: %s, or set %s to the URL of an administrator on a server for tests",
				errNoEngine, err, e.Install, e.Env)
		}
		address = server.URL
	}
	admin, err := engine.Open(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Env, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := admin.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("%s: the server doesn't answer: %w", e.Env, err)
	}
	parsed, err := url.Parse(address)
	return &instance{url: parsed, admin: admin}, err
}

// newDatabase creates a database by the SQL text and drops it after the test. It returns its URL.
func newDatabase(tb testing.TB, find lookup, create string, drop func(context.Context, *sql.DB, string) error) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: SQLite only")
	}
	server, err := find()
	switch {
	case errors.Is(err, errNoEngine) && os.Getenv("CI") == "":
		tb.Skipf("\n\n!!! NOT TESTED: %v\n", err)
	case err != nil:
		tb.Fatalf("\n\n!!! CANNOT BE TESTED: %v\n", err)
	}

	name := "jobdb_" + strings.ToLower(rand.Text()[:12])
	if _, err := server.admin.ExecContext(tb.Context(), fmt.Sprintf(create, name)); err != nil {
		tb.Fatalf("create a database for the test: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := drop(ctx, server.admin, name); err != nil {
			tb.Errorf("drop the database of the test: %v", err)
		}
	})
	database := *server.url
	database.Path = "/" + name
	return database.String()
}

func dropPostgreSQL(ctx context.Context, admin *sql.DB, name string) error {
	_, err := admin.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	return err
}

// dropMariaDB, which is for MySQL too, ends the connections to the database first: an open
// transaction would hold the drop up.
func dropMariaDB(ctx context.Context, admin *sql.DB, name string) error {
	ids, err := connections(ctx, admin, name)
	for IsUnreadable(err) {
		time.Sleep(100 * time.Millisecond)
		ids, err = connections(ctx, admin, name)
	}
	if err != nil {
		return err
	}
	for _, id := range ids {
		// It may have ended by itself meanwhile, which is an error of no interest.
		_, _ = admin.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
	}
	_, err = admin.ExecContext(ctx, "DROP DATABASE "+name)
	return err
}

// connections are the numbers of those to the database.
func connections(ctx context.Context, admin *sql.DB, name string) (ids []int64, err error) {
	rows, err := admin.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE db = ?", name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// IsUnreadable reports an error of MySQL's list of connections, which nobody can read while a
// statement of any of them has an emoji. It is to be asked again.
func IsUnreadable(err error) bool {
	failed := (*mysql.MySQLError)(nil)
	return errors.As(err, &failed) && failed.Number == 3854
}
