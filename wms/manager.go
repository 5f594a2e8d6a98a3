package wms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"jobdb"
	"jobdb/opensearch"
)

// JobManager carries out clients' requests by the rules. Make one with [NewJobManager]. It may be
// used by several goroutines at once.
type JobManager struct {
	DB    *jobdb.DB
	Rules RuleBook         // until SetRules replaces them
	Clock func() time.Time // tells the server's time

	// TaskQueues are what killed, deleted and rescheduled jobs are taken out of, so that no pilot
	// gets them; nil: nothing is. Set it before the first call.
	TaskQueues *jobdb.TaskQueues
	// Parameters has the parameters of jobs instead of the table JobParameters, as in DiracX; nil: the
	// table does. Set it before the first call.
	Parameters *opensearch.DB
	// PilotsEnded finds the jobs whose pilots have all ended, for [JobManager.CheckStalled]:
	// [jobdb.Pilots.Ended]. nil: nobody knows. Set it before the first call.
	PilotsEnded func(ctx context.Context, ids []jobdb.JobID) ([]jobdb.JobID, error)

	actionsCome chan struct{}            // wakes RunActions
	replaced    atomic.Pointer[RuleBook] // by SetRules; nil: Rules hold
}

// NewJobManager returns a manager of the jobs in db. A zero rules.Default stands for that of
// [DefaultRules], and a nil clock for the database's. A nil db is an error, as are rules that no
// job could follow.
func NewJobManager(db *jobdb.DB, rules RuleBook, clock func() time.Time) (*JobManager, error) {
	if db == nil {
		return nil, errors.New("a job manager needs a database")
	}
	if reflect.ValueOf(rules.Default).IsZero() {
		rules.Default = DefaultRules.Default
	}
	if err := rules.validate(); err != nil {
		return nil, err
	}
	if clock == nil {
		clock = db.Now
	}
	return &JobManager{DB: db, Rules: rules, Clock: clock, actionsCome: make(chan struct{}, 1)}, nil
}

// SetRules replaces the rules for all requests that come after. Rules that no job could follow are
// an error.
func (m *JobManager) SetRules(rules RuleBook) error {
	if err := rules.validate(); err != nil {
		return err
	}
	m.replaced.Store(&rules)
	return nil
}

// rulesOf returns the rules that hold now for the jobs of a VO.
func (m *JobManager) rulesOf(vo string) Rules {
	if rules := m.replaced.Load(); rules != nil {
		return rules.rulesOf(vo)
	}
	return m.Rules.rulesOf(vo)
}

// validate finds rules that no job could follow.
func (b RuleBook) validate() error {
	if err := b.Default.validate(); err != nil {
		return fmt.Errorf("the rules of Default: %w", err)
	}
	for _, vo := range slices.Sorted(maps.Keys(b.VOs)) {
		if err := b.VOs[vo].validate(); err != nil {
			return fmt.Errorf("the rules of the VO %s: %w", vo, err)
		}
	}
	return nil
}

// now is the server's time as databases store it: in UTC, to the microsecond.
func (m *JobManager) now() time.Time { return m.Clock().UTC().Truncate(time.Microsecond) }

// leaveTaskQueues takes jobs out of the task queues. Call it last in a transaction: where it is a
// transaction of its own it can't be undone if something fails later.
func (m *JobManager) leaveTaskQueues(ctx context.Context, tx *jobdb.Tx, ids []jobdb.JobID) error {
	if m.TaskQueues == nil {
		return nil
	}
	return m.TaskQueues.RemoveJobs(ctx, tx, ids, func(vo, group string) jobdb.GroupShare {
		return m.rulesOf(vo).Groups[group]
	})
}
