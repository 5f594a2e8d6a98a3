package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
	"jobdb/internal/demo"
	"jobdb/wms"
)

type demoCommand struct {
	Jobs    int     `help:"How many jobs there are at the start. Default: ${default}." default:"2000" placeholder:"N"`
	Rate    float64 `help:"How many jobs are submitted, and end, in a second; 0: the grid stands still. Default: ${default}." default:"1" placeholder:"N"`
	Seed    uint64  `help:"Another seed gives other jobs. Default: ${default}." default:"1" placeholder:"N"`
	Now     string  `help:"What time it is on the grid at the start, such as 2026-11-24T12:00:00Z. Default: the present." placeholder:"TIME"`
	Listen  string  `help:"Address to listen on; it must be loopback. Default: ${default}." default:"127.0.0.1:8000" placeholder:"HOST:PORT"`
	DataDir string  `help:"Folder to keep the grid in, which \"jobdb serve --data-dir\" can use later. Default: one that is removed at the end." type:"path" placeholder:"FOLDER"`
}

// Help is printed by jobdb demo --help.
func (*demoCommand) Help() string {
	return `Starts a server with the jobs of a small grid that doesn't exist: twenty sites, a dozen users of two VOs, and jobs that are
submitted, run, fail and beat while you look. Everything is in a temporary folder, which Ctrl-C removes. Settings in the
environment (JOBDB_DB …) are not used, so no real database is touched.

The same --seed and --now give the same jobs.

Examples:

  jobdb demo
  jobdb demo --jobs 100000 --rate 10
  jobdb demo --now 2026-11-24T12:00:00Z --rate 0 --listen 127.0.0.1:8008`
}

// check refuses invalid flags, and returns what time it is on the grid.
func (c *demoCommand) check(p *program) (now time.Time, err error) {
	now = p.clock()
	if c.Now != "" {
		if now, err = time.Parse(time.RFC3339, c.Now); err != nil {
			return now, usageError{fmt.Errorf("--now %s: write it as 2026-11-24T12:00:00Z", c.Now)}
		}
	}
	switch {
	case c.Jobs < 0:
		return now, usageError{errors.New("--jobs can't be negative")}
	case c.Rate < 0 || c.Rate > demo.MaxRate:
		return now, usageError{fmt.Errorf("--rate must be from 0 to %d", demo.MaxRate)}
	}
	return now, nil
}

// Run serves a grid until it is told to stop.
func (c *demoCommand) Run(ctx context.Context, p *program) error {
	now, err := c.check(p)
	if err != nil {
		return err
	}
	folder, remove, err := c.folder()
	if err != nil {
		return err
	}
	return errors.Join(c.run(ctx, p, folder, now), remove())
}

// folder makes the folder of the grid. It refuses one that has a database: the demo would act on
// its jobs.
func (c *demoCommand) folder() (folder string, remove func() error, err error) {
	if c.DataDir == "" {
		folder, err = os.MkdirTemp("", "jobdb-demo-")
		return folder, func() error { return os.RemoveAll(folder) }, err
	}
	settings := folderSettings{c.DataDir}
	if _, err := os.Stat(settings.database()); err == nil {
		return "", nil, fmt.Errorf("--data-dir: %s has jobs already; choose another folder, or look at these with jobdb serve --data-dir %[1]s", c.DataDir)
	}
	return c.DataDir, func() error { return nil }, settings.makeFolder()
}

// server makes the server of the grid, with the defaults of jobdb serve. It ignores the
// environment, whose settings are for real servers.
func (c *demoCommand) server(folder string) (*serveCommand, error) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "JOBDB_") || strings.HasPrefix(name, "DIRACX_") {
			if err := os.Unsetenv(name); err != nil {
				return nil, err
			}
		}
	}
	server := &serveCommand{loginAs: &tokenCommand{
		User: demo.User.Name, Group: demo.User.Group, VO: demo.User.VO, Property: []string{auth.NormalUser, auth.JobAdministrator},
	}}
	if err := kong.ApplyDefaults(server, kong.Vars{"data_dir": folder, "user": userName()}); err != nil {
		return nil, err
	}
	server.Listen = c.Listen
	return server, server.check()
}

func (c *demoCommand) run(ctx context.Context, p *program, folder string, now time.Time) error {
	server, err := c.server(folder)
	if err != nil {
		return err
	}
	listener, err := server.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // api.Serve closes it, too
	began := p.clock()
	err = demo.Fill(ctx, server.url(server.folderSettings), c.Jobs, c.Seed, now, func(done int) {
		p.say("%d of %d jobs are there after %v", done, c.Jobs, p.clock().Sub(began).Round(100*time.Millisecond))
	})
	if err != nil {
		return err
	}
	logger := newLogger(p, server.LogFormat, server.LogLevel)
	key, keys, err := server.openKeys(ctx, p, logger)
	if err != nil {
		return err
	}
	defer keys.Close()
	ahead := now.Sub(p.clock())
	db, err := jobdb.Open(ctx, server.url(server.folderSettings), jobdb.Options{
		Logger: logger, Limits: server.limits(), Clock: func() time.Time { return p.clock().Add(ahead) },
	})
	if err != nil {
		return err
	}
	jobs, err := wms.NewJobManager(db, demo.Rules(), nil)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	stop, err := server.startTasks(ctx, jobs, nil, logger) // it has neither --retention nor --stalled
	if err != nil {
		return errors.Join(err, db.Close())
	}
	err = besides(ctx, func(ctx context.Context) { demo.Live(ctx, jobs, c.Seed, c.Rate, logger) }, func() error {
		return server.serve(ctx, p, listener, key, api.Config{
			DB: db, Jobs: jobs, Keys: keys, Issuer: server.issuer(), Visibility: server.Visibility, MaxBody: server.MaxBody,
			RequestTimeout: server.requestTimeout(), Clock: p.clock, Logger: logger, Metrics: server.newMetrics(),
		})
	})
	stop()
	return errors.Join(err, db.Close())
}
