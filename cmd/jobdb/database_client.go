package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
	"jobdb/wms"
)

// directSettings let an operator work without a server. They can be set by flags only. A server's
// environment and --config file name its database, too: they must not make every command an
// operator's.
type directSettings struct {
	Database string `name:"db" help:"For operators: work on this database itself, not through a server, and see the jobs of all VOs. Written as for jobdb serve; sqlite:PATH and so on." placeholder:"URL" notconfigured:""`
	History  string `name:"history-db" help:"With --db: database of the job histories, where it is another one." placeholder:"URL" notconfigured:""`
}

// The user that works on a database directly.
const (
	directIssuer   = "http://direct.jobdb.localhost/"
	directProperty = "DatabaseOperator" // only the service in this process takes it for an operator's
)

// onDatabase makes a client of a service that runs in this process, on a database. It reads all
// VOs, and changes jobs of the VO that actFor names. What it opened is closed when the program
// ends.
func (s directSettings) onDatabase(ctx context.Context, p *program) (*client, error) {
	db, err := s.openExisting(context.WithoutCancel(ctx)) // requests in flight at Ctrl-C still use it
	if err != nil {
		return nil, fmt.Errorf("--db: %w", err)
	}
	p.atEnd(db.Close)
	jobs, err := wms.NewJobManager(db, wms.DefaultRules, nil)
	if err != nil {
		return nil, err
	}
	key, err := auth.NewKey()
	if err != nil {
		return nil, err
	}
	service := api.New(api.Config{
		DB: db, Jobs: jobs, Keys: key.Keys(), Issuer: directIssuer, Visibility: auth.VisibleVO,
		Operators: []auth.Operator{{Property: directProperty}}, Clock: p.clock, Logger: slog.New(slog.DiscardHandler),
	})
	listener := newPipes()
	server := &http.Server{Handler: service, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // until the program ends, see below
	p.atEnd(server.Close)
	mint := func(vo string) (string, error) {
		who := auth.Principal{Subject: "direct", Username: userName(), Group: "operator", VO: vo, Properties: []string{auth.JobAdministrator}}
		if vo == "" {
			who.VO, who.Properties = "-", []string{directProperty}
		}
		return key.Mint(directIssuer, who, p.clock(), 24*time.Hour)
	}
	token, err := mint("")
	return &client{
		http: &http.Client{Transport: &http.Transport{DialContext: listener.dial}}, base: "http://127.0.0.1",
		token: token, origin: "--db", program: p, mint: mint,
	}, err
}

// openExisting opens a database that has jobs. It makes and changes no tables.
func (s directSettings) openExisting(ctx context.Context) (*jobdb.DB, error) {
	db, err := jobdb.Open(ctx, s.Database, jobdb.Options{ReadOnly: true, HistoryURL: s.History}) // makes no file
	if err != nil {
		return nil, err
	}
	report, err := db.CheckSchema(ctx)
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	switch {
	case report.Kind == jobdb.SchemaEmpty || report.Usable() && !report.Jobs:
		return nil, errors.New("this database has no jobs")
	case len(report.Pending) > 0: // before Usable, which is false then, too
		return nil, errors.New("its tables are those of an older jobdb; run jobdb migrate first")
	case !report.Usable():
		return nil, fmt.Errorf("jobdb can't work on this database: %s", strings.Join(report.Problems, "; "))
	}
	return jobdb.Open(ctx, s.Database, jobdb.Options{HistoryURL: s.History})
}

// actFor lets a client on a database change jobs of a VO. Through a server the token names the VO.
func (c *client) actFor(vo string) (err error) {
	if c.mint != nil {
		c.token, err = c.mint(vo)
	}
	return err
}

// pipes are connections within this process: one end is dialled, the other accepted.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (l *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.accepted <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	close(l.closed)
	return nil
}

func (*pipes) Addr() net.Addr { return pipeAddress{} }

type pipeAddress struct{}

func (pipeAddress) Network() string { return "pipe" }
func (pipeAddress) String() string  { return "127.0.0.1:0" }
