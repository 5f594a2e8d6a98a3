package wms_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"jobdb"
	"jobdb/jdl"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// submitIn makes a job of the JDL in each of the statuses, alice's of lhcb.
func submitIn(t *testing.T, m *wms.JobManager, text string, statuses ...string) (ids []jobdb.JobID) {
	t.Helper()
	for chunk := range slices.Chunk(statuses, 20) {
		jobs, err := m.Submit(t.Context(), alice, slices.Repeat([]string{text}, len(chunk)))
		if err != nil {
			t.Fatal(err)
		}
		for i, job := range jobs {
			setAttribute(t, m, job.JobID, jobdb.Attributes{"Status": chunk[i], "MinorStatus": "m0", "StartExecTime": second(-60)})
			ids = append(ids, job.JobID)
		}
	}
	return ids
}

func reschedule(t *testing.T, m *wms.JobManager, reset bool, ids ...jobdb.JobID) wms.RescheduleReport {
	t.Helper()
	report, err := m.Reschedule(t.Context(), lhcb, ids, reset)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestReschedule looks at all that is stored of a job that ran, on every kind of database.
func TestReschedule(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) { testReschedule(t, open(t, url(t))) })
	}
}

const jdlAgain = `Executable = "job_%j"; JobName = "again"; Site = {"A", "B"}; Priority = 7; InputData = "LFN:/a";`

