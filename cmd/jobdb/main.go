// Command jobdb is the job database of the DIRAC grid: a server, and the
// commands to use and to run it. See jobdb --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

func main() { os.Exit(run()) }

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
	// exitRefused: some of the jobs that were to be changed refused.
	exitRefused = 3
)

// program is what a command runs with.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	clock          func() time.Time
	atTheEnd       []func() error
}

// atEnd registers a function to call when the program ends. The last one is called first, as with
// defer.
func (p *program) atEnd(do func() error) { p.atTheEnd = append(p.atTheEnd, do) }

func (p *program) end() (err error) {
	for _, do := range slices.Backward(p.atTheEnd) {
		err = errors.Join(err, do())
	}
	return err
}

// say prints a message for people; data goes to stdout.
func (p *program) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stderr, format+"\n", args...) // there is nowhere left to complain
}

type cli struct {
	ConfigFile configFile `name:"config" help:"JSON file of settings, named as the flags: {\"db\": \"…\", \"log-format\": \"json\"}. Flags and environment take precedence." placeholder:"FILE" env:"JOBDB_CONFIG" type:"path"`

	Submit submitCommand `cmd:"" group:"submit" help:"Submit jobs."`
	JDL    jdlCommands   `cmd:"" group:"submit" name:"jdl" help:"Check JDL files, and see what becomes of them."`

	Search  searchCommand  `cmd:"" group:"look" aliases:"list" help:"List jobs."`
	Summary summaryCommand `cmd:"" group:"look" help:"Count jobs in groups."`
	Show    showCommand    `cmd:"" group:"look" help:"Print all of one job."`
	History historyCommand `cmd:"" group:"look" help:"Print the changes of jobs' statuses."`
	Params  paramsCommand  `cmd:"" group:"look" help:"Print the parameters of jobs."`
	Errors  errorsCommand  `cmd:"" group:"look" help:"Print what went wrong, where, and how often."`
	Top     topCommand     `cmd:"" group:"look" help:"Show jobs on the whole terminal, and act on them."`
	Watch   watchCommand   `cmd:"" group:"look" help:"Show numbers or lists of jobs again and again."`
	Wait    waitCommand    `cmd:"" group:"look" help:"Wait until jobs have come to a status."`
	Open    openCommand    `cmd:"" group:"look" help:"Open the page of a job, or of a search, in the browser."`

	Kill       killCommand       `cmd:"" group:"act" help:"End jobs."`
	Reschedule rescheduleCommand `cmd:"" group:"act" help:"Make jobs run again."`
	Delete     deleteCommand     `cmd:"" group:"act" help:"Mark jobs as Deleted."`
	Status     statusCommands    `cmd:"" group:"act" help:"Set the status of jobs."`
	Heartbeat  heartbeatCommand  `cmd:"" group:"act" help:"Send a heartbeat of a job."`

	Login  loginCommand  `cmd:"" group:"login" help:"Log in at the issuer of a server."`
	Logout logoutCommand `cmd:"" group:"login" help:"End a login."`
	Whoami whoamiCommand `cmd:"" group:"login" help:"Print who a server takes you for."`
	Token  tokenCommand  `cmd:"" group:"login" help:"Make a token for a server."`

	Serve      serveCommand       `cmd:"" group:"serve" help:"Start the server."`
	Demo       demoCommand        `cmd:"" group:"serve" help:"Start a server with the jobs of a grid that doesn't exist."`
	Migrate    migrateCommand     `cmd:"" group:"serve" help:"Create or update the tables of a database."`
	Schema     schemaCommands     `cmd:"" group:"serve" help:"Inspect a database."`
	Config     configCommand      `cmd:"" group:"serve" name:"config" help:"Print the settings of a server, and where they come from."`
	Backup     backupCommand      `cmd:"" group:"serve" help:"Write a copy of a SQLite database."`
	Restore    restoreCommand     `cmd:"" group:"serve" help:"Make a SQLite database a copy of a backup."`
	Check      checkCommand       `cmd:"" group:"serve" help:"Find what is wrong in a database."`
	Purge      purgeCommand       `cmd:"" group:"serve" help:"Delete old jobs by rules."`
	Stalled    stalledCommand     `cmd:"" group:"serve" help:"Find jobs that weren't heard of."`
	Counts     countsCommands     `cmd:"" group:"serve" help:"Verify the job counts, or correct them."`
	Parameters parametersCommands `cmd:"" group:"serve" help:"Copy parameters of jobs to OpenSearch once more."`
	Import     importCommand      `cmd:"" group:"serve" help:"Move all jobs of another database into one of jobdb's own."`
	Shadow     shadowCommand      `cmd:"" group:"serve" help:"Compare the answers of two services to the same questions."`

	Completion completionCommand `cmd:"" group:"other" help:"Print a script that completes command lines in a shell."`
	Man        manCommand        `cmd:"" group:"other" help:"Print the manual page of a command."`
	Complete   completeCommand   `cmd:"" group:"other" hidden:"" name:"__complete"`
	Version    versionCommand    `cmd:"" group:"other" help:"Print the version."`
}

