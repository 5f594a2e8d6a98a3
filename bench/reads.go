package main

import (
	"context"
	"database/sql"
	"time"

	"jobdb"
)

func (d *database) reads(sizes []int) []comparison {
	cases := append(d.searches(), d.summaries()...)
	for _, n := range d.bulkSizes(sizes) {
		cases = append(cases, d.readsOf(n)...)
	}
	return cases
}

// readsOf are the methods that read rows of n jobs.
func (d *database) readsOf(n int) []comparison {
	ids := d.jobsToRead(n)
	cases := []comparison{
		d.jdlsByJob("JobJDLs", `"JDL"`, d.db.JobJDLs, ids),
		d.jdlsByJob("OriginalJDLs", `"OriginalJDL"`, d.db.OriginalJDLs, ids),
		d.parametersByJob("JobParameters", d.db.JobParameters, ids),
		d.parametersByJob("OptimizerParameters", d.db.OptimizerParameters, ids),
		d.inputData(ids), d.archivedJobParameters(ids), d.jobCommands(ids), d.lastHeartbeats(ids), d.allHeartbeats(ids),
		d.history(ids), d.statusTimes(ids),
	}
	for i, c := range cases {
		cases[i].size = n
		switch c.method {
		case "JobJDLs", "OriginalJDLs", "History", "StatusTimes":
			cases[i].reference = func() instruction { return instruction{c.method, ids} }
		}
	}
	return cases
}

func (d *database) inputData(ids []jobdb.JobID) comparison {
	return listsByJob("InputData", d, ids, d.db.InputData,
		`SELECT "JobID", "LFN", "Status" FROM "InputData" WHERE "JobID"`, ` ORDER BY "JobID", "LFN"`,
		func(rows *sql.Rows) (id jobdb.JobID, f jobdb.InputFile, err error) {
			return id, f, rows.Scan(&id, &f.LFN, &f.Status)
		})
}

func (d *database) archivedJobParameters(ids []jobdb.JobID) comparison {
	return listsByJob("ArchivedJobParameters", d, ids, d.db.ArchivedJobParameters,
		`SELECT "JobID", "Name", "Value", "RescheduleCycle" FROM "AtticJobParameters" WHERE "JobID"`,
		` ORDER BY "JobID", "RescheduleCycle", "Name"`,
		func(rows *sql.Rows) (id jobdb.JobID, p jobdb.ArchivedParameter, err error) {
			return id, p, rows.Scan(&id, &p.Name, &p.Value, &p.Cycle)
		})
}

func (d *database) jobCommands(ids []jobdb.JobID) comparison {
	return listsByJob("JobCommands", d, ids, d.db.JobCommands,
		`SELECT "JobID", "Command", "Arguments", "Status", "ReceptionTime", "ExecutionTime" FROM "JobCommands" WHERE "JobID"`,
		` ORDER BY "JobID", "ReceptionTime"`,
		func(rows *sql.Rows) (id jobdb.JobID, c jobdb.CommandRecord, err error) {
			var received, executed bareTime
			err = rows.Scan(&id, &c.Command.Command, &c.Arguments, &c.Status, &received, &executed)
			c.JobID, c.ReceptionTime, c.ExecutionTime = id, received.at, executed.at
			return id, c, err
		})
}

func (d *database) lastHeartbeats(ids []jobdb.JobID) comparison {
	return listsByJob("Heartbeats (last)", d, ids,
		func(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID][]jobdb.Heartbeat, error) {
			return d.db.Heartbeats(ctx, ids, 1)
		},
		`SELECT "JobID", "Name", "Value", "HeartBeatTime" FROM (SELECT "JobID", "Name", "Value", "HeartBeatTime",
			DENSE_RANK() OVER (PARTITION BY "JobID" ORDER BY "HeartBeatTime" DESC) AS n FROM "HeartBeatLoggingInfo" WHERE "JobID"`,
		`) AS t WHERE n <= 1 ORDER BY "JobID", "Name"`, scanHeartbeat)
}

func (d *database) allHeartbeats(ids []jobdb.JobID) comparison {
	return listsByJob("Heartbeats (all)", d, ids,
		func(ctx context.Context, ids []jobdb.JobID) (map[jobdb.JobID][]jobdb.Heartbeat, error) {
			return d.db.Heartbeats(ctx, ids, 0)
		},
		`SELECT "JobID", "Name", "Value", "HeartBeatTime" FROM "HeartBeatLoggingInfo" WHERE "JobID"`,
		` ORDER BY "JobID", "HeartBeatTime" DESC, "Name"`, scanHeartbeat)
}

