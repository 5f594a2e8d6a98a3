package engine

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
)

// Open returns a pool for a URL as Start gives it: mysql://user:password@host:port/name or
// postgres://…. It doesn't go through jobdb, so that the helper can be trusted where jobdb is under
// test.
func Open(address string) (*sql.DB, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("a database URL looks like scheme://user:password@host:port/name") // err has the password
	}
	switch parsed.Scheme {
	case "postgres", "postgresql":
		return sql.Open("pgx", address)
	case "mysql", "mariadb":
		config := mysql.NewConfig()
		config.Net, config.Addr = "tcp", parsed.Host
		config.User = parsed.User.Username()
		config.Passwd, _ = parsed.User.Password()
		config.DBName = strings.TrimPrefix(parsed.Path, "/")
		config.Params = map[string]string{"sql_mode": "CONCAT(@@sql_mode, ',ANSI_QUOTES')"} // one text of SQL for all engines
		config.Logger = &mysql.NopLogger{}                                                  // errors come back to the caller
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(connector), nil
	}
	return nil, fmt.Errorf("a database URL begins with mysql:// or postgres://, not %q", parsed.Scheme+"://")
}
