package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"jobdb"
	"jobdb/oracle"
	"jobdb/wms"
)

// diracRelease is that of the tables, and of the classes that package oracle has.
const diracRelease = "9.1.22"

// diracDatabase is a database as DIRAC ships it, full of jobs, with our library and DIRAC's own
// classes on it.
type diracDatabase struct {
	*database
	manager *wms.JobManager
	dirac   *diracProcess
}

// diracCase is one question that both answer, or one change that both make.
type diracCase struct {
	method string // of DIRAC's classes, and what it is asked
	size   int    // jobs in one call; 0 where that means nothing
	before func(ctx context.Context) error
	theirs func(call diracCall) ([]string, error)
	ours   func(ctx context.Context) (func() []string, error)
	effect string // of a change: the query that shows it, whose rows are compared instead of answers
	after  func(ctx context.Context) error
}

// diracCall calls a method of JobDB or JobLoggingDB, with arguments in their order and by their names.
type diracCall func(database, method string, args []any, named map[string]any) (any, error)

// runDIRAC measures our methods beside DIRAC's own classes, and publishes a table for each number of
// jobs. With -indexes it measures what indexes would do.
func runDIRAC(ctx context.Context, s settings) error {
	for _, jobs := range s.jobs {
		if s.indexes {
			if err := publishIndexes(ctx, s, jobs); err != nil {
				return err
			}
			continue
		}
		var results []result
		for _, engine := range s.engines {
			found, err := diracOn(ctx, s, engine, jobs)
			results = append(results, found...)
			if err != nil {
				return errors.Join(fmt.Errorf("%s with %d jobs: %w", engine, jobs, err), saveResults(s.results, results))
			}
		}
		err := errors.Join(saveResults(s.results, results),
			s.publish(fmt.Sprintf("dirac-%d", jobs), headingOf(jobs), diracTable(results)))
		if err != nil {
			return err
		}
	}
	return nil
}

func diracOn(ctx context.Context, s settings, engine string, jobs int) (results []result, err error) {
	d, err := openDIRAC(ctx, s, engine, jobs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close(s.keep)) }()
	if d.dirac, err = d.startDIRAC(ctx, s.dirac); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.dirac.stop()) }()
	for _, c := range slices.Concat(d.diracReads(), d.diracWrites()) {
		if !s.methods.MatchString(c.method) {
			continue
		}
		r, err := d.measureDIRAC(ctx, s, c)
		if err != nil {
			return results, fmt.Errorf("%s of %d: %w", c.method, c.size, err)
		}
		log.Printf("%-8s %7d jobs  %-58s %5d  %10s ms  %.2f", r.Engine, r.Jobs, r.Method, r.Size, milliseconds(r.Ours), r.Ratio)
		results = append(results, r)
	}
	return results, nil
}

// openDIRAC creates and fills two databases on one server, as DIRAC has them: one for jobs and one
// for their histories.
func openDIRAC(ctx context.Context, s settings, engine string, jobs int) (*diracDatabase, error) {
	jobsSQL, historySQL, err := oracle.ShippedSQL(diracRelease)
	if err != nil {
		return nil, err
	}
	d := &database{engine: engine, jobs: jobs}
	name := fmt.Sprintf("jobdb_bench_dirac_%d", jobs)
	var dropHistory, dropJobs func() error
	if d.historyURL, dropHistory, err = createOnServer(ctx, engine, name+"_history", s.keep); err != nil {
		return nil, err
	}
	if d.url, dropJobs, err = createOnServer(ctx, engine, name, s.keep); err != nil {
		return nil, errors.Join(err, dropHistory())
	}
	d.drop = func() error { return errors.Join(dropJobs(), dropHistory()) }
	err = createTables(ctx, engine, d.url, "Jobs", jobsSQL)
	if err == nil {
		err = createTables(ctx, engine, d.historyURL, "LoggingInfo", historySQL)
	}
	if err == nil {
		err = d.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, d.drop())
	}
	manager, err := wms.NewJobManager(d.db, wms.RuleBook{}, nil)
	if err == nil {
		err = errors.Join(d.recordVersion(ctx, s), d.populateDIRAC(ctx))
	}
	if err != nil {
		return nil, errors.Join(err, d.close(false))
	}
	return &diracDatabase{database: d, manager: manager}, nil
}

