package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// bareDB is the bare driver under database/sql, with the same settings of
// the connection as jobdb has, and what a careful programmer would write
// around it: prepared statements where they pay, and each engine's best way
// of moving many rows.
type bareDB struct {
	engine         string
	reader, writer *sql.DB
	mutex          sync.Mutex
	texts          map[string]string    // statements with ? by those with the engine's placeholders
	statements     map[string]*sql.Stmt // MariaDB only: the other drivers remember statements themselves
}

func openBare(engine, address string) (*bareDB, error) {
	b := &bareDB{engine: engine, texts: map[string]string{}, statements: map[string]*sql.Stmt{}}
	if engine == "sqlite" {
		var err error
		b.writer, b.reader, err = openFile(strings.TrimPrefix(address, "sqlite:"))
		return b, err
	}
	server, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	b.writer, err = openServer(engine, server)
	b.reader = b.writer
	return b, err
}

// openFile opens a SQLite file for writing and for reading.
func openFile(path string) (writer, reader *sql.DB, err error) {
	dsn := "file:" + path + sqliteOptions
	if writer, err = sql.Open(sqliteDriver, dsn+sqliteWriterOptions); err != nil {
		return nil, nil, err
	}
	writer.SetMaxOpenConns(1)
	reader, err = sql.Open(sqliteDriver, dsn)
	return writer, reader, err
}

func openServer(engine string, server *url.URL) (*sql.DB, error) {
	connector, err := serverConnector(engine, server)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(4)
	return db, nil
}

// fileConnector connects to a SQLite file by the driver of that name.
func fileConnector(name, dsn string) (driver.Connector, error) {
	db, err := sql.Open(name, dsn)
	if err != nil {
		return nil, err
	}
	return fileDriver{db.Driver(), dsn}, db.Close()
}

type fileDriver struct {
	driver driver.Driver
	dsn    string
}

func (f fileDriver) Connect(context.Context) (driver.Conn, error) { return f.driver.Open(f.dsn) }
func (f fileDriver) Driver() driver.Driver                        { return f.driver }

func serverConnector(engine string, server *url.URL) (driver.Connector, error) {
	password, _ := server.User.Password()
	name := strings.TrimPrefix(server.Path, "/")
	if engine == "postgres" {
		config, err := pgx.ParseConfig(server.String())
		if err != nil {
			return nil, errors.New("the URL of the PostgreSQL server can't be read")
		}
		config.RuntimeParams["timezone"] = "UTC"
		return stdlib.GetConnector(*config), nil
	}
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd, config.DBName = "tcp", server.Host, server.User.Username(), password, name
	config.ParseTime, config.ClientFoundRows = true, true
	config.Params = map[string]string{
		"sql_mode": "CONCAT(@@sql_mode, ',ANSI_QUOTES,STRICT_ALL_TABLES')", "time_zone": "'+00:00'",
		"optimizer_switch": "'index_merge_intersection=off'",
	}
	if engine == "mariadb" {
		config.Params["in_predicate_conversion_threshold"] = "0"
	}
	return mysql.NewConnector(config)
}

// isMySQL reports whether an engine is MariaDB or MySQL, which have one driver.
func isMySQL(engine string) bool { return engine == "mariadb" || engine == "mysql" }

func (b *bareDB) close() error {
	if b.reader == b.writer {
		return b.writer.Close()
	}
	return errors.Join(b.reader.Close(), b.writer.Close())
}

// text is a statement with the engine's placeholders. It is written once and kept: by hand nobody
// would write it anew for each call.
func (b *bareDB) text(statement string) string {
	if b.engine != "postgres" {
		return statement
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	text, known := b.texts[statement]
	if !known {
		parts := strings.Split(statement, "?")
		for i := range len(parts) - 1 {
			text += parts[i] + "$" + strconv.Itoa(i+1)
		}
		text += parts[len(parts)-1]
		b.texts[statement] = text
	}
	return text
}

// statement returns a prepared statement, for the transaction unless tx is nil.
func (b *bareDB) statement(ctx context.Context, tx *sql.Tx, text string) (*sql.Stmt, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	statement := b.statements[text]
	if statement == nil {
		var err error
		if statement, err = b.writer.PrepareContext(ctx, text); err != nil {
			return nil, err
		}
		b.statements[text] = statement
	}
	if tx == nil {
		return statement, nil
	}
	return tx.StmtContext(ctx, statement), nil
}

// query runs a prepared query, in a transaction unless tx is nil, and calls
// each for every row. It returns how many there were.
func (b *bareDB) query(ctx context.Context, tx *sql.Tx, text string, args []any, each func(*sql.Rows) error) (n int64, err error) {
	var rows *sql.Rows
	switch {
	case isMySQL(b.engine):
		var statement *sql.Stmt
		if statement, err = b.statement(ctx, tx, text); err != nil { //nolint:sqlclosecheck // kept for the next call
			return 0, err
		}
		rows, err = statement.QueryContext(ctx, args...)
	case tx != nil:
		rows, err = tx.QueryContext(ctx, b.text(text), args...)
	default:
		rows, err = b.reader.QueryContext(ctx, b.text(text), args...)
	}
	if err != nil {
		return 0, fmt.Errorf("%w in %.200s", err, text)
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		if err := each(rows); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// snapshot runs queries in a transaction that sees one state of the database.
func (b *bareDB) snapshot(ctx context.Context, run func(*sql.Tx) error) error {
	var options *sql.TxOptions
	switch b.engine {
	case "mariadb", "mysql":
		options = &sql.TxOptions{ReadOnly: true} // REPEATABLE READ is the server's default
	case "postgres":
		options = &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	}
	tx, err := b.reader.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := run(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// bareTx is a transaction that writes.
type bareTx struct {
	*bareDB
	conn *sql.Conn
	tx   *sql.Tx
}

func (b *bareDB) write(ctx context.Context, run func(*bareTx) error) error {
	conn, err := b.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var options sql.TxOptions
	if isMySQL(b.engine) {
		options.Isolation = sql.LevelReadCommitted // locks no gaps between rows
	}
	tx, err := conn.BeginTx(ctx, &options)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := run(&bareTx{b, conn, tx}); err != nil {
		return err
	}
	return tx.Commit()
}

func (t *bareTx) exec(ctx context.Context, text string, args ...any) (int64, error) {
	done, err := t.run(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

// insertID inserts rows on MariaDB or MySQL, and returns the number that the first of them was given.
func (t *bareTx) insertID(ctx context.Context, text string, args ...any) (int64, error) {
	done, err := t.run(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return done.LastInsertId()
}

func (t *bareTx) run(ctx context.Context, text string, args ...any) (sql.Result, error) {
	var done sql.Result
	var err error
	if isMySQL(t.engine) && len(args) > 0 {
		var statement *sql.Stmt
		if statement, err = t.statement(ctx, t.tx, text); err == nil { //nolint:sqlclosecheck // kept for the next call
			done, err = statement.ExecContext(ctx, args...)
		}
	} else {
		done, err = t.tx.ExecContext(ctx, t.text(text), args...)
	}
	if err != nil {
		return nil, fmt.Errorf("%w in %.200s", err, text)
	}
	return done, nil
}
