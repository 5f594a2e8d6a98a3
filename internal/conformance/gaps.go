package conformance

import (
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
)

// HistoryGaps returns the jobs of a database whose history isn't numbered
// from 1 without a gap. It looks without the help of jobdb.
func HistoryGaps(tb testing.TB, address string) []jobdb.JobID {
	tb.Helper()
	rows, err := jobdbtest.Raw(tb, address).QueryContext(tb.Context(),
		`SELECT "JobID" FROM "LoggingInfo" GROUP BY "JobID" HAVING MIN("SeqNum") <> 1 OR MAX("SeqNum") <> COUNT(*)`)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var ids []jobdb.JobID
	for rows.Next() {
		var id jobdb.JobID
		if err := rows.Scan(&id); err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return ids
}
