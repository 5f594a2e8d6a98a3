package main

import (
	"context"
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

// route is one request of the service, made again and again.
type route struct {
	name, method, path string
	body               func(t target) string // nil: none
	status             int                   // of a good answer
}

// target is what a request may be about.
type target struct {
	job       jobdb.JobID // of the VO that asks
	submitted jobdb.JobID // one that was submitted to this server, with a JDL that can be read
}

// routes are all of the reference's. Answers with rows are pages of 100.
func routes() []route {
	return []route{
		{"POST /api/jobs/jdl (one job)", http.MethodPost, "/api/jobs/jdl", func(target) string { return oneJDL }, http.StatusCreated},
		{"POST /api/jobs/search (one job)", http.MethodPost, "/api/jobs/search", func(t target) string {
			return fmt.Sprintf(`{"search":[{"parameter":"JobID","operator":"eq","value":%d}]}`, t.job)
		}, http.StatusOK},
		{"POST /api/jobs/search (page 1 of a Status)", http.MethodPost, "/api/jobs/search", func(target) string {
			return `{"search":[{"parameter":"Status","operator":"eq","value":"Done"}],"sort":[{"parameter":"JobID","direction":"asc"}]}`
		}, http.StatusPartialContent},
		{"POST /api/jobs/summary (Status)", http.MethodPost, "/api/jobs/summary", func(target) string { return `{"grouping":["Status"]}` }, http.StatusOK},
		{"POST /api/jobs/summary (Site of a Status)", http.MethodPost, "/api/jobs/summary", func(target) string {
			return `{"grouping":["Site"],"search":[{"parameter":"Status","operator":"eq","value":"Done"}]}`
		}, http.StatusOK},
		{"PATCH /api/jobs/status (one job)", http.MethodPatch, "/api/jobs/status", func(t target) string {
			return fmt.Sprintf(`{"%d":{"%s":{"Status":"Running","MinorStatus":"Application","Source":"JobWrapper"}}}`, t.job, time.Now().UTC().Format(time.RFC3339Nano))
		}, http.StatusOK},
		{"PATCH /api/jobs/heartbeat (one job)", http.MethodPatch, "/api/jobs/heartbeat", func(t target) string {
			return fmt.Sprintf(`{"%d":{"LoadAverage":1.5,"MemoryUsed":2048.5,"Vsize":4096,"AvailableDiskSpace":20000,"CPUConsumed":3600,"WallClockTime":4000}}`, t.job)
		}, http.StatusOK},
		{"PATCH /api/jobs/metadata (one job)", http.MethodPatch, "/api/jobs/metadata", func(t target) string {
			return fmt.Sprintf(`{"%d":{"Site":"LCG.Site%02d.ch","HostName":"node%d.example.org"}}`, t.job, rand.IntN(8), rand.IntN(1000))
		}, http.StatusNoContent},
		{"POST /api/jobs/reschedule (one job)", http.MethodPost, "/api/jobs/reschedule?reset_jobs=true", func(t target) string {
			return fmt.Sprintf(`{"job_ids":[%d]}`, t.submitted)
		}, http.StatusOK},
		{"GET /api/auth/userinfo", http.MethodGet, "/api/auth/userinfo", nil, http.StatusOK},
		{"GET /api/openapi.json", http.MethodGet, "/api/openapi.json", nil, http.StatusOK},
		{"GET /.well-known/openid-configuration", http.MethodGet, "/.well-known/openid-configuration", nil, http.StatusOK},
		{"GET /.well-known/jwks.json", http.MethodGet, "/.well-known/jwks.json", nil, http.StatusOK},
		{"GET /api/health/live", http.MethodGet, "/api/health/live", nil, http.StatusOK},
		{"GET /api/health/ready", http.MethodGet, "/api/health/ready", nil, http.StatusOK},
		{"GET /api/health/startup", http.MethodGet, "/api/health/startup", nil, http.StatusOK},
	}
}

const (
	oneJDL = `["Executable = \"/bin/echo\"; Arguments = \"hello\"; JobName = \"hello\"; Site = \"ANY\"; CPUTime = 3600; InputSandbox = {\"a.sh\", \"b.sh\"}; OutputSandbox = {\"std.out\", \"std.err\"};"]`

	connections = 16
	routeRounds = 3
)

// routeResult is how many good answers a second two servers gave, the medians of the rounds, and who failed how often.
type routeResult struct {
	route                  string
	ours, reference        float64
	failed, referenceFails int64
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
	if err := execute(ctx, "go", "build", "-tags", tags, "-o", command, "./cmd/jobdb"); err != nil {
		return err
	}
	for _, engine := range s.engines {
		if engine == "postgres" { // the reference has none
			continue
		}
		results, err := routesOn(ctx, s, engine, folder, command)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		printRoutes(engine, s.jobs[0], results)
	}
	return nil
}

func routesOn(ctx context.Context, s settings, engine, folder, command string) ([]routeResult, error) {
	w, err := openWorld(ctx, s, engine, s.jobs[0])
	if err != nil {
		return nil, err
	}
	defer w.close(false) //nolint:errcheck // it was only measured
	pair, err := startPair(ctx, s, w, folder, command)
	if err != nil {
		return nil, err
	}
	defer pair.stop()
	var results []routeResult
	for _, r := range routes() {
		if !s.methods.MatchString(r.name) {
			continue
		}
		result, err := pair.measure(ctx, r, s.budget)
		if err == nil && s.profiles != "" {
			err = pair.ours.profile(ctx, r, s.budget, filepath.Join(s.profiles, engine))
		}
		if err != nil {
			return results, fmt.Errorf("%s: %w", r.name, err)
		}
		log.Printf("%-8s %-45s %8.0f a second, the reference %6.0f: %5.1f times", engine, r.name, result.ours, result.reference, result.ours/result.reference)
		results = append(results, result)
	}
	return results, nil
}

// measure asks both servers in turns; the first round of each only warms up.
func (p *pair) measure(ctx context.Context, r route, budget time.Duration) (routeResult, error) {
	result := routeResult{route: r.name}
	var ours, reference []float64
	for round := range routeRounds + 1 {
		time := budget
		if round == 0 {
			time = budget / 4
		}
		a, err := p.ours.load(ctx, r, time)
		if err != nil {
			return result, err
		}
		if a.failed > 0 {
			return result, fmt.Errorf("ours failed %d times of %d, at last with %s", a.failed, a.failed+a.good, a.why)
		}
		b, err := p.reference.load(ctx, r, time)
		if err != nil {
			return result, err
		}
		if b.failed > 0 {
			log.Printf("the reference failed %d times of %d, at last with %s", b.failed, b.failed+b.good, b.why)
		}
		if round > 0 {
			ours, reference = append(ours, a.rate()), append(reference, b.rate())
			result.referenceFails += b.failed
		}
	}
	result.ours, result.reference = median(ours), median(reference)
	return result, nil
}

func printRoutes(engine string, jobs int, results []routeResult) {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s, %s jobs | requests a second | the reference | times |\n| --- | ---: | ---: | ---: |\n", engineNames[engine], grouped(jobs))
	var times []float64
	for _, r := range results {
		note := ""
		if r.referenceFails > 0 {
			note = fmt.Sprintf(" (and %d failures)", r.referenceFails)
		}
		fmt.Fprintf(&b, "| %s | %.0f | %.0f%s | %.1f |\n", r.route, r.ours, r.reference, note, r.ours/r.reference)
		times = append(times, r.ours/r.reference)
	}
	if len(times) > 0 {
		fmt.Fprintf(&b, "\nThe least is %.1f times, the median %.1f.\n\n", slices.Min(times), median(times))
	}
	fmt.Print(b.String())
}
