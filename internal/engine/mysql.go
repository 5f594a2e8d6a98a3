package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// openMySQL opens a pool on MariaDB or MySQL. Each connection is to the first of the hosts that
// answers.
func openMySQL(_ context.Context, t Target, o Settings) (*Engine, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = t.user, t.password, t.Name
	config.ParseTime = true
	config.ClientFoundRows = true // rows matched, as on the other engines
	config.DialFunc = dialNoted
	config.Logger = &mysql.NopLogger{} // what it logs is returned as an error too
	config.InterpolateParams = true    // of statements that aren't prepared
	for option := range t.options {
		switch value := t.options.Get(option); option {
		case "charset", "binary_prefix": // SQLAlchemy's; ours is always utf8mb4
		case "tls", "ssl":
			config.TLSConfig = value
		case "unix_socket":
			config.Net, config.Addr, t.hosts = "unix", value, []string{value}
		default:
			return nil, errors.New("database URL: unknown option " + strconv.Quote(option) + "; known are tls, charset and unix_socket")
		}
	}
	hosts := make([]driver.Connector, 0, len(t.hosts))
	for _, host := range t.hosts {
		c := config.Clone()
		if c.Net != "unix" {
			c.Net, c.Addr = "tcp", withPort(host, "3306")
		}
		connector, err := mysql.NewConnector(c)
		if err != nil {
			return nil, errors.New("database URL: the options of the MySQL URL can't be used together")
		}
		hosts = append(hosts, connector)
	}
	return o.serve(&mysqlConnector{hosts: hosts, statementTime: o.StatementTimeout, readOnly: o.ReadOnly}, onMySQL), nil
}

func onMySQL(pool *sql.DB) *Engine {
	return &Engine{
		Dialect: MariaDB, Reader: pool, Writer: pool, Probe: pool, Snapshot: serverSnapshot,
		WriteOptions: sql.TxOptions{Isolation: sql.LevelReadCommitted}, // locks no gaps between rows
		recognize:    recognizeMySQL, classify: classifyMySQL, jobInError: jobInMySQLError, withSchemaLock: mysqlSchemaLock,
		mend: mysqlMend, mendStatement: flushTriggers,
		writeObstacles: mysqlWriteObstacles, migrationObstacles: mysqlMigrationObstacles,
	}
}

func recognizeMySQL(ctx context.Context, e *Engine) error {
	version, err := AskText(ctx, e.Reader, "SELECT VERSION()")
	if err == nil && !isMariaDB(version) {
		e.Dialect = MySQL
	}
	return err
}

func isMariaDB(version string) bool { return strings.Contains(version, "MariaDB") }

func withPort(host, port string) string {
	if host == "" {
		host = "127.0.0.1"
	}
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

func classifyMySQL(err error) ErrClass {
	if errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, mysql.ErrBusyBuffer) {
		return ClassUnavailable
	}
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return networkClass(err)
	}
	switch e.Number {
	case 1064: // a syntax error, which only a trigger can have
		if strings.Contains(e.Message, brokenTrigger) {
			return ClassBroken
		}
	case 1205, 1213, 1020, 3572: // lock wait, deadlock (also Galera's certification), changed since read
		return ClassRetry
	case 1062:
		return ClassDuplicate
	case 1451, 1452:
		return ClassForeignKey
	case 1048, 1264, 1265, 1292, 1366, 1406, 1267, 3988, 4025: // NULL, range, truncated, wrong value, too long, character set, CHECK
		return ClassValue
	case 1317:
		return ClassInterrupted
	case 1969, 3024: // time limits of MariaDB and of MySQL
		return ClassTimeout
	case 1021, 1114: // the disk is full, the table is
		return ClassFull
	// A file can't be written, or a COMMIT be done, with the reason in the text.
	case 3, 1026, 1030, commitFailed:
		if mysqlNoSpace.MatchString(e.Message) {
			return ClassFull
		}
		if e.Number == commitFailed { // for example on a node that has just lost its cluster: nobody knows whether it was committed
			return ClassUnavailable
		}
	// No connection, access, shutdown, read-only.
	case 1040, 1041, 1044, 1045, notReady, 1049, 1053, 1129, 1130, 1203, 1226, 1290, 1792, 1836:
		return ClassUnavailable
	}
	return ClassOther
}

const (
	notReady     = 1047 // from a node that is cut off from its Galera cluster: it refuses everything
	commitFailed = 1180
)

// mysqlNoSpace finds ENOSPC in messages: "Got error 28 …", "(Errcode: 28 …)", "(errno: 28 …)".
var mysqlNoSpace = regexp.MustCompile(`(?:error|[Ee]rrcode:|errno:) 28\b`)

