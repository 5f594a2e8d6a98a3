package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"jobdb"
)

func (t *bareTx) forUpdate(suffix string) string {
	if t.engine == "sqlite" {
		return ""
	}
	return " FOR UPDATE" + suffix
}

// lockJobs locks jobs and returns how many there are.
func (t *bareTx) lockJobs(ctx context.Context, ids []jobdb.JobID) (int64, error) {
	text := `SELECT "JobID" FROM "Jobs" WHERE "JobID"`
	return t.queryIDs(ctx, t.tx, text, ids, ` ORDER BY "JobID"`+t.forUpdate(""), func(rows *sql.Rows) error {
		var id int64
		return rows.Scan(&id)
	})
}

var commandFields = append(append([]field{idField}, textFields("Command", "Arguments", "Status")...),
	field{"ReceptionTime", timeType[0], timeType[1]})

func kills(ids []jobdb.JobID) []jobdb.Command {
	commands := make([]jobdb.Command, len(ids))
	for i, id := range ids {
		commands[i] = jobdb.Command{JobID: id, Command: jobdb.KillCommand}
	}
	return commands
}

func (d *database) setJobCommands(ids []jobdb.JobID) comparison {
	commands := kills(ids)
	return comparison{
		method: "SetJobCommands",
		before: func(ctx context.Context) error { return d.deleteRows(ctx, ids, "JobCommands") },
		ours: func(ctx context.Context) (int64, error) {
			return written(len(ids), d.db.SetJobCommands(ctx, commands))
		},
		bare: func(ctx context.Context) (int64, error) {
			return written(len(ids), d.bare.write(ctx, func(t *bareTx) error { return t.setCommands(ctx, ids, commands) }))
		},
		reference: func() instruction { return instruction{"SetJobCommands", commands} },
	}
}

func (t *bareTx) setCommands(ctx context.Context, ids []jobdb.JobID, commands []jobdb.Command) error {
	if n, err := t.lockJobs(ctx, ids); err != nil || n != int64(len(ids)) {
		return err
	}
	last := make(map[jobdb.JobID]time.Time)
	pending := make(map[jobdb.Command]bool)
	text := `SELECT "JobID", "Command", "Arguments", "Status", "ReceptionTime" FROM "JobCommands" WHERE "JobID"`
	_, err := t.queryIDs(ctx, t.tx, text, ids, "", func(rows *sql.Rows) error {
		var c jobdb.Command
		var status string
		var at bareTime
		err := rows.Scan(&c.JobID, &c.Command, &c.Arguments, &status, &at)
		pending[c] = pending[c] || status == jobdb.CommandReceived
		if at.at.After(last[c.JobID]) {
			last[c.JobID] = at.at
		}
		return err
	})
	if err != nil {
		return err
	}
	rows := make([][]any, 0, len(commands))
	for _, c := range commands {
		at := now()
		if !at.After(last[c.JobID]) {
			at = last[c.JobID].Add(time.Microsecond)
		}
		if !pending[c] {
			last[c.JobID], pending[c] = at, true
			rows = append(rows, []any{int64(c.JobID), c.Command, c.Arguments, jobdb.CommandReceived, at})
		}
	}
	return t.insert(ctx, "JobCommands", commandFields, rows, "")
}

// setOneCommand gives each of the jobs one pending command and no other.
func (d *database) setOneCommand(ids []jobdb.JobID) func(context.Context) error {
	commands := kills(ids)
	return func(ctx context.Context) error {
		if err := d.deleteRows(ctx, ids, "JobCommands"); err != nil {
			return err
		}
		return d.db.SetJobCommands(ctx, commands)
	}
}

