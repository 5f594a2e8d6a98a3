package jobdb_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// onEmpty runs a test on an empty database of each engine.
func onEmpty(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for engine, newDatabase := range jobdbtest.Engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, newDatabase(t))
		})
	}
}

func openDB(tb testing.TB, url string) *jobdb.DB {
	tb.Helper()
	return openWith(tb, url, jobdb.Options{})
}

func openWith(tb testing.TB, url string, options jobdb.Options) *jobdb.DB {
	tb.Helper()
	db, err := jobdb.Open(tb.Context(), url, options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

func migrate(tb testing.TB, db *jobdb.DB) []string {
	tb.Helper()
	applied, err := db.Migrate(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return applied
}

func raw(tb testing.TB, db *jobdb.DB, statement string) {
	tb.Helper()
	if _, err := db.Raw().ExecContext(tb.Context(), statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		db := openDB(t, url)
		if got := db.Schema(); got != jobdb.SchemaEmpty {
			t.Errorf("a new database is %q", got)
		}
		if got, want := migrate(t, db), db.MigrationNames(); !slices.Equal(got, want) {
			t.Errorf("applied %q, want %q", got, want)
		}
		if got := db.Schema(); got != jobdb.SchemaOurs {
			t.Errorf("after Migrate the database is %q", got)
		}
		for what, again := range map[string]*jobdb.DB{"again": db, "from another server": openDB(t, url)} {
			if got := migrate(t, again); len(got) > 0 {
				t.Errorf("%s: applied %q", what, got)
			}
		}
	})
}

// A server whose user may not change tables must be able to start.
func TestMigrateNeedsNoRightsWhenNothingIsToDo(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		migrate(t, openDB(t, url))
		if got := migrate(t, openWith(t, url, jobdb.Options{ReadOnly: true})); len(got) > 0 {
			t.Errorf("applied %q", got)
		}
	})
}

func TestSchemaIsDiracXs(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		db := openDB(t, url)
		migrate(t, db)
		checkDiracXSchema(t, db)
	})
}

func checkDiracXSchema(t *testing.T, db *jobdb.DB) {
	t.Helper()
	found, err := db.FoundSchema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range jobdb.WantedSchema() {
		i := slices.Index(found, line)
		if i < 0 {
			t.Errorf("missing: %s", line)
			continue
		}
		if i > 0 {
			t.Errorf("too much, or out of order: %s", strings.Join(found[:i], "\n"))
		}
		found = found[i+1:]
	}
	if len(found) > 0 {
		t.Errorf("too much: %s", strings.Join(found, "\n"))
	}
}

func TestSeveralServersMigrateAtOnce(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		const servers = 4
		var (
			wait    sync.WaitGroup
			mutex   sync.Mutex
			applied []string
			dbs     [servers]*jobdb.DB
		)
		for i := range dbs {
			dbs[i] = openDB(t, url)
		}
		for _, db := range dbs {
			wait.Go(func() {
				names, err := db.Migrate(t.Context())
				if err != nil {
					t.Error(err)
				}
				mutex.Lock()
				defer mutex.Unlock()
				applied = append(applied, names...)
			})
		}
		wait.Wait()
		if want := dbs[0].MigrationNames(); !slices.Equal(applied, want) {
			t.Errorf("applied %q, want each of %q once", applied, want)
		}
		for _, db := range dbs {
			if got := db.Schema(); got != jobdb.SchemaOurs {
				t.Errorf("a server sees a schema that is %q", got)
			}
		}
	})
}

func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ change, says string }{
		"a database from the future": {
			`INSERT INTO "jobdb_migrations" VALUES (9999, '9999_flying_cars', 'x', 'x')`, "9999_flying_cars",
		},
		"another text of a migration": {
			`UPDATE "jobdb_migrations" SET "checksum" = 'x' WHERE "version" = 1`, "0001_jobs",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEmpty(t, func(t *testing.T, url string) {
				db := openDB(t, url)
				migrate(t, db)
				raw(t, db, test.change)
				for what, db := range map[string]*jobdb.DB{"the same server": db, "another server": openDB(t, url)} {
					_, err := db.Migrate(t.Context())
					wantSchemaError(t, err, test.says)
					if report := check(t, db); report.Usable() || !strings.Contains(report.String(), test.says) {
						t.Errorf("%s: usable %v\n%s", what, report.Usable(), report)
					}
				}
			})
		})
	}
}

