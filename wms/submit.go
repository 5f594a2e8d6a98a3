package wms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jobdb"
	"jobdb/jdl"
)

// JobManager does to jobs what is asked for, by the rules.
type JobManager struct {
	DB    *jobdb.DB
	Rules RuleBook
	Clock func() time.Time // tells the server's time
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

// state is a status in full, as a new job has it.
type state struct{ status, minor string }

// The first state of a job, and that of the jobs of a parametric one.
var (
	received   = state{"Received", "Job accepted"}
	submitting = state{"Submitting", "Bulk transaction confirmation"}
)

// What the history says of a new job beside its state.
const (
	sourceJobManager   = "JobManager"
	unknownApplication = "Unknown"
)

// submission is what was submitted, on its way to the database.
type submission struct {
	owner     Owner
	rules     Rules
	first     state
	manifests []*jdl.Manifest
	originals []string // as they are stored
}

// Submit makes jobs of JDLs, all of them or none, and returns them in the order of the JDLs. A parametric
// one, which must come alone, makes a job of each set of its parameters, in the status Submitting. The number of
// statements doesn't depend on the number of jobs. What is wrong with a JDL is a [JobError]; what the
// database can't store of it is a [jobdb.ValueError].
func (m *JobManager) Submit(ctx context.Context, owner Owner, jdls []string) ([]Submitted, error) {
	s, err := m.Rules.of(owner.VO).submission(owner, jdls)
	if err != nil {
		return nil, err
	}
	var jobs []Submitted
	err = m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		jobs, err = m.create(ctx, tx, s)
		return err
	})
	return jobs, err
}

func (r Rules) submission(owner Owner, jdls []string) (*submission, error) {
	if len(jdls) == 0 {
		return nil, &JobError{"no JDL was given"}
	}
	texts, parametric, err := r.expand(jdls)
	if err != nil {
		return nil, err
	}
	if len(texts) > r.MaxJobs {
		return nil, r.tooMany(int64(len(texts)))
	}
	s := &submission{
		owner: owner, rules: r, first: received, manifests: make([]*jdl.Manifest, len(texts)), originals: make([]string, len(texts)),
	}
	if parametric {
		s.first = submitting
	}
	for i, text := range texts {
		if s.manifests[i], err = r.manifest(owner, text); err != nil {
			return nil, nth(err, i, len(texts))
		}
		s.originals[i] = jdl.Compress(text)
	}
	return s, nil
}

// create stores a submission. It may be called again, when the transaction is tried again.
func (m *JobManager) create(ctx context.Context, tx *jobdb.Tx, s *submission) ([]Submitted, error) {
	ids, err := tx.CreateJobs(ctx, s.originals)
	if err != nil {
		return nil, err
	}
	return m.store(ctx, tx, s, ids)
}

// nth says which JDL of several an error is about.
func nth(err error, i, of int) error {
	if of > 1 {
		err = fmt.Errorf("number %d of %d: %w", i+1, of, err)
	}
	return &JobError{"JDL syntax error: " + err.Error()}
}

// store writes all that belongs to the new jobs.
func (m *JobManager) store(ctx context.Context, tx *jobdb.Tx, s *submission, ids []jobdb.JobID) ([]Submitted, error) {
	now := m.Clock().UTC().Truncate(time.Microsecond)
	jobs := make([]Submitted, len(ids))
	attributes := make(map[jobdb.JobID]jobdb.Attributes, len(ids))
	jdls := make(map[jobdb.JobID]string, len(ids))
	files := make(map[jobdb.JobID][]string)
	history := make([]jobdb.HistoryRecord, len(ids))
	for i, id := range ids {
		job, err := s.rules.finish(s.manifests[i], s.owner, id)
		if err != nil {
			return nil, nth(err, i, len(ids))
		}
		job.attributes["Status"], job.attributes["MinorStatus"] = s.first.status, s.first.minor
		job.attributes["SubmissionTime"], job.attributes["LastUpdateTime"] = now, now
		attributes[id] = job.attributes
		jdls[id] = jdl.Compress(job.jdl)
		if len(job.inputData) > 0 {
			files[id] = job.inputData
		}
		history[i] = jobdb.HistoryRecord{
			JobID: id, Status: s.first.status, MinorStatus: s.first.minor, ApplicationStatus: unknownApplication,
			Time: now, Source: sourceJobManager,
		}
		jobs[i] = Submitted{JobID: id, Status: s.first.status, MinorStatus: s.first.minor, TimeStamp: now}
	}
	for _, write := range []func() error{
		func() error { return tx.InsertJobAttributes(ctx, attributes) },
		func() error { return tx.UpdateJobJDLs(ctx, jdls) },
		func() error { return tx.InsertInputData(ctx, files) },
		func() error {
			if !m.DB.HistoryElsewhere() {
				return nil
			}
			// A submission that failed before may have left histories of these IDs, which SQLite then gives again.
			return tx.DeleteHistory(ctx, ids)
		},
		func() error { return tx.InsertHistory(ctx, history) },
	} {
		if err := write(); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}
