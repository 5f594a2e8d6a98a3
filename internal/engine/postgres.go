package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
)

func openPostgres(_ context.Context, t Target, o Settings) (*Engine, error) {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(t.user, t.password), Host: strings.Join(t.hosts, ","),
		Path: "/" + t.Name, RawQuery: t.options.Encode(),
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("database URL: the host, port or options of the PostgreSQL URL can't be read")
	}
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["application_name"] = "jobdb"
	config.RuntimeParams["statement_timeout"] = strconv.FormatInt(o.StatementTimeout.Milliseconds(), 10)
	if o.ReadOnly {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTime
	}
	config.DialFunc = dialer.DialContext
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &notedCancel{CancelRequestContextWatcherHandler: pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 5 * time.Second}}
	}
	return o.serve(&postgresConnector{stdlib.GetConnector(*config)}, onPostgres), nil
}

// postgresConnector makes connections that don't keep prepared statements with long lists.
type postgresConnector struct{ driver.Connector }

// Connect makes a connection.
func (c *postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := conn.(*stdlib.Conn)
	if !ok {
		return nil, errors.Join(errors.New("pgx's stdlib lacks what jobdb needs of it"), conn.Close())
	}
	return &postgresConn{inner}, nil
}

// postgresPrepared is how many arguments a search may have to be prepared and kept. Longer ones are
// rarely used again, and each takes memory in the server as long as the connection lives.
const postgresPrepared = 64

type postgresConn struct{ *stdlib.Conn }

// notedCancel asks the server to end a query whose context has ended, and marks the connection.
type notedCancel struct {
	pgconn.CancelRequestContextWatcherHandler
}

// cancelled is the key of the mark.
const cancelled = "jobdb cancelled"

// HandleUnwatchAfterCancel sets the mark, in the connection's own goroutine.
func (h *notedCancel) HandleUnwatchAfterCancel() {
	h.CancelRequestContextWatcherHandler.HandleUnwatchAfterCancel()
	h.Conn.CustomData()[cancelled] = true
}

// IsValid gives up a connection on which a query was cancelled. The request to cancel takes a
// connection of its own, so it may come late and end the next caller's query.
func (c *postgresConn) IsValid() bool {
	return c.Conn.Conn().PgConn().CustomData()[cancelled] == nil
}

// QueryContext runs a query.
func (c *postgresConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) > postgresPrepared {
		args = append([]driver.NamedValue{{Value: pgx.QueryExecModeDescribeExec}}, args...)
	}
	return c.Conn.QueryContext(ctx, query, args)
}

// BeginTx begins a transaction.
func (c *postgresConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &boundedTx{tx, c.Conn.Conn().PgConn().Conn()}, nil
}

func onPostgres(pool *sql.DB) *Engine {
	return &Engine{
		Dialect: PostgreSQL, Reader: pool, Writer: pool, Probe: pool, Snapshot: serverSnapshot,
		classify: classifyPostgres, jobInError: jobInPostgresError, withSchemaLock: postgresSchemaLock,
		writeObstacles: postgresWriteObstacles, migrationObstacles: postgresMigrationObstacles,
	}
}

func classifyPostgres(err error) ErrClass {
	if connect := (*pgconn.ConnectError)(nil); errors.As(err, &connect) {
		return ClassUnavailable
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		if pgconn.SafeToRetry(err) { // the connection was gone before anything was sent
			return ClassRetry
		}
		return networkClass(err)
	}
	switch e.Code {
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock not available
		return ClassRetry
	case "23505":
		return ClassDuplicate
	case "23503":
		return ClassForeignKey
	case "23502", "23514", "22001", "22003", "22007", "22008", "22021": // not null, check, too long, out of range, times, encoding
		return ClassValue
	case "53100": // the disk is full
		return ClassFull
	case "57014":
		// Only the text tells a timeout. Some servers have it in another language; there a
		// statement that timed out is tried again a few times.
		if strings.Contains(e.Message, "timeout") {
			return ClassTimeout
		}
		return ClassInterrupted
	case "25006": // read-only transaction
		return ClassUnavailable
	}
	switch e.Code[:2] {
	case "08", "53", "57", "58": // connection, resources, operator's intervention, system
		return ClassUnavailable
	}
	return ClassOther
}

var postgresKey = regexp.MustCompile(`^Key \("?JobID"?\)=\(([0-9]+)\) (?:is not present|already exists)`)

func jobInPostgresError(err error) (int64, bool) {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return 0, false
	}
	return firstNumber(postgresKey, e.Detail)
}