func wantSchemaError(t *testing.T, err error, says string) {
	t.Helper()
	var refused *jobdb.SchemaError
	if !errors.As(err, &refused) || !errors.Is(err, jobdb.ErrSchema) {
		t.Errorf("got the error %v, want a SchemaError", err)
	} else if !strings.Contains(refused.Reason, says) {
		t.Errorf("%q is not in: %v", says, err)
	}
}

func TestMigrateLeavesLiveDatabasesAlone(t *testing.T) {
	t.Parallel()
	for _, live := range liveDatabases {
		t.Run(live.name, func(t *testing.T) {
			t.Parallel()
			url := live.url(t)
			file := strings.TrimPrefix(url, "sqlite:")
			before, bytes := catalogOf(t, openDB(t, url)), fileOf(t, file)
			_, err := openDB(t, url).Migrate(t.Context())
			wantSchemaError(t, err, string(live.facts.Kind))
			if !reflect.DeepEqual(catalogOf(t, openDB(t, url)), before) {
				t.Error("the tables are not what they were")
			}
			if !slices.Equal(fileOf(t, file), bytes) {
				t.Error("the file is not what it was")
			}
		})
	}
}

func catalogOf(t *testing.T, db *jobdb.DB) any {
	t.Helper()
	c, err := db.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fileOf is empty when there is no such file, which is so for a URL of a server.
func fileOf(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return content
}

func TestMigrateRefusesTablesOfOthers(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		db := openDB(t, url)
		raw(t, db, `CREATE TABLE "Jobs" ("Title" VARCHAR(100), "Salary" INTEGER)`)
		_, err := db.Migrate(t.Context())
		wantSchemaError(t, err, "something else")
	})
}

// A database may have other tables.
func TestMigrateBesideOtherTables(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		db := openDB(t, url)
		raw(t, db, `CREATE TABLE "Accounts" ("Number" INTEGER)`)
		migrate(t, db)
		checkDiracXSchema(t, db)
	})
}

// DDL of MariaDB and MySQL can't be rolled back: what a dead server began is found half-made.
func TestMigrateAfterCrash(t *testing.T) {
	t.Parallel()
	for engine, url := range map[string]func(testing.TB) string{"MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			migrateAfterCrash(t, url(t))
		})
	}
}

func migrateAfterCrash(t *testing.T, url string) {
	t.Helper()
	for statements, all := 0, 1; statements <= all; statements++ {
		db := openDB(t, url)
		var err error
		if all, err = db.BeginMigration(t.Context(), statements); err != nil {
			t.Fatal(err)
		}
		half := openDB(t, url)
		if report := check(t, half); report.Usable() || !slices.Equal(report.Pending, db.MigrationNames()) {
			t.Errorf("half-made after %d statements: usable %v, pending %q", statements, report.Usable(), report.Pending)
		}
		if got := migrate(t, half); len(got) == 0 {
			t.Errorf("after %d statements: nothing applied", statements)
		}
		checkDiracXSchema(t, half)
		db.Raw().SetMaxOpenConns(1) // of which this is the session
		raw(t, db, "SET SESSION foreign_key_checks = 0")
		raw(t, db, "DROP TABLE jobdb_migrations, LoggingInfo, JobCommands, "+
			"HeartBeatLoggingInfo, AtticJobParameters, OptimizerParameters, JobParameters, InputData, Jobs, JobJDLs")
	}
}

