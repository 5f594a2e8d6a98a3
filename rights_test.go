package jobdb_test

import (
	"context"
	"database/sql"
	"net/url"
	"slices"
	"strings"
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
)

// A limited user of a database of its own, on a server whose administrator is admin.
type limitedUser struct {
	url   string
	admin *sql.DB
}

func (u limitedUser) run(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := u.admin.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// as is an administrator's URL as another user and of another database.
func as(t *testing.T, address, user, database string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	parsed.User, parsed.Path = url.UserPassword(user, "limited"), "/"+database
	return parsed.String()
}

// newMySQLUser has rights on a new database of a server of MariaDB or MySQL.
func newMySQLUser(t *testing.T, server, name, rights string) limitedUser {
	t.Helper()
	u := limitedUser{as(t, server, name, name+"_db"), jobdbtest.Raw(t, server)}
	u.run(t, "CREATE DATABASE "+name+"_db CHARACTER SET utf8mb4", "CREATE USER "+name+"@'127.0.0.1' IDENTIFIED BY 'limited'",
		// An underscore in the name of a database is a wildcard unless escaped.
		"GRANT "+rights+" ON `"+name+`\_db`+"`.* TO "+name+"@'127.0.0.1'")
	return u
}

// newPostgreSQLUser may connect to a new database of PostgreSQL, and no more.
func newPostgreSQLUser(t *testing.T, name string) limitedUser {
	t.Helper()
	address := jobdbtest.PostgreSQL(t)
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u := limitedUser{as(t, address, name, strings.TrimPrefix(parsed.Path, "/")), jobdbtest.Raw(t, address)}
	u.run(t, "CREATE ROLE "+name+" LOGIN PASSWORD 'limited'", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	u.dropRole(t, name)
	return u
}

// dropRole drops a role and its tables when the test ends; roles belong to the server, not to the
// database.
func (u limitedUser) dropRole(t *testing.T, name string) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := u.admin.ExecContext(context.Background(), "DROP OWNED BY "+name+" CASCADE; DROP ROLE "+name); err != nil {
			t.Error(err)
		}
	})
}

// remedies are the statements that a text tells an administrator to run.
func remedies(text string) []string {
	var statements []string
	for reason := range strings.SplitSeq(text, "; ") {
		if _, statement, ok := strings.Cut(reason, " runs: "); ok {
			statement, _, _ = strings.Cut(statement, ", and sets")
			statements = append(statements, statement)
		}
	}
	return statements
}

// countRights are those that docs/rights.md names for the counts, tableRights all others.
const countRights = "TRIGGER, DROP"

var tableRights = map[string]string{
	"MariaDB": "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER",
	"MySQL":   "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, REFERENCES",
}

// refused migrates in vain, finds nothing made, and that a check told the same before; it returns
// the remedies.
func (u limitedUser) refused(t *testing.T, words ...string) []string {
	t.Helper()
	report := check(t, openWith(t, u.url, jobdb.Options{ReadOnly: true}))
	db := openDB(t, u.url)
	_, err := db.Migrate(t.Context())
	for _, word := range words {
		wantSchemaError(t, err, word)
		if !slices.ContainsFunc(report.Obstacles, func(o string) bool { return strings.Contains(o, word) }) {
			t.Errorf("%q is not in the obstacles %q", word, report.Obstacles)
		}
	}
	if kind := openDB(t, u.url).Schema(); kind != jobdb.SchemaEmpty {
		t.Errorf("after the refusal the database is %q", kind)
	}
	if err == nil {
		return nil
	}
	return remedies(err.Error())
}

// keepsCounts says whether a database that is opened anew keeps counts, and that its jobs are
// counted right.
func (u limitedUser) keepsCounts(t *testing.T, jobs int64) bool {
	t.Helper()
	db := openWith(t, u.url, jobdb.Options{FoldInterval: -1})
	if report := check(t, db); !report.Usable() || len(report.Obstacles) > 0 {
		t.Errorf("usable %v, obstacles %q", report.Usable(), report.Obstacles)
	}
	search, err := jobdb.SearchRequest{Parameters: []string{"JobID"}}.Parse(db.Limits())
	if err != nil {
		t.Fatal(err)
	}
	search.Scope.AllVOs = true
	if page, err := db.Search(t.Context(), search); err != nil || page.Total != jobs {
		t.Errorf("%d jobs, %v; want %d", page.Total, err, jobs)
	}
	wrong, err := db.VerifyCounts(t.Context())
	if err == nil && len(wrong) > 0 {
		t.Errorf("wrong counts: %v", wrong)
	}
	return err == nil
}

// countMigrations are those that make counts, for which not every user has the rights.
var countMigrations = []string{"0003_counts", "0007_counts_ends_older", "0010_counts_ends_older"}

