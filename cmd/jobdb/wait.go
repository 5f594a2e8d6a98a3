package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"jobdb"
	"jobdb/choose"
)

type waitCommand struct {
	jobArguments
	clientSettings
	whichFlags

	Goal  string        `name:"until" help:"Wait until all:STATUS, or any:STATUS, holds. Default: ${default}." default:"all:ended" placeholder:"WHICH:STATUS"`
	Or    []string      `help:"Or until this holds, with the exit code 4; repeat for several." sep:"none" placeholder:"WHICH:STATUS"`
	Every time.Duration `help:"Ask this often." default:"5s" placeholder:"TIME"`
	For   time.Duration `help:"Give up after so long, with the exit code 5. Default: never." placeholder:"TIME"`
	Quiet bool          `short:"q" help:"Say nothing while waiting."`
}

const waitHelp = `Waits until jobs have come to a status. The exit code tells how that went:

  0   what --until wants holds
  4   what --or wants holds instead, or what --until wants can't come any more, because all jobs have ended
  5   it didn't come within --for
  1   the server can't be asked; 2 wrong usage

all:Done wants all jobs in the status Done, any:Failed at least one in Failed. Several statuses are separated by commas, and
ended means Done, Completed, Failed, Killed and Deleted. Which jobs these are is asked each time.

Examples:

  jobdb wait 12 15-20
  jobdb wait 12 15-20 --until all:Done --or any:Failed,Killed --for 12h
  jobdb wait --group scan --mine --until any:Running
  jobdb submit --param x=1..5 scan.jdl | jobdb wait - && echo all ended`

// Help is printed by jobdb wait --help.
func (*waitCommand) Help() string { return waitHelp + chooseHelp + whoHelp }

// The exit codes of wait.
const (
	exitOther  = 4 // what --or wants holds, or what --until wants can't come any more
	exitGaveUp = 5
)

// goal is a condition on the statuses of jobs.
type goal struct {
	text     string
	all      bool
	statuses []string
}

// endedStatuses are the statuses of jobs that have ended.
var endedStatuses = []string{"Done", "Completed", "Failed", "Killed", "Deleted"}

// parseGoal reads all:Done, any:Failed,Killed or all:ended.
func parseGoal(flag, text string) (goal, error) {
	which, list, ok := strings.Cut(text, ":")
	if !ok || which != "all" && which != "any" {
		return goal{}, usageError{fmt.Errorf("%s %s: write all:STATUS or any:STATUS, such as all:Done", flag, text)}
	}
	g := goal{text: text, all: which == "all"}
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); strings.EqualFold(name, "ended") {
			g.statuses = append(g.statuses, endedStatuses...)
			continue
		}
		var known choose.Choice
		if err := (choose.Reader{}).AddAny(&known, "Status", []string{name}); err != nil {
			return goal{}, usageError{fmt.Errorf("%s %s: %w", flag, text, err)}
		}
		g.statuses = append(g.statuses, fmt.Sprint(known.Search[0].Values[0]))
	}
	return g, nil
}

// holds reports whether the goal is reached.
func (g goal) holds(counts statusCounts) bool {
	reached := counts.in(g.statuses)
	if g.all {
		return reached > 0 && reached == counts.total()
	}
	return reached > 0
}

// statusCounts are numbers of jobs by status.
type statusCounts map[string]int

func (c statusCounts) total() (n int) {
	for _, count := range c {
		n += count
	}
	return n
}

func (c statusCounts) in(statuses []string) (n int) {
	for status, count := range c {
		if slices.Contains(statuses, status) {
			n += count
		}
	}
	return n
}

// String lists the counts in the order of jobdb.Statuses, such as "Running 5, Done 20".
func (c statusCounts) String() string {
	var texts []string
	for _, status := range statusOrder(c) {
		texts = append(texts, fmt.Sprintf("%s %s", printable(status), thousands(c[status])))
	}
	if len(texts) == 0 {
		return "no jobs"
	}
	return strings.Join(texts, ", ")
}

// statusOrder returns the statuses of some counts in the order in which jobs pass through them.
func statusOrder(c statusCounts) (order []string) {
	for _, status := range statusNames() {
		if _, ok := c[status]; ok {
			order = append(order, status)
		}
	}
	var others []string // of extensions of DIRAC
	for status := range c {
		if !slices.Contains(order, status) {
			others = append(others, status)
		}
	}
	slices.Sort(others)
	return append(order, others...)
}

