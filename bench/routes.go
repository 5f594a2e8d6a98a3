package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// route is a request that is repeated, with other jobs each time.
type route struct {
	name, method, path string
	body               func(t target) string // nil: none
}

// target is what a request is about.
type target struct {
	job       jobdb.JobID // of the VO that asks
	submitted jobdb.JobID // one that was submitted to this server, with a JDL that can be read
}

// routes are those that the reference has, too. Pages have 100 rows.
func routes() []route {
	return []route{
		{"POST /api/jobs/jdl (one job)", http.MethodPost, "/api/jobs/jdl", func(target) string { return oneJDL }},
		{"POST /api/jobs/search (one job)", http.MethodPost, "/api/jobs/search", func(t target) string {
			return fmt.Sprintf(`{"search":[{"parameter":"JobID","operator":"eq","value":%d}]}`, t.job)
		}},
		{"POST /api/jobs/search (page 1 of a Status)", http.MethodPost, "/api/jobs/search", func(target) string {
			return `{"search":[{"parameter":"Status","operator":"eq","value":"Done"}],"sort":[{"parameter":"JobID","direction":"asc"}]}`
		}},
		{"POST /api/jobs/summary (Status)", http.MethodPost, "/api/jobs/summary", func(target) string { return `{"grouping":["Status"]}` }},
		{"POST /api/jobs/summary (Site of a Status)", http.MethodPost, "/api/jobs/summary", func(target) string {
			return `{"grouping":["Site"],"search":[{"parameter":"Status","operator":"eq","value":"Done"}]}`
		}},
		{"PATCH /api/jobs/status (one job)", http.MethodPatch, "/api/jobs/status", func(t target) string {
			return fmt.Sprintf(`{"%d":{"%s":{"Status":"Running","MinorStatus":"Application","Source":"JobWrapper"}}}`,
				t.job, time.Now().UTC().Format(time.RFC3339Nano))
		}},
		{"PATCH /api/jobs/heartbeat (one job)", http.MethodPatch, "/api/jobs/heartbeat", func(t target) string {
			return fmt.Sprintf(`{"%d":{"LoadAverage":1.5,"MemoryUsed":2048.5,"Vsize":4096,"AvailableDiskSpace":20000,`+
				`"CPUConsumed":3600,"WallClockTime":4000}}`, t.job)
		}},
		{"PATCH /api/jobs/metadata (one job)", http.MethodPatch, "/api/jobs/metadata", func(t target) string {
			return fmt.Sprintf(`{"%d":{"Site":"LCG.Site%02d.ch","HostName":"node%d.example.org"}}`, t.job, rand.IntN(8), rand.IntN(1000))
		}},
		{"POST /api/jobs/reschedule (one job)", http.MethodPost, "/api/jobs/reschedule?reset_jobs=true", func(t target) string {
			return fmt.Sprintf(`{"job_ids":[%d]}`, t.submitted)
		}},
		{"GET /api/auth/userinfo", http.MethodGet, "/api/auth/userinfo", nil},
		{"GET /api/openapi.json", http.MethodGet, "/api/openapi.json", nil},
		{"GET /.well-known/openid-configuration", http.MethodGet, "/.well-known/openid-configuration", nil},
		{"GET /.well-known/jwks.json", http.MethodGet, "/.well-known/jwks.json", nil},
		{"GET /api/health/live", http.MethodGet, "/api/health/live", nil},
		{"GET /api/health/ready", http.MethodGet, "/api/health/ready", nil},
		{"GET /api/health/startup", http.MethodGet, "/api/health/startup", nil},
	}
}

const (
	oneJDL = `["Executable = \"/bin/echo\"; Arguments = \"hello\"; JobName = \"hello\"; Site = \"ANY\"; ` +
		`CPUTime = 3600; InputSandbox = {\"a.sh\", \"b.sh\"}; OutputSandbox = {\"std.out\", \"std.err\"};"]`

	connections = 16
	routeRounds = 5
)

// routeResult is how many good answers a second both servers gave, the medians of the rounds.
type routeResult struct {
	route            string
	ours, reference  float64
	low, times, high float64 // ours in relation to the reference: quartiles of the rounds
	failures         int64   // the reference's
}

