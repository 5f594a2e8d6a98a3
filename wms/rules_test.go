package wms_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb/jdl"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

func TestReadRules(t *testing.T) {
	book, err := wms.ReadRules(strings.NewReader(`{
		"Default": {"MaxJobs": 50, "JobTypes": ["User", "Merge"], "Platforms": {"x86_64-el9": ["x86_64-el8"]}},
		"VOs": {
			"lhcb": {"CPUTime": 300, "JobTypes": ["MCSimulation"], "Platforms": {"aarch64-el9": []}},
			"belle": {"MinPriority": 3, "MaxReschedulings": 0, "InputDataModule": ""},
			"ilc": {}
		}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	want := wms.DefaultRules
	want.Default.MaxJobs, want.Default.JobTypes = 50, []string{"User", "Merge"}
	want.Default.Platforms = map[string][]string{"x86_64-el9": {"x86_64-el8"}}
	lhcb, belle := want.Default, want.Default
	lhcb.CPUTime, lhcb.JobTypes = 300, []string{"MCSimulation"}
	lhcb.Platforms = map[string][]string{"x86_64-el9": {"x86_64-el8"}, "aarch64-el9": {}}
	belle.MinPriority, belle.MaxReschedulings, belle.InputDataModule = 3, 0, ""
	want.VOs = map[string]wms.Rules{"lhcb": lhcb, "belle": belle, "ilc": want.Default}
	if diff := cmp.Diff(want, book); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"User", "Test", "Hospital"}, wms.DefaultRules.Default.JobTypes); diff != "" {
		t.Errorf("reading rules changed the defaults: %s", diff)
	}
	for _, text := range []string{"{}", `{"Default": null}`, `{"VOs": {}}`} {
		if book, err := wms.ReadRules(strings.NewReader(text)); err != nil || !cmp.Equal(book.Default, wms.DefaultRules.Default) {
			t.Errorf("%s: %v, %v", text, book, err)
		}
	}
}

func TestReadRulesErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                                        `read the rules: EOF; they are written as {"Default": {…}, "VOs": {"lhcb": {…}}}`,
		`[]`:                                      `read the rules: json: cannot unmarshal array`,
		`{"MaxJobs": 5}`:                          `read the rules: json: unknown field "MaxJobs"; they are written as`,
		`{"Default": {"MaxJob": 5}}`:              `read the rules of Default: json: unknown field "MaxJob"; the rules are MaxJobs, MaxUserJobs, MaxVOJobs, `,
		`{"VOs": {"lhcb": {"Limit": 5}}}`:         `read the rules of the VO lhcb: json: unknown field "Limit"`,
		`{"VOs": {"lhcb": {"CPUTime": "5"}}}`:     `read the rules of the VO lhcb: json: cannot unmarshal string`,
		`{"VOs": {"lhcb": {"CPUTime": 5.5}}}`:     `read the rules of the VO lhcb: json: cannot unmarshal number 5.5`,
		`{"Default": {"MaxJobs": 0}}`:             `read the rules of Default: MaxJobs must be more than 0`,
		`{"Default": {"MaxReschedulings": -1}}`:   `read the rules of Default: MaxInputData and MaxReschedulings can't be less than 0`,
		`{"Default": {"MinCPUTime": 600000}}`:     `read the rules of Default: MinCPUTime is more than MaxCPUTime`,
		`{"VOs": {"lhcb": {"MaxPriority": -1}}}`:  `read the rules of the VO lhcb: MinPriority is more than MaxPriority`,
		`{"Default": {"JobTypes": ["User", ""]}}`: `read the rules of Default: JobTypes has an empty name`,
		`{} {}`: `read the rules: there is more after the closing }`,
	} {
		if book, err := wms.ReadRules(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, %v", text, book, err)
		}
	}
}

// TestRules submits under rules that aren't the reference's.
func TestRules(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	book, err := wms.ReadRules(strings.NewReader(`{"Default": {"CPUTime": 50, "Priority": 99, "Platforms": {"el9": ["el8"], "el10": ["el8"]}},
		"VOs": {"belle": {"JobTypes": ["Merge"], "MaxInputData": 1}}}`))
	if err != nil {
		t.Fatal(err)
	}
	m.Rules = book
	jobs, err := m.Submit(t.Context(), alice, []string{`Platform = "el8";`, `CPUTime = 1; Priority = 1000;`})
	if err != nil {
		t.Fatal(err)
	}
	all := everything(t, m, jobs[0].JobID, jobs[1].JobID)
	for text, in := range map[string]string{
		"\n    CPUTime = 100;\n": all[0].JDL, "\n    Priority = 10;\n": all[0].JDL, // the defaults, bounded
		"            Platforms = \n                {\n                    \"el10\",\n                    \"el9\"\n                };\n": all[0].JDL,
		"\n    CPUTime = 1;\n": all[1].JDL, "\n    Priority = 1000;\n": all[1].JDL, // what a JDL says stays
	} {
		if !strings.Contains(in, text) {
			t.Errorf("no %q in %s", text, in)
		}
	}
	bob := wms.Owner{Name: "bob", Group: "belle_user", VO: "belle"}
	for text, want := range map[string]string{
		`JobType = "Merge"; InputData = "a";`: "", `JobType = "User";`: `JobType is one of Merge, not "User"`,
		`InputData = {"a", "b"};`: "InputData has 2 files, at most 1 are taken",
		`Platform = "el7";`:       `nothing here runs on the Platform "el7"`,
	} {
		_, err := m.Submit(t.Context(), bob, []string{text})
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != "JDL syntax error: "+want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := jdl.ParseAd(all[0].JDL); err != nil {
		t.Error(err)
	}
}
