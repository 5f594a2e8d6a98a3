package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"jobdb"
)

func (d *database) writes(sizes []int) []comparison {
	var cases []comparison
	for _, n := range d.bulkSizes(sizes) {
		ids := d.jobsToWrite(n)
		of := []comparison{
			d.createJobs(n), d.insertJobAttributes(n), d.deleteJobs(n), d.insertInputData(ids), d.updateJobJDLs(ids),
			d.setJobAttributes(ids), d.setJobAttributesLate(ids), d.setProperties(ids),
			d.setJobCommands(ids), d.takeJobCommands(ids), d.expireJobCommands(ids),
			d.addHeartbeatData(ids),
			d.setParameters("SetJobParameters", "JobParameters", d.db.SetJobParameters, ids),
			d.setParameters("SetOptimizerParameters", "OptimizerParameters", d.db.SetOptimizerParameters, ids),
			d.archiveJobParameters(ids), d.insertHistory(ids), d.deleteHistory(ids),
		}
		for i := range of {
			of[i].size = n
		}
		cases = append(cases, of...)
	}
	return cases
}

// written says that all rows were written, unless something failed.
func written(n int, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return int64(n), nil
}

// now is the time as our clock gives it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func repeat(text string, n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = text
	}
	return texts
}

func (d *database) createJobs(n int) comparison {
	jdls := repeat(originalJDL, n)
	var ids []jobdb.JobID
	return comparison{
		method: "CreateJobs",
		after:  func(ctx context.Context) error { return d.deleteRows(ctx, ids, "JobJDLs") },
		ours: func(ctx context.Context) (_ int64, err error) {
			ids, err = d.db.CreateJobs(ctx, jdls)
			return int64(len(ids)), err
		},
		bare: func(ctx context.Context) (int64, error) {
			err := d.bare.write(ctx, func(t *bareTx) (err error) { ids, err = t.createJobs(ctx, jdls); return err })
			return int64(len(ids)), err
		},
		reference: func() instruction { return instruction{"CreateJobs", jdls} },
		created:   func(created []jobdb.JobID) { ids = created },
	}
}

func (t *bareTx) createJobs(ctx context.Context, jdls []string) ([]jobdb.JobID, error) {
	ids := make([]jobdb.JobID, 0, len(jdls))
	fields := textFields("JDL", "JobRequirements", "OriginalJDL")
	rows := make([][]any, len(jdls))
	for i, jdl := range jdls {
		rows[i] = []any{"", "", jdl}
	}
	if t.engine == "sqlite" {
		statement, err := t.tx.PrepareContext(ctx, insertText("JobJDLs", fields, 1))
		if err != nil {
			return nil, err
		}
		defer statement.Close()
		for _, row := range rows {
			done, err := statement.ExecContext(ctx, row...)
			if err != nil {
				return nil, err
			}
			id, err := done.LastInsertId()
			if err != nil {
				return nil, err
			}
			ids = append(ids, jobdb.JobID(id))
		}
		return ids, nil
	}
	scan := func(rows *sql.Rows) error {
		ids = append(ids, 0)
		return rows.Scan(&ids[len(ids)-1])
	}
	if t.engine == "postgres" {
		_, err := t.query(ctx, t.tx, `INSERT INTO "JobJDLs" (`+names(fields)+`) SELECT * FROM `+unnest(fields)+` RETURNING "JobID"`, arrays(fields, rows), scan)
		return ids, err
	}
	for len(rows) > 0 {
		n := min(len(rows), 1000)
		if _, err := t.query(ctx, t.tx, insertText("JobJDLs", fields, n)+` RETURNING "JobID"`, flat(rows[:n]), scan); err != nil {
			return nil, err
		}
		rows = rows[n:]
	}
	return ids, nil
}

var attributeFields = []field{
	idField,
	{"JobType", "text", "TEXT"},
	{"JobGroup", "text", "TEXT"},
	{"Site", "text", "TEXT"},
	{"JobName", "text", "TEXT"},
	{"Owner", "text", "TEXT"},
	{"OwnerGroup", "text", "TEXT"},
	{"VO", "text", "TEXT"},
	{"SubmissionTime", timeType[0], timeType[1]},
	{"LastUpdateTime", timeType[0], timeType[1]},
	{"Status", "text", "TEXT"},
	{"MinorStatus", "text", "TEXT"},
	{"ApplicationStatus", "text", "TEXT"},
	{"UserPriority", "bigint", "BIGINT"},
	{"RescheduleCounter", "bigint", "BIGINT"},
	{"VerifiedFlag", "text", "TEXT"},
	{"AccountedFlag", "text", "TEXT"},
}

// newAttributes are those that a submission gives.
func newAttributes(ids []jobdb.JobID) map[jobdb.JobID]jobdb.Attributes {
	random := rand.New(rand.NewPCG(3, 4))
	attributes := make(map[jobdb.JobID]jobdb.Attributes, len(ids))
	for _, id := range ids {
		a := randomJob(random, int(id))
		for _, name := range []string{"StartExecTime", "HeartBeatTime", "EndExecTime"} {
			delete(a, name)
		}
		attributes[id] = a
	}
	return attributes
}