// statusCounts counts the jobs of a choice by status.
func (c *client) statusCounts(ctx context.Context, parts [][]jobdb.FilterSpec) (statusCounts, error) {
	rows, err := c.summary(ctx, []string{"Status"}, parts)
	if err != nil {
		return nil, err
	}
	counts := statusCounts{}
	for _, r := range rows {
		var group struct {
			Status string
			Count  int `json:"count"`
		}
		if err := r.decode(&group); err != nil {
			return nil, err
		}
		counts[group.Status] += group.Count
	}
	return counts, nil
}

// Run waits.
func (c *waitCommand) Run(ctx context.Context, p *program) error {
	want, others, err := c.goals()
	if err != nil {
		return err
	}
	server, err := c.client(ctx, p)
	if err != nil {
		return err
	}
	chosen, err := chooseFlags{whichFlags: c.whichFlags}.choose(p, c.Jobs, server.user())
	if err != nil {
		return err
	}
	if chosen.All() {
		return usageError{errors.New("say which jobs to wait for: IDs, @FILE or conditions; all of yours are --mine")}
	}
	w := &waiting{p: p, server: server, parts: queries(chosen), want: want, others: others, quiet: c.Quiet}
	if len(chosen.Search) == 0 {
		w.named = countIDs(chosen.IDs)
	}
	return w.run(ctx, c.Every, c.For)
}

func (c *waitCommand) goals() (want goal, others []goal, err error) {
	if c.Every < time.Second {
		return want, nil, usageError{errors.New("--every must be at least 1s")}
	}
	if want, err = parseGoal("--until", c.Goal); err != nil {
		return want, nil, err
	}
	for _, text := range c.Or {
		other, err := parseGoal("--or", text)
		if err != nil {
			return want, nil, err
		}
		others = append(others, other)
	}
	return want, others, nil
}

// waiting is one run of wait.
type waiting struct {
	p      *program
	server *client
	parts  [][]jobdb.FilterSpec
	named  int // how many jobs were named by their IDs; 0 if they were chosen otherwise
	want   goal
	others []goal
	quiet  bool
	said   string
}

// run asks for the counts until a goal is reached. Once the server has answered, it tolerates
// outages.
func (w *waiting) run(ctx context.Context, every, most time.Duration) error {
	begin, first := w.p.clock(), true
	for {
		counts, err := w.server.statusCounts(ctx, w.parts)
		switch {
		case ctx.Err() != nil:
			w.p.say("jobdb: interrupted; last seen: %s", w.said)
			return errReported
		case err != nil && (first || !w.server.mayAskAgain(err)):
			return err
		case err != nil:
			w.p.say("jobdb: %v; still waiting", err)
		default:
			if done, err := w.look(counts, first); done || err != nil {
				return err
			}
			first = false
		}
		if most > 0 && w.p.clock().Sub(begin)+every > most {
			w.p.say("jobdb: gave up after %v: %s; wanted %s", most, w.said, w.want.text)
			return exitStatus(exitGaveUp)
		}
		_ = sleep(ctx, every) // ctx is checked after the next question
	}
}

// look prints counts that changed, and decides whether the waiting is over. Its error sets the
// exit code.
func (w *waiting) look(counts statusCounts, first bool) (done bool, err error) {
	total := counts.total()
	if missing := w.named - total; missing > 0 && first {
		return true, fmt.Errorf("jobs that can't be seen: %s of %s; they don't exist, or belong to another VO", thousands(missing), thousands(w.named))
	}
	if total == 0 && first {
		return true, errors.New("no job was chosen")
	}
	if text := counts.String(); text != w.said {
		w.said = text
		if !w.quiet {
			w.p.say("%s  %s", w.p.clock().Format(time.TimeOnly), text)
		}
	}
	if w.want.holds(counts) {
		return true, nil
	}
	for _, other := range w.others {
		if other.holds(counts) {
			w.p.say("jobdb: %s holds, not %s", other.text, w.want.text)
			return true, exitStatus(exitOther)
		}
	}
	if counts.in(endedStatuses) == total {
		w.p.say("jobdb: all jobs have ended, and not so that %s holds: %s", w.want.text, counts)
		return true, exitStatus(exitOther)
	}
	return false, nil
}
