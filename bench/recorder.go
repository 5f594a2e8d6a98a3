package main

import (
	"context"
	"database/sql/driver"
	"sync"
)

// recorder is a connector whose connections note the queries that they are given.
type recorder struct {
	driver.Connector
	mutex   sync.Mutex
	queries []recordedQuery
}

// recordedQuery is a query as a driver was given it.
type recordedQuery struct {
	text string
	args []any
}

// Connect implements driver.Connector.
func (r *recorder) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.Connector.Connect(ctx)
	return &recordingConn{conn, r}, err
}

// take returns what was noted since the last call.
func (r *recorder) take() []recordedQuery {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	queries := r.queries
	r.queries = nil
	return queries
}

// recordingConn has what database/sql asks a connection for, of what our drivers have.
type recordingConn struct {
	driver.Conn
	recorder *recorder
}

// QueryContext implements driver.QueryerContext.
func (c *recordingConn) QueryContext(ctx context.Context, query string, named []driver.NamedValue) (driver.Rows, error) {
	args := make([]any, len(named))
	for i, arg := range named {
		args[i] = arg.Value
	}
	c.recorder.mutex.Lock()
	c.recorder.queries = append(c.recorder.queries, recordedQuery{query, args})
	c.recorder.mutex.Unlock()
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, named)
}

// ExecContext implements driver.ExecerContext.
func (c *recordingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *recordingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

// BeginTx implements driver.ConnBeginTx.
func (c *recordingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
}

// CheckNamedValue implements driver.NamedValueChecker.
func (c *recordingConn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}
