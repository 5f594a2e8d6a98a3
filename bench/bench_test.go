package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"jobdb/oracle"
)

// smallRun are the settings of a run that only shows that everything works.
func smallRun(t *testing.T) settings {
	t.Helper()
	return settings{sizes: []int{1, 7}, methods: regexp.MustCompile("."), budget: time.Nanosecond, folder: t.TempDir()}
}

// Every comparison runs, and ours and the bare driver agree on what they did.
func TestComparisonsAgree(t *testing.T) {
	for _, engine := range []string{"sqlite", "mariadb", "mysql", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			needServer(t, engine)
			results, err := methodsOn(t.Context(), smallRun(t), engine, 300)
			if err != nil {
				t.Fatal(err)
			}
			methods := distinct(results, func(r result) string { return r.Method })
			if len(methods) < 40 {
				t.Errorf("only %d methods were measured: %q", len(methods), methods)
			}
			for _, r := range results {
				if r.Ours <= 0 || r.Bare <= 0 || r.RatioLow <= 0 || r.Ratio < r.RatioLow || r.RatioHigh < r.Ratio || r.Rounds < minRounds {
					t.Errorf("not measured: %+v", r)
				}
			}
		})
	}
}

// needServer skips the test without the engine's server, which CI must have.
func needServer(t *testing.T, engine string) {
	t.Helper()
	variable := serverURL[engine]
	switch address := os.Getenv(variable); {
	case variable == "":
	case testing.Short():
		t.Skip("-short: SQLite only")
	case (address == "" || address == "none") && os.Getenv("CI") != "":
		t.Fatal("no server: " + variable + " is not set")
	case address == "" || address == "none":
		t.Skip("!!! NOT TESTED: " + variable + " is not set; run this through go run ./jobdbtest/withengines -- …")
	}
}

// DIRAC's own classes answer the same as ours, and change the same.
func TestDIRACAgrees(t *testing.T) {
	python := oracle.DIRACPython(t)
	t.Chdir("..") // where the program is that it runs
	for _, engine := range []string{"mariadb", "mysql"} {
		t.Run(engine, func(t *testing.T) {
			needServer(t, engine)
			s := smallRun(t)
			s.dirac = python
			results, err := diracOn(t.Context(), s, engine, 300)
			if err != nil {
				t.Fatal(err)
			}
			if len(results) < 60 {
				t.Errorf("only %d methods were compared", len(results))
			}
			for _, r := range results {
				if r.Ours <= 0 || r.Bare <= 0 || r.Ratio <= 0 {
					t.Errorf("not measured: %+v", r)
				}
			}
			if table := diracTable(results); !strings.Contains(table, "| getCounters: Status |  |") {
				t.Errorf("a table without summaries:\n%s", table)
			}
		})
	}
}

// The reference does the same as ours, wherever it has such a method, and finds the same.
func TestReferenceAgrees(t *testing.T) {
	s := smallRun(t)
	s.reference = oracle.Python(t)
	s.sizes = []int{1}
	results, err := methodsOn(t.Context(), s, "sqlite", 300)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, r := range results {
		if r.ReferenceFailure != "" {
			t.Errorf("%s: %s", r.Method, r.ReferenceFailure)
		}
		if r.Times > 0 && r.Reference > 0 && r.BesideReference > 0 {
			compared++
		}
	}
	if compared < 31 {
		t.Errorf("only %d methods were compared", compared)
	}
}

// Every route answers, of our server and of the reference's.
func TestRoutes(t *testing.T) {
	s := smallRun(t)
	s.reference = oracle.Python(t)
	t.Chdir("..") // where the programs are that it runs
	s.engines, s.jobs, s.budget = []string{"sqlite"}, []int{1000}, 20*time.Millisecond
	command := s.folder + "/jobdb"
	if err := runCommand(t.Context(), "go", "build", "-o", command, "./cmd/jobdb"); err != nil {
		t.Fatal(err)
	}
	var samples bytes.Buffer
	s.samples = &sampleWriter{&samples}
	results, err := routesOn(t.Context(), s, "sqlite", s.folder, command)
	if err != nil {
		t.Fatal(err)
	}
	for _, contender := range []string{"ours", "reference"} {
		name := benchmarkName("GET /api/health/live", "sqlite", 1000, "connections", connections, contender)
		if n := strings.Count(samples.String(), name+"\t"); n != routeRounds {
			t.Errorf("%d samples of %s, not %d", n, name, routeRounds)
		}
	}
	if len(results) != len(routes()) {
		t.Errorf("%d of %d routes were measured", len(results), len(routes()))
	}
	for _, r := range results {
		if r.ours <= 0 || r.reference <= 0 && r.failures == 0 {
			t.Errorf("not measured: %+v", r)
		}
	}
}

