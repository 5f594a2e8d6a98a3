package wms_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
	"jobdb/wms"
)

// TestNoParameters leads jobs through a database without JobParameters, as DIRAC ships it from
// 9.1.22 on.
func TestNoParameters(t *testing.T) {
	for name, server := range map[string]oracle.Server{"MariaDB": jobdbtest.MariaDBWith, "MySQL": jobdbtest.MySQLWith} {
		t.Run(name, func(t *testing.T) { testNoParameters(t, open(t, oracle.DIRAC(t, "9.1.22", server))) })
	}
}

func testNoParameters(t *testing.T, m *wms.JobManager) {
	t.Helper()
	jobs, err := m.Submit(t.Context(), alice, []string{`Executable = "x";`, `Executable = "y";`})
	if err != nil {
		t.Fatal(err)
	}
	first, second := jobs[0].JobID, jobs[1].JobID
	if err := m.DB.SetJobCommands(t.Context(), []jobdb.Command{{JobID: first, Command: "Kill"}}); err != nil {
		t.Fatal(err)
	}
	setAttribute(t, m, first, jobdb.Attributes{"Status": "Matched"})
	output := "last lines"
	report, err := m.Heartbeat(t.Context(), lhcb, map[jobdb.JobID]wms.Beat{
		first: {Values: map[string]float64{"Vsize": 1}, StandardOutput: &output}, second: {StandardOutput: &output},
	})
	if err != nil || report.Dropped != 2 || len(report.Commands) != 1 {
		t.Errorf("the heartbeat: %+v, %v", report, err)
	}
	details, err := m.Details(t.Context(), lhcb, first, wms.DetailsOptions{Heartbeats: 1})
	if err != nil || len(details.Heartbeats) != 1 || details.Attributes["Status"] != "Running" || details.Parameters != nil {
		t.Errorf("the details: %+v, %v", details, err)
	}
	rescheduled := reschedule(t, m, false, first)
	if got := slices.Collect(maps.Keys(rescheduled.Success)); !slices.Equal(got, []jobdb.JobID{first}) {
		t.Errorf("rescheduled: %+v", rescheduled)
	}

	set := func(values map[string]any) error {
		return m.SetMetadata(t.Context(), lhcb, map[jobdb.JobID]map[string]any{first: values})
	}
	if err := set(map[string]any{"Site": "LCG.CERN.ch"}); err != nil {
		t.Errorf("an attribute: %v", err)
	}
	err = set(map[string]any{"Site": "lost", "Mood": "good"})
	if !errors.Is(err, wms.ErrInvalidMetadata) || !strings.Contains(err.Error(), "Mood can't be kept: the table JobParameters") {
		t.Errorf("a parameter: %v", err)
	}
	if job, err := m.DB.Job(t.Context(), jobdb.Scope{VO: "lhcb"}, first); err != nil || job.Site != "LCG.CERN.ch" {
		t.Errorf("the job: %+v, %v", job, err)
	}
}
