package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"

	"jobdb/jdl"
)

type submitCommand struct {
	clientSettings
	jdlChanges

	Files   []string `arg:"" name:"file" help:"JDL file; - is standard input."`
	Check   bool     `help:"Only look for mistakes, see jobdb jdl check, and count the jobs; no server is asked."`
	NoCheck bool     `name:"no-check" help:"Submit files with mistakes, too."`
	Strict  bool     `help:"Submit nothing if there is a warning."`
	Confirm bool     `help:"Parametric jobs start at once. With --no-confirm they wait in the status Submitting until somebody makes them Received." default:"true" negatable:""`
	Key     string   `help:"Key of this submission: the same files with the same key, within 24 hours, make no job twice. Default: a new one." placeholder:"TEXT"`
	Output  string   `short:"o" help:"Format: ids (one a line), table or json (which file, and which values of its parameters, became which job). Default: ids; on a terminal table if there are several." enum:",ids,table,json" default:"" placeholder:"FORMAT"`
}

// Help is printed by jobdb submit --help.
func (*submitCommand) Help() string {
	return `Each file describes one job, or with Parameters or --param several. All files are checked first: if one can't be read, or has a
mistake, nothing is submitted. If the server refuses a job, the others are still submitted, and the exit code is 1.

A request whose answer is lost is sent again. Its key keeps it from making jobs twice; a DiracX server keeps no keys: there it
isn't sent again, and you are told which jobs may exist. Ctrl-C stops after the request that is under way, and says how to go on.

Examples:

  echo 'Executable = "/bin/echo"; Arguments = "hello"; JobName = "hello";' | jobdb submit -
  jobdb submit *.jdl >ids
  jobdb submit --check --strict hello.jdl
  jobdb submit --param x=1..100 --set JobGroup=scan -o table scan.jdl` + changesHelp + whoHelp
}

// jobsTogether is how many jobs one request submits: DiracX takes no more.
const jobsTogether = 20

// bytesTogether is about how many bytes of JDL one request has: well below the 10 MiB that a server
// takes.
const bytesTogether = 2 << 20

// Run submits the files.
func (c *submitCommand) Run(ctx context.Context, p *program) error {
	if c.Database != "" {
		return usageError{errors.New("--db: a job belongs to whoever submits it; submit it through a server")}
	}
	if !c.Confirm && len(c.Param) > 0 {
		return usageError{errors.New("--no-confirm is for JDLs that are parametric themselves; jobs of --param never wait")}
	}
	files, err := c.read(p)
	if err != nil {
		return err
	}
	jobs, err := c.prepare(files)
	if err != nil {
		return err
	}
	if c.Check {
		p.say("%s would become %s", plural(len(c.Files), "file"), plural(len(jobs), "job"))
		return nil
	}
	server, err := c.client(ctx, p)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // if the reader of the IDs leaves, report must still say how far this came
	key := c.Key
	if key == "" {
		key = rand.Text()
	}
	s := &submission{
		p: p, sender: &sender{server: server}, key: key, jobs: jobs, out: c.output(p, len(jobs)),
		progress: p.progress("submitted %d of %d jobs", len(jobs)),
	}
	return s.run(ctx)
}

// file is a JDL file.
type file struct{ name, text string }

// read reads and checks the files, and prints the findings.
func (c *submitCommand) read(p *program) (files []file, err error) {
	failed := false
	var found []fileFinding
	for _, name := range c.Files {
		text, err := p.readFile(name)
		if err != nil {
			p.say("jobdb: %v", err)
			failed = true
			continue
		}
		files = append(files, file{name, text})
		if !c.NoCheck {
			found = append(found, checkText(name, text, c.given()...)...)
		}
	}
	for _, doubt := range c.doubts() {
		p.say("jobdb: %s", printable(doubt))
	}
	if err := writeFindings(p.stderr, found); err != nil {
		return nil, err
	}
	switch {
	case !failed && !stops(found, c.Strict):
		return files, nil
	case c.Check:
	case failed:
		p.say("jobdb: nothing was submitted")
	case c.Strict:
		p.say("jobdb: nothing was submitted; correct the files, or leave out --strict")
	default:
		p.say("jobdb: nothing was submitted; correct the files, or submit them as they are with --no-check")
	}
	return nil, errReported
}

// newJob is a job to submit.
type newJob struct {
	file       string
	number     int // in its file, from 1; 0 if it is the only one
	text       string
	parameters map[string]string // names and values, of a parametric one
	alone      bool              // the text is parametric still, and must be submitted alone
}

func (j newJob) String() string {
	if j.number == 0 {
		return j.file
	}
	return fmt.Sprintf("%s, job %d", j.file, j.number)
}

