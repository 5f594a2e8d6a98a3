package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
	"jobdb/traces"
	"jobdb/web"
	"jobdb/wms"
)

type serveCommand struct {
	Settings

	loginAs *tokenCommand // the user that pages log in as; nil means the defaults of jobdb token
}

// Help is printed by jobdb serve --help.
func (*serveCommand) Help() string {
	return `Without settings the server stores jobs in a SQLite file in the data folder, can be reached from this machine only, and
signs its own tokens.

The database may be empty, or one of jobdb: then its tables are created or updated. The database of a DIRAC or DiracX
installation is used as it is.

Examples:

  jobdb serve
  jobdb serve --listen 127.0.0.1:9000 --data-dir /tmp/try
  JOBDB_DB=mysql://dirac:secret@db.example.org/JobDB jobdb serve --issuer https://diracx.example.org --listen :8000
  JOBDB_DB=mysql://dirac:secret@db.example.org/JobDB jobdb serve --issuer https://diracx.example.org --keys keys.json --listen :8000`
}

// requestTimeout is half a minute more than the limit of a query. A request that takes longer waits
// for a database that hangs, and its client is told to try again.
func (c *serveCommand) requestTimeout() time.Duration {
	if c.QueryTimeout == 0 {
		return 0
	}
	return c.QueryTimeout + 30*time.Second
}

// timeouts allow an answer two minutes more than its query, for clients that read slowly. Without a
// limit for queries there is none for answers.
func (c *serveCommand) timeouts() api.Timeouts {
	timeouts := api.Timeouts{Shutdown: 30 * time.Second}
	if c.QueryTimeout > 0 {
		timeouts.Answer = c.QueryTimeout + 2*time.Minute
	}
	return timeouts
}

// Run serves until ctx ends. If the log is JSON, its last line is the error.
func (c *serveCommand) Run(ctx context.Context, p *program) error {
	logger := newLogger(p, c.LogFormat, c.LogLevel)
	err := c.run(ctx, p, logger)
	switch {
	case err == nil:
		logger.InfoContext(ctx, "stopped")
	case c.LogFormat == "json":
		logger.ErrorContext(ctx, "stopped", "error", err.Error())
		err = errors.Join(err, errReported)
	}
	return err
}

func (c *serveCommand) run(ctx context.Context, p *program, logger *slog.Logger) error {
	if err := c.check(); err != nil {
		return err
	}
	logger.InfoContext(ctx, "starting", "version", buildInfo().Version, "pid", os.Getpid())
	hangups, stopHangups := catchHangups()
	defer stopHangups()
	rules, err := c.rules()
	if err != nil {
		return err
	}
	taskRules, err := c.openTaskRules()
	if err != nil {
		return err
	}
	listener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // api.Serve closes it, too
	certificate, err := c.openCertificate()
	if err != nil {
		return err
	}
	if c.DB == "" || c.Issuer == "" {
		if err := c.makeFolder(); err != nil {
			return err
		}
	}
	key, keys, err := c.openKeys(ctx, p, logger)
	if err != nil {
		return err
	}
	defer keys.Close()
	tracer, err := traces.Open(ctx, buildInfo().Version, logger)
	if err != nil {
		return err
	}
	defer closeTraces(ctx, tracer, logger)
	serverMetrics := c.newMetrics()
	db, err := c.openDatabase(ctx, logger, hooks(serverMetrics, tracer))
	if err != nil {
		return err
	}
	tracer.SetEngine(db.Engine())
	jobs, err := wms.NewJobManager(db, rules, nil)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	defer reloadOnSignal(ctx, logger, hangups, c.parts(jobs, taskRules, keys, certificate), certificate)()
	err = c.withNeighbours(ctx, jobs, logger, func(stores []api.Store, pilots *jobdb.Pilots) error {
		stop, err := c.startTasks(ctx, jobs, taskRules, logger)
		if err != nil {
			return err
		}
		defer stop()
		config := c.apiConfig()
		config.DB, config.Jobs, config.Stores, config.Pilots, config.Keys = db, jobs, stores, pilots, keys
		config.Clock, config.Logger, config.Metrics, config.Traces = p.clock, logger, serverMetrics, tracer
		return c.serve(ctx, p, certificate.listener(listener), key, config)
	})
	return errors.Join(err, db.Close())
}

// apiConfig returns the part of the service's configuration that the settings alone decide.
func (c *serveCommand) apiConfig() api.Config {
	proxies, _ := c.proxies() // check has refused invalid ones
	return api.Config{
		Issuer: c.issuer(), Visibility: c.Visibility, Origins: c.CORSOrigins, Operators: c.operators(),
		Rates: api.Rates{User: c.UserRate, VO: c.VORate}, Proxies: proxies, PublicURL: c.publicURL(),
		MaxBody: c.MaxBody, RequestTimeout: c.requestTimeout(),
	}
}

