package service_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// job is what the test knows of a job that both services have, by the same ID.
type job struct {
	id, owner string
	status    string
	last      time.Time // of its history
	beat      time.Time // when it reported values last

	// What was asked for, and may be the reason of a difference.
	anew, blank, confirmed, killedLate, late, lateNow, lateAgain, unset bool

	spent bool // on purpose the two treated it differently: it is not looked at any more
}

// round is jobs of one group, and requests about them.
type round struct {
	*testing.T
	*generator
	pair  *pair
	group string
	jobs  []*job
}

// play makes a request, and wants the same answer from both, but for what is different on purpose.
func (r *round) play(q request) (x exchange, agreed bool) {
	r.Helper()
	return r.pair.play(r.T, q)
}

// submit submits JDLs, and remembers the jobs that come of it.
func (r *round) submit(who string, jdls ...any) {
	r.Helper()
	x, _ := r.play(with(who, "POST", "/api/jobs/jdl", jdls))
	r.inserted(who, x)
}

// inserted remembers the jobs that a submission made.
func (r *round) inserted(who string, x exchange) {
	r.Helper()
	if x.ours.Status != http.StatusCreated || x.theirs.Status != http.StatusCreated {
		r.level(x)
		return
	}
	inserted := x.ours.Body.([]any)
	for _, item := range inserted {
		r.jobs = append(r.jobs, &job{id: fmt.Sprint(item.(object)["JobID"]), owner: who, last: time.Now()})
	}
	r.look(r.jobs[len(r.jobs)-len(inserted):]...)
}

// level makes the service that refused what the other took give away as many IDs.
func (r *round) level(x exchange) {
	r.Helper()
	theirs, _ := x.theirs.Body.([]any)
	ours, _ := x.ours.Body.([]any)
	filler := with("alice", "POST", "/api/jobs/jdl", []string{`Executable = "x";`})
	for range theirs {
		send(r.T, r.pair.ours, filler, r.pair.issuer.token("alice", nil))
	}
	for range ours {
		send(r.T, r.pair.reference, filler, r.pair.issuer.token("alice", nil))
	}
}

// look compares all that a search tells of jobs.
func (r *round) look(jobs ...*job) {
	r.Helper()
	known := map[string]*job{}
	ids := []any{}
	for _, j := range jobs {
		if !j.spent && known[j.id] == nil {
			known[j.id] = j
			ids = append(ids, j.id)
		}
	}
	if len(ids) == 0 {
		return
	}
	q := with("admin", "POST", "/api/jobs/search?per_page=1000", object{
		"parameters": []any{"LoggingInfo"}, "search": []any{object{"parameter": "JobID", "operator": "in", "values": ids}},
		"sort": []any{object{"parameter": "JobID", "direction": "asc"}},
	})
	q.jobs = jobs
	x, agreed := r.play(q)
	for _, j := range known {
		j.spent = !agreed
	}
	rows, _ := x.theirs.Body.([]any)
	for _, item := range rows {
		row := item.(object)
		j := known[fmt.Sprint(row["JobID"])]
		j.status = row["Status"].(string)
		for _, step := range row["LoggingInfo"].([]any) {
			if at, err := time.Parse(time.RFC3339Nano, step.(object)["StatusTime"].(string)); err == nil && at.After(j.last) {
				j.last = at
			}
		}
	}
}

// jdl is a random job description that submits.
func (r *round) jdl() string {
	attributes := []string{
		`Executable = "/bin/echo"`,
		fmt.Sprintf("JobGroup = %q", r.group),
		"JobName = " + choose(r.generator, `"alice"`, `"Alice"`, `"a%b"`, `"a_b"`, `"5"`, `"Zoë"`, "unquoted", `"two words"`, `"job %j"`, `"🚀"`),
		"Site = " + choose(r.generator, `"ANY"`, `"LCG.CERN.cern"`, `{"LCG.CERN.cern"}`, `{"LCG.CERN.cern", "LCG.PIC.es"}`, "DIRAC.Client.fr"),
		"Priority = " + choose(r.generator, "0", "1", "5", `"7"`, "10", "11", "-3", "2147483647"),
		"JobType = " + choose(r.generator, `"User"`, "Test", `"Hospital"`),
		"CPUTime = " + choose(r.generator, "1", "86400", `"3600"`, "99999999", "-1"),
	}
	r.Shuffle(len(attributes), func(a, b int) { attributes[a], attributes[b] = attributes[b], attributes[a] })
	text := strings.Join(attributes, choose(r.generator, ";", "; ", ";\n", " ;\n\t")) + choose(r.generator, "", ";", ";\n")
	return choose(r.generator, text, text, "["+text+"]", " [ "+text+" ] \n")
}