// withoutCounts makes the tables without counts, as often as wanted, uses them, and adds the counts
// by and by.
func (u limitedUser) withoutCounts(t *testing.T, grant func()) {
	t.Helper()
	db := openDB(t, u.url)
	for range 2 {
		if _, err := db.Migrate(t.Context(), jobdb.WithoutCounts); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := check(t, db).Applied, db.MigrationNames(); slices.Contains(got, "0003_counts") || len(got) != len(want)-len(countMigrations) {
		t.Errorf("applied %q of %q", got, want)
	}
	addWaiting(t, db, 1)
	if got := migrate(t, openDB(t, u.url)); len(got) > 0 || u.keepsCounts(t, 1) {
		t.Errorf("a server that starts made the counts: %q", got)
	}
	if _, err := db.Migrate(t.Context(), jobdb.AddCounts); err == nil {
		t.Error("counts were added without the right")
	}
	grant()
	db = openDB(t, u.url)
	if got, err := db.Migrate(t.Context(), jobdb.AddCounts); err != nil || !slices.Equal(got, countMigrations) {
		t.Errorf("added %q, %v", got, err)
	}
	if _, err := db.RebuildCounts(t.Context()); err != nil {
		t.Error(err)
	}
	if !u.keepsCounts(t, 1) {
		t.Error("no counts")
	}
}

func TestRightsOnMariaDBAndMySQL(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"MariaDB", "MySQL"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			server := jobdbtest.Server(t, engine, "--log-bin=binlog")
			t.Run("without a right, and no trust in a binary log", func(t *testing.T) {
				u := newMySQLUser(t, server, "untrusted", tableRights[engine])
				u.run(t, "SET GLOBAL log_bin_trust_function_creators = 0")
				statements := u.refused(t, "GRANT "+countRights+" ON `untrusted\\_db`.* TO 'untrusted'@'127.0.0.1'",
					"SET GLOBAL log_bin_trust_function_creators = 1")
				if len(statements) != 2 {
					t.Errorf("remedies %q", statements)
				}
				u.withoutCounts(t, func() { u.run(t, statements...) })
			})
			t.Run("trusted, so nothing is lacking", func(t *testing.T) {
				u := newMySQLUser(t, server, "trusted", tableRights[engine]+", "+countRights)
				u.run(t, "SET GLOBAL log_bin_trust_function_creators = 1")
				migrate(t, openDB(t, u.url))
				if !u.keepsCounts(t, 0) {
					t.Error("no counts")
				}
			})
			t.Run("whoever has SUPER needs no trust", func(t *testing.T) {
				u := newMySQLUser(t, server, "super", tableRights[engine]+", "+countRights)
				u.run(t, "SET GLOBAL log_bin_trust_function_creators = 0", "GRANT SUPER ON *.* TO super@'127.0.0.1'")
				migrate(t, openDB(t, u.url))
			})
			t.Run("a user who only reads", func(t *testing.T) {
				u := newMySQLUser(t, server, "reader", "SELECT")
				u.refused(t, "GRANT CREATE, ALTER, INSERT")
				report := check(t, openDB(t, u.url))
				if !strings.Contains(strings.Join(report.Obstacles, "\n"), "GRANT INSERT, UPDATE, DELETE ON `reader\\_db`.*") {
					t.Errorf("obstacles %q", report.Obstacles)
				}
			})
			t.Run("a server that is read-only", func(t *testing.T) {
				u := newMySQLUser(t, server, "replica", tableRights[engine]+", "+countRights)
				u.run(t, "SET GLOBAL log_bin_trust_function_creators = 1")
				migrate(t, openDB(t, u.url))
				u.run(t, "SET GLOBAL read_only = 1")
				defer u.run(t, "SET GLOBAL read_only = 0")
				if report := check(t, openDB(t, u.url)); !matchAll(report.Obstacles, []string{"SET GLOBAL read_only = 0"}) {
					t.Errorf("obstacles %q", report.Obstacles)
				}
			})
			t.Run("rights by a role, and on tables", func(t *testing.T) {
				u := newMySQLUser(t, server, "member", tableRights[engine])
				// Of a user with a role MySQL 8.0 heeds no rights on an escaped name, and 9.7 of a role none on one that isn't.
				u.run(t, "GRANT "+tableRights[engine]+" ON member_db.* TO member@'127.0.0.1'")
				u.run(t, "SET GLOBAL log_bin_trust_function_creators = 1", "CREATE ROLE counting", "GRANT counting TO member@'127.0.0.1'",
					map[string]string{
						"MariaDB": "SET DEFAULT ROLE counting FOR member@'127.0.0.1'", "MySQL": "SET DEFAULT ROLE counting TO member@'127.0.0.1'",
					}[engine])
				if _, err := openDB(t, u.url).Migrate(t.Context(), jobdb.WithoutCounts); err != nil {
					t.Fatal(err)
				}
				u.run(t, "GRANT TRIGGER ON member_db.Jobs TO counting", "GRANT TRIGGER ON member_db.JobJDLs TO counting",
					"GRANT DROP ON member_db.* TO counting", "GRANT DROP ON `member\\_db`.* TO counting")
				if _, err := openDB(t, u.url).Migrate(t.Context(), jobdb.AddCounts); err != nil {
					t.Fatal(err)
				}
			})
			t.Run("a binary log of statements, and tables without transactions", func(t *testing.T) {
				u := newMySQLUser(t, server, "statements", "ALL")
				u.run(t, "SET GLOBAL log_bin_trust_function_creators = 1", "SET GLOBAL binlog_format = 'STATEMENT'")
				defer u.run(t, "SET GLOBAL binlog_format = 'MIXED'")
				db := openDB(t, u.url)
				_, _ = db.Migrate(t.Context()) // whose INSERTs may fail or not; the tables are there
				report := check(t, db)
				if len(report.Obstacles) != 1 || !strings.Contains(report.Obstacles[0], "SET GLOBAL binlog_format = 'MIXED'") {
					t.Errorf("obstacles %q", report.Obstacles)
				}
				if _, err := db.CreateJob(t.Context(), "[]"); err == nil {
					t.Error("the server wrote what the check said it would refuse")
				}
				u.run(t, "ALTER TABLE statements_db.LoggingInfo ENGINE = MyISAM")
				if limits := check(t, db).Limits; !strings.Contains(strings.Join(limits, "\n"), "LoggingInfo is not InnoDB's") {
					t.Errorf("limits %q", limits)
				}
			})
		})
	}
}

