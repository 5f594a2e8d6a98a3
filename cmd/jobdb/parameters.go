package main

import (
	"context"
	"errors"

	"jobdb"
)

type parametersCommands struct {
	Resend parametersResendCommand `cmd:"" help:"Copy all parameters of jobs to OpenSearch once more."`
}

type parametersResendCommand struct {
	folderSettings
	databaseSettings
}

// Help is printed by jobdb parameters resend --help.
func (*parametersResendCommand) Help() string {
	return `Puts all parameters that are in the table JobParameters into the outbox, from where jobdb serve --parameters-db copies them to
OpenSearch: those that were stored before that setting was there, or that jobdb import has brought. Servers may run meanwhile.

Examples:

  jobdb parameters resend
  jobdb parameters resend --db postgres://jobdb@db.example.org/jobdb`
}

// Run fills the outbox.
func (c *parametersResendCommand) Run(ctx context.Context, p *program) error {
	db, err := jobdb.Open(ctx, c.url(c.folderSettings), jobdb.Options{ParametersOutbox: true})
	if err != nil {
		return err
	}
	jobs, err := db.QueueAllParameters(ctx)
	p.say("jobs whose parameters are in the outbox: %d", jobs)
	return errors.Join(err, db.Close())
}