func (d *database) takeJobCommands(ids []jobdb.JobID) comparison {
	return comparison{
		method: "TakeJobCommands",
		before: d.setOneCommand(ids),
		ours: func(ctx context.Context) (int64, error) {
			taken, err := d.db.TakeJobCommands(ctx, ids)
			return int64(len(taken)), err
		},
		bare: func(ctx context.Context) (n int64, err error) {
			err = d.bare.write(ctx, func(t *bareTx) error {
				if isMySQL(t.engine) {
					n, err = t.takeCommandsInTwo(ctx, ids)
				} else {
					n, err = t.takeCommands(ctx, ids)
				}
				return err
			})
			return n, err
		},
		reference: func() instruction { return instruction{"TakeJobCommands", ids} },
	}
}

// takeCommands takes commands in one statement, with RETURNING, which MariaDB and MySQL haven't for UPDATE.
func (t *bareTx) takeCommands(ctx context.Context, ids []jobdb.JobID) (int64, error) {
	var commands []jobdb.CommandRecord
	scan := func(rows *sql.Rows) error {
		var c jobdb.CommandRecord
		var at bareTime
		err := rows.Scan(&c.JobID, &c.Command.Command, &c.Arguments, &at)
		c.ReceptionTime = at.at
		commands = append(commands, c)
		return err
	}
	condition, args := t.in(ids)
	text := `UPDATE "JobCommands" SET "Status" = 'Sent', "ExecutionTime" = ? WHERE "JobID"` + condition +
		` AND "Status" = 'Received' RETURNING "JobID", "Command", "Arguments", "ReceptionTime"`
	if t.engine == "postgres" {
		text = `UPDATE "JobCommands" AS c SET "Status" = 'Sent', "ExecutionTime" = ?
			FROM (SELECT "JobID", "ReceptionTime" FROM "JobCommands"
				WHERE "JobID"` + condition + ` AND "Status" = 'Received' FOR UPDATE SKIP LOCKED) AS p
			WHERE c."JobID" = p."JobID" AND c."ReceptionTime" = p."ReceptionTime" RETURNING c."JobID", c."Command", c."Arguments", c."ReceptionTime"`
		return t.query(ctx, t.tx, text, append([]any{now()}, args...), scan)
	}
	return t.query(ctx, t.tx, text, append([]any{now().Format(sqliteTime)}, args...), scan)
}

func (t *bareTx) takeCommandsInTwo(ctx context.Context, ids []jobdb.JobID) (int64, error) {
	var keys [][]any
	_, err := t.queryIDs(ctx, t.tx, `SELECT "JobID", "Command", "Arguments", "ReceptionTime" FROM "JobCommands" WHERE "JobID"`, ids,
		` AND "Status" = 'Received' ORDER BY "JobID", "ReceptionTime" FOR UPDATE SKIP LOCKED`, func(rows *sql.Rows) error {
			var c jobdb.Command
			var at time.Time
			err := rows.Scan(&c.JobID, &c.Command, &c.Arguments, &at)
			keys = append(keys, []any{int64(c.JobID), at.Format(sqliteTime)})
			return err
		})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	if len(keys) == 1 {
		return t.exec(ctx, `UPDATE "JobCommands" SET "Status" = 'Sent', "ExecutionTime" = ?
			WHERE "JobID" = ? AND "ReceptionTime" = ?`, now(), keys[0][0], keys[0][1])
	}
	batch, err := json.Marshal(keys)
	if err != nil {
		return 0, err
	}
	return t.exec(ctx, `UPDATE JSON_TABLE(?, '$[*]' COLUMNS(id BIGINT PATH '$[0]', at DATETIME(6) PATH '$[1]')) AS s
		STRAIGHT_JOIN "JobCommands" ON "JobID" = s.id AND "ReceptionTime" = s.at
		SET "Status" = 'Sent', "ExecutionTime" = ?`, string(batch), now())
}