// createTables runs DIRAC's statements in a database that hasn't got the table yet.
func createTables(ctx context.Context, engine, address, table string, statements []string) error {
	location, err := url.Parse(address)
	if err != nil {
		return err
	}
	db, err := openServer(engine, location)
	if err != nil {
		return err
	}
	defer db.Close()
	found, err := queryInt(ctx, db, `SELECT count(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '`+table+`'`)
	if err != nil || found > 0 {
		return err
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w in %.80s", err, statement)
		}
	}
	return nil
}

// measureDIRAC measures ours beside DIRAC's, in turns. In the result bare is DIRAC's.
func (d *diracDatabase) measureDIRAC(ctx context.Context, s settings, c diracCase) (result, error) {
	var said [2][]string
	var took [2]time.Duration
	contend := func(i int, name string, work func(context.Context) ([]string, error)) contender {
		return contender{
			name: name, before: c.before, after: c.after, took: func() time.Duration { return took[i] },
			call: func(ctx context.Context) (_ int64, err error) {
				if said[i], err = work(ctx); err == nil && c.effect != "" {
					said[i], err = d.rows(ctx, c.effect)
				}
				return fingerprint(said[i]), err
			},
		}
	}
	pair := [2]contender{
		contend(0, "ours", func(ctx context.Context) ([]string, error) {
			start := time.Now()
			tell, err := c.ours(ctx)
			took[0] = time.Since(start)
			if err != nil || tell == nil {
				return nil, err
			}
			return tell(), nil
		}),
		contend(1, "DIRAC", func(context.Context) ([]string, error) {
			d.dirac.took = 0
			lines, err := c.theirs(d.dirac.call)
			took[1] = d.dirac.took
			return lines, err
		}),
	}
	r, err := alternateLonger(ctx, s.budget, pair)
	r.Engine, r.Jobs, r.Method, r.Size = d.engine, d.jobs, c.method, c.size
	if err != nil {
		return r, fmt.Errorf("%w\nours:  %.300s\nDIRAC: %.300s", err, strings.Join(said[0], "; "), strings.Join(said[1], "; "))
	}
	return r, errors.Join(s.samples.write(r.benchmark("ours"), batches(r.took[0])), s.samples.write(r.benchmark("dirac"), batches(r.took[1])))
}

// alternateLonger is alternate that goes on where ours seems to take longer, up to three times: on a
// busy machine few rounds tell little. All rounds count.
func alternateLonger(ctx context.Context, budget time.Duration, pair [2]contender) (result, error) {
	var all result
	for try := 0; try == 0 || try < 4 && all.Ratio < 1; try++ {
		r, err := alternate(ctx, budget, pair)
		if err != nil {
			return r, err
		}
		var ratios []float64
		for i := range all.took {
			all.took[i] = append(all.took[i], r.took[i]...)
		}
		for i, ours := range all.took[0] {
			ratios = append(ratios, float64(all.took[1][i])/float64(ours))
		}
		all.Rounds, all.Ours, all.Bare = len(ratios), median(all.took[0]), median(all.took[1])
		all.RatioLow, all.Ratio, all.RatioHigh = quartiles(ratios)
	}
	return all, nil
}

// fingerprint is the same for the same lines in any order.
func fingerprint(lines []string) int64 {
	sum := fnv.New64a()
	for _, line := range slices.Sorted(slices.Values(lines)) {
		_, _ = io.WriteString(sum, line+"\n")
	}
	return int64(sum.Sum64())
}

// rows are those of a query, each a line of its values.
func (d *diracDatabase) rows(ctx context.Context, text string) ([]string, error) {
	rows, err := d.unmeasured.reader.QueryContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("%w in %.200s", err, text)
	}
	defer rows.Close()
	var lines strings.Builder
	for rows.Next() {
		if err := printRow(&lines, rows); err != nil {
			return nil, err
		}
	}
	return strings.Split(lines.String(), "\n"), rows.Err()
}

