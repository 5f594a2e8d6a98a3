package wms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jobdb"
	"jobdb/jdl"
)

// JobManager takes jobs in.
type JobManager struct {
	DB    *jobdb.DB
	Rules Rules
	Clock func() time.Time
}

// Owner is who submits, as the token says.
type Owner struct{ Name, Group, VO string }

// ErrInvalidJob is the class of submissions that were refused for what they say; see [JobError].
var ErrInvalidJob = errors.New("invalid job")

// JobError says why a submission was refused, in words meant for who submitted it.
type JobError struct{ Reason string }

func (e *JobError) Error() string { return e.Reason }

// Is reports whether target is [ErrInvalidJob].
func (e *JobError) Is(target error) bool { return target == ErrInvalidJob }

// Submitted is a new job.
type Submitted struct {
	JobID       jobdb.JobID
	Status      string
	MinorStatus string
	TimeStamp   time.Time
}

// The first status of a job, and who writes it to the history.
const (
	statusReceived   = "Received"
	minorJobAccepted = "Job accepted"
	sourceJobManager = "JobManager"
)

// Submit makes jobs of JDLs, all of them or none, and returns them in the order of the JDLs. The number of
// statements doesn't depend on the number of JDLs. What is wrong with a JDL is a [JobError]; what the
// database can't store of it is a [jobdb.ValueError].
func (m *JobManager) Submit(ctx context.Context, owner Owner, jdls []string) ([]Submitted, error) {
	drafts, err := m.draftAll(owner, jdls)
	if err != nil {
		return nil, err
	}
	originals := make([]string, len(drafts))
	for i, d := range drafts {
		originals[i] = jdl.Compress(d.original)
	}
	var jobs []Submitted
	err = m.DB.Tx(ctx, func(tx *jobdb.Tx) error {
		ids, err := tx.CreateJobs(ctx, originals)
		if err != nil {
			return err
		}
		jobs, err = m.store(ctx, tx, owner, drafts, ids)
		return err
	})
	return jobs, err
}

func (m *JobManager) draftAll(owner Owner, jdls []string) ([]*draft, error) {
	switch {
	case len(jdls) == 0:
		return nil, &JobError{"no JDL was given"}
	case len(jdls) > m.Rules.MaxJobs:
		return nil, &JobError{fmt.Sprintf("%d jobs in one submission, at most %d are taken", len(jdls), m.Rules.MaxJobs)}
	}
	drafts := make([]*draft, len(jdls))
	for i, text := range jdls {
		var err error
		if drafts[i], err = m.Rules.draft(owner, text); err != nil {
			return nil, nth(err, i, len(jdls))
		}
	}
	return drafts, nil
}

// nth says which JDL of several an error is about.
func nth(err error, i, of int) error {
	if of > 1 {
		err = fmt.Errorf("number %d of %d: %w", i+1, of, err)
	}
	return &JobError{"JDL syntax error: " + err.Error()}
}

// store writes all that belongs to the new jobs.
func (m *JobManager) store(ctx context.Context, tx *jobdb.Tx, owner Owner, drafts []*draft, ids []jobdb.JobID) ([]Submitted, error) {
	now := m.Clock().UTC().Truncate(time.Microsecond)
	jobs := make([]Submitted, len(ids))
	attributes := make(map[jobdb.JobID]jobdb.Attributes, len(ids))
	jdls := make(map[jobdb.JobID]string, len(ids))
	files := make(map[jobdb.JobID][]string)
	history := make([]jobdb.HistoryRecord, len(ids))
	for i, id := range ids {
		job, err := m.Rules.finish(drafts[i], owner, id)
		if err != nil {
			return nil, nth(err, i, len(ids))
		}
		job.attributes["SubmissionTime"], job.attributes["LastUpdateTime"] = now, now
		attributes[id] = job.attributes
		jdls[id] = jdl.Compress(job.jdl)
		if len(job.inputData) > 0 {
			files[id] = job.inputData
		}
		history[i] = jobdb.HistoryRecord{
			JobID: id, Status: statusReceived, MinorStatus: minorJobAccepted, ApplicationStatus: "Unknown",
			Time: now, Source: sourceJobManager,
		}
		jobs[i] = Submitted{JobID: id, Status: statusReceived, MinorStatus: minorJobAccepted, TimeStamp: now}
	}
	for _, write := range []func() error{
		func() error { return tx.InsertJobAttributes(ctx, attributes) },
		func() error { return tx.UpdateJobJDLs(ctx, jdls) },
		func() error { return tx.InsertInputData(ctx, files) },
		func() error { return tx.InsertHistory(ctx, history) },
	} {
		if err := write(); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}
