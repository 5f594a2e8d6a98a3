package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"jobdb"
	"jobdb/choose"
	"jobdb/wms"
)

// actFlags are those of the commands that change jobs.
type actFlags struct {
	clientSettings
	chooseFlags

	Yes    bool   `short:"y" help:"Don't ask."`
	DryRun bool   `help:"Only say what would be done."`
	Reason string `help:"Why, for the histories of the jobs, as ApplicationStatus." placeholder:"TEXT"`
	Left   string `help:"Write the IDs of jobs that weren't reached to this file." placeholder:"FILE" type:"path"`
	Output string `short:"o" help:"Print what became of each job: table, json, ndjson, csv or tsv; ids are those of the changed ones." default:"none" enum:"none,table,json,ndjson,csv,tsv,ids"`
}

const actHelp = `

First it says how many jobs were chosen, by status, and how many of them refuse. On a terminal it then asks; elsewhere --yes
is needed. Requests whose answers are lost are sent again. Ctrl-C stops after the one that is under way, and says how far it
came; the same command goes on.

The exit code is 3 if some of the jobs refused, and 1 if not all were reached.`

// action is what is done to many jobs.
type action struct {
	verb, done string                           // "kill", "killed"
	refusal    func(status jobdb.Status) string // why jobs in a status refuse; "" if they don't
	target     jobdb.Status                     // jobs in it need nothing; "" if there is none
	send       func(ctx context.Context, server *client, batch []target) (outcomes, error)
}

// maxReason is the length in characters of the column ApplicationStatus, in DIRAC's tables, too.
const maxReason = 255

// run chooses jobs, says what would be done, asks and does it.
func (f actFlags) run(ctx context.Context, p *program, terms []string, do action) error {
	if n := utf8.RuneCountInString(f.Reason); n > maxReason {
		return usageError{fmt.Errorf("--reason has %d characters: histories keep %d", n, maxReason)}
	}
	server, err := f.client(ctx, p)
	if err != nil {
		return err
	}
	chosen, err := f.choose(p, terms, server.user())
	if err != nil {
		return err
	}
	if chosen.All() {
		return usageError{fmt.Errorf("say which jobs to %s: IDs, @FILE or conditions; all of yours are --mine", do.verb)}
	}
	found, err := server.findTargets(ctx, p, chosen)
	if err != nil {
		return err
	}
	ready := f.preview(p, chosen, found, do)
	if f.DryRun {
		return nil
	}
	results := found.outcomes(do)
	if len(ready) > 0 {
		agreed, err := f.ask(p, len(ready), do, slices.Contains(chosen.Files, "-"))
		if err != nil || !agreed {
			return err
		}
	}
	stopped := server.actOn(ctx, p, ready, do, results)
	return errors.Join(f.printOutcomes(p, results), f.conclude(p, results, do, stopped))
}

type killCommand struct {
	actFlags

	Jobs []string `arg:"" optional:"" help:"IDs (12 15-20), @FILE or - (standard input) with IDs, conditions (Status=Running)."`
}

// Help is printed by jobdb kill --help.
func (*killCommand) Help() string {
	return `Ends jobs. Running ones are told so with their next heartbeat.

Examples:

  jobdb kill 12 15-20
  jobdb kill --mine Status=Waiting,Running since=tuesday until=tuesday
  jobdb kill 'JobName like prod%' --dry-run
  jobdb search -o ids --site LCG.CERN.cern --status Stalled | jobdb kill - --yes --reason 'the site is down'` + actHelp + chooseHelp + whoHelp
}

// Run kills jobs.
func (c *killCommand) Run(ctx context.Context, p *program) error {
	return c.run(ctx, p, c.Jobs, killAction(p, c.Reason))
}

func killAction(p *program, reason string) action {
	return action{
		verb: "kill", done: "killed", target: jobdb.StatusKilled, refusal: cannotBecome(jobdb.StatusKilled),
		send: setStatuses(p, statusChange{Status: jobdb.StatusKilled, MinorStatus: "Marked for termination", ApplicationStatus: reason, Source: "User"}, false),
	}
}

type deleteCommand struct {
	actFlags

	Jobs []string `arg:"" optional:"" help:"IDs (12 15-20), @FILE or - (standard input) with IDs, conditions (Status=Done)."`
}