// line writes the values of a row as text, ours and those in DIRAC's answers alike.
func line(values ...any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		switch v := value.(type) {
		case nil:
			texts[i] = "none"
		case time.Time:
			texts[i] = v.UTC().Format(time.DateTime)
		case bool:
			texts[i] = map[bool]string{true: "True", false: "False"}[v]
		default:
			texts[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(texts, " | ")
}

// diracProcess is DIRAC's classes in a process of their own.
type diracProcess struct {
	command *exec.Cmd
	calls   io.WriteCloser
	answers *bufio.Reader
	took    time.Duration // by the calls since it was set to 0, on its own clock
}

func (d *diracDatabase) startDIRAC(ctx context.Context, python string) (*diracProcess, error) {
	jobs, err := url.Parse(d.url)
	if err != nil {
		return nil, err
	}
	history, err := url.Parse(d.historyURL)
	if err != nil {
		return nil, err
	}
	password, _ := jobs.User.Password()
	p := &diracProcess{command: exec.CommandContext(ctx, python, "oracle/dirac.py", jobs.Hostname(), jobs.Port(), jobs.User.Username(), password,
		strings.TrimPrefix(jobs.Path, "/"), strings.TrimPrefix(history.Path, "/"))}
	messages, err := os.CreateTemp("", "jobdb-bench-dirac-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = errors.Join(messages.Close(), os.Remove(messages.Name())) }() // it logs every status that is forced
	p.command.Stderr = messages
	if p.calls, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = bufio.NewReader(output)
	return p, p.command.Start()
}

// stop ends the process; its threads don't end by themselves.
func (p *diracProcess) stop() error {
	err := errors.Join(p.calls.Close(), p.command.Process.Kill())
	_ = p.command.Wait() // tells that it was killed
	return err
}

func (p *diracProcess) call(database, method string, args []any, named map[string]any) (any, error) {
	if args == nil {
		args = []any{}
	}
	if named == nil {
		named = map[string]any{}
	}
	request, err := json.Marshal(map[string]any{"db": database, "call": method, "args": args, "kwargs": named})
	if err != nil {
		return nil, err
	}
	if _, err := p.calls.Write(append(request, '\n')); err != nil {
		return nil, fmt.Errorf("DIRAC ended: %w", err)
	}
	text, err := p.answers.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("DIRAC ended: %w", err)
	}
	var answer struct {
		OK      bool
		Value   any
		Message string
		Took    time.Duration
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		return nil, err
	}
	p.took += answer.Took
	if !answer.OK {
		return nil, fmt.Errorf("%s of DIRAC: %s", method, answer.Message)
	}
	return answer.Value, nil
}

// populateDIRAC fills tables of DIRAC with the jobs of the other benchmarks, and gives every job a
// history.
func (d *database) populateDIRAC(ctx context.Context) error {
	found, err := queryInt(ctx, d.bare.reader, `SELECT count(*) FROM "Jobs"`)
	if err != nil {
		return err
	}
	if found == 0 {
		if err := d.fillDIRAC(ctx); err != nil {
			return fmt.Errorf("populate: %w", err)
		}
	}
	if err := d.loadIDs(ctx); err != nil {
		return err
	}
	return d.exec(ctx, `ANALYZE TABLE "JobJDLs", "Jobs", "InputData", "OptimizerParameters", "HeartBeatLoggingInfo", "JobCommands"`)
}

func (d *database) fillDIRAC(ctx context.Context) error {
	if err := d.addAllJobs(ctx); err != nil {
		return err
	}
	if err := d.loadIDs(ctx); err != nil {
		return err
	}
	for ids := range slices.Chunk(d.ids, populationBatch) {
		if err := d.db.InsertHistory(ctx, history(ids, jobdb.StatusReceived, jobdb.StatusWaiting, jobdb.StatusMatched, jobdb.StatusRunning)); err != nil {
			return err
		}
	}
	err := d.exec(ctx, `INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime")
		SELECT "JobID", 'LoadAverage', '1.25', "HeartBeatTime" FROM "Jobs" WHERE "HeartBeatTime" IS NOT NULL ORDER BY "JobID"`)
	for ids := range slices.Chunk(d.ids, populationBatch) {
		if err == nil {
			err = d.db.SetOptimizerParameters(ctx, parameters(ids, "v"))
		}
		if err == nil {
			err = d.db.InsertInputData(ctx, inputFiles(ids))
		}
	}
	d.ids = nil
	return err
}