func (d *database) expireJobCommands(ids []jobdb.JobID) comparison {
	return comparison{
		method: "ExpireJobCommands",
		before: d.setOneCommand(ids),
		ours: func(ctx context.Context) (int64, error) {
			return written(len(ids), d.db.ExpireJobCommands(ctx, ids))
		},
		bare: func(ctx context.Context) (n int64, err error) {
			err = d.bare.write(ctx, func(t *bareTx) error {
				n, err = t.execIDs(ctx, `UPDATE "JobCommands" SET "Status" = 'Expired' WHERE "JobID"`, ids,
					` AND ("Status" = 'Received' OR "Status" = 'Sent' AND "Command" = 'Kill' AND "ExecutionTime" IS NOT NULL)`)
				return err
			})
			return n, err
		},
	}
}

// upsert is the end of an INSERT that replaces the "Value" of a row that has that key already.
func (b *bareDB) upsert(key string) string {
	if isMySQL(b.engine) {
		return ` ON DUPLICATE KEY UPDATE "Value" = VALUES("Value")`
	}
	return ` ON CONFLICT (` + key + `) DO UPDATE SET "Value" = excluded."Value"`
}

func (d *database) addHeartbeatData(ids []jobdb.JobID) comparison {
	beats := heartbeats(ids, "2048.5")
	return comparison{
		method: "AddHeartbeatData, 6 fields",
		after:  func(ctx context.Context) error { return d.deleteRows(ctx, ids, "HeartBeatLoggingInfo") },
		ours: func(ctx context.Context) (int64, error) {
			return written(6*len(ids), d.db.AddHeartbeatData(ctx, beats))
		},
		bare: func(ctx context.Context) (int64, error) {
			at := now()
			rows := make([][]any, 0, 6*len(ids))
			for _, id := range ids {
				for _, name := range jobdb.HeartbeatFields {
					rows = append(rows, []any{int64(id), name, beats[id][name], at})
				}
			}
			fields := append(append([]field{idField}, textFields("Name", "Value")...), field{"HeartBeatTime", timeType[0], timeType[1]})
			return written(len(rows), d.bare.write(ctx, func(t *bareTx) error {
				return t.insert(ctx, "HeartBeatLoggingInfo", fields, rows, t.upsert(`"JobID", "Name", "HeartBeatTime"`))
			}))
		},
		reference: func() instruction { return instruction{"AddHeartbeatData", beats} },
	}
}

func (d *database) setParameters(
	method, table string, set func(context.Context, map[jobdb.JobID]map[string]string) error, ids []jobdb.JobID,
) comparison {
	next := turn("value")
	var values map[jobdb.JobID]map[string]string
	return comparison{
		method: method + ", 3 names",
		before: func(context.Context) error { values = parameters(ids, next()); return nil },
		ours: func(ctx context.Context) (int64, error) {
			return written(3*len(ids), set(ctx, values))
		},
		bare: func(ctx context.Context) (int64, error) {
			rows := make([][]any, 0, 3*len(ids))
			for _, id := range ids {
				for name, value := range values[id] {
					rows = append(rows, []any{int64(id), name, value})
				}
			}
			fields := append([]field{idField}, textFields("Name", "Value")...)
			return written(len(rows), d.bare.write(ctx, func(t *bareTx) error {
				return t.insert(ctx, table, fields, rows, t.upsert(`"JobID", "Name"`))
			}))
		},
	}
}

