package wms_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb/wms"
)

// docs/rules.md lists every rule with its default, and shows a file that is read as it says.
func TestRulesAreDescribed(t *testing.T) {
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	defaults := reflect.ValueOf(wms.DefaultRules.Default)
	for _, field := range reflect.VisibleFields(defaults.Type()) {
		want[field.Name] = asDescribed(defaults.FieldByIndex(field.Index))
	}
	if diff := cmp.Diff(want, describedDefaults(t, string(text))); diff != "" {
		t.Errorf("- code, + docs/rules.md:\n%s", diff)
	}
	_, example, _ := strings.Cut(string(text), "```json\n")
	example, _, closed := strings.Cut(example, "```")
	got, err := wms.ReadRules(strings.NewReader(example))
	if err != nil || !closed {
		t.Fatalf("%s: %v", example, err)
	}
	book := wms.RuleBook{Default: wms.DefaultRules.Default}
	book.Default.MaxJobs = 100
	lhcb := book.Default
	lhcb.CPUTime, lhcb.JobTypes = 200_000, []string{"User", "MCSimulation"}
	lhcb.Platforms = map[string][]string{"x86_64-slc6": {"x86_64-centos7"}}
	book.VOs = map[string]wms.Rules{"lhcb": lhcb}
	if diff := cmp.Diff(book, got); diff != "" {
		t.Errorf("the example is read as, - wanted, + got:\n%s", diff)
	}
}

// asDescribed is a default as the table writes it.
func asDescribed(value reflect.Value) string {
	switch {
	case value.Kind() == reflect.Map && value.Len() == 0:
		return "none"
	case value.Kind() == reflect.Slice:
		return strings.Join(value.Interface().([]string), ", ")
	}
	return fmt.Sprint(value.Interface())
}

// describedDefaults are those of the table, by the names of their rules. A row may have several
// names, and as many defaults.
func describedDefaults(t *testing.T, text string) map[string]string {
	t.Helper()
	defaults := map[string]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(line, " | ")
		if len(cells) < 3 || !strings.HasPrefix(line, "| `") {
			continue
		}
		names := strings.Split(strings.Trim(cells[0], "| `"), "`, `")
		values := []string{cells[1]}
		if len(names) > 1 {
			values = strings.Split(cells[1], ", ")
		}
		if len(values) != len(names) {
			t.Errorf("%v have the defaults %q", names, values)
			continue
		}
		for i, name := range names {
			defaults[name] = values[i]
		}
	}
	return defaults
}