// prepare makes the jobs of the files. It expands parametric JDLs as the server would. So their
// jobs needn't be confirmed, and there may be more than one request takes.
func (c *submitCommand) prepare(files []file) (jobs []newJob, err error) {
	for _, f := range files {
		texts, err := c.texts(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; nothing was submitted", f.name, err)
		}
		for i, text := range texts {
			job := newJob{file: f.name, text: text, alone: !c.Confirm}
			if len(texts) > 1 {
				job.number = i + 1
			}
			job.parameters = parametersOf(text)
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// texts returns the JDLs of a file's jobs.
func (c *submitCommand) texts(f file) ([]string, error) {
	if !c.Confirm {
		text, err := c.change(f.text)
		return []string{text}, err
	}
	if len(c.Set) == 0 && len(c.Param) == 0 {
		if texts, parametric, err := jdl.Expand(f.text); parametric || err != nil && !c.NoCheck {
			return texts, err
		}
		return []string{f.text}, nil // unchanged
	}
	return c.jobs(f.text)
}

// parametersOf returns the values of a parametric job's parameters, from its JDL.
func parametersOf(text string) map[string]string {
	if !strings.Contains(text, "ParameterNumber") {
		return nil
	}
	ad, err := jdl.ParseAd(text)
	if err != nil {
		return nil
	}
	values := map[string]string{}
	for _, name := range ad.Names() {
		if of, ok := strings.CutPrefix(name, "Parameter."); ok {
			values[of] = ad.Text(name)
		}
	}
	if len(values) == 0 && ad.Has("Parameter") {
		values["Parameter"] = ad.Text("Parameter")
	}
	return values
}

// submission is one run of submit.
type submission struct {
	p        *program
	sender   *sender
	key      string
	jobs     []newJob
	out      submitOutput
	progress *progress

	submitted int // jobs that there are now
	refused   int
	waiting   int // jobs that wait for a confirmation
}

// run submits all jobs, request by request.
func (s *submission) run(ctx context.Context) error {
	var err error
	for first := 0; first < len(s.jobs) && err == nil; {
		last := s.end(first)
		if err = ctx.Err(); err != nil {
			break
		}
		// A request is never interrupted, so that it is known which jobs were made.
		if err = s.send(ctx, s.jobs[first:last], fmt.Sprintf("%s-%d", s.key, first)); err == nil {
			first = last
		}
		s.progress.at(s.submitted)
	}
	s.progress.end()
	if closed := s.out.close(); closed != nil {
		return closed
	}
	return s.report(ctx, err)
}

// end returns the index after the last job of the request that begins at first.
func (s *submission) end(first int) int {
	size := 0
	for i, job := range s.jobs[first:] {
		size += len(job.text)
		if i > 0 && (i == jobsTogether || size > bytesTogether || job.alone) {
			return first + i
		}
	}
	return len(s.jobs)
}

// send submits some jobs in one request. If the server refuses it, it submits each by itself, and
// prints which are refused. An error ends the run.
func (s *submission) send(ctx context.Context, jobs []newJob, key string) error {
	texts := make([]string, len(jobs))
	for i, job := range jobs {
		texts[i] = job.text
	}
	made, err := s.sender.submit(ctx, key, texts)
	refused := (*refusalError)(nil)
	switch {
	case err == nil:
		return s.note(jobs, made)
	case !errors.As(err, &refused) || !refused.isOfBody() || strings.Contains(refused.text, idempotencyKey):
		return fmt.Errorf("%s: %w", names(jobs), err)
	case len(jobs) == 1:
		s.refused++
		s.p.say("jobdb: %v: %v", jobs[0], err)
		return nil
	}
	for i := range jobs {
		if err := s.send(ctx, jobs[i:i+1], fmt.Sprintf("%s.%d", key, i)); err != nil {
			return err
		}
	}
	return nil
}

// note prints the jobs that were made: one of each JDL, or several of a parametric one.
func (s *submission) note(jobs []newJob, made []madeJob) error {
	s.submitted += len(made)
	for i, m := range made {
		job := jobs[min(i, len(jobs)-1)]
		if m.Status == "Submitting" {
			s.waiting++
		}
		if err := s.out.job(job, m.JobID); err != nil {
			return err
		}
	}
	return nil
}

// report prints how the run ended.
func (s *submission) report(ctx context.Context, err error) error {
	switch {
	case err == nil:
	case ctx.Err() != nil:
		s.p.say("jobdb: interrupted: %d of %s were submitted; to go on, run the same again with --key %s", s.submitted, plural(len(s.jobs), "job"), s.key)
		return errReported
	case s.sender.unknown:
		s.p.say("jobdb: %v", err)
		s.p.say("jobdb: %d of %s were submitted", s.submitted, plural(len(s.jobs), "job"))
		return errReported
	default:
		s.p.say("jobdb: %v", err)
		if refused := (*refusalError)(nil); s.submitted > 0 || !errors.As(err, &refused) && !errors.Is(err, syscall.ECONNREFUSED) {
			s.p.say("jobdb: %d of %s were submitted; to go on, run the same again with --key %s", s.submitted, plural(len(s.jobs), "job"), s.key)
		}
		return errReported
	}
	if s.waiting > 0 {
		s.p.say("%s in the status Submitting, until somebody makes them Received", plural(s.waiting, "job"))
	}
	if s.refused > 0 {
		if len(s.jobs) > 1 {
			s.p.say("jobdb: %d of %s were submitted, %d were refused", s.submitted, plural(len(s.jobs), "job"), s.refused)
		}
		return errReported
	}
	return nil
}

// names returns the first and the last of some jobs, for a message.
func names(jobs []newJob) string {
	if len(jobs) == 1 {
		return jobs[0].String()
	}
	return fmt.Sprintf("%v to %v", jobs[0], jobs[len(jobs)-1])
}
