package wms

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"jobdb"
	"jobdb/jdl"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// toReference is what testdata/reference.py is asked.
type toReference struct {
	Submissions [][]string       `json:"submissions"`
	Originals   []string         `json:"originals"`
	Platforms   []platformsAsked `json:"platforms"`
}

type platformsAsked struct {
	Known map[string][]string `json:"known"`
	Named []string            `json:"named"`
}

// fromReference is what it answers.
type fromReference struct {
	Submissions []submissionAnswer `json:"submissions"`
	Originals   []submissionAnswer `json:"originals"`
	Platforms   [][]string         `json:"platforms"`
}

type submissionAnswer struct {
	Status  string      `json:"status"`
	Minor   string      `json:"minor"`
	Jobs    []jobAnswer `json:"jobs"`
	Error   string      `json:"error"`
	Refused bool        `json:"refused"` // with a 400; otherwise the error is a 500
	Hangs   bool        `json:"hangs"`
}

type jobAnswer struct {
	Original   string         `json:"original"`
	JDL        string         `json:"jdl"`
	Attributes map[string]any `json:"attributes"`
	InputData  []string       `json:"inputData"`
}

var referenceOwner = Owner{"alice", "lhcb_user", "lhcb"}

const firstID = 7 // of the jobs that the reference makes

// exceptions are the submissions that the reference takes and we refuse, by a part of our error.
// Where it hangs or answers 500 we always refuse.
var exceptions = []string{
	"in which DIRAC would see a pattern", // DIRAC never fills in a place whose name has such characters
}

// TestAgainstReference holds what a submission stores against what DiracX stores, byte for byte:
// all of testdata/jdl, lists of them, and random texts.
func TestAgainstReference(t *testing.T) {
	asked := toReference{Submissions: submissions(t)}
	answers := askReference(t, asked)
	counts := map[string]int{}
	for i, texts := range asked.Submissions {
		counts[compare(t, texts, answers.Submissions[i])]++
	}
	t.Logf("%d submissions: %v", len(asked.Submissions), counts)
	for _, outcome := range []string{"taken", "parametric", "refused", "500", "hangs"} {
		if counts[outcome] < 20 {
			t.Errorf("only %d are %s: the texts test little", counts[outcome], outcome)
		}
	}
}

func submissions(t *testing.T) [][]string {
	t.Helper()
	one := func(texts []string) (lists [][]string) {
		for _, text := range texts {
			lists = append(lists, []string{text})
		}
		return lists
	}
	written := append(corpus(t), unprintable...)
	return slices.Concat(one(written), one(randomJDLs(800)), one(randomParametric(600)), listsOf(written))
}

// corpus is every text in testdata/jdl.
func corpus(t *testing.T) (texts []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/jdl/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			texts = append(texts, string(f.Data))
		}
	}
	if len(texts) < 200 {
		t.Fatalf("%d texts in testdata/jdl", len(texts))
	}
	return texts
}

// unprintable are texts that a text file would spoil.
var unprintable = []string{
	"\u00a0\u2003Executable\u00a0=\u2003\"echo\"\x1c;",
	"Executable = \"echo\x1c\";\x1d\x1e\x1f",
	"Executable = \"tab\there\"; A = \"\v\f\"; B = \u0085\u2028;",
	"Executable = echo\u200b; \ufeff = 1;",
	"\ufeffExecutable = \"echo\";",
	"A = \"\x1c5\"; B = \"\u00a05\"; CPUTime = \"\u00a0300\u2003\";",
	"CPUTime = \"\x1c300\";",
	"A = 1;\r\nB = 2;\rC = 3;",
	"A = {\"x\",\r\n\"y\"};\r\nParameters = {\"a\r\",\"b\n\"}; D = \"%s\";",
	`Parameters = 2; A = "%s"; ParameterStart = 1` + strings.Repeat("0", 4299) + ";",
	`Parameters = 2; A = "%s"; ParameterStart = 1` + strings.Repeat("0", 4299) + "; ParameterFactor = 10;",
	`Parameters = 2; A = "%s"; ParameterStart = 1` + strings.Repeat("0", 4300) + ";",
	`Parameters = 2; A = "%s"; ParameterStart = -1` + strings.Repeat("0", 4299) + "; ParameterStep = 1;",
	`Parameters = 2; A = "%s"; ParameterStart = 1` + strings.Repeat("0", 400) + "; ParameterStep = 0.5;",
	`CPUTime = 1` + strings.Repeat("0", 4299) + ";", `CPUTime = 1` + strings.Repeat("0", 4300) + ";",
	`Executable = "echo"; InputData = {` + strings.Repeat(`"LFN:/x",`, 100) + `};`,
	`Executable = "echo"; InputData = {` + strings.Repeat(`"LFN:/x",`, 101) + `};`,
	`Executable = "` + strings.Repeat("x", 100_000) + `";`,
	`Parameters.a+b = {1, 2}; Parameters = 2; A = "%(a+b)s";`,
	`Parameters.a( = {1, 2}; Parameters = 2;`, `Parameters.* = {1, 2}; Parameters = 2;`,
}