// serve welcomes the user and answers requests until ctx ends. key is nil where tokens come from
// another issuer.
func (c *serveCommand) serve(ctx context.Context, p *program, listener net.Listener, key *auth.Key, config api.Config) error {
	if key != nil {
		user := tokenDefaults()
		if c.loginAs != nil {
			user = c.loginAs
		}
		config.Logins = auth.NewLogins(key, c.issuer(), user.principal(), p.clock)
	}
	config.Page = web.Files
	if c.Web != "" {
		folder, err := os.OpenRoot(c.Web) // os.Root follows no link out of it
		if err != nil {
			return fmt.Errorf("--web: %w", err)
		}
		defer folder.Close() //nolint:errcheck // it was only read
		config.Web = folder.FS()
	}
	service, stop, err := c.serveMetrics(ctx, config, api.New(config))
	if err != nil {
		return err
	}
	defer stop()
	url := c.address(listener.Addr())
	config.Logger.InfoContext(ctx, "jobdb is listening", "url", url, "version", buildInfo().Version,
		"database", config.DB.Engine(), "schema", string(config.DB.Schema()))
	c.welcome(p, key, url)
	defer context.AfterFunc(ctx, func() {
		config.Logger.InfoContext(context.WithoutCancel(ctx), "stopping: requests that run are answered, new ones aren't taken")
	})()
	return besides(ctx, func(ctx context.Context) { config.Jobs.RunActions(ctx, config.Logger) }, func() error {
		return api.Serve(ctx, listener, service, config.Logger, c.timeouts())
	})
}

// besides runs work until serve returns, and waits for its end.
func besides(ctx context.Context, work func(context.Context), serve func() error) error {
	ctx, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	working.Go(func() { work(ctx) })
	defer working.Wait()
	defer stop()
	return serve()
}

// openKeys returns the keys that verify tokens, and the key that signs them where this server is
// the issuer.
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

// openDatabase opens the database, and creates, updates or checks its tables.
func (c *serveCommand) openDatabase(ctx context.Context, logger *slog.Logger, hooks jobdb.Hooks) (*jobdb.DB, error) {
	db, err := c.open(ctx, c.folderSettings, jobdb.Options{
		HistoryURL: c.HistoryDB, Logger: logger, Limits: c.limits(), Hooks: hooks, Connections: c.Connections,
		CommandRedelivery: c.CommandRedelivery, CommandExpiry: c.CommandExpiry, ParametersOutbox: c.ParametersDB != "",
	})
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, db, c.HistoryDB != ""); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// prepare creates or updates the tables of a database of jobdb's own, and refuses a database of
// DiracX or DIRAC that lacks what jobdb needs. otherHistory says that the histories are in another
// database.
func prepare(ctx context.Context, db *jobdb.DB, otherHistory bool) error {
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
		case !report.History && !otherHistory:
			return errors.New("this database has no histories of jobs (LoggingInfo): give the one that has them as --history-db")
		}
		return checkHistory(ctx, db, otherHistory)
	case jobdb.SchemaEmpty:
		if err := refuseOthers(ctx, "--db", db.CheckSchema); err != nil {
			return err
		}
	case jobdb.SchemaOurs, jobdb.SchemaUnknown:
	}
	if otherHistory {
		if err := refuseOthers(ctx, "--history-db", db.CheckHistorySchema); err != nil {
			return err
		}
	}
	if _, err := db.Migrate(ctx); err != nil {
		return err
	}
	return checkHistory(ctx, db, otherHistory)
}

// refuseOthers refuses a database without jobs that has other tables: its URL is likely wrong.
// "jobdb migrate" can create the tables there all the same.
func refuseOthers(ctx context.Context, setting string, check func(context.Context) (jobdb.SchemaReport, error)) error {
	report, err := check(ctx)
	if err != nil || len(report.Others) == 0 {
		return err
	}
	return fmt.Errorf("%s: this database has tables of something else (%s), and none of jobs; if jobs shall be beside them, run jobdb migrate first",
		setting, strings.Join(report.Others[:min(3, len(report.Others))], ", "))
}

// checkHistory refuses a --history-db that can't be used.
func checkHistory(ctx context.Context, db *jobdb.DB, otherHistory bool) error {
	if !otherHistory {
		return nil
	}
	report, err := db.CheckHistorySchema(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("--history-db: %w", err)
	case len(report.Others) > 0:
		return refuseOthers(ctx, "--history-db", db.CheckHistorySchema)
	case report.Kind == jobdb.SchemaEmpty:
		return errors.New("--history-db: it is empty; beside a database of DiracX or DIRAC give theirs, which has LoggingInfo (JobLoggingDB)")
	case !report.Usable():
		return fmt.Errorf("--history-db: jobdb can't work on it: %s", strings.Join(report.Problems, "; "))
	case !report.History:
		return errors.New("--history-db: it has no histories of jobs (LoggingInfo)")
	}
	return nil
}

// address returns the URL of a listener for clients on this machine.
func (c *serveCommand) address(listens net.Addr) string {
	switch {
	case listens.Network() == "unix":
		return unixPrefix + listens.String()
	case c.TLSCert != "":
		return "https://" + listens.String()
	}
	return "http://" + listens.String()
}

// welcome prints commands to try, if a user started the server on a terminal, or a demo. It prints
// no token: the output may be kept in a file.
func (c *serveCommand) welcome(p *program, key *auth.Key, url string) {
	if c.loginAs == nil && !isTerminal(p.stderr) || c.LogFormat == "json" {
		return
	}
	if key == nil || strings.HasPrefix(url, unixPrefix) {
		p.say("Ctrl-C stops the server.")
		return
	}
	program := os.Args[0]
	token := program + " token"
	if c.DataDir != defaultDataDir() {
		token += " --data-dir '" + strings.ReplaceAll(c.DataDir, "'", `'\''`) + "'"
	}
	if c.loginAs != nil {
		token += " " + c.loginAs.flags()
	}
	p.say(`
Try this in another terminal:

  export JOBDB_URL=%s
  export JOBDB_TOKEN=$(%s)
  echo 'Executable = "/bin/echo"; Arguments = "hello";' >hello.jdl && %s submit hello.jdl
  %[3]s search

Ctrl-C stops the server.
`, url, token, program)
}
