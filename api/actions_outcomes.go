package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"jobdb"
	"jobdb/api/internal/validation"
)

// outcomesRequest says which outcomes of an action are wanted.
type outcomesRequest struct {
	kind  string // done, refused, failed, waiting or all; "" for none
	from  int64  // the number of the [jobdb.ActionPart] to begin with
	limit int
}

// Outcomes of a job.
const (
	outcomeDone    = "done"
	outcomeRefused = "refused"
	outcomeFailed  = "failed"
	outcomeWaiting = "waiting"
)

func readOutcomes(in *validation.Reader, r *http.Request) (wanted outcomesRequest) {
	query := r.URL.Query()
	if kind, given := validation.QueryValue(query, "outcomes"); given {
		wanted.kind = in.OneOf(kind, validation.Location{"query", "outcomes"}, outcomeDone, outcomeRefused, outcomeFailed, outcomeWaiting, "all")
	}
	wanted.from = int64(in.QueryCount(query, "from", 1, validation.MaxCount))
	wanted.limit = in.QueryCount(query, "per_page", defaultOutcomes, maxOutcomes)
	return wanted
}

// outcomeAnswer is what an action did to a job.
type outcomeAnswer struct {
	JobID   jobdb.JobID `json:"job_id"`
	Outcome string      `json:"outcome"`
	Reason  string      `json:"reason,omitempty"`
}

// partsAtOnce is how many parts of an action are read at once.
const partsAtOnce = 50

// outcomes returns outcomes of an action, by ascending IDs, and the part to go on with, nil if
// there are no more. Parts aren't split, so there may be a few more outcomes than were asked for.
func (s *service) outcomes(ctx context.Context, action jobdb.Action, wanted outcomesRequest) (list []outcomeAnswer, next *int64, err error) {
	list = []outcomeAnswer{}
	for from := wanted.from; ; {
		parts, err := s.DB.ActionParts(ctx, action.ID, from, partsAtOnce)
		if err != nil {
			return nil, nil, err
		}
		for _, part := range parts {
			if len(list) >= wanted.limit {
				return list, &part.Number, nil
			}
			list = append(list, outcomesOf(part, wanted.kind)...)
			from = part.Number + 1
		}
		if len(parts) < partsAtOnce {
			return list, nil, nil
		}
	}
}

// outcomesOf returns the outcomes of a kind in a part.
func outcomesOf(part jobdb.ActionPart, kind string) (list []outcomeAnswer) {
	outcomes := make(map[jobdb.JobID]outcomeAnswer, len(part.Jobs))
	for _, id := range part.Jobs {
		outcomes[id] = outcomeAnswer{id, outcomeWaiting, ""}
		if part.Outcomes != nil {
			outcomes[id] = outcomeAnswer{id, outcomeDone, ""}
		}
	}
	if part.Outcomes != nil {
		for outcome, reasons := range map[string]map[string][]jobdb.JobID{outcomeRefused: part.Outcomes.Refused, outcomeFailed: part.Outcomes.Failed} {
			for reason, ids := range reasons {
				for _, id := range ids {
					outcomes[id] = outcomeAnswer{id, outcome, reason}
				}
			}
		}
	}
	for _, outcome := range outcomes {
		if kind == "all" || outcome.Outcome == kind {
			list = append(list, outcome)
		}
	}
	slices.SortFunc(list, func(a, b outcomeAnswer) int { return cmp.Compare(a.JobID, b.JobID) })
	return list
}
