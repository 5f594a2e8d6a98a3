package main

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// benchmarkLine is a result line of Go's benchmark format: name with keys, iterations, value and
// unit.
var benchmarkLine = regexp.MustCompile(
	`^Benchmark\p{Lu}[\p{L}\d_]*/engine=(sqlite|mariadb|mysql|postgres)/jobs=\d+(/(size|writers|connections)=\d+)?` +
		`/contender=[a-z]+(-\d+)?\t[1-9]\d*\t\d+ ns/op$`)

// samplesOf runs something with the settings of a small run, checks that each line is in the
// format, and returns the names and how often each was written.
func samplesOf(t *testing.T, run func(settings) error) map[string]int {
	t.Helper()
	var out bytes.Buffer
	w, err := newSampleWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	header := strings.Count(out.String(), "\n")
	s := smallRun(t)
	s.samples = w
	if err := run(s); err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		switch {
		case i < header:
			if !regexp.MustCompile(`^(goos|goarch|pkg|cpu): \S.*$`).MatchString(line) {
				t.Errorf("not a configuration line: %q", line)
			}
		case !benchmarkLine.MatchString(line):
			t.Errorf("not a result line: %q", line)
		default:
			name, _, _ := strings.Cut(line, "\t")
			found[name]++
		}
	}
	return found
}

// Every comparison writes enough samples of ours and of the bare driver, under a name of its own.
func TestSamplesOfMethods(t *testing.T) {
	var results []result
	found := samplesOf(t, func(s settings) (err error) {
		results, err = methodsOn(t.Context(), s, "sqlite", 300)
		return err
	})
	if len(found) != 2*len(results) || len(results) < 40 {
		t.Errorf("%d names for %d comparisons", len(found), len(results))
	}
	for _, r := range results {
		for _, contender := range []string{"ours", "bare"} {
			if n := found[r.benchmark(contender)]; n < minRounds || n > maxSamples {
				t.Errorf("%s has %d samples", r.benchmark(contender), n)
			}
		}
	}
}

// The other measurements write samples, too.
func TestSamplesOfOthers(t *testing.T) {
	for _, test := range []struct {
		run  func(settings) error
		want []string // parts of names that must be there
	}{
		{func(s settings) error {
			s.methods = regexp.MustCompile("^SetJobAttributes$")
			_, err := countsOn(t.Context(), s, "sqlite", 300, lacksCounts)
			return err
		}, []string{"SetJobAttributes/engine=sqlite/jobs=300/size=7/contender=uncounted", "size=1/contender=counted"}},
		{func(s settings) error {
			s.budget = 5 * time.Millisecond
			_, err := measureWriters(t.Context(), s, 300)
			return err
		}, []string{"SetJobCommands/engine=sqlite/jobs=300/writers=16/contender=ours", "contender=delete", "contender=wal"}},
		{func(s settings) error {
			d, err := openDatabase(t.Context(), s, "sqlite", 300)
			if err != nil {
				return err
			}
			defer d.close(false) //nolint:errcheck // only read
			_, err = d.measureGrowth(t.Context(), s)
			return err
		}, []string{"Summary_Site_Status/engine=sqlite/jobs=300/contender=ours", "First_page_no_filter/"}},
	} {
		found := samplesOf(t, test.run)
		for _, want := range test.want {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(found)), func(name string) bool { return strings.Contains(name, want) }) {
				t.Errorf("no %q in %v", want, found)
			}
		}
	}
}

func TestBatches(t *testing.T) {
	took := make([]time.Duration, 25)
	for i := range took {
		took[i] = time.Duration(i)
	}
	calls := 0
	samples := batches(took)
	for _, s := range samples {
		calls += s.calls
	}
	if len(samples) != maxSamples || calls != len(took) || samples[0] != (sample{2, 1}) || samples[9] != (sample{3, 23}) {
		t.Errorf("samples of 25 times: %v", samples)
	}
	if few := batches(took[:6]); len(few) != 6 || few[5] != (sample{1, 5}) {
		t.Errorf("samples of 6 times: %v", few)
	}
}

// No two routes have the same name.
func TestRoutesHaveNamesOfTheirOwn(t *testing.T) {
	found := map[string]string{}
	for _, r := range routes() {
		name := benchmarkName(r.name, "sqlite", 10, "connections", connections, "ours")
		if other, known := found[name]; known || !benchmarkLine.MatchString(name+"\t1\t1 ns/op") {
			t.Errorf("%s: %q, which is %q", r.name, name, other)
		}
		found[name] = r.name
	}
}