// listsOf are submissions of several texts each: those of a group that can be taken, then each
// beside a good one.
func listsOf(texts []string) (lists [][]string) {
	good := make([]string, 21)
	for i := range good {
		good[i] = `Executable = "echo"; JobName = "%j";`
	}
	lists = append(lists, good[:2], good[:20], good, append(good[:20:20], `Parameters = 2;`), append(good[:20:20], `Executable`))
	for i := 0; i < len(texts); i += 5 {
		lists = append(lists, []string{good[0], texts[i]}, []string{texts[i], good[0]})
	}
	return lists
}

// compare tells how the reference answers a submission.
func compare(t *testing.T, texts []string, want submissionAnswer) string {
	t.Helper()
	got, err := submitted(texts)
	isException := func(part string) bool { return err != nil && strings.Contains(err.Error(), part) }
	switch {
	case want.Error != "" && err == nil || want.Hangs && err == nil:
		t.Errorf("%.1000q: DiracX hangs or says %s, we take it as\n%s", texts, want.Error, got.Jobs[0].JDL)
	case want.Hangs:
		return "hangs"
	case want.Error != "" && want.Refused:
		return "refused"
	case want.Error != "":
		return "500"
	case slices.ContainsFunc(exceptions, isException):
		return "excepted"
	case err != nil:
		t.Errorf("%.1000q: we say %v, DiracX takes it as\n%s", texts, err, want.Jobs[0].JDL)
	default:
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.1000q: - DiracX, + ours:\n%s", texts, diff)
		}
		if want.Status == string(submitting.status) {
			return "parametric"
		}
	}
	return "taken"
}

// submitted is what we make of a submission, but for what the database does.
func submitted(texts []string) (answer submissionAnswer, err error) {
	s, err := DefaultRules.rulesOf("lhcb").check(referenceOwner, texts)
	if err != nil {
		return answer, err
	}
	answer.Status, answer.Minor = string(s.state.status), s.state.minor
	for i, manifest := range s.manifests {
		job, err := s.rules.prepareNew(manifest, s.owner, jobdb.JobID(firstID+i))
		if err != nil {
			return answer, err
		}
		original, err := jdl.Decompress(s.originals[i])
		if err != nil {
			return answer, err
		}
		job.attributes["Status"], job.attributes["MinorStatus"] = string(s.state.status), s.state.minor
		answer.Jobs = append(answer.Jobs, jobAnswer{
			Original: original, JDL: job.jdl, Attributes: numbersAsJSON(job.attributes), InputData: append([]string{}, job.inputData...),
		})
	}
	return answer, nil
}

// numbersAsJSON makes numbers what JSON makes of them.
func numbersAsJSON(attributes map[string]any) map[string]any {
	for name, value := range attributes {
		if n, ok := value.(int64); ok {
			attributes[name] = float64(n)
		}
	}
	return attributes
}

