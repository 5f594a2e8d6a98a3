package transfer

import (
	"context"
	"database/sql"

	"jobdb/internal/engine"
)

// record says that a range is in the target, and what it was in the source when it was read.
type record struct {
	span
	jobs     int64
	checksum string
}

// recordsName is of the table that stays in the target, so that later runs know what they brought.
// Dropping it ends the move: then a target that has jobs is refused.
const (
	recordsName  = "jobdb_import"
	recordsTable = `"` + recordsName + `"`
)

const createRecords = `CREATE TABLE IF NOT EXISTS ` + recordsTable + ` (
	"First" BIGINT NOT NULL PRIMARY KEY,
	"Last" BIGINT NOT NULL,
	"Jobs" BIGINT NOT NULL,
	"Checksum" CHAR(64) NOT NULL
)`

// readRecords are all, in the order of their ranges.
func readRecords(ctx context.Context, q engine.Querier) ([]record, error) {
	var records []record
	const text = `SELECT "First", "Last", "Jobs", "Checksum" FROM ` + recordsTable + ` ORDER BY "First"`
	err := engine.EachRow(ctx, q, text, func(rows *sql.Rows) error {
		var r record
		err := rows.Scan(&r.first, &r.last, &r.jobs, &r.checksum)
		records = append(records, r)
		return err
	})
	return records, err
}

// write puts a record in the place of the one of the same range.
func (r record) write(ctx context.Context, q engine.Querier, d *engine.Dialect) error {
	if _, err := q.ExecContext(ctx, d.Rebind(`DELETE FROM `+recordsTable+` WHERE "First" = ?`), r.first); err != nil {
		return err
	}
	const insert = `INSERT INTO ` + recordsTable + ` ("First", "Last", "Jobs", "Checksum") VALUES (?, ?, ?, ?)`
	_, err := q.ExecContext(ctx, d.Rebind(insert), r.first, r.last, r.jobs, r.checksum)
	return err
}