// A migration that must wait for somebody who uses a table asks for it again and again, so that
// others can work in between, and tells whom it waits for.
func TestMigrateBehindOthers(t *testing.T) {
	t.Parallel()
	for _, newDatabase := range []func(testing.TB) string{jobdbtest.MariaDB, jobdbtest.MySQL, jobdbtest.PostgreSQL} {
		address := newDatabase(t)
		log := &bytes.Buffer{}
		db := openWith(t, address, jobdb.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
		t.Run(db.Product(), func(t *testing.T) {
			t.Parallel()
			if err := db.MigrateTo(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			const change = `UPDATE "Jobs" SET "Site" = 'x' WHERE "JobID" = 0`
			other := jobdbtest.Raw(t, address)
			holder, err := other.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := holder.ExecContext(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			migrated := make(chan error, 1)
			go func() {
				_, err := db.Migrate(t.Context())
				migrated <- err
			}()
			longest := time.Duration(0)
			for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
				start := time.Now()
				if _, err := other.ExecContext(t.Context(), change); err != nil {
					t.Error(err)
				}
				longest = max(longest, time.Since(start))
			}
			if err := holder.Rollback(); err != nil {
				t.Fatal(err)
			}
			if err := <-migrated; err != nil {
				t.Error(err)
			}
			checkDiracXSchema(t, db)
			t.Logf("others waited %v at most while the migration waited for 10 s", longest)
			if longest > 4*time.Second {
				t.Errorf("others waited %v", longest)
			}
			if said := log.String(); !strings.Contains(said, "trying again") || !strings.Contains(said, " of jobdb@") {
				t.Errorf("the log says %q", said)
			}
		})
	}
}

// A program that is open while a newer one migrates its database goes on, unless the migration says
// that it mustn't; then each call says so.
func TestOlderBesideNewer(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		log := &bytes.Buffer{}
		db := openWith(t, url, jobdb.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
		migrate(t, db)
		db.StopWatching() // this test looks itself
		raw(t, db, `INSERT INTO "jobdb_migrations" VALUES (9998, '9998_flying_cars', 'x', 'x')`)
		for range 2 {
			if err := db.LookForNewer(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("it doesn't go on: %v", err)
		}
		if _, err := db.CreateJob(t.Context(), "[a]"); err != nil {
			t.Errorf("it doesn't go on: %v", err)
		}
		if strings.Count(log.String(), "9998_flying_cars") != 1 {
			t.Errorf("the log says %q", log)
		}
		raw(t, db, `INSERT INTO "jobdb_migrations" VALUES (9999, '9999_no_wheels_ends_older', 'x', 'x')`)
		if err := db.LookForNewer(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantSchemaError(t, db.Ping(t.Context()), "9999_no_wheels_ends_older")
		_, err := db.CreateJob(t.Context(), "[a]")
		wantSchemaError(t, err, "9999_no_wheels_ends_older")
		_, err = db.Job(t.Context(), jobdb.Scope{AllVOs: true}, 1)
		wantSchemaError(t, err, "9999_no_wheels_ends_older")
		if said := log.String(); !strings.Contains(said, "level=ERROR") {
			t.Errorf("the log says %q", said)
		}
	})
}

// However early a server gives up, the next one ends with the whole schema.
func TestMigrateAfterCancel(t *testing.T) {
	t.Parallel()
	onEmpty(t, func(t *testing.T, url string) {
		for patience := time.Millisecond; ; patience *= 2 {
			db := openDB(t, url)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, err := db.Migrate(ctx)
			cancel()
			if err == nil {
				checkDiracXSchema(t, db)
				return
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("after %v: %v, want the context's error", patience, err)
			}
			if kind := openDB(t, url).Schema(); kind != jobdb.SchemaEmpty && kind != jobdb.SchemaOurs {
				t.Errorf("after %v the database is %q", patience, kind)
			}
		}
	})
}

// A server that waits for another one's migrations can be stopped.
func TestWaitForMigrationEndsWithContext(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		url  func(testing.TB) string
		lock string
	}{
		{jobdbtest.MariaDB, "SELECT GET_LOCK(CONCAT('jobdb/', MD5(DATABASE())), 0)"},
		{jobdbtest.MySQL, "SELECT GET_LOCK(CONCAT('jobdb/', LEFT(SHA2(DATABASE(), 256), 32)), 0)"},
		{jobdbtest.PostgreSQL, "SELECT pg_advisory_lock(8314046631205172805)"},
	} {
		db := openDB(t, test.url(t))
		other, err := db.Raw().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if _, err := other.ExecContext(t.Context(), test.lock); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := db.Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the context's error", db.Engine(), err)
		}
		if waited := time.Since(start); waited > 2*time.Second {
			t.Errorf("%s: stopped after %v", db.Engine(), waited)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSQLiteFilesOfOursHaveAWriteAheadLog(t *testing.T) {
	t.Parallel()
	db := openDB(t, jobdbtest.SQLite(t))
	migrate(t, db)
	var mode string
	if err := db.Raw().QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode %q, %v", mode, err)
	}
}