func TestRightsOnPostgreSQL(t *testing.T) {
	t.Parallel()
	t.Run("no right to make tables", func(t *testing.T) {
		t.Parallel()
		u := newPostgreSQLUser(t, "jobdb_untrusted")
		statements := u.refused(t, "GRANT CREATE ON SCHEMA public TO jobdb_untrusted")
		u.run(t, statements...)
		u.run(t, "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
		if statements = u.refused(t, "GRANT USAGE ON LANGUAGE plpgsql TO jobdb_untrusted"); len(statements) != 1 {
			t.Errorf("remedies %q", statements)
		}
		u.withoutCounts(t, func() { u.run(t, statements...) })
	})
	t.Run("tables of another user", func(t *testing.T) {
		t.Parallel()
		u := newPostgreSQLUser(t, "jobdb_other")
		u.run(t, "CREATE ROLE jobdb_owner", "GRANT CREATE ON SCHEMA public TO jobdb_owner, jobdb_other")
		u.dropRole(t, "jobdb_owner")
		owner := openDB(t, u.url)
		if _, err := owner.Migrate(t.Context(), jobdb.WithoutCounts); err != nil {
			t.Fatal(err)
		}
		u.run(t, `REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA public FROM jobdb_other`, `ALTER TABLE "Jobs" OWNER TO jobdb_owner`)
		_, err := openDB(t, u.url).Migrate(t.Context(), jobdb.AddCounts)
		wantSchemaError(t, err, "GRANT jobdb_owner TO jobdb_other")
		report := check(t, openDB(t, u.url))
		if !strings.Contains(strings.Join(report.Obstacles, "\n"), " ON ALL TABLES IN SCHEMA public TO jobdb_other") {
			t.Errorf("obstacles %q", report.Obstacles)
		}
	})
}

// A database keeps what its operator decided, on SQLite, too, where no right can lack.
func TestMigrateWithoutCounts(t *testing.T) {
	t.Parallel()
	u := limitedUser{url: jobdbtest.SQLite(t)}
	db := openDB(t, u.url)
	if got, err := db.Migrate(t.Context(), jobdb.WithoutCounts); err != nil || slices.Contains(got, "0003_counts") {
		t.Errorf("applied %q, %v", got, err)
	}
	if got := migrate(t, db); len(got) > 0 || u.keepsCounts(t, 0) {
		t.Errorf("then applied %q", got)
	}
	if got, err := db.Migrate(t.Context(), jobdb.AddCounts); err != nil || !slices.Equal(got, countMigrations) {
		t.Errorf("added %q, %v", got, err)
	}
	if _, err := db.Migrate(t.Context(), jobdb.WithoutCounts); err != nil || !u.keepsCounts(t, 0) {
		t.Errorf("counts that were there are gone: %v", err)
	}
}
