package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"jobdb"
	"jobdb/wms"
)

// bulkResult is how long something took that a client does to many jobs at once, and how fast it
// should be.
type bulkResult struct {
	engine, what string
	jobs         int // that it was done to
	took         time.Duration
	processor    time.Duration // that our process used meanwhile, the server or the library
	wanted       float64       // jobs a second
	note         string
}

func (r bulkResult) rate() float64 { return float64(r.jobs) / r.took.Seconds() }

// Rates that are wanted, in jobs a second: 100,000 kills in 10 s, 10,000 submissions in 5 s,
// 1,000,000 rows in 5 s.
const (
	wantedKills       = 10_000
	wantedSubmissions = 2_000
	wantedRows        = 200_000
)

// killed is how many jobs a request kills; a submission may have maxJobs by the default rules.
const (
	killedAtOnce = 1000
	maxJobs      = 20
)

// bulkRun is a server on a database, and a client of the VO that has most jobs.
type bulkRun struct {
	*database
	server *server

	command, folder string
	token           string
	pid             int // of the process that works
	used            time.Duration
	began           time.Time
	results         []bulkResult
}

// runBulk measures on each engine with each number of jobs, and publishes their table.
func runBulk(ctx context.Context, s settings) error {
	folder, err := os.MkdirTemp(s.folder, "jobdb_bench_bulk")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // what stays does no harm
	command := filepath.Join(folder, "jobdb")
	if err := runCommand(ctx, "go", "build", "-o", command, "./cmd/jobdb"); err != nil {
		return err
	}
	var results []bulkResult
	for _, engine := range s.engines {
		found, err := bulkOn(ctx, s, engine, folder, command)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		results = append(results, found...)
	}
	return s.publish("bulk", "", bulkTable(s.jobs[0], results))
}

