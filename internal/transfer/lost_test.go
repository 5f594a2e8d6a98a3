package transfer_test

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jobdb"
	"jobdb/internal/transfer"
	"jobdb/jobdbtest"
)

// TestLostConnections ends the target's connections again and again while jobs are moved, as a
// server does that fails over. The run goes on by itself, and nothing is lost or twice.
func TestLostConnections(t *testing.T) {
	const jobs = 200
	from := fill(t, jobdbtest.SQLite(t), jobs)
	for name, open := range map[string]func(testing.TB) string{
		"MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			to := open(t)
			warnings := &counter{}
			o := transfer.Options{From: from, To: to, Batch: 1, Logger: slog.New(warnings)}
			ctx, stop := context.WithCancel(t.Context())
			var ended sync.WaitGroup
			ended.Go(func() { endConnections(ctx, t, to) })
			report := run(t, o)
			stop()
			ended.Wait()
			t.Logf("tried again %d times", warnings.n.Load())
			if warnings.n.Load() == 0 {
				t.Error("no connection was lost in the middle of a range")
			}
			o.Logger = nil
			if found := differences(t, o); len(found) > 0 {
				t.Errorf("differences: %v", found)
			}
			rightCounts(t, to, report)
			if rows := ask(t, to, `SELECT count(*) FROM "LoggingInfo"`); rows != 2*jobs {
				t.Errorf("%d rows of history", rows)
			}
		})
	}
}

// TestLostTransactions makes every fifth row of input data fail as if another transaction had won.
// The count is a sequence, which isn't taken back.
func TestLostTransactions(t *testing.T) {
	const jobs = 20
	from := fill(t, jobdbtest.SQLite(t), jobs)
	for name, test := range map[string]struct {
		open       func(testing.TB) string
		statements []string
	}{
		"MariaDB": {jobdbtest.MariaDB, []string{
			`CREATE SEQUENCE turns`,
			`CREATE TRIGGER lost BEFORE INSERT ON "InputData" FOR EACH ROW
				IF NEXTVAL(turns) % 5 = 0 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF`,
		}},
		"PostgreSQL": {jobdbtest.PostgreSQL, []string{
			`CREATE SEQUENCE turns`,
			`CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF nextval('turns') % 5 = 0 THEN RAISE EXCEPTION 'lost' USING ERRCODE = 'deadlock_detected'; END IF; RETURN NEW; END $$`,
			`CREATE TRIGGER lost BEFORE INSERT ON "InputData" FOR EACH ROW EXECUTE FUNCTION lose()`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			to := test.open(t)
			jobdbtest.Open(t, to, jobdb.Options{FoldInterval: -1})
			execute(t, to, test.statements...)
			warnings := &counter{}
			report := run(t, transfer.Options{From: from, To: to, Batch: 1, Logger: slog.New(warnings)})
			if n := warnings.n.Load(); n < 8 {
				t.Errorf("tried again %d times", n)
			}
			if want := tableRows(jobs); report.Jobs != jobs || !slices.Equal(report.Rows, want) {
				t.Errorf("%+v, want rows %v", report, want)
			}
			if found := differences(t, transfer.Options{From: from, To: to}); len(found) > 0 {
				t.Errorf("differences: %v", found)
			}
		})
	}
}

// endConnections ends all others of a database ten times, each time when some more ranges are done.
func endConnections(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	statements := `SELECT concat('KILL ', id) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()`
	if strings.HasPrefix(url, "postgres:") {
		statements = `SELECT 'SELECT pg_terminate_backend(' || pid || ')' FROM pg_stat_activity
			WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`
	}
	conn, err := jobdbtest.Raw(t, url).Conn(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	for n := int64(1); n <= 10 && ctx.Err() == nil; time.Sleep(time.Millisecond) {
		var done int64
		_ = conn.QueryRowContext(ctx, `SELECT count(*) FROM "jobdb_import"`).Scan(&done) // it may not be there yet
		if done < 15*n {
			continue
		}
		ends, err := texts(ctx, conn, statements)
		if jobdbtest.IsUnreadable(err) {
			continue
		}
		n++
		if err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
		for _, end := range ends {
			_, _ = conn.ExecContext(ctx, end) // the connection may have ended by itself
		}
	}
}

// texts are the rows of one text.
func texts(ctx context.Context, conn *sql.Conn, query string) (all []string, err error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

// counter counts what is logged.
type counter struct {
	slog.Handler

	n atomic.Int64
}

func (c *counter) Enabled(context.Context, slog.Level) bool { return true }

func (c *counter) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn {
		c.n.Add(1)
	}
	return nil
}
