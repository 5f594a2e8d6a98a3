package wms

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"jobdb"
)

// ErrQuota is the class of submissions that would give an owner or a VO more jobs than the rules let
// them have; see [QuotaError].
var ErrQuota = errors.New("too many jobs")

// QuotaError says whose jobs are too many, as it is told to who submitted them.
type QuotaError struct {
	Of              string // "you" or "your VO"
	Jobs, New, Most int64  // that haven't ended; of the submission; allowed together
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("%s may have %d jobs that haven't ended: there are %d, and these would be %d more; try again when some have ended", e.Of, e.Most, e.Jobs, e.New)
}

// Is reports whether target is [ErrQuota].
func (e *QuotaError) Is(target error) bool { return target == ErrQuota }

// admit checks a submission against the rules and quotas, and prepares what it can.
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

// checkQuotas refuses what would be too many jobs. Submissions that come at the same time don't see
// each other's, so a few more may get through.
func (m *JobManager) checkQuotas(ctx context.Context, s *submission) error {
	for _, quota := range []struct {
		of    string
		most  int64
		scope jobdb.Scope
	}{
		{"you", s.rules.MaxUserJobs, jobdb.Scope{VO: s.owner.VO, Owner: s.owner.Name}},
		{"the users of your VO together", s.rules.MaxVOJobs, jobdb.Scope{VO: s.owner.VO}},
	} {
		if quota.most == 0 {
			continue
		}
		jobs, err := m.unfinished(ctx, quota.scope)
		if err != nil {
			return err
		}
		if added := int64(len(s.originals)); jobs+added > quota.most {
			return &QuotaError{quota.of, jobs, added, quota.most}
		}
	}
	return nil
}

// unfinished counts the jobs in scope that haven't ended.
func (m *JobManager) unfinished(ctx context.Context, scope jobdb.Scope) (jobs int64, err error) {
	summary, err := jobdb.SummaryRequest{Grouping: []string{"Status"}}.Parse(m.DB.Limits())
	if err != nil {
		return 0, err
	}
	summary.Scope = scope
	err = m.DB.EachSummaryRow(ctx, summary, func(row []any) error {
		status, _ := row[0].(string)
		count, _ := row[1].(int64)
		if status := jobdb.Status(status); status != jobdb.StatusDeleted && !slices.Contains(jobdb.FinalStatuses, status) {
			jobs += count
		}
		return nil
	})
	return jobs, err
}
