package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"jobdb"
	"jobdb/choose"
)

// target is a job that was chosen.
type target struct {
	JobID             jobdb.JobID
	Status            jobdb.Status
	RescheduleCounter int64
	VO                string
}

// targets are the jobs that were chosen, in the order of their IDs.
type targets struct {
	jobs    []target
	missing []choose.IDs // named by ID, but not found
}

// findTargets finds the jobs of a choice.
func (c *client) findTargets(ctx context.Context, p *program, chosen choose.Choice) (targets, error) {
	request := jobdb.SearchRequest{
		Parameters: []string{"JobID", "Status", "RescheduleCounter", "VO"}, Sort: []jobdb.SortSpec{{Parameter: "JobID", Direction: "asc"}},
	}
	var found targets
	bar := p.progress("found %d of %d jobs", 0)
	defer bar.end()
	for _, part := range slices.Backward(queries(chosen)) {
		request.Search = part
		err := c.eachPage(ctx, request, 0, func(a answer, rows []row) error {
			for _, r := range rows {
				var job target
				if err := r.decode(&job); err != nil {
					return err
				}
				found.jobs = append(found.jobs, job)
			}
			bar.total = max(bar.total, matchCount(a))
			bar.at(len(found.jobs))
			return nil
		})
		if err != nil {
			return targets{}, err
		}
	}
	byID := func(a, b target) int { return cmp.Compare(a.JobID, b.JobID) }
	slices.SortFunc(found.jobs, byID) // pages by number may overlap when jobs are added meanwhile
	found.jobs = slices.CompactFunc(found.jobs, func(a, b target) bool { return a.JobID == b.JobID })
	if len(chosen.Search) == 0 {
		found.missing = missing(mergeIDs(chosen.IDs), found.jobs)
	}
	return found, nil
}

// missing returns the IDs that none of the jobs has. Both lists are in ascending order.
func missing(ids []choose.IDs, jobs []target) []choose.IDs {
	var gaps []choose.IDs
	for _, span := range ids {
		next := span.First
		for len(jobs) > 0 && jobs[0].JobID <= span.Last {
			if jobs[0].JobID > next {
				gaps = append(gaps, choose.IDs{First: next, Last: jobs[0].JobID - 1})
			}
			next, jobs = jobs[0].JobID+1, jobs[1:]
		}
		if next <= span.Last {
			gaps = append(gaps, choose.IDs{First: next, Last: span.Last})
		}
	}
	return gaps
}

// preview prints what the action would do, and returns the jobs that it would change.
func (f actFlags) preview(p *program, chosen choose.Choice, found targets, do action) []target {
	p.say("%s chosen: %s", plural(len(found.jobs), "job"), printable(describeChoice(chosen)))
	counts := map[jobdb.Status]int{}
	var ready []target
	for _, job := range found.jobs {
		counts[job.Status]++
		if job.Status != do.target && do.refusal(job.Status) == "" {
			ready = append(ready, job)
		}
	}
	for _, status := range byFrequency(counts) {
		note := do.refusal(status)
		if status == do.target {
			note = "nothing to do"
		}
		p.say("%s", strings.TrimRight(fmt.Sprintf("  %-12s %9s  %s", printable(string(status)), thousands(counts[status]), note), " "))
	}
	if n := countIDs(found.missing); n > 0 {
		p.say("  %-12s %9s  %s", "not found", thousands(n), firstIDs(found.missing))
	}
	ends := ""
	if f.DryRun {
		ends = "; this is a dry run"
	}
	p.say("%s would be %s%s", plural(len(ready), "job"), do.done, ends)
	return ready
}

func byFrequency(counts map[jobdb.Status]int) []jobdb.Status {
	statuses := make([]jobdb.Status, 0, len(counts))
	for status := range counts {
		statuses = append(statuses, status)
	}
	slices.SortFunc(statuses, func(a, b jobdb.Status) int { return cmp.Or(counts[b]-counts[a], strings.Compare(string(a), string(b))) })
	return statuses
}

// firstIDs shows some of the IDs.
func firstIDs(list []choose.IDs) string {
	const most = 10
	var texts []string
	for i, ids := range list {
		if i == most {
			texts = append(texts, "…")
			break
		}
		text := strconv.FormatInt(int64(ids.First), 10)
		if ids.Last > ids.First {
			text += "-" + strconv.FormatInt(int64(ids.Last), 10)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// confirmedByYes is how many jobs a y can confirm. For more of them their number must be typed.
const confirmedByYes = 100

// ask asks the user to confirm an action on so many jobs. Without a terminal it is an error.
func (f actFlags) ask(p *program, jobs int, do action, stdinIsRead bool) (bool, error) {
	if f.Yes {
		return true, nil
	}
	if !stdinIsRead && !isTerminal(p.stdin) {
		return false, errNobodyAnswers
	}
	from, to := p.stdin, p.stderr
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0) // also where standard input or error is a file
	switch {
	case err == nil:
		defer tty.Close() //nolint:errcheck // nothing is lost
		from, to = tty, tty
	case stdinIsRead: // elsewhere than on Unix there is no such file
		return false, errNobodyAnswers
	}
	question, want := fmt.Sprintf("%s %s? [y/N] ", capital(do.verb), plural(jobs, "job")), "y"
	if jobs > confirmedByYes {
		question = fmt.Sprintf("Type the number of jobs to %s them, or anything else to leave them: ", do.verb)
		want = strconv.Itoa(jobs)
	}
	_, _ = io.WriteString(to, question) // if it fails, so does the answer
	line, err := bufio.NewReader(from).ReadString('\n')
	given := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(line), ",", ""))
	if given == want || want == "y" && given == "yes" {
		return true, nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	p.say("nothing was changed")
	return false, errReported
}

var errNobodyAnswers = usageError{errors.New("nobody is there to answer: say --yes, or --dry-run to see only what would be done")}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
