package conformance_test

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"jobdb"
	"jobdb/internal/conformance"
	"jobdb/jobdbtest"
)

// On a pool that the caller opened, everything is as on one of jobdb's own, except what its
// connections can't do.

func TestPoolSQLite(t *testing.T) {
	conformance.RunOpened(t, jobdbtest.SQLite, onPool, onSQLite(conformance.Traits{}))
}

func TestPoolMariaDB(t *testing.T) {
	conformance.RunOpened(t, jobdbtest.MariaDB, onPool, conformance.Traits{NoKill: true})
}

func TestPoolMySQL(t *testing.T) {
	conformance.RunOpened(t, jobdbtest.MySQL, onPool, conformance.Traits{NoKill: true})
}

func TestPoolPostgreSQL(t *testing.T) {
	conformance.RunOpened(t, jobdbtest.PostgreSQL, onPool, conformance.Traits{NoKill: true})
}

// onPool opens a database on a pool as an embedder's. The pool is closed last.
func onPool(tb testing.TB, address string, options jobdb.Options) *jobdb.DB {
	tb.Helper()
	pool := openPool(tb, address, nil)
	pool.SetMaxOpenConns(32)
	pool.SetMaxIdleConns(32)
	db, err := jobdb.OpenDB(tb.Context(), pool, options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
		if err := pool.PingContext(tb.Context()); err != nil && tb.Context().Err() == nil {
			tb.Errorf("the pool was closed with the DB: %v", err)
		}
	})
	if db.Schema() == jobdb.SchemaEmpty {
		if _, err := db.Migrate(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
	return db
}

// openPool opens a pool as the comment of [jobdb.OpenDB] says, but for the options given.
func openPool(tb testing.TB, address string, options map[string]string) *sql.DB {
	tb.Helper()
	driver, dsn := poolDSN(tb, address, options)
	pool, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := pool.Close(); err != nil {
			tb.Error(err)
		}
	})
	return pool
}

func poolDSN(tb testing.TB, address string, options map[string]string) (driver, dsn string) {
	tb.Helper()
	defaults := url.Values{}
	set := func(name, value string) { defaults.Set(name, value) }
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		driver, dsn = jobdb.SQLiteDriver, "file:"+file+"?"
		set("_foreign_keys", "1")
		set("_busy_timeout", "10000")
		if driver == "sqlite" {
			defaults = url.Values{"_pragma": {"foreign_keys(1)", "busy_timeout(10000)"}}
		}
	} else {
		u, err := url.Parse(address)
		if err != nil {
			tb.Fatal(err)
		}
		switch u.Scheme {
		case "mysql":
			driver, dsn = "mysql", u.User.String()+"@tcp("+u.Host+")"+u.Path+"?"
			set("parseTime", "true")
			set("clientFoundRows", "true")
			set("sql_mode", "'ANSI_QUOTES,STRICT_ALL_TABLES'")
		default:
			driver, dsn = "pgx", "postgres://"+u.User.String()+"@"+u.Host+u.Path+"?"
			set("timezone", "UTC")
		}
	}
	for name, value := range options {
		set(name, value)
	}
	return driver, dsn + defaults.Encode()
}

// A pool of pgx's own is used through its stdlib.
func TestPgxPool(t *testing.T) {
	_, dsn := poolDSN(t, jobdbtest.PostgreSQL(t), nil)
	pool, err := pgxpool.New(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	db, err := jobdb.OpenDB(t.Context(), stdlib.OpenDBFromPool(pool), jobdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := db.CreateJob(t.Context(), "[]")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{id: {"VO": "x"}}); err != nil {
		t.Fatal(err)
	}
	if err := db.SetJobCommands(t.Context(), []jobdb.Command{{JobID: id, Command: jobdb.KillCommand}}); err != nil {
		t.Fatal(err)
	}
	page, err := db.Search(t.Context(), jobdb.Search{Scope: jobdb.Scope{VO: "x"}, Page: 1})
	if err != nil || page.Total != 1 {
		t.Errorf("got %v, %v", page, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("the pool was closed with the DB: %v", err)
	}
}

// What a pool must be set to is checked, and said.
func TestPoolRefusals(t *testing.T) {
	refused := map[string][]struct {
		options map[string]string
		says    string
	}{
		"SQLite": {{map[string]string{"_foreign_keys": "0", "_pragma": "foreign_keys(0)"}, "foreign keys"}},
		"MariaDB": {
			{map[string]string{"sql_mode": "'STRICT_ALL_TABLES'"}, "ANSI_QUOTES"},
			{map[string]string{"sql_mode": "'ANSI_QUOTES'"}, "STRICT_ALL_TABLES"},
			{map[string]string{"parseTime": "false"}, "parseTime=true"},
			{map[string]string{"loc": "Europe/Zurich"}, "loc=UTC"},
			{map[string]string{"charset": "latin1"}, "charset=utf8mb4"},
			{map[string]string{"autocommit": "0"}, "autocommit=1"},
			{map[string]string{"clientFoundRows": "false"}, "clientFoundRows=true"},
		},
		"PostgreSQL": {{map[string]string{"timezone": "Europe/Zurich"}, "timezone=UTC"}},
	}
	refused["MySQL"] = refused["MariaDB"]
	jobdbtest.EachEngine(t, func(t *testing.T, address string) {
		_, engine, _ := strings.Cut(t.Name(), "/")
		for _, r := range refused[engine] {
			pool := openPool(t, address, r.options)
			if _, err := jobdb.OpenDB(t.Context(), pool, jobdb.Options{}); err == nil || !strings.Contains(err.Error(), r.says) {
				t.Errorf("with %v: got %v, want an error that says %s", r.options, err, r.says)
			}
			if err := pool.PingContext(t.Context()); err != nil {
				t.Errorf("a refused pool was closed: %v", err)
			}
		}
	})
	memory := openPool(t, "sqlite::memory:", nil)
	if _, err := jobdb.OpenDB(t.Context(), memory, jobdb.Options{}); err == nil || !strings.Contains(err.Error(), "SetMaxOpenConns(1)") {
		t.Errorf("got %v", err)
	}
	memory.SetMaxOpenConns(1)
	if _, err := jobdb.OpenDB(t.Context(), memory, jobdb.Options{}); err != nil {
		t.Error(err)
	}
}
