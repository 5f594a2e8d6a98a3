package wms

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fromReference is what testdata/reference.py says of one text.
type fromReference struct {
	JDL        string         `json:"jdl"`
	Attributes map[string]any `json:"attributes"`
	InputData  []string       `json:"inputData"`
	Error      string         `json:"error"`
	Hangs      bool           `json:"hangs"`
}

var corpus = []string{
	`Executable = "echo";`,
	`[Executable = "echo"; Arguments = "a, b"; JobName = "hello"; JobType = "User"; JobGroup = "g1"; Priority = 3]`,
	`Executable = "echo"; InputData = {"LFN:/lhcb/a", "LFN:/lhcb/b", "LFN:/lhcb/a"}; Site = "LCG.CERN.cern, LCG.X.y";`,
	`Executable = "echo"; InputData = "LFN:/lhcb/a"; Site = {"LCG.CERN.cern"}; CPUTime = 300;`,
	`Executable = "echo"; InputData = ""; OutputSandbox = {std.out, "std.err"}; StdOutput = std.out;`,
	"Arguments = \"jobDescription.xml -o LogLevel=INFO\";\nExecutable = \"dirac-jobexec\";\nOutputSandbox =\n    {\n        Script1_CodeOutput.log,\n        std.err\n    };\nSite = ANY;\n",
	`[ Executable = "echo"; Environment = [ A = 1; B = "two"; C = [ D = {1, 2}; ]; ]; Tail = 5; ]`,
	`Executable = "job_%j.sh"; LogFile = "log.%j"; JobID = 99;`,
	`Executable = "é日本"; JobName = "naïve";`,
	`Owner = "bob"; OwnerGroup = "x"; Executable = "echo";`,
	`VirtualOrganization = "lhcb"; Executable = "echo";`,
	`VirtualOrganization = "belle"; Executable = "echo";`,
	`VO = "belle"; Executable = "echo";`,
	`Executable = "echo"; Platform = "x86_64";`,
	`Executable = "echo"; JobType = "Merge";`,
	`Executable = "echo"; JobType = {"User", "Test"};`,
	`Executable = "echo"; CPUTime = "abc";`,
	`Executable = "echo"; CPUTime = " 5_0 ";`,
	`Executable = "echo"; Priority = 2.5;`,
	`Executable = "echo"; Priority = [ a = 1; ];`,
	`Executable = "echo"; Number = 1e5; Other = 1_000.5; Not = 0x10; Inf = inf; Nan = -NaN; Plus = +.5;`,
	`Executable = "a;b";`,
	`Executable = "a=b"; Requirements = (other.X == "y") && other.Z;`,
	`Executable = "unclosed`,
	`Executable = "with \"escaped\" quotes";`,
	`Executable = "a" "b";`,
	`Executable = "a", "b";`,
	`Executable`, `Executable =`, `=`, `;`, ``, `[]`, `[;]`, `[[]]`, `a = {`, `a = {}`, `a = {1;`, `a=[`, `a=[b=1`,
	"# comment\nExecutable = \"echo\"; // foo = bar\nJobName = \"x\";",
	"/* comment */ Executable = \"echo\";",
	`a = [ b = 1; ]; a/c = 2; a/d/e = 3; /f = 4; g/h = 5; / = 6;`,
	`a = 1; a/b = 2;`, `a = 1; a = 2; b = 3;`, `a = [ b = 1; ]; a = 2;`, `a = [ b = 1; ]; a = [ c = 1; ];`,
	`Executable = "echo"; Nested = {{"a", "b"}, {"c"}};`,
	`Executable = "echo"; Multi = "one
two";`,
	`Executable = "echo"; JobRequirements = "mine"; SoftwareDistModule = "Other"; InputDataModule = "";`,
	`Executable = "echo"; InputData = {"a b", " c ", , "d"};`,
	`Executable = "[1]";`,
	"\u00a0\u2003Executable\u00a0=\u2003\"echo\"\x1c;",
	`Executable = "echo"; InputData = {` + strings.Repeat(`"LFN:/x",`, 101) + `};`,
}

// TestAgainstReference holds what is stored of a JDL against what DiracX stores, byte for byte.
// Where DiracX hangs, we only must not.
func TestAgainstReference(t *testing.T) {
	python := os.Getenv("JOBDB_ORACLE_PYTHON")
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("JOBDB_ORACLE_PYTHON is not set to a Python that has DiracX: make oracle")
		}
		t.Skip("!!! NOT COMPARED with DiracX: JOBDB_ORACLE_PYTHON is not set; make oracle")
	}
	texts := append(corpus, randomJDLs(400)...)
	answers := askReference(t, python, texts)
	hangs, taken := 0, 0
	for i, text := range texts {
		compare(t, text, answers[i])
		switch {
		case answers[i].Hangs:
			hangs++
		case answers[i].Error == "":
			taken++
		}
	}
	t.Logf("%d texts; DiracX takes %d and hangs on %d", len(texts), taken, hangs)
}

func compare(t *testing.T, text string, want fromReference) {
	t.Helper()
	owner := Owner{"alice", "lhcb_user", "lhcb"}
	d, err := DefaultRules.draft(owner, text)
	var got *job
	if err == nil {
		got, err = DefaultRules.finish(d, owner, 7)
	}
	switch {
	case want.Hangs:
	case want.Error != "" && err == nil:
		t.Errorf("%q: DiracX says %s, we take it as\n%s", text, want.Error, got.jdl)
	case want.Error == "" && err != nil:
		t.Errorf("%q: we say %v, DiracX takes it as\n%s", text, err, want.JDL)
	case err == nil:
		if diff := cmp.Diff(want.JDL, got.jdl); diff != "" {
			t.Errorf("%q: JDL, - DiracX, + ours:\n%s", text, diff)
		}
		if diff := cmp.Diff(want.Attributes, throughJSON(t, got.attributes)); diff != "" {
			t.Errorf("%q: attributes, - DiracX, + ours:\n%s", text, diff)
		}
		if diff := cmp.Diff(strings.Join(want.InputData, "|"), strings.Join(got.inputData, "|")); diff != "" {
			t.Errorf("%q: input data, - DiracX, + ours:\n%s", text, diff)
		}
	}
}

func throughJSON(t *testing.T, from any) (to map[string]any) {
	t.Helper()
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, &to)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func askReference(t *testing.T, python string, texts []string) (answers []fromReference) {
	t.Helper()
	input, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), python, "testdata/reference.py")
	command.Stdin = bytes.NewReader(input)
	command.Stderr = new(strings.Builder)
	output, err := command.Output()
	if err == nil {
		err = json.Unmarshal(output, &answers)
	}
	if err != nil || len(answers) != len(texts) {
		t.Fatalf("%v\n%s", err, command.Stderr)
	}
	return answers
}

// randomJDLs are pieces of JDLs in any order: most are broken somehow.
func randomJDLs(n int) []string {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{
		`Executable = "echo";`, `A`, `B`, `=`, `=`, `;`, `;`, `"x"`, `"y, z"`, `"`, `{`, `}`, `[`, `]`, `,`, ` `, "\n", `5`, `1.5`, `/`, `%j`,
		`Site = "a,b";`, `InputData = {"c", "d"};`, `C = [ D = 1; ];`, `E = {"f", "g"};`, `JobName = "n";`, `Priority = 4;`,
	}
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		texts[i] = b.String()
	}
	return texts
}
