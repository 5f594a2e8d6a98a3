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

// QuotaError says whose jobs are too many, in words for the submitter.
type QuotaError struct {
	Of              string // "you" or "the users of your VO together"
	Jobs, New, Most int64  // jobs that haven't ended, jobs of the submission, how many both together may be
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("%s may have %d jobs that haven't ended: there are %d, and these would be %d more; try again when some have ended", e.Of, e.Most, e.Jobs, e.New)
}

// Is reports whether target is [ErrQuota].
func (e *QuotaError) Is(target error) bool { return target == ErrQuota }

// checkQuotas refuses a submission that would exceed a quota. Submissions at the same time don't
// see each other's jobs, so a few more may get through.
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
