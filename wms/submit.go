package wms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jobdb"
	"jobdb/jdl"
)

// Owner is who submits jobs, as the access token says.
type Owner struct{ Name, Group, VO string }

// ErrInvalidJob is the class of submissions that were refused for what they say; see [JobError].
var ErrInvalidJob = errors.New("invalid job")

// JobError says why a submission was refused, in words meant for who submitted it.
type JobError struct{ Reason string }

func (e *JobError) Error() string { return e.Reason }

// Is reports whether target is [ErrInvalidJob].
func (e *JobError) Is(target error) bool { return target == ErrInvalidJob }

// jdlError says what is wrong with a JDL, and with which one of several.
func jdlError(err error, i, of int) error {
	if of > 1 {
		err = fmt.Errorf("number %d of %d: %w", i+1, of, err)
	}
	return &JobError{"JDL syntax error: " + err.Error()}
}

// Submitted is a new job.
type Submitted struct {
	JobID       jobdb.JobID
	Status      jobdb.Status
	MinorStatus string
	TimeStamp   time.Time // when it was submitted, in UTC
}

// jobState is the status of a new job.
type jobState struct {
	status jobdb.Status
	minor  string
}

// The first state of a job, and of a job made from a parametric JDL.
var (
	received   = jobState{jobdb.StatusReceived, "Job accepted"}
	submitting = jobState{jobdb.StatusSubmitting, "Bulk transaction confirmation"}
)

// What the history says of a new job beside its state.
const (
	sourceJobManager   = "JobManager"
	unknownApplication = "Unknown"
)

// Submit makes jobs of JDLs, all of them or none, and returns them in the order of the JDLs. A
// parametric JDL, which must come alone, makes a job of each set of its parameters, in the status
// Submitting; all others are Received. The number of statements doesn't depend on the number of
// jobs.
//
// More jobs than the rules let the owner or the VO have are a [QuotaError].
// What is wrong with a JDL is a [JobError]; what the database can't store of it is a
// [jobdb.ValueError]. The rules are those of DiracX's submit_jdl_jobs.
func (m *JobManager) Submit(ctx context.Context, owner Owner, jdls []string) ([]Submitted, error) {
	s, err := m.admit(ctx, owner, jdls)
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

// admit checks a submission against the rules and quotas, and prepares it as far as it can before
// the transaction.
func (m *JobManager) admit(ctx context.Context, owner Owner, jdls []string) (*submission, error) {
	s, err := m.rulesOf(owner.VO).check(owner, jdls)
	if err != nil {
		return nil, err
	}
	if err := m.checkQuotas(ctx, s); err != nil {
		return nil, err
	}
	return s, m.prepareEarly(ctx, s)
}

// submission is a checked submission, of one job or several.
type submission struct {
	owner     Owner
	rules     Rules
	state     jobState
	manifests []*jdl.Manifest
	originals []string // the JDLs as they are stored
	size      int      // of the JDLs, in bytes and uncompressed

	early *submissionRows // prepared before the transaction; nil: in it
}

// largeSubmission is from how many bytes of JDLs on a submission is prepared before its
// transaction, where that is possible. For a smaller one the second transaction would take longer.
const largeSubmission = 32 << 10

// prepareEarly prepares the rows of a large submission where IDs can be reserved.
func (m *JobManager) prepareEarly(ctx context.Context, s *submission) error {
	if s.size < largeSubmission {
		return nil
	}
	ids, err := m.DB.ReserveJobs(ctx, len(s.originals))
	if err != nil || ids == nil {
		return err
	}
	rows, err := s.rows(ids, m.now())
	s.early = &rows
	return err
}

// check expands and checks the JDLs of a submission.
func (r Rules) check(owner Owner, jdls []string) (*submission, error) {
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
		owner: owner, rules: r, state: received, manifests: make([]*jdl.Manifest, len(texts)), originals: make([]string, len(texts)),
	}
	if parametric {
		s.state = submitting
	}
	for i, text := range texts {
		if s.manifests[i], err = r.readManifest(owner, text); err != nil {
			return nil, jdlError(err, i, len(texts))
		}
		s.originals[i] = jdl.Compress(text)
		s.size += len(text)
	}
	return s, nil
}