func testReschedule(t *testing.T, m *wms.JobManager) {
	t.Helper()
	ids := submitIn(t, m, jdlAgain, "Running", "Running")
	for i, id := range ids {
		setAttribute(t, m, id, jobdb.Attributes{
			"Site": "C", "UserPriority": 1, "ApplicationStatus": "a0", "HeartBeatTime": second(-5), "EndExecTime": second(-5), "RescheduleCounter": i,
		})
	}
	if err := errors.Join(
		m.DB.SetJobParameters(t.Context(), map[jobdb.JobID]map[string]string{ids[0]: {"CPU": "1", "Host": "h"}, ids[1]: {"CPU": "2"}}),
		m.DB.SetOptimizerParameters(t.Context(), map[jobdb.JobID]map[string]string{ids[0]: {"InputData": "checked"}}),
		m.DB.SetJobCommands(t.Context(), []jobdb.Command{{JobID: ids[0], Command: "Kill"}, {JobID: ids[0], Command: "Peek"}}),
	); err != nil {
		t.Fatal(err)
	}
	before := everything(t, m, ids...)
	report := reschedule(t, m, false, ids[0], ids[1], ids[0], ids[0])
	after := everything(t, m, ids...)
	for i, id := range ids {
		got, want := report.Success[id], wms.Rescheduled{
			JDL: after[i].JDL, Site: "Multiple", UserPriority: 7, RescheduleCounter: int64(i + 1), RescheduleTime: now,
			Status: "Received", MinorStatus: "Job Rescheduled", ApplicationStatus: "Unknown", LastUpdateTime: now,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		changed := maps.Clone(before[i].Attributes)
		stored := now.Truncate(tickOf(m))
		maps.Copy(changed, jobdb.Attributes{
			"Status": "Received", "MinorStatus": "Job Rescheduled", "ApplicationStatus": "Unknown", "Site": "Multiple", "UserPriority": int64(7),
			"RescheduleCounter": int64(i + 1), "RescheduleTime": stored, "LastUpdateTime": stored,
			"StartExecTime": nil, "EndExecTime": nil, "HeartBeatTime": nil,
		})
		if diff := cmp.Diff(changed, after[i].Attributes); diff != "" {
			t.Errorf("job %d: attributes, - wanted, + got:\n%s", i, diff)
		}
		if !strings.Contains(after[i].JDL, fmt.Sprintf(`Executable = "job_%d";`, id)) || after[i].OriginalJDL != jdl.Enclose(jdlAgain) {
			t.Errorf("JDL %s, original %s", after[i].JDL, after[i].OriginalJDL)
		}
		if diff := cmp.Diff(before[i].InputData, after[i].InputData); diff != "" {
			t.Error(diff)
		}
		if got, want := records(after[i]), append(records(before[i]), "Received Job Rescheduled Unknown 10:00:00 Unknown"); !slices.Equal(got, want) {
			t.Errorf("history %q", got)
		}
		if len(after[i].Parameters) != 0 {
			t.Errorf("parameters %v", after[i].Parameters)
		}
	}
	wantArchived(t, after[0], []jobdb.ArchivedParameter{{Name: "CPU", Value: "1"}, {Name: "Host", Value: "h"}})
	wantArchived(t, after[1], []jobdb.ArchivedParameter{{Name: "CPU", Value: "2", Cycle: 1}})
	if diff := cmp.Diff(map[string]string{"InputData": "checked"}, after[0].OptimizerParameters); diff != "" {
		t.Error(diff)
	}
	if len(after[0].Commands) != 2 || after[0].Commands[0].Status != jobdb.CommandExpired || after[0].Commands[1].Status != jobdb.CommandExpired {
		t.Errorf("commands %v", after[0].Commands)
	}
	testNextCycle(t, m, ids[0])
}

// testNextCycle runs and reschedules a job once more, and then with reset.
func testNextCycle(t *testing.T, m *wms.JobManager, id jobdb.JobID) {
	t.Helper()
	setAttribute(t, m, id, jobdb.Attributes{"Status": "Failed"})
	if err := m.DB.SetJobParameters(t.Context(), map[jobdb.JobID]map[string]string{id: {"CPU": "3"}}); err != nil {
		t.Fatal(err)
	}
	if job := reschedule(t, m, false, id).Success[id]; job.RescheduleCounter != 2 {
		t.Errorf("%+v", job)
	}
	want := []jobdb.ArchivedParameter{{Name: "CPU", Value: "1"}, {Name: "Host", Value: "h"}, {Name: "CPU", Value: "3", Cycle: 1}}
	if m.DB.Schema() == jobdb.SchemaDiracX { // which keeps one cycle of each name
		want = []jobdb.ArchivedParameter{{Name: "Host", Value: "h"}, {Name: "CPU", Value: "3", Cycle: 1}}
	}
	wantArchived(t, everything(t, m, id)[0], want)
	// The counter begins anew, and the archive goes on.
	for i, value := range []string{"4", "5"} {
		if err := m.DB.SetJobParameters(t.Context(), map[jobdb.JobID]map[string]string{id: {"CPU": value}}); err != nil {
			t.Fatal(err)
		}
		if job := reschedule(t, m, i == 0, id).Success[id]; job.RescheduleCounter != int64(i) || job.Status != "Received" {
			t.Errorf("%+v", job)
		}
		want = append(want, jobdb.ArchivedParameter{Name: "CPU", Value: value, Cycle: i + 2})
	}
	if m.DB.Schema() == jobdb.SchemaDiracX {
		want = []jobdb.ArchivedParameter{{Name: "CPU", Value: "5"}, {Name: "Host", Value: "h"}}
	}
	wantArchived(t, everything(t, m, id)[0], want)
}

func wantArchived(t *testing.T, details wms.Details, want []jobdb.ArchivedParameter) {
	t.Helper()
	if diff := cmp.Diff(want, details.ArchivedParameters, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("archived parameters, - wanted, + got:\n%s", diff)
	}
}

// tickOf is the smallest difference between times that a database keeps.
func tickOf(m *wms.JobManager) time.Duration {
	if m.DB.Schema() != jobdb.SchemaOurs && m.DB.Engine() == "mysql" {
		return time.Second
	}
	return time.Microsecond
}

// TestRescheduleFrom has a line for each status.
func TestRescheduleFrom(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	done := "a job in %s is not rescheduled; submit it anew"
	for status, want := range map[string]struct{ failed, exhausted string }{
		"Submitting": {"", "Submitting"}, "Received": {"", "Failed"}, "Checking": {"", "Failed"}, "Scouting": {"", "Failed"},
		"Staging": {"", "Failed"}, "Waiting": {"", "Waiting"}, "Matched": {"", "Failed"}, "Rescheduled": {"", "Failed"},
		"Running": {"", "Failed"}, "Stalled": {"", "Failed"}, "Failed": {"", "Failed"}, "OfAnExtension": {"", "Failed"},
		"Completing": {done, ""}, "Completed": {done, ""}, "Done": {done, ""}, "Killed": {done, ""}, "Deleted": {done, ""},
	} {
		ids := submitIn(t, m, `Executable = "x";`, status, status)
		setAttribute(t, m, ids[1], jobdb.Attributes{"RescheduleCounter": 3})
		before := everything(t, m, ids...)
		report := reschedule(t, m, false, ids...)
		after := everything(t, m, ids...)
		if want.failed != "" {
			reason := fmt.Sprintf(want.failed, status)
			if diff := cmp.Diff(map[jobdb.JobID]string{ids[0]: reason, ids[1]: reason}, report.Failed); diff != "" {
				t.Errorf("%s: %s", status, diff)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("%s changed: %s", status, diff)
			}
			continue
		}
		if got := report.Success[ids[0]]; len(report.Success) != 1 || got.Status != "Received" || got.UserPriority != 0 || got.Site != "ANY" {
			t.Errorf("%s: %+v", status, report)
		}
		if got := after[0].Attributes; got["Status"] != "Received" || got["StartExecTime"] != nil {
			t.Errorf("%s: %v", status, got)
		}
		if diff := cmp.Diff(map[jobdb.JobID]string{ids[1]: "Maximum number of reschedules exceeded (3)"}, report.Failed); diff != "" {
			t.Errorf("%s, exhausted: %s", status, diff)
		}
		got := after[1].Attributes
		var ended any // when it became Failed
		if want.exhausted == "Failed" {
			ended = now
		}
		if got["Status"] != want.exhausted || got["MinorStatus"] != "Maximum of reschedulings reached" || got["ApplicationStatus"] != "Unknown" ||
			got["EndExecTime"] != ended || got["StartExecTime"] != second(-60) || got["RescheduleCounter"] != int64(3) || after[1].JDL != before[1].JDL {
			t.Errorf("%s, exhausted: %v", status, got)
		}
		if n := len(after[1].History); n != 2 {
			t.Errorf("%s, exhausted: history %v", status, after[1].History)
		}
	}
}

// TestNotRescheduled has jobs that can't be, beside one that can.
func TestNotRescheduled(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	good := submitIn(t, m, `Executable = "x";`, "Running")[0]
	const missing = 1 << 30
	want := map[jobdb.JobID]string{missing: "Not found", missing + 1: "Not found"}

	unverified := submitIn(t, m, `Executable = "x";`, "Running")[0]
	setAttribute(t, m, unverified, jobdb.Attributes{"VerifiedFlag": false})
	want[unverified] = "VerifiedFlag is False: Status Running, Minor Status: m0"

	originals := map[string]string{
		"":                                   "there is none",
		"?":                                  "decompress a JDL: ",
		jdl.Compress("[]"):                   "it has no attributes",
		jdl.Compress(`[Arguments = "[1]";]`): `"Arguments": a ] with no semicolon`,
		"[ Executable = 5; ":                 "it is not in brackets",
		jdl.Compress(`[Priority = 1e5; Platform = "x";]`):  "this server knows no platforms",
		jdl.Compress(`[Priority = 99999999999999999999;]`): "the Priority is outside the range",
	}
	stored := slices.Sorted(maps.Keys(originals))
	ids, err := m.DB.CreateJobs(t.Context(), stored)
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[jobdb.JobID]jobdb.Attributes{}
	for i, id := range ids {
		attributes[id] = jobdb.Attributes{"VO": "lhcb", "Owner": "alice", "Status": "Running", "VerifiedFlag": true}
		want[id] = "its original JDL can't be prepared any more: " + originals[stored[i]]
	}
	if err := m.DB.InsertJobAttributes(t.Context(), attributes); err != nil {
		t.Fatal(err)
	}
	// The first JDL that a job has names its owner, who was put in place of it when the job was
	// submitted.
	bobs := submitIn(t, m, `Owner = "bob";`, "Running")[0]
	want[bobs] = `its original JDL can't be prepared any more: Owner is "bob" in the JDL, but the job's is "alice"`

	all := slices.Collect(maps.Keys(want))
	exist := slices.DeleteFunc(slices.Clone(all), func(id jobdb.JobID) bool { return id >= missing })
	readable := slices.DeleteFunc(slices.Clone(exist), func(id jobdb.JobID) bool { return id == ids[slices.Index(stored, "?")] }) // Details can't
	before := everything(t, m, readable...)
	report := reschedule(t, m, false, append(all, good)...)
	if len(report.Success) != 1 || report.Success[good].Status != "Received" {
		t.Errorf("%+v", report.Success)
	}
	if diff := cmp.Diff(want, report.Failed, cmp.Comparer(func(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) })); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, everything(t, m, readable...)); diff != "" {
		t.Errorf("changed: %s", diff)
	}
	if report := reschedule(t, m, false); len(report.Success)+len(report.Failed) != 0 {
		t.Errorf("of no jobs: %+v", report)
	}
}

