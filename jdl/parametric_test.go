package jdl_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb/jdl"
)

func expand(t *testing.T, text string) ([]string, error) {
	t.Helper()
	ad, err := jdl.ParseAd(text)
	if err != nil {
		t.Fatal(err)
	}
	return ad.Expand()
}

func TestExpand(t *testing.T) {
	jobs, err := expand(t, `[ A = "%s %(X)s %n"; B = {%(X)s}; Parameters = 11; ParameterStart = 0.5; Parameters.X = {{"a", "b"}, 2, 3, 4, 5, 6, 7, 8, 9, "%n", "10"}; ]`)
	if err != nil || len(jobs) != 11 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	for n, want := range map[int]string{0: `[ 
    A = "0.5 {"a","b"} 00";
    B = 
        {
            "a",
            "b"
        };
    Parameter = "0.5";
    Parameter.X = 
        {
            "a",
            "b"
        };
    ParameterNumber = 0;
]`, 9: `[ 
    A = "0.5 %n 09";
    B = 
        {
            %n
        };
    Parameter = "0.5";
    Parameter.X = "%n";
    ParameterNumber = 9;
]`} {
		if diff := cmp.Diff(want, jobs[n]); diff != "" {
			t.Errorf("job %d: %s", n, diff)
		}
	}
}

// The numbers were taken from Python.
func TestSequence(t *testing.T) {
	for start, want := range map[string]string{
		`Parameters = 4`:                                                                   "1 1 1 1",
		`Parameters = 4; ParameterStep = 1`:                                                "1 2 3 4",
		`Parameters = 3; ParameterStep = 0.1`:                                              "1.0 1.1 1.2000000000000002",
		`Parameters = 3; ParameterFactor = 1e8`:                                            "1.0 100000000.0 1e+16",
		`Parameters = 3; ParameterFactor = 1e-5`:                                           "1.0 1e-05 1.0000000000000002e-10",
		`Parameters = 3; ParameterStart = 0.001; ParameterFactor = 0.1`:                    "0.001 0.0001 1e-05",
		`Parameters = 2; ParameterStart = 99999999999999999999; ParameterFactor = 100`:     "99999999999999999999 9999999999999999999900",
		`Parameters = 2; ParameterStart = 1e308; ParameterFactor = 10`:                     "1e+308 inf",
		`Parameters = 3; ParameterStart = inf; ParameterStep = -inf`:                       "inf nan nan",
		`Parameters = 2; ParameterStart = -2; ParameterStep = 2.0`:                         "-2.0 0.0",
		`Parameters = 2; ParameterStart = -0.0`:                                            "0.0 0.0",
		`Parameters = 2; ParameterStart = "٣"; ParameterStep = 1_0`:                        "3 13",
		`Parameters = 3; ParameterStart = 0.1; ParameterFactor = 3.0; ParameterStep = 0.3`: "0.1 0.6000000000000001 2.1",
	} {
		jobs, err := expand(t, `[ A = "%s"; `+start+`; ]`)
		var values []string
		for _, job := range jobs {
			_, value, _ := strings.Cut(job, `A = "`)
			value, _, _ = strings.Cut(value, `"`)
			values = append(values, value)
		}
		if got := strings.Join(values, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", start, got, err, want)
		}
	}
}

func TestCountJobs(t *testing.T) {
	for text, want := range map[string]int64{
		`A = 1`: 0, `Parameters = 5`: 5, `Parameters = {a, b}`: 2, `Parameters.X = {a, b}`: 1, `Parameters = x`: 0,
		`Parameters = x; Parameters.X = {a, b}`: 2, `Parameters = 9223372036854775807`: 9223372036854775807, `parameters = 2`: 0,
	} {
		ad, err := jdl.ParseAd("[" + text + ";]")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := ad.CountJobs(); err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", text, n, err, want)
		}
	}
}