// TestRescheduledAgainstReference holds what becomes of rescheduled jobs against what DiracX makes
// of them.
func TestRescheduledAgainstReference(t *testing.T) {
	asked := toReference{}
	for _, text := range append(corpus(t), unprintable...) {
		asked.Originals = append(asked.Originals, jdl.Enclose(text))
	}
	answers := askReference(t, asked)
	m, err := NewJobManager(jobdbtest.Open(t, "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"), jobdb.Options{}), DefaultRules, nil)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for i, text := range asked.Originals {
		want := answers.Originals[i]
		r := &rescheduling{
			JobManager: m,
			jobs: map[jobdb.JobID]jobdb.Attributes{firstID: {
				"Owner": referenceOwner.Name, "OwnerGroup": referenceOwner.Group, "VO": referenceOwner.VO, "RescheduleCounter": int64(1),
			}},
			originals: map[jobdb.JobID]string{firstID: jdl.Compress(text)}, readBudget: newJDLBudget(1), reportBudget: newJDLBudget(1),
		}
		prepared := r.prepared(firstID)
		got, err := prepared.job, prepared.err
		switch {
		case want.Hangs || want.Error != "":
			if err == nil {
				t.Errorf("%.1000q: DiracX hangs or says %s, we take it as\n%s", text, want.Error, got.JDL)
			}
		case err != nil:
			// DiracX finds nothing in the original and forgets what the job was to do.
			if _, errAd := jdl.ParseAd(text); errAd == nil {
				t.Errorf("%.1000q: we say %v, DiracX takes it as\n%s", text, err, want.Jobs[0].JDL)
			}
		default:
			compared++
			attributes := map[string]any{
				"Site": got.Site, "UserPriority": float64(got.UserPriority), "RescheduleCounter": float64(counterAfter(r.jobs[firstID], r.reset)),
				"Status": string(received.status), "MinorStatus": minorRescheduled, "ApplicationStatus": unknownApplication,
			}
			if diff := cmp.Diff(want.Jobs[0].JDL, got.JDL) + cmp.Diff(want.Jobs[0].Attributes, attributes); diff != "" {
				t.Errorf("%.1000q: - DiracX, + ours:\n%s", text, diff)
			}
		}
	}
	t.Logf("%d of %d compared", compared, len(asked.Originals))
	if compared < 100 {
		t.Error("too few were compared")
	}
}

// TestPlatformsAgainstReference compares which platforms fit, and their order, with DIRAC's own
// function.
func TestPlatformsAgainstReference(t *testing.T) {
	known := map[string][]string{
		"x86_64-el9": {"x86_64-el8", "el9"}, "x86_64-el10": {"x86_64-el8", "el9"}, "x86_64_v2-el9": {"x86_64-el8"}, "aarch64-el9": {"el9"},
		"Linux_1.0": {"any"}, "Linux_1.0.0": {"any"}, "Linux_1.0.1": {"any"}, "Linux_1.00a": {"any"}, "Linux_10 -2": {"any"}, "linux_9": {"any"}, "0": {"any"}, "é": {"any"},
	}
	asked := toReference{Platforms: []platformsAsked{{nil, []string{"el9"}}}}
	for _, named := range [][]string{{"el9"}, {"x86_64-el8"}, {"x86_64-el9"}, {"any"}, {"none"}, {"none", "el9", "any"}} {
		asked.Platforms = append(asked.Platforms, platformsAsked{known, named})
	}
	answers := askReference(t, asked)
	for i, p := range asked.Platforms {
		got, _ := Rules{Platforms: p.Known}.platformsFor(p.Named)
		if diff := cmp.Diff(answers.Platforms[i], got); diff != "" {
			t.Errorf("%v: - DIRAC, + ours:\n%s", p.Named, diff)
		}
	}
}

func askReference(t *testing.T, asked toReference) (answers fromReference) {
	t.Helper()
	oracle.Ask(t, "testdata/reference.py", asked, &answers)
	if len(answers.Submissions) != len(asked.Submissions) || len(answers.Originals) != len(asked.Originals) || len(answers.Platforms) != len(asked.Platforms) {
		t.Fatalf("%d, %d and %d answers", len(answers.Submissions), len(answers.Originals), len(answers.Platforms))
	}
	return answers
}
