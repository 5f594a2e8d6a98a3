package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
	"jobdb/wms"
)

type serveCommand struct{ Settings }

// Help is printed by jobdb serve --help.
func (*serveCommand) Help() string {
	return `Without any setting the server keeps its jobs in a SQLite file in the data folder, listens on this machine only
and signs its own tokens. A new database gets its tables; one that jobdb made is brought up to date; one that DIRAC or
DiracX made is used as it is.

Examples:

  jobdb serve
  jobdb serve --listen 127.0.0.1:9000 --data-dir /tmp/try
  JOBDB_DB=mysql://dirac:secret@db.example.org/JobDB jobdb serve --issuer https://diracx.example.org --listen :8000
  JOBDB_DB=mysql://dirac:secret@db.example.org/JobDB jobdb serve --issuer https://diracx.example.org --keys keys.json --listen :8000`
}

// requestTime leaves a request half a minute beside its query: what takes
// longer waits for a database that hangs, and is told to come again.
func (c *serveCommand) requestTime() time.Duration {
	if c.QueryTime == 0 {
		return 0
	}
	return c.QueryTime + 30*time.Second
}

// times leave an answer two minutes beside the time that its query takes, for
// clients that read slowly, and no bound where queries have none.
func (c *serveCommand) times() api.Times {
	times := api.Times{Grace: 30 * time.Second}
	if c.QueryTime > 0 {
		times.Answer = c.QueryTime + 2*time.Minute
	}
	return times
}

// Run serves until it is told to stop.
func (c *serveCommand) Run(ctx context.Context, p *program) error {
	if err := c.check(); err != nil {
		return err
	}
	rules, err := c.rules()
	if err != nil {
		return err
	}
	listener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // Serve closes it, too
	if c.DB == "" || c.Issuer == "" {
		if err := c.makeFolder(); err != nil {
			return err
		}
	}
	logger := newLogger(p, c.LogFormat)
	key, keys, err := c.openKeys(ctx, p, logger)
	if err != nil {
		return err
	}
	defer keys.Close()
	db, err := c.openDatabase(ctx, p, logger)
	if err != nil {
		return err
	}
	pilots, err := c.openPilots(ctx, p, logger)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if pilots != nil {
		defer pilots.Close() //nolint:errcheck // it was only read
	}
	jobs, err := wms.NewJobManager(db, rules, p.clock)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	config := api.Config{
		DB: db, Jobs: jobs, Pilots: pilots,
		Keys: keys, Issuer: c.issuer(), Visibility: c.Visibility, Origins: c.CORSOrigins, MostBody: c.MaxBody, RequestTime: c.requestTime(), Clock: p.clock, Logger: logger,
	}
	if key != nil {
		user := tokenDefaults().principal()
		config.LocalUser = &user
	}
	service := api.New(config)
	if err := c.welcome(p, key, listener.Addr()); err != nil {
		return errors.Join(err, db.Close())
	}
	err = api.Serve(ctx, listener, service, logger, c.times())
	return errors.Join(err, db.Close())
}

// openKeys returns the keys that verify tokens, and the one that signs them if it is our own.
func (c *serveCommand) openKeys(ctx context.Context, p *program, logger *slog.Logger) (*auth.Key, *auth.Keys, error) {
	if c.Issuer == "" {
		key, err := auth.OpenKey(c.DataDir)
		if err != nil {
			return nil, nil, err
		}
		return key, key.Keys(), nil
	}
	keys, err := auth.OpenKeys(ctx, auth.KeysConfig{
		Source: c.Keys, Issuer: c.Issuer, Refresh: c.KeysRefresh, Clock: p.clock, Logger: logger,
	})
	switch {
	case err != nil && c.Keys == "":
		err = fmt.Errorf("--issuer %s: %w, so its keys can't be discovered; set --keys (JOBDB_KEYS), too", c.Issuer, err)
	case err != nil:
		err = fmt.Errorf("--keys: %w", err)
	}
	return nil, keys, err
}

func newLogger(p *program, format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, nil))
	}
	return slog.New(slog.NewTextHandler(p.stderr, nil))
}

// openDatabase opens the database and sees to its tables.
func (c *serveCommand) openDatabase(ctx context.Context, p *program, logger *slog.Logger) (*jobdb.DB, error) {
	db, err := c.open(ctx, c.folderSettings, jobdb.Options{
		HistoryURL: c.HistoryDB, Clock: p.clock, Logger: logger, CommandRedelivery: c.CommandRedelivery, Limits: c.limits(),
	})
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, db, c.HistoryDB != ""); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openPilots opens the pilots' database, if there is one.
func (c *serveCommand) openPilots(ctx context.Context, p *program, logger *slog.Logger) (*jobdb.Pilots, error) {
	if c.PilotsDB == "" {
		return nil, nil //nolint:nilnil // then no stamp is known
	}
	pilots, err := jobdb.OpenPilots(ctx, c.PilotsDB, jobdb.Options{Clock: p.clock, Logger: logger})
	if err != nil {
		err = fmt.Errorf("--pilots-db: %w", err)
	}
	return pilots, err
}

// prepare makes or updates the tables of a database of ours, and refuses
// others that can't be used. The histories may be in a database elsewhere.
func prepare(ctx context.Context, db *jobdb.DB, elsewhere bool) error {
	switch db.Schema() {
	case jobdb.SchemaDiracX, jobdb.SchemaLegacy:
		report, err := db.CheckSchema(ctx)
		switch {
		case err != nil:
			return err
		case !report.Usable():
			return fmt.Errorf("jobdb can't work on this database: %s", strings.Join(report.Problems, "; "))
		case !report.Jobs:
			return errors.New("this database has no jobs, but only their histories: give it as --history-db, and the jobs' as --db")
		case !report.History && !elsewhere:
			return errors.New("this database has no histories of jobs (LoggingInfo): give the one that has them as --history-db")
		}
		return nil
	case jobdb.SchemaEmpty, jobdb.SchemaOurs, jobdb.SchemaUnknown:
	}
	_, err := db.Migrate(ctx)
	return err
}

// welcome tells a newcomer what to do next.
func (c *serveCommand) welcome(p *program, key *auth.Key, address net.Addr) error {
	url := "http://" + address.String()
	p.say("jobdb is listening on %s", url)
	if key == nil {
		p.say("Ctrl-C stops the server.")
		return nil
	}
	token, err := key.Mint(c.issuer(), tokenDefaults().principal(), p.clock(), 24*time.Hour)
	if err != nil {
		return err
	}
	p.say(`
A token for 24 hours (jobdb token makes more):

  export JOBDB_URL=%s
  export JOBDB_TOKEN=%s

Try this in another terminal, after the two lines above:

  echo 'Executable = "/bin/echo"; Arguments = "hello";' >hello.jdl && %s submit hello.jdl
  %[3]s search

Ctrl-C stops the server.
`, url, token, os.Args[0])
	return nil
}