// TestRescheduleScope wants jobs of others left alone.
func TestRescheduleScope(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	ids := submitIn(t, m, `Executable = "x";`, "Running", "Running")
	setAttribute(t, m, ids[1], jobdb.Attributes{"Owner": "bob"})
	before := everything(t, m, ids...)
	if report, err := m.Reschedule(t.Context(), wms.Scope{VO: "lhcb", Owner: "alice"}, ids, false); !errors.Is(err, wms.ErrNotOwner) {
		t.Errorf("%+v, %v", report, err)
	}
	report, err := m.Reschedule(t.Context(), wms.Scope{VO: "belle"}, ids, false)
	if diff := cmp.Diff(map[jobdb.JobID]string{ids[0]: "Not found", ids[1]: "Not found"}, report.Failed); diff != "" || err != nil {
		t.Errorf("another VO: %v, %s", err, diff)
	}
	if diff := cmp.Diff(before, everything(t, m, ids...)); diff != "" {
		t.Errorf("changed: %s", diff)
	}
	report, err = m.Reschedule(t.Context(), wms.Scope{VO: "lhcb", Owner: "alice", Hidden: true}, ids, false)
	if err != nil || len(report.Success) != 1 || report.Failed[ids[1]] != "Not found" {
		t.Errorf("hidden: %+v, %v", report, err)
	}
}

