package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"jobdb"
)

type showCommand struct {
	clientSettings

	Job     jobdb.JobID `arg:"" help:"ID of the job."`
	JDL     bool        `name:"jdl" help:"Print its JDL only: as it is now and, with --original, as it was submitted."`
	Origin  bool        `name:"original" help:"Print the JDL that was submitted."`
	Output  string      `short:"o" help:"Format: text or json (all that the server tells)." default:"text" enum:"text,json"`
	JQ      string      `name:"jq" help:"Print what this jq expression makes of the JSON." placeholder:"EXPRESSION"`
	Color   string      `help:"Colours: auto (on a terminal, unless NO_COLOR is set), always or never." default:"auto" enum:"auto,always,never"`
	NoPager bool        `help:"Don't show long output in a pager (JOBDB_PAGER, PAGER or less)."`
}

// Help is printed by jobdb show --help.
func (*showCommand) Help() string {
	return `Prints all of one job: its attributes, why it is where it is, how long it was in each status, its heartbeats and how much of its time
it computed, its parameters, input data and commands. A DiracX server tells attributes and history only.

Examples:

  jobdb show 12
  jobdb show 12 --jdl
  jobdb show 12 --original >again.jdl
  jobdb show 12 --jq .Parameters` + whoHelp
}

// Run prints the job.
func (c *showCommand) Run(ctx context.Context, p *program) error {
	server, err := c.client(ctx, p)
	if err != nil {
		return err
	}
	d, body, err := server.job(ctx, c.Job)
	if err != nil {
		return err
	}
	flags := outputFlags{Output: "json", JQ: c.JQ, Color: c.Color, NoPager: c.NoPager}
	screen := flags.screen(p)
	if c.JQ != "" || c.Output == "json" || c.JDL || c.Origin {
		screen = flags.sanitized(p, screen)
	}
	switch {
	case c.JQ != "":
		err = c.printJQ(screen, body)
	case c.Output == "json":
		_, err = fmt.Fprintln(screen, strings.TrimSpace(string(body)))
	case c.JDL || c.Origin:
		err = c.printJDL(screen, d, isTerminal(p.stdout))
	default:
		columns, _ := terminalSize(p.stdout)
		s := sheet{width: columns, colours: flags.colours(p), now: server.now(p)}
		s.job(d)
		_, err = io.WriteString(screen, s.String())
	}
	if closed := screen.Close(); err == nil || errors.Is(err, errPagerClosed) {
		err = closed
	}
	return err
}

func (c *showCommand) printJQ(screen io.WriteCloser, body []byte) error {
	out, err := newJQOutput(unpaged{screen}, c.JQ, true)
	if err != nil {
		return err
	}
	return finish(out, out.rows([]row{body}))
}

// printJDL prints the JDL as it is stored. On a terminal its control characters are replaced.
func (c *showCommand) printJDL(screen io.Writer, d details, onTerminal bool) error {
	text := d.JDL
	if c.Origin {
		text = d.OriginalJDL
	}
	if text == "" {
		return fmt.Errorf("job %d has no JDL that this server tells", c.Job)
	}
	if onTerminal {
		text = printableLines(strings.ReplaceAll(text, "\t", "    "))
	}
	_, err := fmt.Fprintln(screen, strings.TrimRight(text, "\n"))
	return err
}

// sheet is what is shown of a job.
type sheet struct {
	strings.Builder
	width   int // of the terminal; 0: any
	colours bool
	now     time.Time
}

// line writes a title and a text, with control characters replaced.
func (s *sheet) line(title, text string) {
	if strings.TrimSpace(text) != "" {
		fmt.Fprintf(&s.Builder, "%-12s %s\n", title, printable(text))
	}
}