// groups are the headings of the commands in the help.
var groups = []kong.Group{
	{Key: "submit", Title: "To submit jobs:"},
	{Key: "look", Title: "To look at jobs:"},
	{Key: "act", Title: "To change jobs:"},
	{Key: "login", Title: "To log in:"},
	{Key: "serve", Title: "To run a server:"},
	{Key: "other", Title: "Others:"},
}

const description = `The job database of the DIRAC grid.

Start a server, then submit a job and look at it from another terminal:

  jobdb serve
  echo 'Executable = "/bin/echo"; Arguments = "hello";' | jobdb submit -
  jobdb search

Settings come from flags, environment variables and the --config file; flags take precedence, then the environment.
Data goes to standard output, messages to standard error. The exit code is 0 for success, 1 for an error, 2 for wrong
usage, and 3 when some of the jobs that were to be changed refused.`

func run() int {
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, clock: systemClock}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	forgetEmptySettings()
	exited := -1
	parser, err := kong.New(&cli{},
		kong.Name("jobdb"), kong.Description(description), kong.Writers(p.stdout, p.stderr),
		kong.Vars{"data_dir": defaultDataDir(), "user": userName()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ExplicitGroups(groups),
		kong.Exit(func(code int) { exited = code; panic(exitedEarly{}) }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p),
	)
	if err != nil {
		p.say("jobdb: %v", err)
		return exitError
	}
	return execute(p, parser, &exited)
}

// forgetEmptySettings removes empty variables: an empty JOBDB_DATA_DIR must not mean the current
// folder.
func forgetEmptySettings() {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if value == "" && (strings.HasPrefix(name, "JOBDB_") || strings.HasPrefix(name, "DIRACX_")) {
			_ = os.Unsetenv(name)
		}
	}
}

// exitedEarly unwinds the stack when kong wants to exit, after --help.
type exitedEarly struct{}

func execute(p *program, parser *kong.Kong, exited *int) (code int) {
	defer func() {
		switch r := recover(); r {
		case nil:
		case exitedEarly{}:
			code = *exited
		default:
			panic(r)
		}
	}()
	command, err := parser.Parse(arguments(parser.Model, os.Args[1:]))
	if err == nil {
		err = errors.Join(command.Run(), p.end())
	} else {
		if parse := (*kong.ParseError)(nil); errors.As(err, &parse) {
			command = parse.Context
		}
		err = usageError{clearerError(err)}
	}
	usage, status := usageError{}, exitStatus(0)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		if !errors.Is(err, errReported) {
			p.say("jobdb: %v\nSee: %s --help", err, commandName(command))
		}
		return exitUsage
	case !errors.Is(err, errReported):
		p.say("jobdb: %v", err)
	}
	return exitError
}

// clearerError replaces kong's error for an argument that is missing with a clearer one.
func clearerError(err error) error {
	if name, ok := strings.CutPrefix(err.Error(), `expected "<`); ok {
		return errors.New("missing argument: <" + strings.TrimSuffix(name, `"`))
	}
	return err
}

func commandName(c *kong.Context) string {
	if c == nil || c.Selected() == nil {
		return "jobdb"
	}
	name := ""
	for node := c.Selected(); node != nil; node = node.Parent {
		name = node.Name + " " + name
	}
	return strings.TrimSpace(name)
}

// usageError is an error in how the command line is used. It ends the program with exitUsage.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitStatus is the error of a command that has printed its messages. It is the exit code.
type exitStatus int

func (exitStatus) Error() string { return "reported already" }

// errReported is the error of a command that has printed its error already.
var errReported = errors.New("reported already")
