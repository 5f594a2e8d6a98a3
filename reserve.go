package jobdb

import (
	"context"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// ReserveJobs reserves the IDs of n new jobs for [DB.CreateReservedJobs]. On SQLite only one
// transaction at a time can write, so it has to be short; when the IDs are known, what is stored of
// large jobs can be prepared before it. On other engines, and in a database that keeps no account
// of its IDs, nothing is reserved and the IDs are nil; use [DB.CreateJobs] then. Reserved IDs that
// are not used are not given again.
func (db *DB) ReserveJobs(ctx context.Context, n int) ([]JobID, error) {
	if !db.dialect.OneWriter {
		return nil, nil
	}
	var ids []JobID
	err := db.write(ctx, "reserve IDs of jobs", func(s *session) error {
		ids = nil
		next, err := engine.NextID(ctx, s.q, db.dialect)
		if err != nil || next == 0 { // a live table keeps no account, and neither does one that never had a job
			return err
		}
		for i := range n {
			ids = append(ids, JobID(next+int64(i)))
		}
		return engine.RaiseNextID(ctx, s.q, db.dialect, next+int64(n))
	})
	return ids, err
}

// ReservedJob is a new job whose ID is known. Its JDLs are stored as they are given.
type ReservedJob struct {
	ID               JobID
	OriginalJDL, JDL string
}

// CreateReservedJobs is [DB.CreateJobs] and [DB.UpdateJobJDLs] in one, for jobs whose IDs were
// reserved. An ID that a job has already is a [ConflictError].
func (a access) CreateReservedJobs(ctx context.Context, jobs []ReservedJob) error {
	columns := tables.JobJDLs.Pick("JobID", "OriginalJDL", "JDL")
	rows := make([][]any, len(jobs))
	for i, job := range jobs {
		if job.ID < 1 {
			return &ValueError{Job: job.ID, Column: "JobID", Reason: "IDs begin at 1"}
		}
		for at, text := range []string{job.OriginalJDL, job.JDL} {
			if err := checkLength(columns[at+1], text); err != nil {
				return &ValueError{Job: job.ID, Column: columns[at+1].Name, Reason: err.Error()}
			}
		}
		rows[i] = []any{int64(job.ID), job.OriginalJDL, job.JDL}
	}
	return a.write(ctx, "create jobs", func(s *session) error {
		return s.insertStatements(tables.JobJDLs, tables.JobJDLs.Pick("JobRequirements"), columns, rows, func(statement string, args []any) error {
			_, err := s.exec(ctx, statement, args...)
			return err
		})
	})
}