// runRoutes measures the service beside the reference's, both with the same jobs, in turns.
func runRoutes(ctx context.Context, s settings) error {
	folder, err := os.MkdirTemp(s.folder, "jobdb_bench_routes")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // what stays does no harm
	command := filepath.Join(folder, "jobdb")
	tags := ""
	if s.profiles != "" {
		tags = "profile"
	}
	if err := runCommand(ctx, "go", "build", "-tags", tags, "-o", command, "./cmd/jobdb"); err != nil {
		return err
	}
	var tables strings.Builder
	for _, engine := range s.engines {
		results, err := routesOn(ctx, s, engine, folder, command)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		tables.WriteString(routesTable(engine, s.jobs[0], results))
	}
	return s.publish("routes", "", tables.String())
}

func routesOn(ctx context.Context, s settings, engine, folder, command string) (results []routeResult, err error) {
	d, err := openDatabase(ctx, s, engine, s.jobs[0])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close(false)) }()
	if d.referenceURL() == "" {
		s.reference = "" // it doesn't know PostgreSQL
	}
	pair, err := startPair(ctx, s, d, folder, command)
	if err != nil {
		return nil, err
	}
	defer pair.stop()
	for _, r := range routes() {
		if !s.methods.MatchString(r.name) {
			continue
		}
		result, err := pair.measure(ctx, s, d, r)
		if err == nil && s.profiles != "" {
			err = pair.ours.profile(ctx, r, s.budget, filepath.Join(s.profiles, engine))
		}
		if err != nil {
			return results, fmt.Errorf("%s: %w", r.name, err)
		}
		log.Printf("%-8s %-45s %8.0f a second, the reference %6.0f", engine, r.name, result.ours, result.reference)
		results = append(results, result)
	}
	return results, nil
}

// measure asks both servers in turns; the first round of each only warms up.
func (p *pair) measure(ctx context.Context, s settings, d *database, r route) (routeResult, error) {
	result := routeResult{route: r.name}
	var ours, reference, times []float64
	for round := range routeRounds + 1 {
		span := s.budget
		if round == 0 {
			span = s.budget / 4
		}
		a, b, err := p.load(ctx, r, span)
		if err != nil {
			return result, err
		}
		if round == 0 {
			continue
		}
		ours, reference, times = append(ours, a.rate()), append(reference, b.rate()), append(times, a.rate()/b.rate())
		result.failures += b.failed
		err = errors.Join(s.writeRate(d, r, "ours", a), s.writeRate(d, r, "reference", b))
		if err != nil {
			return result, err
		}
	}
	result.ours, result.reference = median(ours), median(reference)
	result.low, result.times, result.high = quartiles(times)
	return result, nil
}

// load asks ours, which must not fail, and then the reference, which may.
func (p *pair) load(ctx context.Context, r route, span time.Duration) (ours, reference outcome, err error) {
	if ours, err = p.ours.load(ctx, r, span); err != nil {
		return ours, reference, err
	}
	if ours.failed > 0 {
		return ours, reference, fmt.Errorf("ours failed %d times of %d, at last with %s", ours.failed, ours.failed+ours.good, ours.why)
	}
	if reference, err = p.reference.load(ctx, r, span); err != nil {
		return ours, reference, err
	}
	if reference.failed > 0 {
		log.Printf("the reference failed %d times of %d, at last with %s", reference.failed, reference.failed+reference.good, reference.why)
	}
	return ours, reference, nil
}

// writeRate writes the sample of one round, if there was a good answer.
func (s settings) writeRate(d *database, r route, contender string, o outcome) error {
	if o.good == 0 {
		return nil
	}
	name := benchmarkName(r.name, d.engine, d.jobs, "connections", connections, contender)
	return s.samples.write(name, []sample{rateSample(o.good, o.took)})
}

func routesTable(engine string, jobs int, results []routeResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s, %s jobs | requests a second | the reference | times |\n| --- | ---: | ---: | ---: |\n",
		engineNames[engine], withCommas(jobs))
	var all []float64
	for _, r := range results {
		if r.reference == 0 {
			fmt.Fprintf(&b, "| %s | %.0f | | |\n", r.route, r.ours)
			continue
		}
		note := ""
		if r.failures > 0 {
			note = fmt.Sprintf(", and %d failures", r.failures)
		}
		fmt.Fprintf(&b, "| %s | %.0f | %.0f%s | %.1f (%.1f–%.1f) |\n", r.route, r.ours, r.reference, note, r.times, r.low, r.high)
		all = append(all, r.times)
	}
	if len(all) > 0 {
		fmt.Fprintf(&b, "\nThe least is %.1f times, the median %.1f.\n", slices.Min(all), median(all))
	}
	return b.String() + "\n"
}
