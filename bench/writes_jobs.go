package main

import (
	"context"
	"database/sql"
	"math/rand/v2"

	"jobdb"
)

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
		text := `INSERT INTO "JobJDLs" (` + names(fields) + `) SELECT * FROM ` + unnest(fields) + ` RETURNING "JobID"`
		_, err := t.query(ctx, t.tx, text, arrays(fields, rows), scan)
		return ids, err
	}
	for len(rows) > 0 {
		n := min(len(rows), 1000)
		if t.engine == "mysql" {
			first, err := t.insertID(ctx, insertText("JobJDLs", fields, n), flat(rows[:n])...)
			if err != nil {
				return nil, err
			}
			for i := range n { // one statement of so many rows takes numbers in a row
				ids = append(ids, jobdb.JobID(first+int64(i)))
			}
		} else if _, err := t.query(ctx, t.tx, insertText("JobJDLs", fields, n)+` RETURNING "JobID"`, flat(rows[:n]), scan); err != nil {
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

// newAttributes are attributes as a submission sets them.
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
			return d.db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) (err error) {
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