func TestExpandErrors(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for text, want := range map[string]string{
		`Parameters = 0`:                                                 `"Parameters": a parametric job has at least one value`,
		`Parameters = {}`:                                                `"Parameters": a parametric job has at least one value`,
		`Parameters = 1000000000`:                                        "longer than 16 MiB together",
		`Parameters = 10000000000000000000`:                              `"Parameters": far too many`,
		`Parameters = {1}; Parameters.X = {1, 2}`:                        `"Parameters.X": the parameters don't fit together`,
		`Parameters = 2; Parameters.X = 2`:                               `"Parameters.X": the parameters don't fit together`,
		`Parameters = x; Parameters.X = {1}`:                             `"Parameters": the parameters don't fit together`,
		`Parameters = 2; ParameterStart = x`:                             `"ParameterStart" must be a number`,
		`Parameters = 2; ParameterStep.X = {1, 2}`:                       `"ParameterStep.X" must be a number`,
		`Parameters = 2; ParameterStart.a|b = 1`:                         `"ParameterStart.a|b": the name of a parameter has none of`,
		`Parameters = {{1}, {2}; Parameters.X = {1}`:                     `"Parameters": a { within a list that isn't closed`,
		`Parameters = 2; A = [ B = [ C = 1 ] D; ]`:                       `"B": a ] with no semicolon right after it`,
		`Parameters = 9; ParameterFactor = 1` + strings.Repeat("0", 999): "grow beyond all numbers",
		`Parameters = 2; ParameterStart = 1` + strings.Repeat("0", 999) + `; ParameterStep = .5`: "grow beyond all numbers",
		`Parameters = {` + long + `}; A = "` + strings.Repeat("%s", 20_000) + `"`:                "longer than 16 MiB together",
		`Parameters = 20; A = ` + strings.Repeat("x", 1<<20):                                     "longer than 16 MiB together",
		named(101): "more than 100 parameters",
	} {
		if jobs, err := expand(t, "["+text+";]"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: %d jobs, %v; want %s", text, len(jobs), err, want)
		}
	}
}

// A value may hold the place of the next parameter, twice: 2^99 times the text.
func TestExpandExplosion(t *testing.T) {
	var b strings.Builder
	b.WriteString(`[ A = "%(0x)s"; Parameters = 1; `)
	for i := range 98 {
		b.WriteString("Parameters." + strconv.Itoa(i) + `x = {"%(` + strconv.Itoa(i+1) + `x)s%(` + strconv.Itoa(i+1) + `x)s"}; `)
	}
	if jobs, err := expand(t, b.String()+"]"); err == nil || errors.Is(err, jdl.ErrEndless) {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
}

// named has n parameters beside that without a name.
func named(n int) string {
	var b strings.Builder
	b.WriteString("Parameters = 2")
	for i := range n {
		b.WriteString("; ParameterStart.P" + strconv.Itoa(i) + " = 1")
	}
	return b.String()
}

// TestSweep compares a sweep with the same parameters written as lists.
func TestSweep(t *testing.T) {
	const text = `Executable = "x"; Arguments = "%(x)s %(y)s"; JobName = "scan_%n";`
	parse := func(text string) *jdl.Ad {
		ad, err := jdl.ParseAd(jdl.Enclose(text))
		if err != nil {
			t.Fatal(err)
		}
		return ad
	}
	swept, err := parse(text).Sweep([]jdl.ParameterValues{{Name: "x", Values: []string{"1", "2"}}, {Name: "y", Values: []string{"a", "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := parse(text + `Parameters = 2; Parameters.x = {1, 2}; Parameters.y = {"a", "b"};`).Expand()
	if err != nil {
		t.Fatal(err)
	}
	for i := range listed { // the list without a name has a value, too
		ad := parse(listed[i])
		if ad.Text("Parameter") == "" {
			t.Errorf("job %d has no Parameter: %s", i, listed[i])
		}
		if listed[i] = strings.Replace(listed[i], "    Parameter = \""+ad.Text("Parameter")+"\";\n", "", 1); listed[i] != swept[i] {
			t.Errorf("job %d is\n%s\nnot\n%s", i, swept[i], listed[i])
		}
	}
	if _, err := parse(text).Sweep([]jdl.ParameterValues{{Name: "x", Values: []string{"1"}}, {Name: "y"}}); err == nil {
		t.Error("lists of two lengths are accepted")
	}
}
