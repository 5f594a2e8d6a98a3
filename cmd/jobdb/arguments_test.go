package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Arguments may stand before, amid and behind flags.
func TestArguments(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Name("jobdb"), kong.Vars{"data_dir": "data", "user": "alice"})
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{
		"":                                     "--help",
		"help":                                 "--help",
		"help status set":                      "status set --help",
		"--version":                            "version",
		"search":                               "search",
		"search 1 --mine 2":                    "search --mine -- 1 2",
		"search 1 -o csv 2 -c JobID - --all":   "search -o csv -c JobID --all -- 1 2 -",
		"search --output=csv 1 -ocsv 2":        "search --output=csv -ocsv -- 1 2",
		"kill -yo csv 1":                       "kill -yo csv -- 1",
		"kill -y 1":                            "kill -y -- 1",
		"status set Done 1 --minor x":          "status set --minor x -- Done 1",
		"--config x list 1":                    "list --config x -- 1",
		"search -- 1 --mine":                   "search -- 1 --mine",
		"search --nonsense 1":                  "search --nonsense -- 1",
		"nonsense 1":                           "nonsense 1",
		"search 1 -w":                          "search -w -- 1",
		"submit a.jdl --set JobName=x b.jdl -": "submit --set JobName=x -- a.jdl b.jdl -",
	} {
		if got := arguments(parser.Model, strings.Fields(given)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}