// TestRescheduleByVO takes the rules of the job's VO.
func TestRescheduleByVO(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	strict := wms.DefaultRules.Default
	strict.MaxReschedulings = 0
	m.Rules.VOs = map[string]wms.Rules{"lhcb": strict}
	id := submitIn(t, m, `Executable = "x";`, "Running")[0]
	before := everything(t, m, id)
	for _, reset := range []bool{false, true} {
		if report := reschedule(t, m, reset, id); report.Failed[id] != "rescheduling is switched off (MaxReschedulings is 0)" || len(report.Success) > 0 {
			t.Errorf("%+v", report)
		}
	}
	if diff := cmp.Diff(before, everything(t, m, id)); diff != "" {
		t.Errorf("changed: %s", diff)
	}
}

// TestRescheduleClockAhead reschedules a job whose pilot's clock is ahead: its history must end
// with Received.
func TestRescheduleClockAhead(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	id := submitIn(t, m, `Executable = "x";`, "Matched")[0]
	setStatus(t, m, id, wms.StatusOptions{Pilot: true}, wms.StatusUpdate{Time: second(30), Status: "Running", Source: "JobWrapper"})
	reschedule(t, m, false, id)
	details := everything(t, m, id)[0]
	if last := details.History[len(details.History)-1]; last.Status != "Received" || details.Attributes["Status"] != "Received" {
		t.Errorf("%v, %q", details.Attributes, records(details))
	}
	if details.Attributes["RescheduleTime"] != now {
		t.Errorf("rescheduled at %v", details.Attributes["RescheduleTime"])
	}
}

