package engine

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"time"
)

// In a Galera cluster GET_LOCK works on a single node only. So a row, which is replicated to all
// nodes, says who migrates. It is renewed before each statement. That is enough, because a
// statement that changes tables locks out all writers of the cluster, also those who would take
// over.
const (
	// LeaseTable has that row.
	LeaseTable = "jobdb_migrating"

	leaseTime  = "INTERVAL 1 MINUTE" // after which another server takes over
	leasePause = time.Second
)

// clusterLease is a connection whose statements run while no other node migrates.
type clusterLease struct {
	*sql.Conn

	holder string
}

// inCluster reports whether a connection is to a node of a Galera cluster.
func inCluster(ctx context.Context, q Querier) (cluster bool, err error) {
	err = EachRow(ctx, q, "SHOW VARIABLES LIKE 'wsrep_on'", func(rows *sql.Rows) error {
		value := ""
		err := rows.Scan(new(string), &value)
		cluster = value == "ON"
		return err
	})
	return cluster, err
}

// withClusterLease runs fn while no other node of the cluster migrates.
func withClusterLease(ctx context.Context, e *Engine, conn *sql.Conn, fn func(Querier) error) error {
	l := &clusterLease{conn, rand.Text()}
	for waited := time.Duration(0); ; waited += leasePause {
		taken, err := l.take(ctx)
		switch {
		case err != nil && e.ClassOf(err) != ClassRetry: // which two nodes at once are told
			return fmt.Errorf("take the lease to migrate: %w", err)
		case waited >= schemaLockWait:
			return fmt.Errorf("a server on another node has been migrating this database for %v: %w", schemaLockWait, ErrGaveUp)
		}
		if err == nil && taken {
			break
		}
		if err := Sleep(ctx, leasePause); err != nil {
			return err
		}
	}
	// If it isn't given back it ends by itself.
	defer conn.ExecContext(context.WithoutCancel(ctx), `UPDATE "`+LeaseTable+`" SET "Holder" = '', "Until" = UTC_TIMESTAMP() WHERE "Holder" = ?`, l.holder) //nolint:errcheck // as said
	return fn(l)
}

// take takes the lease unless another has it.
func (l *clusterLease) take(ctx context.Context) (taken bool, err error) {
	for _, statement := range []string{
		`CREATE TABLE IF NOT EXISTS "` + LeaseTable + `" ("ID" INTEGER NOT NULL PRIMARY KEY, "Holder" VARCHAR(64) NOT NULL, "Until" DATETIME NOT NULL)`,
		`INSERT IGNORE INTO "` + LeaseTable + `" VALUES (1, '', UTC_TIMESTAMP())`,
	} {
		if _, err := l.Conn.ExecContext(ctx, statement); err != nil {
			return false, err
		}
	}
	return l.renew(ctx)
}

// renew takes or extends the lease; mine is false if another server has it.
func (l *clusterLease) renew(ctx context.Context) (mine bool, err error) {
	const text = `UPDATE "` + LeaseTable + `" SET "Holder" = ?, "Until" = UTC_TIMESTAMP() + ` + leaseTime + ` WHERE "Holder" = ? OR "Until" <= UTC_TIMESTAMP()`
	result, err := l.Conn.ExecContext(ctx, text, l.holder, l.holder)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// ExecContext renews the lease before the statement.
func (l *clusterLease) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	mine, err := l.renew(ctx)
	if err == nil && !mine { // ErrLost makes the migration begin again
		err = fmt.Errorf("a server on another node has begun to migrate: %w", ErrLost)
	}
	if err != nil {
		return nil, err
	}
	return l.Conn.ExecContext(ctx, query, args...)
}
