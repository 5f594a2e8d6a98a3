package transfer_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/internal/transfer"
	"jobdb/jobdbtest"
	"jobdb/opensearch"
	"jobdb/oracle"
)

// Parameters that are in OpenSearch move with the jobs of DIRAC's newest release, and a second run
// takes what has changed there.
func TestOpenSearchImport(t *testing.T) {
	from := oracle.DIRAC(t, "9.1.22", jobdbtest.MariaDBWith)
	documents, err := opensearch.Open(`{"hosts": "` + jobdbtest.OpenSearchAddress(t) + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	vo := "VO" + rand.Text()[:12]
	const jobs = 1100
	source := jobdbtest.Open(t, from, jobdb.Options{})
	ids, err := source.CreateJobs(t.Context(), make([]string, jobs))
	if err != nil {
		t.Fatal(err)
	}
	attributes, set, want := map[jobdb.JobID]jobdb.Attributes{}, map[jobdb.JobID]map[string]any{}, map[jobdb.JobID]map[string]string{}
	for i, id := range ids {
		attributes[id] = jobdb.Attributes{"VO": vo}
		if i%7 == 0 { // the others have none
			set[id] = map[string]any{"HostName": fmt.Sprint("n", i), "PayloadPID": i, "own": []string{"é"}}
			want[id] = map[string]string{"HostName": fmt.Sprint("n", i), "PayloadPID": fmt.Sprint(i), "own": `["é"]`}
		}
	}
	if err := source.InsertJobAttributes(t.Context(), attributes); err != nil {
		t.Fatal(err)
	}
	if err := documents.Set(t.Context(), vo, set, time.Now()); err != nil {
		t.Fatal(err)
	}
	o := transfer.Options{From: from, FromHistory: transfer.NoHistory, FromParameters: documents, To: jobdbtest.SQLite(t), Batch: 600}
	report := run(t, o)
	if !slices.Contains(report.Rows, transfer.Count{What: "JobParameters", N: int64(3 * len(set))}) {
		t.Errorf("the report says %+v", report)
	}
	wantParameters(t, o.To, ids, want)

	later := ids[jobs-2]
	if err := documents.Set(t.Context(), vo, map[jobdb.JobID]map[string]any{later: {"HostName": "late"}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if found := differences(t, o); len(found) != 1 {
		t.Errorf("verify finds %q", found)
	}
	want[later] = map[string]string{"HostName": "late"}
	if report := run(t, o); report.Jobs != jobs-600 || report.Unchanged != 600 {
		t.Errorf("the second run: %+v", report)
	}
	wantParameters(t, o.To, ids, want)
	if found := differences(t, o); len(found) != 0 {
		t.Errorf("verify finds %q", found)
	}
}

func wantParameters(t *testing.T, url string, ids []jobdb.JobID, want map[jobdb.JobID]map[string]string) {
	t.Helper()
	got, err := jobdbtest.Open(t, url, jobdb.Options{}).JobParameters(t.Context(), ids)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v; - wanted, + got:\n%s", err, diff)
	}
}
