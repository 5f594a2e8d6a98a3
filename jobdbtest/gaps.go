package jobdbtest

import (
	"strings"
	"testing"

	"jobdb"
)

// HistoryGaps returns the jobs of a database whose history isn't numbered
// from 1 without a gap. It looks without the help of jobdb.
func HistoryGaps(tb testing.TB, address string) []jobdb.JobID {
	tb.Helper()
	db, err := openRaw(address)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	query := `SELECT "JobID" FROM "LoggingInfo" GROUP BY "JobID" HAVING MIN("SeqNum") <> 1 OR MAX("SeqNum") <> COUNT(DISTINCT "SeqNum")`
	if strings.HasPrefix(address, "mysql:") {
		query = strings.ReplaceAll(query, `"`, "`")
	}
	rows, err := db.QueryContext(tb.Context(), query)
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