var mysqlKey = regexp.MustCompile(`^Duplicate entry '([0-9]+)' for key '(?:\w+\.)?PRIMARY'`)

func jobInMySQLError(err error) (int64, bool) {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return 0, false
	}
	return firstNumber(mysqlKey, e.Message)
}

// mysqlConnector makes connections that remember their statements and whose queries end in the
// server, too, when their context does.
type mysqlConnector struct {
	hosts         []driver.Connector
	statementTime time.Duration
	readOnly      bool
	nodes         sync.Map // of host: its *galeraNode; nil if it is none
}

// Driver is what database/sql wants of a connector.
func (c *mysqlConnector) Driver() driver.Driver { return c.hosts[0].Driver() }

// Connect tries one host after the other. A cluster's node that isn't in step is used only if there
// is no other.
func (c *mysqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	var failed []error
	var behind *mysqlConn
	for _, host := range c.hosts {
		conn, err := c.connect(ctx, host)
		switch {
		case err != nil:
			failed = append(failed, err)
		case conn.inStep(ctx):
			behind.discard()
			return conn, nil
		default:
			behind.discard()
			behind = conn
		}
	}
	switch {
	case behind != nil:
		behind.node = nil
		return behind, nil
	case len(failed) == 1:
		return nil, failed[0]
	}
	return nil, errors.Join(failed...)
}

func (c *mysqlConnector) connect(ctx context.Context, host driver.Connector) (*mysqlConn, error) {
	note := &dialed{}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, dialedKey{}, note), connectTime)
	defer cancel()
	conn, err := host.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.prepare(ctx, host, conn, note.conn)
}

// zeroDates are the server's SQL modes without those in which MySQL can't compare with 0000-00-00,
// which tables may hold.
const zeroDates = "REPLACE(REPLACE(@@sql_mode, 'NO_ZERO_IN_DATE', ''), 'NO_ZERO_DATE', '')"

// prepare sets the session's variables, and reads its connection ID.
func (c *mysqlConnector) prepare(ctx context.Context, host driver.Connector, conn driver.Conn, network net.Conn) (*mysqlConn, error) {
	inner, ok := conn.(mysqlDriverConn)
	if !ok {
		return nil, errors.Join(errors.New("the MySQL driver lacks what jobdb needs of it"), conn.Close())
	}
	wrapped := &mysqlConn{mysqlDriverConn: inner, network: network, host: host, statements: map[string]*mysqlStatement{}}
	// With a FROM a node that is cut off from its cluster refuses the query; without one it would
	// answer.
	values, err := oneRow(ctx, inner, "SELECT CONNECTION_ID(), @@hostname, @@port, @@version FROM (SELECT 1) AS ready")
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	wrapped.id, wrapped.server = values[0], strings.Join(values[1:3], ":")
	settings := "SET SESSION sql_mode = CONCAT(" + zeroDates + ", ',ANSI_QUOTES,STRICT_ALL_TABLES'), autocommit = 1, time_zone = '+00:00', lc_messages = 'en_US'"
	if seconds := c.statementTime.Seconds(); isMariaDB(values[3]) {
		// Keeps MariaDB from turning long lists into tables, whose number of rows it doesn't know.
		settings += ", in_predicate_conversion_threshold = 0, max_statement_time = " + strconv.FormatFloat(seconds, 'f', -1, 64)
	} else {
		settings += ", max_execution_time = " + strconv.FormatInt(c.statementTime.Milliseconds(), 10)
	}
	if wrapped.node, err = c.nodeAt(ctx, host, inner); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if wrapped.node != nil {
		settings += ", wsrep_sync_wait = 7" // what another node has acknowledged is seen by reads, updates and inserts
	}
	if len(c.hosts) == 1 {
		wrapped.node = nil // there is no other to go to
	}
	if c.readOnly {
		settings += ", transaction_read_only = 1"
		if isMariaDB(values[3]) {
			settings = strings.Replace(settings, "transaction_read_only", "tx_read_only", 1)
		}
	}
	if _, err := inner.ExecContext(ctx, settings, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return wrapped, nil
}

// oneRow reads the texts of a single row.
func oneRow(ctx context.Context, conn driver.QueryerContext, query string) ([]string, error) {
	rows, err := conn.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	values := make([]driver.Value, len(rows.Columns()))
	texts := make([]string, len(values))
	err = rows.Next(values)
	for i, value := range values {
		switch v := value.(type) {
		case []byte:
			texts[i] = string(v)
		case int64:
			texts[i] = strconv.FormatInt(v, 10)
		case uint64:
			texts[i] = strconv.FormatUint(v, 10)
		}
	}
	return texts, errors.Join(err, rows.Close())
}