// TestRescheduleAtOnce wants each of many requests counted, and histories without gaps.
func TestRescheduleAtOnce(t *testing.T) {
	for name, url := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			const requests = 8
			address := url(t)
			m := open(t, address)
			generous := wms.DefaultRules.Default
			generous.MaxReschedulings = requests
			m.Rules = wms.RuleBook{Default: generous}
			ids := submitIn(t, m, `Executable = "x";`, "Running", "Running", "Running")
			var group sync.WaitGroup
			for range requests {
				group.Go(func() {
					report, err := m.Reschedule(t.Context(), lhcb, ids, false)
					if err != nil || len(report.Success) != len(ids) {
						t.Errorf("%+v, %v", report, err)
					}
				})
			}
			group.Wait()
			for i, details := range everything(t, m, ids...) {
				if got := details.Attributes["RescheduleCounter"]; got != int64(requests) {
					t.Errorf("job %d was rescheduled %v times", i, got)
				}
				wantGapless(t, jobdbtest.Raw(t, address), ids[i], 1+requests)
			}
		})
	}
}

// TestRescheduleAllOrNone lets the last statement fail: then nothing must have changed.
func TestRescheduleAllOrNone(t *testing.T) {
	address := jobdbtest.SQLite(t)
	m := open(t, address)
	ids := submitIn(t, m, `Executable = "x";`, "Running", "Running")
	setAttribute(t, m, ids[1], jobdb.Attributes{"RescheduleCounter": 3})
	if err := errors.Join(
		m.DB.SetJobParameters(t.Context(), map[jobdb.JobID]map[string]string{ids[0]: {"CPU": "1"}}),
		m.DB.SetJobCommands(t.Context(), []jobdb.Command{{JobID: ids[0], Command: "Kill"}}),
	); err != nil {
		t.Fatal(err)
	}
	if _, err := jobdbtest.Raw(t, address).ExecContext(t.Context(),
		`CREATE TRIGGER "Break" BEFORE UPDATE ON "JobCommands" BEGIN SELECT RAISE(ABORT, 'broken'); END`); err != nil {
		t.Fatal(err)
	}
	before := everything(t, m, ids...)
	if report, err := m.Reschedule(t.Context(), lhcb, ids, false); err == nil {
		t.Errorf("a broken database succeeds: %+v", report)
	}
	if diff := cmp.Diff(before, everything(t, m, ids...)); diff != "" {
		t.Errorf("changed: %s", diff)
	}
}

