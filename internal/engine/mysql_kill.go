package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"jobdb/internal/tables"
)

// killOnCancel ends the query in the server when the context ends, until the function that it
// returns is called. The driver only closes the connection, and the server would work on.
func (c *mysqlConn) killOnCancel(ctx context.Context) (done func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	kill := sync.OnceFunc(func() { c.kill(context.WithoutCancel(ctx)) })
	stop := context.AfterFunc(ctx, kill)
	return func() {
		// The driver may have seen the context end before AfterFunc did.
		if !stop() || ctx.Err() != nil {
			c.killed = true
			kill() // or waits until it is done
		}
	}
}

// kill ends this connection and its query, by KILL on another connection. KILL QUERY would do
// nothing if it came just before the query begins. If this fails, or the query opens its tables for
// longer than killTime (see atWork), the server's own time limit ends the query.
func (c *mysqlConn) kill(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, killTime)
	defer cancel()
	conn, err := c.host.Connect(ctx)
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // nothing more to do with it
	side, ok := conn.(mysqlDriverConn)
	if !ok {
		return
	}
	if values, err := oneRow(ctx, side, "SELECT @@hostname, @@port"); err != nil || strings.Join(values, ":") != c.server {
		return
	}
	for {
		values, err := oneRow(ctx, side, "SELECT command, LOWER(state) FROM information_schema.processlist WHERE id = "+c.id)
		if isUnreadable(err) {
			if Sleep(ctx, killPause) != nil {
				return
			}
			continue
		}
		if err != nil || values[0] != "Query" && values[0] != "Execute" && values[0] != "Prepare" { // the query has ended
			return
		}
		if values[0] != "Prepare" && slices.Contains(atWork, values[1]) {
			_, _ = side.ExecContext(ctx, "KILL "+c.id, nil)
			return
		}
		if Sleep(ctx, killPause) != nil {
			return
		}
	}
}

// isUnreadable reports whether MySQL's list of connections can't be read at the moment, because a
// statement of one of them has a character that utf8mb3 lacks, such as an emoji.
func isUnreadable(err error) bool {
	failed := (*mysql.MySQLError)(nil)
	return errors.As(err, &failed) && failed.Number == 3854
}

const (
	killTime  = 5 * time.Second
	killPause = 5 * time.Millisecond
)

// atWork are the states of a statement that has opened its tables. Before that it must not be
// killed: if MariaDB is just reading a trigger it keeps the table with half of a trigger, and
// refuses all changes of the table until [Engine.Mend].
var atWork = []string{
	"copying to tmp table", "creating sort index", "creating tmp table", "deleting from main table", "deleting from reference tables",
	"executing", "optimizing", "preparing", "removing duplicates", "sending data", "sending to client", "sorting result", "statistics",
	"update", "updating", "updating main table", "updating reference tables", "user lock", "user sleep", "writing to net",
}

// brokenTrigger is in MariaDB's error for a table that it keeps with half of a trigger.
const brokenTrigger = "has an error in its body"

// mysqlMend makes the server reopen the tables that have triggers. It waits a second at most for
// statements that use them, because all others wait behind it.
func mysqlMend(ctx context.Context, e *Engine) error {
	conn, err := e.Writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	if _, err := conn.ExecContext(ctx, "SET SESSION lock_wait_timeout = 1"); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, flushTriggers)
	return err
}

var flushTriggers = "FLUSH LOCAL TABLES " + tables.Jobs.Quoted() + ", " + tables.JobJDLs.Quoted()