// create stores a submission and returns its jobs. It may be called again when the transaction is
// tried again.
func (m *JobManager) create(ctx context.Context, tx *jobdb.Tx, s *submission) ([]Submitted, error) {
	rows, err := m.createJobs(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	if err := m.insert(ctx, tx, rows); err != nil {
		return nil, err
	}
	jobs := make([]Submitted, len(rows.ids))
	for i, id := range rows.ids {
		jobs[i] = Submitted{JobID: id, Status: s.state.status, MinorStatus: s.state.minor, TimeStamp: rows.time}
	}
	return jobs, nil
}

// createJobs creates the jobs with their JDLs, and returns the rows of all other tables.
func (m *JobManager) createJobs(ctx context.Context, tx *jobdb.Tx, s *submission) (*submissionRows, error) {
	if s.early != nil {
		jobs := make([]jobdb.ReservedJob, len(s.early.ids))
		for i, id := range s.early.ids {
			jobs[i] = jobdb.ReservedJob{ID: id, OriginalJDL: s.originals[i], JDL: s.early.jdls[id]}
		}
		return s.early, tx.CreateReservedJobs(ctx, jobs)
	}
	ids, err := tx.CreateJobs(ctx, s.originals)
	if err != nil {
		return nil, err
	}
	rows, err := s.rows(ids, m.now())
	if err != nil {
		return nil, err
	}
	return &rows, tx.UpdateJobJDLs(ctx, rows.jdls)
}

// submissionRows are the rows of new jobs, table by table.
type submissionRows struct {
	ids        []jobdb.JobID
	time       time.Time // of the submission
	attributes map[jobdb.JobID]jobdb.Attributes
	jdls       map[jobdb.JobID]string // as they are stored
	inputData  map[jobdb.JobID][]string
	history    []jobdb.HistoryRecord
}

// rows prepares what is stored of the submission; ids are those of its jobs.
func (s *submission) rows(ids []jobdb.JobID, now time.Time) (submissionRows, error) {
	rows := submissionRows{
		ids: ids, time: now,
		attributes: make(map[jobdb.JobID]jobdb.Attributes, len(ids)),
		jdls:       make(map[jobdb.JobID]string, len(ids)),
		inputData:  map[jobdb.JobID][]string{},
		history:    make([]jobdb.HistoryRecord, len(ids)),
	}
	for i, id := range ids {
		job, err := s.rules.prepareNew(s.manifests[i], s.owner, id)
		if err != nil {
			return rows, jdlError(err, i, len(ids))
		}
		job.attributes["Status"], job.attributes["MinorStatus"] = s.state.status, s.state.minor
		job.attributes["SubmissionTime"], job.attributes["LastUpdateTime"] = now, now
		rows.attributes[id] = job.attributes
		rows.jdls[id] = jdl.Compress(job.jdl)
		if len(job.inputData) > 0 {
			rows.inputData[id] = job.inputData
		}
		rows.history[i] = jobdb.HistoryRecord{
			JobID: id, Status: s.state.status, MinorStatus: s.state.minor, ApplicationStatus: unknownApplication,
			Time: now, Source: sourceJobManager,
		}
	}
	return rows, nil
}

func (m *JobManager) insert(ctx context.Context, tx *jobdb.Tx, rows *submissionRows) error {
	if err := tx.InsertJobAttributes(ctx, rows.attributes); err != nil {
		return err
	}
	if err := tx.InsertInputData(ctx, rows.inputData); err != nil {
		return err
	}
	if m.DB.HistoryElsewhere() {
		// A submission that failed may have left histories of its IDs, and SQLite gives these IDs
		// again.
		if err := tx.DeleteHistory(ctx, rows.ids); err != nil {
			return err
		}
	}
	return tx.InsertHistory(ctx, rows.history)
}