// TestRescheduleStatements wants hardly more statements for many jobs than for few: MariaDB gets
// new rows in pieces.
func TestRescheduleStatements(t *testing.T) {
	counter := countStatements(t, jobdbtest.MariaDB(t))
	m := openWith(t, counter.url, jobdb.Options{Clock: clock, Connections: 1, FoldInterval: -1})
	var counts []int64
	for _, times := range []int{1, 1, 30} { // the first opens connections
		ids := submitIn(t, m, jdlAgain, slices.Repeat([]string{"Running", "Waiting", "Failed", "Done", "Running"}, times)...)
		parameters := map[jobdb.JobID]map[string]string{}
		var commands []jobdb.Command
		for i, id := range ids {
			parameters[id] = map[string]string{"A": "B", "C": "D"}
			commands = append(commands, jobdb.Command{JobID: id, Command: "Kill"})
			setAttribute(t, m, id, jobdb.Attributes{"RescheduleCounter": i % 5})
		}
		if err := errors.Join(m.DB.SetJobParameters(t.Context(), parameters), m.DB.SetJobCommands(t.Context(), commands)); err != nil {
			t.Fatal(err)
		}
		before := counter.count.Load()
		if report := reschedule(t, m, false, ids...); len(report.Success) != 3*times || len(report.Failed) != 2*times {
			t.Fatalf("%+v", report)
		}
		counts = append(counts, counter.count.Load()-before)
	}
	if more := counts[2] - counts[1]; more < 0 || more > 150/20 || counts[1] == 0 {
		t.Errorf("%d statements for 5 jobs, %d for 150", counts[1], counts[2])
	}
	t.Log("statements:", counts[1])
}

// TestLargeRescheduleKeepsNobodyWaiting writes while large JDLs are prepared. SQLite has one writer,
// whom the reschedule must not have at that time.
func TestLargeRescheduleKeepsNobodyWaiting(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	var files strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&files, `, "/lhcb/user/%d"`, i)
	}
	ids := submitIn(t, m, `Executable = "job_%j"; Files = {"/lhcb/user/x"`+files.String()+`};`, slices.Repeat([]string{"Running"}, 8)...)
	var took time.Duration
	done := make(chan wms.RescheduleReport)
	go func() {
		began := time.Now()
		report, err := m.Reschedule(t.Context(), lhcb, ids, false)
		if err != nil {
			t.Error(err)
		}
		took = time.Since(began)
		done <- report
	}()
	longest, waits := time.Duration(0), 0
	for {
		select {
		case report := <-done:
			t.Logf("of %v the longest of %d other writes took %v", took, waits, longest)
			if longest > took/2 {
				t.Errorf("another write waited %v for a reschedule of %v", longest, took)
			}
			if got := report.Success[ids[7]]; len(report.Success) != 8 || got.RescheduleCounter != 1 || !strings.Contains(got.JDL, fmt.Sprintf("job_%d", ids[7])) {
				t.Errorf("%d jobs were rescheduled, the last with counter %d", len(report.Success), got.RescheduleCounter)
			}
			return
		default:
		}
		began := time.Now()
		if _, err := m.DB.CreateJob(t.Context(), "[meanwhile]"); err != nil {
			t.Error(err)
		}
		longest, waits = max(longest, time.Since(began)), waits+1
	}
}

// TestRescheduleLongJDLs reschedules jobs whose JDLs are too long together, though compressed they are
// short. The others go on, and so does each by itself.
func TestRescheduleLongJDLs(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	ids := submitIn(t, m, jdlAgain, "Failed", "Failed")
	long := jdl.Compress(`[Executable = "x"; Arguments = "` + strings.Repeat("abcdefgh ", 1_600_000) + `";]`) // 14 MB
	for range 3 {
		id, err := m.DB.CreateJob(t.Context(), long)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.DB.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{
			id: {"VO": alice.VO, "Owner": alice.Name, "OwnerGroup": alice.Group, "Status": "Failed", "VerifiedFlag": true},
		}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	report := reschedule(t, m, false, ids...)
	if done := slices.Sorted(maps.Keys(report.Success)); !slices.Equal(done, ids[:4]) || !strings.Contains(report.Failed[ids[4]], "too long") {
		t.Errorf("rescheduled %v of %v; the others: %v", done, ids, report.Failed)
	}
	for i, id := range ids[:4] { // the report leaves long ones out
		if told := len(report.Success[id].JDL); told == 0 && i < 2 || told > 0 && i >= 2 {
			t.Errorf("the report has %d bytes of JDL of job %d", told, id)
		}
	}
	if report := reschedule(t, m, false, ids[4]); len(report.Failed) > 0 {
		t.Errorf("the last by itself: %v", report.Failed)
	}
}