// oddJDLs are each submitted alone.
var oddJDLs = []string{
	"", " ", "[]", "[", "]", "[[]]", ";", "=", "Executable", "Executable =", "Executable = ;", `Executable = "x`, "Executable = {", `Executable = {"a", "b"`,
	`= "x";`, `Executable = "x"; Executable = "y";`, `Executable = "x"; executable = "y";`, "Executable = x y;", `Executable = "x" "y";`,
	`Executable = "x"; JobType = "NoSuchType";`, `Executable = "x"; JobType = "";`, `Executable = "x"; Priority = high;`, `Executable = "x"; Priority = 1.5;`,
	`Executable = "x"; CPUTime = long;`, `Executable = "x"; CPUTime = 1e3;`, `Executable = "x"; Site = {};`, `Executable = "x"; Site = "";`,
	`Executable = "x"; Owner = "bob";`, `Executable = "x"; OwnerGroup = "prod";`, `Executable = "x"; VirtualOrganization = "belle";`, `Executable = "x"; VO = "belle";`,
	`Executable = "x"; InputData = {"LFN:/lhcb/a", "/lhcb/b"};`, `Executable = "x"; InputData = "LFN:/lhcb/a";`, `Executable = "x"; InputData = {};`,
	`Executable = "x"; InputData = {` + strings.Repeat(`"/lhcb/a",`, 100) + `"/lhcb/z"};`, `Executable = "x"; JobID = 7;`, `Executable = "x"; Nested = [ A = 1; B = "c"; ];`,
	`Executable = "x"; JobName = "` + strings.Repeat("n", 128) + `";`, `Executable = "x"; Platform = "x86_64-slc6-gcc49-opt";`, `Executable = "x"; Platform = {"a", "b"};`,
	`Executable = "x"; JobRequirements = [ OwnerGroup = "x"; ];`, `Executable = "x"; Tags = {"MultiProcessor", "4Processors"};`, `Executable = "x"; BannedSites = {"A", "B"};`,
	`Executable = "x"; // no comment`, "Executable = \"x\";\n# nor this\nJobName = \"y\";", `Executable = "x"; InputSandbox = {"a", "b"}; OutputSandbox = "c";`,
	`Executable = "x"; StdOutput = "%j.out"; Arguments = "%j %n %s";`, "Executable = \"x\"; JobName = \"a\\\"b\";", "Executable = \"\u00e9\"; JobName = \"\u65e5\u672c\";",
	`Executable = "x"; JobName = "a' OR 1=1; --";`, `Executable = "x"; DIRACSetup = "y";`, `Executable = "x"; MaxCPUTime = 5; MinCPUTime = 7;`, `Executable = "x"; Priority = ;`,
	// Parametric ones.
	`Executable = "x"; Parameters = 3;`, `Executable = "x"; Parameters = 3; ParameterStart = 5; ParameterStep = 2; Arguments = "%s %n";`,
	`Executable = "x"; Parameters = 3; ParameterStart = 1; ParameterStep = 1; ParameterFactor = 2; JobName = "%s";`, `Executable = "x"; Parameters = {"a", "b"}; JobName = "%s";`,
	`Executable = "x"; Parameters = "a"; JobName = "%s";`, `Executable = "x"; Parameters = {};`, `Executable = "x"; Parameters = 0;`, `Executable = "x"; Parameters = -1;`,
	`Executable = "x"; Parameters = 21; ParameterStart = 0; ParameterStep = 1;`, `Executable = "x"; Parameters = 20; ParameterStart = 0; ParameterStep = 1;`,
	`Executable = "x"; Parameters.A = {"a", "b"}; Parameters.B = {1, 2}; JobName = "%(A)s %(B)s %n";`, `Executable = "x"; Parameters.A = {"a", "b"}; Parameters.B = {1}; JobName = "%(A)s";`,
	`Executable = "x"; Parameters.A = 2; ParameterStart.A = 3; ParameterStep.A = 4; JobName = "%(A)s";`, `Executable = "x"; Parameters = 2; ParameterStart = a; ParameterStep = b;`,
	`Executable = "x"; Parameters = 2; ParameterStart = 0.5; ParameterStep = 0.25; JobName = "%s";`, `Executable = "x"; JobName = "%(A)s";`, `Executable = "x"; Parameters = many;`,
}

// String is the job's ID.
func (j *job) String() string { return j.id }