func (s *sheet) job(d details) {
	status := d.attribute("Status")
	shown := printable(status)
	if s.colours {
		shown = inColour(status, shown)
	}
	fmt.Fprintf(&s.Builder, "%-12s %s  %s\n", "Job", printable(d.attribute("JobID")), printable(d.attribute("JobName")))
	fmt.Fprintf(&s.Builder, "%-12s %s  %s\n", "Status", shown, printable(reasons(d.attribute("MinorStatus"), d.attribute("ApplicationStatus"))))
	s.line("Why", d.why(s.now))
	s.line("Owner", strings.Join([]string{d.attribute("Owner"), d.attribute("OwnerGroup"), d.attribute("VO")}, ", "))
	s.line("Group, type", d.attribute("JobGroup")+", "+d.attribute("JobType"))
	s.line("Site", strings.Join(slices.DeleteFunc([]string{d.attribute("Site"), d.Parameters["GridCE"], d.Parameters["HostName"]}, func(t string) bool { return t == "" }), ", "))
	for _, t := range []struct{ title, column string }{
		{"Submitted", "SubmissionTime"}, {"Started", "StartExecTime"}, {"Ended", "EndExecTime"}, {"Updated", "LastUpdateTime"}, {"Rescheduled", "RescheduleTime"},
	} {
		if at := d.at(t.column); !at.IsZero() {
			s.line(t.title, localTime(d.attribute(t.column))+", "+duration(s.now.Sub(at))+" ago"+d.rescheduleCount(t.column))
		}
	}
	s.states(d)
	s.heartbeats(d)
	s.parameters("Parameters", d.Parameters)
	s.parameters("Optimizers", d.OptimizerParameters)
	s.lists(d)
	s.line("Note", d.Note)
}

// rescheduleCount returns how often the job was rescheduled, to add to the time of the last time.
func (d details) rescheduleCount(column string) string {
	if n := d.attribute("RescheduleCounter"); column == "RescheduleTime" && n != "" {
		return ", " + n + " so far"
	}
	return ""
}

// shades tell states apart without colours.
var shades = []rune("█▒▓░")

// states draws a bar of the job's states, to the scale of their durations, and lists them.
func (s *sheet) states(d details) {
	states := d.states(s.now)
	if len(states) == 0 {
		return
	}
	const cells = 60
	total := states[len(states)-1].to.Sub(states[0].from)
	bar, names := "", []string{}
	for i, one := range states {
		took := one.to.Sub(one.from)
		n := 1
		if total > 0 {
			n = max(1, int(took*cells/total))
		}
		part := strings.Repeat(string(shades[i%len(shades)]), n)
		name := printable(one.status)
		if s.colours {
			part, name = inColour(one.status, strings.Repeat("█", n)), inColour(one.status, name)
		}
		bar += part
		if i < len(states)-1 || took > 0 {
			name += " " + duration(took)
		}
		names = append(names, name)
	}
	fmt.Fprintf(&s.Builder, "%-12s %s\n%-12s %s\n", "States", bar, "", strings.Join(names, " → "))
}

// heartbeats draws the values of heartbeats, and prints the job's CPU efficiency.
func (s *sheet) heartbeats(d details) {
	if at := d.at("HeartBeatTime"); !at.IsZero() {
		s.line("Heartbeat", localTime(d.attribute("HeartBeatTime"))+", "+duration(s.now.Sub(at))+" ago")
	}
	for _, name := range jobdb.HeartbeatFields {
		if values := d.beats(name); len(values) > 0 {
			fmt.Fprintf(&s.Builder, "%-12s %-18s %s %s\n", "", name, sparkline(values, 40), fmt.Sprintf("%.6g", values[len(values)-1]))
		}
	}
	if cpu, wall, ok := d.efficiency(); ok {
		s.line("CPU", fmt.Sprintf("%s of %s: %.0f%%", duration(time.Duration(cpu*1e9)), duration(time.Duration(wall*1e9)), 100*cpu/wall))
	}
}

// sparkline draws values on a scale from the least to the greatest. If there are too many, it draws
// the last ones.
func sparkline(values []float64, most int) string {
	const bars = "▁▂▃▄▅▆▇█"
	values = values[max(0, len(values)-most):]
	least, greatest := slices.Min(values), slices.Max(values)
	var line strings.Builder
	for _, v := range values {
		height := 0
		if greatest > least {
			height = int((v - least) / (greatest - least) * 7)
		}
		line.WriteRune([]rune(bars)[height])
	}
	return line.String()
}

// longestValue is how many characters of a value are shown in a list.
const longestValue = 500

func (s *sheet) parameters(title string, values map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := oneCell.Replace(values[name])
		if r := []rune(value); len(r) > longestValue {
			value = string(r[:longestValue]) + "…"
		}
		s.line(title, fmt.Sprintf("%s = %s", name, value))
		title = ""
	}
}

func (s *sheet) lists(d details) {
	title := "Input data"
	for _, file := range d.InputData {
		s.line(title, strings.TrimSpace(file.LFN+" "+file.Status))
		title = ""
	}
	title = "Commands"
	for _, c := range d.Commands {
		text := strings.Join([]string{c.Command, c.Arguments, c.Status, "at", localTime(c.ReceptionTime)}, " ")
		if c.ExecutionTime != "" {
			text += ", handed out last at " + localTime(c.ExecutionTime)
		}
		s.line(title, text)
		title = ""
	}
}
