package wms_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// TestSetMetadata looks at what is stored, on every kind of database.
func TestSetMetadata(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) { testSetMetadata(t, open(t, url(t))) })
	}
}

func testSetMetadata(t *testing.T, m *wms.JobManager) {
	t.Helper()
	ids := jobsIn(t, m, "Running", "Running", "Running")
	for range 2 { // a second time nothing more happens
		if err := m.SetMetadata(t.Context(), lhcb, map[jobdb.JobID]map[string]any{
			ids[0]: {
				"Site": "LCG.CERN.cern", "HostName": "a.b", "Empty": "", "Memory(MB)": json.Number("10.50"), "Big": json.Number("12345678901234567890"),
				"Flag": true, "List": []any{json.Number("1"), "a<b>&é", nil}, "Map": map[string]any{"b": false, "a": map[string]any{}},
			},
			ids[1]: {"HostName": "\"quoted\"\n"},
			ids[2]: {},
		}); err != nil {
			t.Fatal(err)
		}
	}
	all := everything(t, m, ids...)
	if diff := cmp.Diff(map[string]string{
		"HostName": "a.b", "Empty": "", "Memory(MB)": "10.50", "Big": "12345678901234567890",
		"Flag": "true", "List": `[1,"a<b>&é",null]`, "Map": `{"a":{},"b":false}`,
	}, all[0].Parameters); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"HostName": "\"quoted\"\n"}, all[1].Parameters); diff != "" || len(all[2].Parameters) > 0 {
		t.Errorf("%s, %v", diff, all[2].Parameters)
	}
	for i, site := range []string{"LCG.CERN.cern", "ANY", "ANY"} {
		if job := all[i].Attributes; job["Site"] != site || job["LastUpdateTime"] == now {
			t.Errorf("job %d: %v", i, job)
		}
	}
}

// TestRefusedMetadata wants nothing written of a request that can't be done, whatever else it asks
// for.
func TestRefusedMetadata(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	ids := jobsIn(t, m, "Running", "Running", "Running")
	setAttribute(t, m, ids[1], jobdb.Attributes{"Owner": "bob"})
	setAttribute(t, m, ids[2], jobdb.Attributes{"VO": "belle"})
	before := everything(t, m, ids[:2]...)
	alices := wms.Scope{VO: "lhcb", Owner: "alice"}
	for what, test := range map[string]struct {
		id     jobdb.JobID
		values map[string]any
		want   error
	}{
		"somebody else's job":                  {ids[1], map[string]any{"A": "b"}, wms.ErrNotOwner},
		"somebody else's job, and a bad name":  {ids[1], map[string]any{"Status": "Done"}, wms.ErrNotOwner},
		"another VO's job":                     {ids[2], map[string]any{"Site": "b"}, jobdb.ErrNotFound},
		"a job that isn't there":               {1 << 30, map[string]any{}, jobdb.ErrNotFound},
		"one that isn't there, and a bad name": {1 << 30, map[string]any{"Status": "Done"}, wms.ErrInvalidMetadata},
		"a site that is no text":               {ids[0], map[string]any{"Site": json.Number("1")}, wms.ErrInvalidMetadata},
		"a number that is none":                {ids[0], map[string]any{"A": json.Number("NaN")}, wms.ErrInvalidMetadata},
		"a long site":                          {ids[0], map[string]any{"Site": strings.Repeat("x", 101)}, jobdb.ErrInvalidValue},
		"a long name":                          {ids[0], map[string]any{strings.Repeat("x", 101): "a"}, jobdb.ErrInvalidValue},
		"a value with U+0000":                  {ids[0], map[string]any{"A": "\x00"}, jobdb.ErrInvalidValue},
	} {
		values := map[jobdb.JobID]map[string]any{ids[0]: {"Site": "lost", "Lost": "lost"}}
		if test.id == ids[0] {
			test.values["Lost"] = "lost"
		}
		values[test.id] = test.values
		if err := m.SetMetadata(t.Context(), alices, values); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, c := range jobdb.Columns() {
		if c.Name() == "Site" {
			continue
		}
		err := m.SetMetadata(t.Context(), alices, map[jobdb.JobID]map[string]any{ids[0]: {"Lost": "lost", c.Name(): "x"}})
		invalid := (*wms.MetadataError)(nil)
		if !errors.As(err, &invalid) || invalid.Name != c.Name() || invalid.Job != ids[0] || !strings.Contains(err.Error(), c.Name()) {
			t.Errorf("the attribute %s: %v", c, err)
		}
	}
	err := m.SetMetadata(t.Context(), alices, map[jobdb.JobID]map[string]any{ids[0]: {"Lost": "x"}, ids[2]: {}, 1 << 30: {}, 1<<30 - 1: {}})
	if missing := (*jobdb.NotFoundError)(nil); !errors.As(err, &missing) || cmp.Diff([]jobdb.JobID{ids[2], 1<<30 - 1, 1 << 30}, missing.Jobs) != "" {
		t.Errorf("missing: %v", err)
	}
	if diff := cmp.Diff(before, everything(t, m, ids[:2]...)); diff != "" {
		t.Errorf("something was written: %s", diff)
	}
}