func bulkOn(ctx context.Context, s settings, engine, folder, command string) (results []bulkResult, err error) {
	d, err := openDatabase(ctx, s, engine, s.jobs[0])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close(s.keep)) }()
	b := &bulkRun{database: d, command: command, folder: folder}
	b.server, err = startServer(ctx, `listening" url=(\S+)`, filepath.Join(folder, engine+".log"), command,
		"serve", "--listen", "127.0.0.1:0", "--db", d.url, "--data-dir", folder)
	if err != nil {
		return nil, err
	}
	defer b.server.stop()
	token, err := exec.CommandContext(ctx, command, "token", "--data-dir", folder, "--vo", growthVO,
		"--property", "NormalUser", "--property", "JobAdministrator").Output()
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	b.token = strings.TrimSpace(string(token))
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"rows", b.rows}, {"kills", b.kills}, {"kills by the library", b.killsByLibrary}, {"submissions", b.submissions},
	} {
		if s.methods.MatchString(part.name) {
			if err := part.measure(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	return b.results, nil
}

// begin begins to measure what a process does.
func (b *bulkRun) begin(pid int) { b.pid, b.used, b.began = pid, processorTimeOf(pid), time.Now() }

// add ends what was begun.
func (b *bulkRun) add(what string, jobs int, wanted float64, note string) {
	r := bulkResult{b.engine, what, jobs, time.Since(b.began), processorTimeOf(b.pid) - b.used, wanted, note}
	log.Printf("%-8s %-50s %s jobs in %v (%v of a processor), %.0f a second %s",
		b.engine, what, withCommas(jobs), r.took.Round(time.Millisecond), r.processor, r.rate(), note)
	b.results = append(b.results, r)
}

// rows writes all jobs of the VO, with all their columns, into a file.
func (b *bulkRun) rows(ctx context.Context) error {
	for _, form := range []string{"ndjson", "csv"} {
		if err := b.server.forgetPeak(); err != nil {
			return err
		}
		b.begin(b.server.pid)
		lines, err := b.export(ctx, form)
		if err != nil {
			return err
		}
		if form == "csv" {
			lines-- // the header
		}
		peak, err := b.server.peakMemory()
		if err != nil {
			return err
		}
		b.add("jobdb search --output "+form, lines, wantedRows,
			fmt.Sprintf("%d MB of memory", peak>>20))
	}
	return nil
}

// export runs the command, and returns how many lines it printed.
func (b *bulkRun) export(ctx context.Context, form string) (lines int, err error) {
	path := filepath.Join(b.folder, "jobs."+form)
	out, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	command := exec.CommandContext(ctx, b.command, "search", "--server", b.server.url, "--output", form)
	command.Env = append(os.Environ(), "JOBDB_TOKEN="+b.token)
	command.Stdout, command.Stderr = out, os.Stderr
	err = errors.Join(command.Run(), out.Close())
	if err != nil {
		return 0, err
	}
	lines, err = countLines(path)
	return lines, errors.Join(err, os.Remove(path))
}

func countLines(path string) (n int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	piece := make([]byte, 1<<20)
	for {
		got, err := file.Read(piece)
		for _, c := range piece[:got] {
			if c == '\n' {
				n++
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
	}
}

// killable are the statuses of jobs that aren't through.
var killable = []any{"Received", "Checking", "Waiting", "Matched", "Running", "Stalled", "Completing"}

func killableJobs() []jobdb.FilterSpec {
	return []jobdb.FilterSpec{{Parameter: "Status", Operator: "in", Values: killable}}
}

// kills finds jobs by a condition, page by page, and kills them, request by request.
func (b *bulkRun) kills(ctx context.Context) error {
	wanted := b.jobs / 20 // of half of the jobs some 24 in a hundred aren't through
	b.begin(b.server.pid)
	var ids []jobdb.JobID
	for next := "page=1"; next != "" && len(ids) < wanted; {
		page, cursor, err := b.page(ctx, next)
		if err != nil {
			return err
		}
		ids = append(ids, page...)
		next = cursor
	}
	ids = ids[:min(len(ids), wanted)]
	for some := range slices.Chunk(ids, killedAtOnce) {
		updates := make(map[string]any, len(some))
		for _, id := range some {
			updates[strconv.FormatInt(int64(id), 10)] = map[string]any{
				time.Now().UTC().Format(time.RFC3339Nano): map[string]string{"Status": "Killed", "MinorStatus": "Marked for termination", "Source": "bench"},
			}
		}
		if _, _, err := b.send(ctx, http.MethodPatch, "/api/jobs/status", updates); err != nil {
			return err
		}
	}
	b.add("kill by a condition, "+withCommas(killedAtOnce)+" a request", len(ids), wantedKills, "")
	return b.checkKilled(ctx, ids)
}

// page is a page of IDs, and how the next one is asked for.
func (b *bulkRun) page(ctx context.Context, at string) (ids []jobdb.JobID, next string, err error) {
	request := jobdb.SearchRequest{Parameters: []string{"JobID"}, Search: killableJobs()}
	body, header, err := b.send(ctx, http.MethodPost, "/api/jobs/search?per_page=10000&"+at, request)
	if err != nil {
		return nil, "", err
	}
	var rows []struct{ JobID jobdb.JobID }
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, "", err
	}
	for _, row := range rows {
		ids = append(ids, row.JobID)
	}
	if cursor := header.Get("Jobdb-Next-Cursor"); cursor != "" {
		next = "cursor=" + url.QueryEscape(cursor)
	}
	return ids, next, nil
}

// checkKilled makes sure that the jobs are Killed and have a Kill.
func (b *bulkRun) checkKilled(ctx context.Context, ids []jobdb.JobID) error {
	for some := range slices.Chunk(ids, 10_000) {
		jobs, err := b.db.LockJobs(ctx, some, "Status")
		if err != nil {
			return err
		}
		commands, err := b.db.JobCommands(ctx, some)
		if err != nil {
			return err
		}
		for _, id := range some {
			if jobs[id]["Status"] != "Killed" || len(commands[id]) == 0 {
				return fmt.Errorf("job %d is %v, with %d commands", id, jobs[id]["Status"], len(commands[id]))
			}
		}
	}
	return nil
}

// killsByLibrary does the same in the library, to the jobs of the other VOs.
func (b *bulkRun) killsByLibrary(ctx context.Context) error {
	manager, err := wms.NewJobManager(b.db, wms.RuleBook{}, nil)
	if err != nil {
		return err
	}
	search, err := jobdb.SearchRequest{Parameters: []string{"JobID"}, Search: killableJobs()}.Parse(b.db.Limits())
	if err != nil {
		return err
	}
	search.PerPage = b.db.Limits().PerPage
	var killed []jobdb.JobID
	b.begin(os.Getpid())
	for _, c := range communities[1:] {
		ids, err := b.killAll(ctx, manager, search, c.vo)
		if err != nil {
			return err
		}
		killed = append(killed, ids...)
	}
	b.add("the same by the library", len(killed), wantedKills, "")
	return b.checkKilled(ctx, killed)
}

func (b *bulkRun) killAll(ctx context.Context, manager *wms.JobManager, search jobdb.Search, vo string) (killed []jobdb.JobID, err error) {
	search.Scope.VO, search.Page = vo, 1
	for {
		page, err := b.db.Search(ctx, search)
		if err != nil {
			return nil, err
		}
		for rows := range slices.Chunk(page.Rows, killedAtOnce) {
			updates := make(map[jobdb.JobID][]wms.StatusUpdate, len(rows))
			for _, row := range rows {
				id := jobdb.JobID(row[0].(int64)) //nolint:forcetypeassert // JobID
				updates[id] = []wms.StatusUpdate{{Time: b.db.Now(), Status: jobdb.StatusKilled, MinorStatus: "Marked for termination", Source: "bench"}}
				killed = append(killed, id)
			}
			if _, err := manager.SetStatus(ctx, wms.Scope{VO: vo}, updates, wms.StatusOptions{}); err != nil {
				return nil, err
			}
		}
		if page.Next == "" {
			return killed, nil
		}
		search.Page, search.Cursor = 0, page.Next
	}
}

// submissions submits a sweep: by lists, by parametric JDLs, and by the command line.
func (b *bulkRun) submissions(ctx context.Context) error {
	sweep := b.jobs / 200
	const clients = 4
	one := `Executable = "/bin/echo"; Arguments = "%d"; JobName = "sweep"; CPUTime = 3600; InputSandbox = {"a.sh", "b.sh"}; OutputSandbox = {"std.out"};`
	list := make([]string, maxJobs)
	for i := range list {
		list[i] = fmt.Sprintf(one, i)
	}
	parametric := []string{fmt.Sprintf("Parameters = %d; ParameterStart = 1; ParameterStep = 1; ", maxJobs) + strings.Replace(one, "%d", "%s", 1)}
	for _, way := range []struct {
		what    string
		jdls    []string
		clients int
	}{
		{"submit lists of " + strconv.Itoa(maxJobs), list, 1},
		{fmt.Sprintf("submit lists of %d, %d clients", maxJobs, clients), list, clients},
		{"submit parametric JDLs of " + strconv.Itoa(maxJobs), parametric, 1},
	} {
		b.begin(b.server.pid)
		if err := b.submitAll(ctx, way.jdls, sweep/maxJobs, way.clients); err != nil {
			return err
		}
		b.add(way.what, sweep/maxJobs*maxJobs, wantedSubmissions, "")
	}
	return b.submitFiles(ctx, sweep, one)
}

// submitAll sends a submission so often, by several clients at once.
func (b *bulkRun) submitAll(ctx context.Context, jdls []string, requests, clients int) error {
	failures := make([]error, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for n := i; n < requests && failures[i] == nil; n += clients {
				var jobs []struct{ JobID int64 }
				body, _, err := b.send(ctx, http.MethodPost, "/api/jobs/jdl", jdls)
				if err = errors.Join(err, json.Unmarshal(body, &jobs)); err == nil && len(jobs) != maxJobs {
					err = fmt.Errorf("%d jobs were made, not %d", len(jobs), maxJobs)
				}
				failures[i] = err
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// submitFiles submits files of one job each by one call of jobdb submit.
func (b *bulkRun) submitFiles(ctx context.Context, n int, jdl string) error {
	args := []string{"submit", "--server", b.server.url}
	for i := range n {
		path := filepath.Join(b.folder, fmt.Sprintf("%05d.jdl", i))
		if err := os.WriteFile(path, fmt.Appendf(nil, jdl, i), 0o600); err != nil {
			return err
		}
		args = append(args, path)
	}
	command := exec.CommandContext(ctx, b.command, args...)
	command.Env = append(os.Environ(), "JOBDB_TOKEN="+b.token)
	command.Stderr = os.Stderr
	b.begin(b.server.pid)
	said, err := command.Output()
	if ids := strings.Count(string(said), "\n"); err == nil && ids != n {
		err = fmt.Errorf("%d IDs were printed, not %d", ids, n)
	}
	b.add("jobdb submit *.jdl", n, wantedSubmissions, "")
	return err
}

// send sends JSON and returns the body and the header of a good answer.
func (b *bulkRun) send(ctx context.Context, method, path string, value any) ([]byte, http.Header, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, b.server.url+path, strings.NewReader(string(text)))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+b.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, response.Status, body)
	}
	return body, response.Header, err
}

// bulkTable is what was measured beside what is wanted.
func bulkTable(jobs int, results []bulkResult) string {
	var b strings.Builder
	for _, engine := range distinct(results, func(r bulkResult) string { return r.engine }) {
		fmt.Fprintf(&b, "| %s, %s jobs | jobs | s | of a processor, s | a second | wanted | | |\n| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |\n", engineNames[engine], withCommas(jobs))
		for _, r := range results {
			if r.engine != engine {
				continue
			}
			verdict := "yes"
			if r.rate() < r.wanted {
				verdict = "**no**"
			}
			fmt.Fprintf(&b, "| %s | %s | %.1f | %.1f | %s | %s | %s | %s |\n", r.what, withCommas(r.jobs), r.took.Seconds(), r.processor.Seconds(),
				withCommas(int(r.rate())), withCommas(int(r.wanted)), verdict, r.note)
		}
		b.WriteString("\n")
	}
	return b.String()
}