func (d *database) history(ids []jobdb.JobID) comparison {
	return listsByJob("History", d, ids, d.db.History,
		`SELECT "JobID", "Status", "MinorStatus", "ApplicationStatus", "StatusTime", "StatusSource" FROM "LoggingInfo" WHERE "JobID"`,
		` ORDER BY "JobID", "StatusTimeOrder", "StatusTime", "SeqNum"`,
		func(rows *sql.Rows) (id jobdb.JobID, r jobdb.HistoryRecord, err error) {
			var at bareTime
			err = rows.Scan(&r.JobID, &r.Status, &r.MinorStatus, &r.ApplicationStatus, &at, &r.Source)
			r.Time = at.at
			return r.JobID, r, err
		})
}

func scanHeartbeat(rows *sql.Rows) (id jobdb.JobID, h jobdb.Heartbeat, err error) {
	var at bareTime
	err = rows.Scan(&id, &h.Name, &h.Value, &at)
	h.Time = at.at
	return id, h, err
}

// listsByJob reads a list of things for each job: by our method, and by hand with the text, the IDs
// and the suffix.
func listsByJob[T any](
	method string, d *database, ids []jobdb.JobID,
	ours func(context.Context, []jobdb.JobID) (map[jobdb.JobID][]T, error),
	text, suffix string, scan func(*sql.Rows) (jobdb.JobID, T, error),
) comparison {
	return comparison{
		method: method,
		ours: func(ctx context.Context) (int64, error) {
			found, err := ours(ctx, ids)
			n := 0
			for _, things := range found {
				n += len(things)
			}
			return int64(n), err
		},
		bare: func(ctx context.Context) (int64, error) {
			found := make(map[jobdb.JobID][]T)
			return d.bare.queryIDs(ctx, nil, text, ids, suffix, func(rows *sql.Rows) error {
				id, thing, err := scan(rows)
				found[id] = append(found[id], thing)
				return err
			})
		},
	}
}

func (d *database) jdlsByJob(
	method, column string, read func(context.Context, []jobdb.JobID) (map[jobdb.JobID]string, error), ids []jobdb.JobID,
) comparison {
	return comparison{
		method: method,
		ours: func(ctx context.Context) (int64, error) {
			found, err := read(ctx, ids)
			return int64(len(found)), err
		},
		bare: func(ctx context.Context) (int64, error) {
			found := make(map[int64]string, len(ids))
			return d.bare.queryIDs(ctx, nil, `SELECT "JobID", `+column+` FROM "JobJDLs" WHERE "JobID"`, ids, "", func(rows *sql.Rows) error {
				var id int64
				var text string
				err := rows.Scan(&id, &text)
				found[id] = text
				return err
			})
		},
	}
}

// parametersByJob reads a table of parameters, which has the name of the method.
func (d *database) parametersByJob(
	table string, read func(context.Context, []jobdb.JobID) (map[jobdb.JobID]map[string]string, error), ids []jobdb.JobID,
) comparison {
	return comparison{
		method: table,
		ours: func(ctx context.Context) (n int64, err error) {
			found, err := read(ctx, ids)
			for _, values := range found {
				n += int64(len(values))
			}
			return n, err
		},
		bare: func(ctx context.Context) (int64, error) {
			found := make(map[int64]map[string]string)
			return d.bare.queryIDs(ctx, nil, `SELECT "JobID", "Name", "Value" FROM "`+table+`" WHERE "JobID"`, ids, "", func(rows *sql.Rows) error {
				var id int64
				var name, value string
				err := rows.Scan(&id, &name, &value)
				if found[id] == nil {
					found[id] = make(map[string]string)
				}
				found[id][name] = value
				return err
			})
		},
	}
}

func (d *database) statusTimes(ids []jobdb.JobID) comparison {
	return comparison{
		method: "StatusTimes",
		ours: func(ctx context.Context) (n int64, err error) {
			found, err := d.db.StatusTimes(ctx, ids)
			for _, times := range found {
				n += int64(len(times))
			}
			return n, err
		},
		bare: func(ctx context.Context) (int64, error) {
			found := make(map[int64]map[string]time.Time)
			text := `SELECT "JobID", "Status", max("StatusTimeOrder") FROM "LoggingInfo" WHERE "JobID"`
			return d.bare.queryIDs(ctx, nil, text, ids, ` GROUP BY "JobID", "Status"`, func(rows *sql.Rows) error {
				var id int64
				var status string
				var order float64
				err := rows.Scan(&id, &status, &order)
				if found[id] == nil {
					found[id] = make(map[string]time.Time)
				}
				found[id][status] = time.UnixMilli(1270000000*1000 + int64(order*1000+0.5)).UTC()
				return err
			})
		},
	}
}