// What a client does to many jobs at once is done, and told.
func TestBulk(t *testing.T) {
	t.Chdir("..") // where the program is that it runs
	s := smallRun(t)
	s.jobs, s.bulk = []int{8000}, true
	command := s.folder + "/jobdb"
	if err := runCommand(t.Context(), "go", "build", "-o", command, "./cmd/jobdb"); err != nil {
		t.Fatal(err)
	}
	results, err := bulkOn(t.Context(), s, "sqlite", s.folder, command)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.jobs == 0 || r.rate() < 1 { // whatever else the machine does
			t.Errorf("%s: %d jobs in %v", r.what, r.jobs, r.took)
		}
	}
	if table := bulkTable(8000, results); strings.Count(table, "\n") != len(results)+3 || len(results) != 8 {
		t.Errorf("%d results, and a table\n%s", len(results), table)
	}
}

// A method that stays below its floor fails the check; one that was measured badly once doesn't.
func TestCheckFloor(t *testing.T) {
	ratios := func(all ...float64) func(context.Context, time.Duration) (result, error) {
		return func(context.Context, time.Duration) (result, error) {
			next := all[0]
			all = all[1:]
			return result{Ratio: next}, nil
		}
	}
	for _, test := range []struct {
		engine string
		first  float64
		again  []float64
		slow   bool
	}{
		{"sqlite", 0.9, nil, false},
		{"sqlite", 0.69, nil, false}, // noise
		{"sqlite", 0.5, []float64{0.6, 0.7}, false},
		{"sqlite", 0.5, []float64{0.6, 0.6, 0.6, 0.6, 0.6}, true},
		{"postgres", 0.55, nil, false}, // has a floor of its own
	} {
		r := result{Engine: test.engine, Method: "ExpireJobCommands", Ratio: test.first}
		if _, err := checkFloor(t.Context(), r, time.Second, ratios(test.again...)); errors.Is(err, errFloor) != test.slow {
			t.Errorf("%v then %v: %v", test.first, test.again, err)
		}
	}
}

func TestQuartiles(t *testing.T) {
	if low, middle, high := quartiles([]int{7, 1, 5, 3, 8, 2, 6, 4}); low != 3 || middle != 5 || high != 7 {
		t.Errorf("quartiles are %d, %d, %d", low, middle, high)
	}
}

func TestPlansAreShown(t *testing.T) {
	s := smallRun(t)
	d, err := openDatabase(t.Context(), s, "sqlite", 100)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := d.printPlans(t.Context(), &out, s.methods); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "COVERING INDEX VOUpdated") {
		t.Errorf("no summary by an index alone:\n%s", out.String())
	}
	if err := d.close(false); err != nil {
		t.Error(err)
	}
}

func TestRender(t *testing.T) {
	results := []result{
		{
			Engine: "sqlite", Jobs: 1000, Method: "Twice", Size: 100, Ours: 2 * time.Millisecond, Bare: time.Millisecond,
			Ratio: 0.5, RatioLow: 0.41, RatioHigh: 0.6,
		},
		{
			Engine: "sqlite", Jobs: 1000, Method: "Twice", Size: 1000, Ours: 30 * time.Millisecond, Bare: 30 * time.Millisecond, Ratio: 1,
			BesideReference: 20 * time.Millisecond, Reference: 60 * time.Millisecond, TimesLow: 2.5, Times: 3, TimesHigh: 3.5,
		},
		{Engine: "sqlite", Jobs: 1000, Method: "Never", Size: 1, ReferenceFailure: "OperationalError"},
	}
	var out bytes.Buffer
	if err := render(&out, results); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"## With 1,000 jobs in the database",
		"| Twice | 100 | 2.00 | **0.50** (0.41–0.60) |",
		"| Twice | 1,000 | 30.0 | 1.00 |",
		"| Twice | 1.50 |",
		"| SQLite | Twice | 1,000 | 20.0 | 60.0 | 3.0 (2.5–3.5) |",
		"| SQLite | Never | 1 | | it fails | |",
		"The reference takes 3.0 times as long in the median, and 3.0 times at least: SQLite, Twice of 1000.",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no line %q in\n%s", line, out.String())
		}
	}
}