func (d *database) insertJobAttributes(n int) comparison {
	jdls := repeat(originalJDL, n)
	var ids []jobdb.JobID
	var attributes map[jobdb.JobID]jobdb.Attributes
	return comparison{
		method: "InsertJobAttributes",
		before: func(ctx context.Context) (err error) {
			ids, err = d.db.CreateJobs(ctx, jdls)
			attributes = newAttributes(ids)
			return err
		},
		after: func(ctx context.Context) error { return d.deleteRows(ctx, ids, "JobJDLs") },
		ours: func(ctx context.Context) (int64, error) {
			return written(n, d.db.InsertJobAttributes(ctx, attributes))
		},
		bare: func(ctx context.Context) (int64, error) {
			rows := make([][]any, len(ids))
			for i, id := range ids {
				a := attributes[id]
				rows[i] = []any{int64(id)}
				for _, f := range attributeFields[1:] {
					rows[i] = append(rows[i], a[f.name])
				}
				rows[i][13], rows[i][14], rows[i][15], rows[i][16] = int64(a["UserPriority"].(int)), int64(0), "False", "False"
			}
			return written(n, d.bare.write(ctx, func(t *bareTx) error { return t.insert(ctx, "Jobs", attributeFields, rows, "") }))
		},
		reference: func() instruction { return instruction{"InsertJobAttributes", attributes} },
	}
}

func (d *database) deleteJobs(n int) comparison {
	jdls := repeat(originalJDL, n)
	var ids []jobdb.JobID
	return comparison{
		method: "DeleteJobs",
		before: func(ctx context.Context) error {
			return d.db.Tx(ctx, func(tx *jobdb.Tx) (err error) {
				if ids, err = tx.CreateJobs(ctx, jdls); err != nil {
					return err
				}
				if err = tx.InsertJobAttributes(ctx, newAttributes(ids)); err != nil {
					return err
				}
				if err = tx.SetJobParameters(ctx, parameters(ids, "v")); err != nil {
					return err
				}
				return tx.InsertHistory(ctx, history(ids, "Received", "Waiting", "Killed"))
			})
		},
		ours: func(ctx context.Context) (int64, error) { return d.db.DeleteJobs(ctx, ids) },
		bare: func(ctx context.Context) (deleted int64, err error) {
			err = d.bare.write(ctx, func(t *bareTx) error {
				if _, err := t.execIDs(ctx, `DELETE FROM "LoggingInfo" WHERE "JobID"`, ids, ""); err != nil {
					return err
				}
				deleted, err = t.execIDs(ctx, `DELETE FROM "JobJDLs" WHERE "JobID"`, ids, "") // the rest cascades
				return err
			})
			return deleted, err
		},
		reference: func() instruction { return instruction{"DeleteJobs", ids} },
	}
}

func (d *database) insertInputData(ids []jobdb.JobID) comparison {
	files := inputFiles(ids)
	return comparison{
		method: "InsertInputData",
		before: func(ctx context.Context) error { return d.deleteRows(ctx, ids, "InputData") },
		ours: func(ctx context.Context) (int64, error) {
			return written(2*len(ids), d.db.InsertInputData(ctx, files))
		},
		bare: func(ctx context.Context) (int64, error) {
			rows := make([][]any, 0, 2*len(ids))
			for _, id := range ids {
				for _, lfn := range files[id] {
					rows = append(rows, []any{int64(id), lfn, "AprioriGood"})
				}
			}
			fields := append([]field{idField}, textFields("LFN", "Status")...)
			return written(len(rows), d.bare.write(ctx, func(t *bareTx) error { return t.insert(ctx, "InputData", fields, rows, "") }))
		},
		reference: func() instruction { return instruction{"InsertInputData", files} },
	}
}

// turn gives another text each time, so that every write changes something.
func turn(prefix string) func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("%s %d", prefix, n) }
}

func (d *database) updateJobJDLs(ids []jobdb.JobID) comparison {
	next := turn(originalJDL)
	jdls := make(map[jobdb.JobID]string, len(ids))
	return comparison{
		method: "UpdateJobJDLs",
		before: func(context.Context) error {
			for _, id := range ids {
				jdls[id] = next()
			}
			return nil
		},
		ours: func(ctx context.Context) (int64, error) {
			return written(len(ids), d.db.UpdateJobJDLs(ctx, jdls))
		},
		bare: func(ctx context.Context) (n int64, err error) {
			rows := make([][]any, len(ids))
			for i, id := range ids {
				rows[i] = []any{int64(id), jdls[id]}
			}
			return d.bare.updateRows(ctx, "JobJDLs", append([]field{idField}, textFields("JDL")...), rows, "")
		},
		reference: func() instruction { return instruction{"UpdateJobJDLs", jdls} },
	}
}

