package wms_test

import (
	"errors"
	"fmt"
	"path/filepath"
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
	return &wms.JobManager{DB: db, Rules: wms.DefaultRules, Clock: clock}
}

func sqlite(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "jobs.db") }

// TestSubmit looks at all that is stored, on every kind of database that has a history.
func TestSubmit(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{
		"SQLite": sqlite, "MariaDB": jobdbtest.MariaDB, "PostgreSQL": jobdbtest.PostgreSQL,
		"legacy MariaDB": jobdbtest.LegacyMariaDB, "DiracX on SQLite": jobdbtest.DiracXSQLite,
		"DiracX on MariaDB": func(tb testing.TB) string { return jobdbtest.DiracXMariaDB(tb, "latin1") },
	} {
		t.Run(name, func(t *testing.T) { testSubmit(t, open(t, url(t))) })
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

// When one job can't be stored none is.
func TestAllOrNone(t *testing.T) {
	m := open(t, sqlite(t))
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
	page, err := m.DB.Search(t.Context(), jobdb.Search{})
	if err != nil || page.Total != 0 {
		t.Errorf("%v, %v", page, err)
	}
	if originals, err := m.DB.OriginalJDLs(t.Context(), []jobdb.JobID{1, 2, 3, 4}); err != nil || len(originals) != 0 {
		t.Errorf("%v, %v", originals, err)
	}
}

func TestRefused(t *testing.T) {
	m := open(t, sqlite(t))
	for text, want := range map[string]string{
		`JobType = "Merge";`:      `JobType is one of User, Test, Hospital, not "Merge"`,
		`CPUTime = "long";`:       `CPUTime must be a whole number, not "long"`,
		`Priority = [ a = 1; ];`:  `Priority can't be a section`,
		`InputData = [ a = 1; ];`: `InputData can't be a section`,
		`InputData = {` + strings.Repeat(`"LFN:/x",`, 101) + `};`: `InputData has 101 files, at most 100 are taken`,
		`VirtualOrganization = "belle";`:                          `VirtualOrganization is "belle" in the JDL, but the token says "lhcb"`,
		`Parameters.X = {1, 2};`:                                  `parametric jobs are not supported yet`,
	} {
		if _, err := m.Submit(t.Context(), alice, []string{text}); !errors.Is(err, wms.ErrInvalidJob) || err.Error() != "JDL syntax error: "+want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