func (d *database) archiveJobParameters(ids []jobdb.JobID) comparison {
	values := parameters(ids, "v")
	return comparison{
		method: "ArchiveJobParameters, 3 names",
		before: func(ctx context.Context) error {
			if err := d.deleteRows(ctx, ids, "AtticJobParameters", "JobParameters"); err != nil {
				return err
			}
			return d.db.SetJobParameters(ctx, values)
		},
		ours: func(ctx context.Context) (int64, error) {
			return written(3*len(ids), d.db.ArchiveJobParameters(ctx, ids))
		},
		bare: func(ctx context.Context) (n int64, err error) {
			err = d.bare.write(ctx, func(t *bareTx) error {
				if _, err := t.lockJobs(ctx, ids); err != nil {
					return err
				}
				// A cycle that is in the archive already is not replaced.
				const next = `COALESCE((SELECT MAX(a."RescheduleCycle") + 1 FROM "AtticJobParameters" AS a WHERE a."JobID" = p."JobID"), 0)`
				n, err = t.execIDs(ctx, `INSERT INTO "AtticJobParameters" ("JobID", "Name", "Value", "RescheduleCycle")
					SELECT p."JobID", p."Name", p."Value", CASE WHEN `+next+` > j."RescheduleCounter" THEN `+next+` ELSE j."RescheduleCounter" END
					FROM "JobParameters" AS p JOIN "Jobs" AS j ON j."JobID" = p."JobID" WHERE p."JobID"`, ids, "")
				if err != nil {
					return err
				}
				_, err = t.execIDs(ctx, `DELETE FROM "JobParameters" WHERE "JobID"`, ids, "")
				return err
			})
			return n, err
		},
	}
}

var historyFields = []field{
	idField,
	{"SeqNum", "bigint", "BIGINT"},
	{"Status", "text", "TEXT"},
	{"MinorStatus", "text", "TEXT"},
	{"ApplicationStatus", "text", "TEXT"},
	{"StatusTime", timeType[0], timeType[1]},
	{"StatusTimeOrder", "float8", "DECIMAL(12, 3)"},
	{"StatusSource", "text", "TEXT"},
}

func (d *database) insertHistory(ids []jobdb.JobID) comparison {
	records := history(ids, "Running")
	return comparison{
		method: "InsertHistory, 1 record a job",
		before: func(ctx context.Context) error { return d.deleteRows(ctx, ids, "LoggingInfo") },
		ours: func(ctx context.Context) (int64, error) {
			return written(len(ids), d.db.InsertHistory(ctx, records))
		},
		bare: func(ctx context.Context) (int64, error) {
			return written(len(ids), d.bare.write(ctx, func(t *bareTx) error { return t.insertHistory(ctx, ids, records) }))
		},
		reference: func() instruction { return instruction{"InsertHistory", records} },
	}
}

func (t *bareTx) insertHistory(ctx context.Context, ids []jobdb.JobID, records []jobdb.HistoryRecord) error {
	if _, err := t.lockJobs(ctx, ids); err != nil {
		return err
	}
	last := make(map[jobdb.JobID]int64, len(ids))
	text := `SELECT "JobID", max("SeqNum") FROM "LoggingInfo" WHERE "JobID"`
	_, err := t.queryIDs(ctx, t.tx, text, ids, ` GROUP BY "JobID"`, func(rows *sql.Rows) error {
		var id jobdb.JobID
		var n int64
		err := rows.Scan(&id, &n)
		last[id] = n
		return err
	})
	if err != nil {
		return err
	}
	rows := make([][]any, len(records))
	for i, r := range records {
		last[r.JobID]++
		order := float64(r.Time.UnixMilli()-1270000000*1000) / 1000
		rows[i] = []any{int64(r.JobID), last[r.JobID], r.Status, r.MinorStatus, r.ApplicationStatus, r.Time, order, r.Source}
	}
	return t.insert(ctx, "LoggingInfo", historyFields, rows, "")
}

func (d *database) deleteHistory(ids []jobdb.JobID) comparison {
	records := history(ids, "Running", "Completing", "Done")
	return comparison{
		method: "DeleteHistory, 3 records a job",
		before: func(ctx context.Context) error { return d.db.InsertHistory(ctx, records) },
		ours: func(ctx context.Context) (int64, error) {
			return written(len(ids), d.db.DeleteHistory(ctx, ids))
		},
		bare: func(ctx context.Context) (int64, error) {
			return written(len(ids), d.bare.write(ctx, func(t *bareTx) error {
				_, err := t.execIDs(ctx, `DELETE FROM "LoggingInfo" WHERE "JobID"`, ids, "")
				return err
			}))
		},
		reference: func() instruction { return instruction{"DeleteHistory", ids} },
	}
}