func (b *bareDB) updateRows(ctx context.Context, table string, fields []field, rows [][]any, where string) (n int64, err error) {
	err = b.write(ctx, func(t *bareTx) error {
		n, err = t.update(ctx, table, fields, rows, where)
		return err
	})
	return n, err
}

// statusChanges gives jobs another status each time.
type statusChanges struct {
	ids        []jobdb.JobID
	turn       int
	attributes map[jobdb.JobID]jobdb.Attributes
}

func (s *statusChanges) next(context.Context) error {
	s.turn++
	s.attributes = make(map[jobdb.JobID]jobdb.Attributes, len(s.ids))
	for i, id := range s.ids {
		s.attributes[id] = jobdb.Attributes{
			"Status": []string{"Running", "Matched", "Stalled"}[(i+s.turn)%3], "MinorStatus": []string{"Application", "Assigned"}[(i+s.turn)%2],
			"ApplicationStatus": fmt.Sprintf("Events %d", 100*((i+s.turn)%40)),
		}
	}
	return nil
}

func (s *statusChanges) rows(at time.Time) [][]any {
	rows := make([][]any, len(s.ids))
	for i, id := range s.ids {
		a := s.attributes[id]
		rows[i] = []any{int64(id), a["Status"], a["MinorStatus"], a["ApplicationStatus"], at}
	}
	return rows
}

var statusFields = append(append([]field{idField}, textFields("Status", "MinorStatus", "ApplicationStatus")...),
	field{"LastUpdateTime", timeType[0], timeType[1]})

func (d *database) setJobAttributes(ids []jobdb.JobID) comparison {
	return d.setStatuses(&statusChanges{ids: ids})
}

func (d *database) setStatuses(s *statusChanges) comparison {
	return comparison{
		method: "SetJobAttributes",
		before: s.next,
		ours: func(ctx context.Context) (int64, error) {
			return d.db.SetJobAttributes(ctx, s.attributes, jobdb.SetOptions{})
		},
		bare: func(ctx context.Context) (int64, error) {
			return d.bare.updateRows(ctx, "Jobs", statusFields, s.rows(now()), "")
		},
		reference: func() instruction { return instruction{"SetJobAttributes", s.attributes} },
	}
}

// setJobAttributesLate sets a status at a time of the caller's, unless a job was
// updated later or is over: none of these is, so all are changed.
func (d *database) setJobAttributesLate(ids []jobdb.JobID) comparison {
	s := &statusChanges{ids: ids}
	at := now().Add(24 * time.Hour)
	return comparison{
		method: "SetJobAttributes, At and KeepFinal",
		before: func(ctx context.Context) error { at = at.Add(time.Second); return s.next(ctx) },
		ours: func(ctx context.Context) (int64, error) {
			return d.db.SetJobAttributes(ctx, s.attributes, jobdb.SetOptions{At: at, KeepFinal: true})
		},
		bare: func(ctx context.Context) (int64, error) {
			// The time is one of ours: written out it costs no argument.
			where := ` AND "Status" NOT IN ('Done', 'Completed', 'Failed', 'Killed')` +
				` AND ("LastUpdateTime" IS NULL OR "LastUpdateTime" <= '` + at.Format(sqliteTime) + `')`
			if d.engine == "postgres" {
				where = ` AND "Status" NOT IN ('Done', 'Completed', 'Failed', 'Killed') AND ("LastUpdateTime" IS NULL OR "LastUpdateTime" <= ` + "s.\"newLastUpdateTime\"" + `)`
				if len(ids) == 1 {
					where = ` AND "Status" NOT IN ('Done', 'Completed', 'Failed', 'Killed') AND ("LastUpdateTime" IS NULL OR "LastUpdateTime" <= '` + at.Format(sqliteTime) + `+00')`
				}
			}
			return d.bare.updateRows(ctx, "Jobs", statusFields, s.rows(at), where)
		},
	}
}

func (d *database) setProperties(ids []jobdb.JobID) comparison {
	count := 0
	properties := make(map[jobdb.JobID]jobdb.Attributes, len(ids))
	return comparison{
		method: "SetProperties",
		before: func(context.Context) error {
			for i, id := range ids {
				count++
				properties[id] = jobdb.Attributes{"UserPriority": count, "JobType": types[(i+count)%len(types)]}
			}
			return nil
		},
		ours: func(ctx context.Context) (int64, error) { return d.db.SetProperties(ctx, properties, true) },
		bare: func(ctx context.Context) (int64, error) {
			at := now()
			rows := make([][]any, len(ids))
			for i, id := range ids {
				p := properties[id]
				rows[i] = []any{int64(id), int64(p["UserPriority"].(int)), p["JobType"], at}
			}
			fields := []field{idField, {"UserPriority", "bigint", "BIGINT"}, {"JobType", "text", "TEXT"}, {"LastUpdateTime", timeType[0], timeType[1]}}
			return d.bare.updateRows(ctx, "Jobs", fields, rows, "")
		},
		reference: func() instruction { return instruction{"SetProperties", properties} },
	}
}
