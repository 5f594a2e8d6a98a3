package wms_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jdl"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

var (
	now   = time.Date(2024, 1, 1, 10, 0, 0, 123456000, time.UTC)
	alice = wms.Owner{Name: "alice", Group: "lhcb_user", VO: "lhcb"}
)

func clock() time.Time { return now }

// open opens a database and makes our tables unless it is a live one.
func open(t *testing.T, url string) *wms.JobManager {
	t.Helper()
	return openAt(t, url, clock)
}

// openAt is open with a clock.
func openAt(t *testing.T, url string, clock func() time.Time) *wms.JobManager {
	t.Helper()
	db, err := jobdb.Open(t.Context(), url, jobdb.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if db.Schema() == jobdb.SchemaEmpty {
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return manager(t, db, clock)
}

// manager makes a manager with the default rules.
func manager(t *testing.T, db *jobdb.DB, clock func() time.Time) *wms.JobManager {
	t.Helper()
	m, err := wms.NewJobManager(db, wms.DefaultRules, clock)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSubmit looks at all that is stored, on every kind of database that has a history.
func TestSubmit(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			m := open(t, url(t))
			testSubmit(t, m)
			testParametric(t, m)
			testLargeSubmission(t, m)
		})
	}
}

func testSubmit(t *testing.T, m *wms.JobManager) {
	t.Helper()
	texts := []string{
		`Executable = "job_%j"; JobName = "one"; InputData = {"LFN:/b", "LFN:/a", "LFN:/b"}; Site = "A,B";`,
		`[ Executable = "two"; JobGroup = "g"; JobType = "User"; Site = "A"; Priority = 7; ]`,
	}
	jobs, err := m.Submit(t.Context(), alice, texts)
	if err != nil {
		t.Fatal(err)
	}
	ids := []jobdb.JobID{jobs[0].JobID, jobs[1].JobID}
	if diff := cmp.Diff(wms.Submitted{JobID: ids[1], Status: "Received", MinorStatus: "Job accepted", TimeStamp: now}, jobs[1]); diff != "" {
		t.Error(diff)
	}
	originals, err := m.DB.OriginalJDLs(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := m.DB.JobJDLs(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if text, err := jdl.Decompress(originals[id]); err != nil || text != jdl.Enclose(texts[i]) {
			t.Errorf("original JDL %s, %v", text, err)
		}
		text, err := jdl.Decompress(stored[id])
		if want := fmt.Sprintf("    JobID = %d;\n", id); err != nil || !strings.Contains(text, want) || strings.Contains(text, "%j") {
			t.Errorf("JDL %s, %v", text, err)
		}
	}
	search, err := jobdb.SearchRequest{Parameters: []string{
		"JobType", "JobGroup", "Site", "JobName", "Owner", "OwnerGroup", "VO", "Status", "MinorStatus", "UserPriority", "VerifiedFlag",
	}}.Parse(m.DB.Limits())
	if err != nil {
		t.Fatal(err)
	}
	search.Scope.AllVOs = true
	page, err := m.DB.Search(t.Context(), search)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{
		{"user", "00000000", "Multiple", "one", "alice", "lhcb_user", "lhcb", "Received", "Job accepted", int64(1), true},
		{"User", "g", "A", "Unknown", "alice", "lhcb_user", "lhcb", "Received", "Job accepted", int64(7), true},
	}
	if diff := cmp.Diff(want, page.Rows); diff != "" {
		t.Error(diff)
	}
	files, err := m.DB.InputData(t.Context(), ids)
	if err != nil || len(files[ids[0]]) != 2 || len(files[ids[1]]) != 0 {
		t.Errorf("input data %v, %v", files, err)
	}
	history, err := m.DB.History(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if records := history[id]; len(records) != 1 || records[0].Status != "Received" || records[0].Source != "JobManager" {
			t.Errorf("history %v", records)
		}
	}
}

// testLargeSubmission looks at what is stored of large JDLs, which may be prepared before the
// transaction: the same as of small ones.
func testLargeSubmission(t *testing.T, m *wms.JobManager) {
	t.Helper()
	text := `Executable = "job_%j"; JobName = "large"; InputData = {"LFN:/a"}; Site = "A";`
	jobs, err := m.Submit(t.Context(), alice, []string{text, text + ` Comment = "` + strings.Repeat("x", 40<<10) + `";`, text})
	if err != nil {
		t.Fatal(err)
	}
	small, err := m.Submit(t.Context(), alice, []string{text})
	if err != nil {
		t.Fatal(err)
	}
	ids := []jobdb.JobID{jobs[0].JobID, jobs[2].JobID, small[0].JobID}
	stored, err := m.DB.JobJDLs(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, id := range ids {
		text, err := jdl.Decompress(stored[id])
		if err != nil {
			t.Errorf("job %d: %v", id, err)
		}
		texts = append(texts, strings.NewReplacer(fmt.Sprintf("job_%d", id), "job_%j", fmt.Sprintf("JobID = %d;", id), "JobID = %j;").Replace(text))
		job, err := m.DB.Job(t.Context(), jobdb.Scope{VO: "lhcb"}, id)
		if err != nil || job.JobName != "large" || job.Status != "Received" || job.Site != "A" || !job.SubmissionTime.Equal(job.LastUpdateTime) {
			t.Errorf("job %d: %+v, %v", id, job, err)
		}
		files, err := m.DB.InputData(t.Context(), []jobdb.JobID{id})
		history, err2 := m.DB.History(t.Context(), []jobdb.JobID{id})
		if err != nil || err2 != nil || len(files[id]) != 1 || len(history[id]) != 1 {
			t.Errorf("job %d: %v, %v, %v, %v", id, files, history, err, err2)
		}
	}
	if texts[0] != texts[2] || texts[1] != texts[2] || strings.Count(texts[0], "%j") != 2 {
		t.Errorf("JDLs differ:\n%s", strings.Join(texts, "\n"))
	}
	refused := `Executable = "x"; Comment = "` + strings.Repeat("x", 40<<10) + `"; VirtualOrganization = "atlas";`
	if _, err := m.Submit(t.Context(), alice, []string{text, refused}); err == nil || !strings.Contains(err.Error(), "number 2 of 2") {
		t.Errorf("a large submission of another owner's: %v", err)
	}
}

// TestLargeSubmissionKeepsNobodyWaiting writes while a large submission is prepared. SQLite has one
// writer, whom the submission must not have at that time.
func TestLargeSubmissionKeepsNobodyWaiting(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	if _, err := m.Submit(t.Context(), alice, []string{"Executable = 'x';"}); err != nil {
		t.Fatal(err)
	}
	written := 0
	m = manager(t, m.DB, func() time.Time { // asked while jobs are prepared
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if _, err := m.DB.CreateJob(ctx, "[meanwhile]"); err != nil {
			t.Errorf("another write: %v", err)
		}
		written++
		return now
	})
	large := "Executable = 'x'; Comment = '" + strings.Repeat("x", 40<<10) + "';"
	for name, submit := range map[string]func() ([]wms.Submitted, error){
		"Submit":     func() ([]wms.Submitted, error) { return m.Submit(t.Context(), alice, []string{large}) },
		"SubmitOnce": func() ([]wms.Submitted, error) { return m.SubmitOnce(t.Context(), alice, "key", []string{large}) },
	} {
		if jobs, err := submit(); err != nil || len(jobs) != 1 {
			t.Errorf("%s: %v, %v", name, jobs, err)
		}
	}
	if written == 0 {
		t.Error("nothing was written meanwhile")
	}
}

// testParametric submits a JDL of three jobs.
func testParametric(t *testing.T, m *wms.JobManager) {
	t.Helper()
	jobs, err := m.Submit(t.Context(), alice, []string{
		`Executable = "x"; JobName = "%n of %j"; InputData = %(LFN)s; Parameters = 3; ParameterStart = 0.5; Priority = %s; Parameters.LFN = {{"LFN:/a", "LFN:/b"}, "LFN:/c", "LFN:/d"};`,
	})
	if err == nil || err.Error() != `JDL syntax error: number 1 of 3: Priority must be a whole number, not "0.5"` {
		t.Errorf("%v, %v", jobs, err)
	}
	jobs, err = m.Submit(t.Context(), alice, []string{
		`Executable = "x"; JobName = "%n of %j"; InputData = %(LFN)s; Parameters = 3; ParameterStart = 5; Priority = %s; Parameters.LFN = {{"LFN:/a", "LFN:/b"}, "LFN:/c", "LFN:/d"};`,
	})
	if err != nil || len(jobs) != 3 {
		t.Fatalf("%v, %v", jobs, err)
	}
	for i, job := range jobs {
		want := wms.Submitted{JobID: job.JobID, Status: "Submitting", MinorStatus: "Bulk transaction confirmation", TimeStamp: now}
		if diff := cmp.Diff(want, job); diff != "" {
			t.Error(diff)
		}
		details := everything(t, m, job.JobID)[0]
		if a := details.Attributes; a["JobName"] != fmt.Sprintf("%d of %d", i, job.JobID) || a["Status"] != "Submitting" || a["UserPriority"] != int64(5) {
			t.Errorf("job %d: %v", i, a)
		}
		if got := records(details); len(got) != 1 || got[0] != "Submitting Bulk transaction confirmation Unknown 10:00:00 JobManager" {
			t.Errorf("job %d: history %q", i, got)
		}
		if got := len(details.InputData); got != []int{2, 1, 1}[i] {
			t.Errorf("job %d: input data %v", i, details.InputData)
		}
		if !strings.Contains(details.OriginalJDL, fmt.Sprintf(`JobName = "%d of %%j";`, i)) || !strings.Contains(details.JDL, fmt.Sprintf("ParameterNumber = %d;", i)) {
			t.Errorf("job %d: original %s\n%s", i, details.OriginalJDL, details.JDL)
		}
	}
}

// When one job can't be stored none is.
func TestAllOrNone(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	long := `JobName = "` + strings.Repeat("x", 129) + `";`
	_, err := m.Submit(t.Context(), alice, []string{`JobName = "good";`, long})
	value := (*jobdb.ValueError)(nil)
	if !errors.As(err, &value) || value.Column != "JobName" {
		t.Errorf("too long: %v", err)
	}
	_, err = m.Submit(t.Context(), alice, []string{`JobName = "good";`, `Platform = "x";`})
	if !errors.Is(err, wms.ErrInvalidJob) || err.Error() != "JDL syntax error: number 2 of 2: this server knows no platforms; leave Platform out" {
		t.Errorf("platform: %v", err)
	}
	page, err := m.DB.Search(t.Context(), jobdb.Search{Scope: jobdb.Scope{AllVOs: true}})
	if err != nil || page.Total != 0 {
		t.Errorf("%v, %v", page, err)
	}
	if originals, err := m.DB.OriginalJDLs(t.Context(), []jobdb.JobID{1, 2, 3, 4}); err != nil || len(originals) != 0 {
		t.Errorf("%v, %v", originals, err)
	}
}

func TestRefused(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	for text, want := range map[string]string{
		`JobType = "Merge";`:      `JobType is one of User, Test, Hospital, not "Merge"`,
		`CPUTime = "long";`:       `CPUTime must be a whole number, not "long"`,
		`Priority = [ a = 1; ];`:  `Priority can't be a section`,
		`InputData = [ a = 1; ];`: `InputData can't be a section`,
		`InputData = {` + strings.Repeat(`"LFN:/x",`, 101) + `};`: `InputData has 101 files, at most 100 are taken`,
		`VirtualOrganization = "belle";`:                          `VirtualOrganization is "belle" in the JDL, but the job's is "lhcb"`,
		`Executable = "[1]";`:                                     `"Executable": a ] with no semicolon right after it, or brackets within a text`,
		`Parameters = {{1};`:                                      `"Parameters": a { within a list that isn't closed`,
		`Parameters = one;`:                                       `the attribute Parameters must be a list or a whole number`,
		`Parameters = 0;`:                                         `"Parameters": a parametric job has at least one value of each parameter`,
		`Priority = 9223372036854775808;`:                         `the Priority is outside the range of 64-bit integers`,
	} {
		if _, err := m.Submit(t.Context(), alice, []string{text}); !errors.Is(err, wms.ErrInvalidJob) || err.Error() != "JDL syntax error: "+want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestHowMany is about the number of jobs of a submission, and of parametric ones in it.
func TestHowMany(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	few := m.Rules.Default
	few.MaxJobs = 2
	m.Rules.VOs = map[string]wms.Rules{"lhcb": few}
	bob := wms.Owner{Name: "bob", Group: "belle_user", VO: "belle"}
	for _, test := range []struct {
		owner wms.Owner
		jdls  []string
		want  string
	}{
		{alice, nil, "no JDL was given"},
		{alice, []string{"a=1", "a=1"}, ""},
		{alice, []string{"a=1", "a=1", "a=1"}, "3 jobs in one submission, at most 2 are taken"},
		{bob, []string{"a=1", "a=1", "a=1"}, ""},
		{alice, []string{"Parameters=2;"}, ""},
		{alice, []string{"Parameters=3;"}, "3 jobs in one submission, at most 2 are taken"},
		{bob, []string{"Parameters=3;"}, ""},
		{bob, []string{"Parameters=1000000000;"}, "1000000000 jobs in one submission, at most 20 are taken"},
		{alice, []string{"a=1", "Parameters=2;"}, "JDL syntax error: number 2 of 2: it is parametric; submit parametric jobs one by one"},
		{alice, []string{"a=1", "a=1", "Parameters.X={1};"}, "JDL syntax error: number 3 of 3: it is parametric; submit parametric jobs one by one"},
		{alice, []string{"a=1", "Executable=\"[1]\";"}, `JDL syntax error: number 2 of 2: "Executable": a ] with no semicolon right after it, or brackets within a text`},
	} {
		jobs, err := m.Submit(t.Context(), test.owner, test.jdls)
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, wms.ErrInvalidJob) || err.Error() != test.want) {
			t.Errorf("%s %q: %v, %v", test.owner.VO, test.jdls, jobs, err)
		}
	}
}

// TestSubmitStatements wants hardly more statements for many jobs than for few, parametric or not:
// MariaDB gets new rows in pieces.
func TestSubmitStatements(t *testing.T) {
	counter := countStatements(t, jobdbtest.MariaDB(t))
	m := openWith(t, counter.url, jobdb.Options{Clock: clock, Connections: 1, FoldInterval: -1})
	many := m.Rules.Default
	many.MaxJobs = 300
	m.Rules = wms.RuleBook{Default: many}
	var counts []int64
	for _, n := range []int{2, 2, 300} { // the first opens connections
		for _, jdls := range [][]string{
			slices.Repeat([]string{`Executable = "x"; InputData = "LFN:/a";`}, n),
			{fmt.Sprintf(`Executable = "x"; InputData = "LFN:/a"; Parameters = %d;`, n)},
		} {
			before := counter.count.Load()
			if jobs, err := m.Submit(t.Context(), alice, jdls); err != nil || len(jobs) != n {
				t.Fatalf("%d jobs, %v", len(jobs), err)
			}
			counts = append(counts, counter.count.Load()-before)
		}
	}
	if last := counts[2:]; last[0] != last[1] || slices.Max(last) > last[0]+300/20 || slices.Min(last) < last[0] {
		t.Errorf("%d statements for 2 jobs, %d for 300", last[:2], last[2:])
	}
	t.Log("statements:", counts)
}