// Help is printed by jobdb delete --help.
func (*deleteCommand) Help() string {
	return `Marks jobs as Deleted, as the grid does: its services remove them later. Jobs that run must be killed first.

Examples:

  jobdb delete 12 15-20
  jobdb delete --mine Status=Done,Failed until=2026-10
  jobdb delete Status=Killed 'LastUpdateTime<4w' --dry-run` + actHelp + chooseHelp + whoHelp
}

// Run marks jobs as Deleted.
func (c *deleteCommand) Run(ctx context.Context, p *program) error {
	return c.run(ctx, p, c.Jobs, deleteAction(p, c.Reason))
}

func deleteAction(p *program, reason string) action {
	return action{
		verb: "delete", done: "deleted", target: jobdb.StatusDeleted, refusal: cannotBecome(jobdb.StatusDeleted),
		send: setStatuses(p, statusChange{Status: jobdb.StatusDeleted, MinorStatus: "Checking accounting", ApplicationStatus: reason, Source: "User"}, false),
	}
}

type rescheduleCommand struct {
	actFlags

	Reset bool     `help:"Count their reschedulings from 0 again."`
	Jobs  []string `arg:"" optional:"" help:"IDs (12 15-20), @FILE or - (standard input) with IDs, conditions (Status=Failed)."`
}

// Help is printed by jobdb reschedule --help.
func (*rescheduleCommand) Help() string {
	return `Makes jobs run again, with the same IDs and JDLs.

Examples:

  jobdb reschedule 12 15-20
  jobdb reschedule --mine --status Failed --since 2d
  jobdb reschedule Status=Failed 'MinorStatus like %Stalled%' --dry-run` + actHelp + chooseHelp + whoHelp
}

// Run reschedules jobs.
func (c *rescheduleCommand) Run(ctx context.Context, p *program) error {
	return c.run(ctx, p, c.Jobs, rescheduleAction(p, c.Reset, c.Reason))
}

func rescheduleAction(p *program, reset bool, reason string) action {
	return action{
		verb: "reschedule", done: "rescheduled",
		refusal: func(status jobdb.Status) string {
			if wms.MayReschedule(status) {
				return ""
			}
			return "a job that is " + string(status) + " doesn't run again"
		},
		send: reschedule(p, reset, reason),
	}
}

type statusCommands struct {
	Set statusSetCommand `cmd:"" help:"Set the status of jobs."`
}

type statusSetCommand struct {
	actFlags

	Minor  string   `help:"MinorStatus to set." placeholder:"TEXT"`
	Source string   `help:"Who says so, for the histories. Default: ${default}." default:"User" placeholder:"NAME"`
	Force  bool     `help:"Set it even where no way leads there; for administrators."`
	Status string   `arg:"" help:"Status to set, such as Failed."`
	Jobs   []string `arg:"" optional:"" help:"IDs (12 15-20), @FILE or - (standard input) with IDs, conditions (Status=Running)."`
}

// Help is printed by jobdb status set --help.
func (*statusSetCommand) Help() string {
	return `Sets the status of jobs, as services and the jobs themselves do; for scripts and tests. A status that can't follow the present one
is refused.

Examples:

  jobdb status set Checking 12
  jobdb status set Failed 12 15-20 --minor 'Application Finished With Errors' --reason 'exit code 1' --yes
  jobdb status set Failed --site LCG.Gone.org --force --dry-run -w Status=Running` + actHelp + chooseHelp + whoHelp
}

// Run sets the status of jobs.
func (c *statusSetCommand) Run(ctx context.Context, p *program) error {
	var read choose.Choice
	if err := (choose.Reader{}).AddAny(&read, "Status", []string{c.Status}); err != nil {
		return usageError{err}
	}
	status := jobdb.Status(read.Search[0].Values[0].(string)) //nolint:forcetypeassert // AddAny makes texts of statuses
	refusal := cannotBecome(status)
	if c.Force {
		refusal = func(jobdb.Status) string { return "" }
	}
	return c.run(ctx, p, c.Jobs, action{
		verb: "set to " + string(status), done: "set to " + string(status), refusal: refusal,
		send: setStatuses(p, statusChange{Status: status, MinorStatus: c.Minor, ApplicationStatus: c.Reason, Source: c.Source}, c.Force),
	})
}

// cannotBecome says why jobs in a status can't become another one.
func cannotBecome(to jobdb.Status) func(jobdb.Status) string {
	return func(from jobdb.Status) string {
		if wms.NextStatus(from, to) == to {
			return ""
		}
		return "a job that is " + string(from) + " can't become " + string(to)
	}
}
