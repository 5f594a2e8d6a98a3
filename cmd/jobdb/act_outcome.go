package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"jobdb"
)

// What became of a job.
const (
	outcomeDone      = "done"
	outcomeUnchanged = "unchanged" // there was nothing to do
	outcomeRefused   = "refused"
	outcomeLeft      = "left" // it wasn't reached
)

// outcome is what became of a job, and why.
type outcome struct{ Outcome, Reason string }

type outcomes map[jobdb.JobID]outcome

// maxMissingListed is how many of the jobs that don't exist get an outcome of their own.
const maxMissingListed = 100_000

// outcomes returns what is known of each job before anything is sent. Jobs that a request will be
// sent for begin as outcomeLeft.
func (t targets) outcomes(do action) outcomes {
	known := outcomes{}
	for _, job := range t.jobs {
		reason := do.refusal(job.Status)
		switch {
		case do.target != "" && job.Status == do.target:
			known[job.JobID] = outcome{outcomeUnchanged, "it is " + string(job.Status) + " already"}
		case reason != "":
			known[job.JobID] = outcome{outcomeRefused, reason}
		default:
			known[job.JobID] = outcome{outcomeLeft, ""}
		}
	}
	for _, ids := range t.missing {
		for id := ids.First; id <= ids.Last && len(known) < len(t.jobs)+maxMissingListed; id++ {
			known[id] = outcome{outcomeRefused, "there is no such job"}
		}
	}
	return known
}

func (o outcomes) ids() []jobdb.JobID {
	ids := make([]jobdb.JobID, 0, len(o))
	for id := range o {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (o outcomes) count(what string) (n int) {
	for _, one := range o {
		if one.Outcome == what {
			n++
		}
	}
	return n
}

// printOutcomes prints what became of each job to standard output.
func (f actFlags) printOutcomes(p *program, results outcomes) error {
	if f.Output == "none" || f.Output == "" {
		return nil
	}
	columns := []string{"JobID", "Outcome", "Reason"}
	out, err := outputFlags{Output: f.Output, Color: "never"}.open(p, columns)
	if err != nil {
		return err
	}
	var rows []row
	for _, id := range results.ids() {
		if f.Output == "ids" && results[id].Outcome != outcomeDone {
			continue
		}
		text, err := json.Marshal(struct {
			JobID jobdb.JobID
			outcome
		}{id, results[id]})
		if err != nil {
			return err
		}
		rows = append(rows, text)
	}
	return finish(out, out.rows(rows))
}

// conclude prints the outcomes and a summary of them. Its error sets the exit code.
func (f actFlags) conclude(p *program, results outcomes, do action, stopped error) error {
	done, refused, left := results.count(outcomeDone), results.count(outcomeRefused), results.count(outcomeLeft)
	text := fmt.Sprintf("%s %s", plural(done, "job"), do.done)
	if unchanged := results.count(outcomeUnchanged); unchanged > 0 {
		text += fmt.Sprintf(", %s already", thousands(unchanged))
	}
	if refused > 0 {
		text += fmt.Sprintf(", %s refused", thousands(refused))
	}
	if left > 0 {
		text += fmt.Sprintf(", %s left", thousands(left))
	}
	p.say("%s", text)
	f.sayRefused(p, results)
	if stopped != nil {
		p.say("jobdb: stopped: %v; the same command goes on with the rest", stopped)
	}
	if err := f.writeLeft(p, results); err != nil {
		return err
	}
	switch {
	case stopped != nil || left > 0:
		return errReported
	case refused > 0:
		return exitStatus(exitRefused)
	}
	return nil
}

// sayRefused prints each reason of refusals with some of its jobs.
func (f actFlags) sayRefused(p *program, results outcomes) {
	const shownJobs, shownReasons = 5, 10
	byReason := map[string][]string{}
	var reasons []string
	for _, id := range results.ids() {
		o := results[id]
		if o.Outcome != outcomeRefused {
			continue
		}
		if byReason[o.Reason] == nil {
			reasons = append(reasons, o.Reason)
		}
		if list := byReason[o.Reason]; len(list) < shownJobs {
			byReason[o.Reason] = append(list, fmt.Sprint(id))
		} else if len(list) == shownJobs {
			byReason[o.Reason] = append(list, "…")
		}
	}
	for i, reason := range reasons {
		if i == shownReasons {
			p.say("  … see --output table for all")
			return
		}
		p.say("  refused: %s: %s", strings.Join(byReason[reason], " "), printable(reason))
	}
}

// writeLeft writes the IDs of the jobs with outcomeLeft to the file of --left.
func (f actFlags) writeLeft(p *program, results outcomes) error {
	if f.Left == "" || results.count(outcomeLeft) == 0 {
		return nil
	}
	var b strings.Builder
	for _, id := range results.ids() {
		if results[id].Outcome == outcomeLeft {
			fmt.Fprintln(&b, id)
		}
	}
	if err := os.WriteFile(f.Left, []byte(b.String()), 0o600); err != nil {
		return err
	}
	p.say("the IDs of those that are left are in %s", f.Left)
	return nil
}
