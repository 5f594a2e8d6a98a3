package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"jobdb"
)

const stampParameter = "PilotStamp"

// takeStamps removes the filters for pilot stamps and returns the stamps: nil when there are no such
// filters.
func takeStamps(filters *[]jobdb.FilterSpec) (stamps []string, err error) {
	var others []jobdb.FilterSpec
	for _, f := range *filters {
		switch {
		case f.Parameter != stampParameter:
			others = append(others, f)
		case f.Operator == "eq":
			stamps = append(stamps, fmt.Sprint(f.Value))
		case f.Operator == "in":
			for _, value := range f.Values {
				stamps = append(stamps, fmt.Sprint(value))
			}
		default:
			err = badRequest(stampParameter + " takes eq and in only, not " + f.Operator)
		}
	}
	if len(others) == len(*filters) {
		return nil, nil
	}
	if slices.ContainsFunc(others, func(f jobdb.FilterSpec) bool { return f.Parameter == "JobID" }) {
		err = badRequest("filters for " + stampParameter + " and for JobID can't be in one search")
	}
	*filters = others
	return append([]string{}, stamps...), err
}

// addJobsOfPilots adds a filter for the jobs that pilots ran. Without the pilots' database no stamp
// is known, and no job is found.
func (s *service) addJobsOfPilots(ctx context.Context, filters []jobdb.FilterSpec, stamps []string) ([]jobdb.FilterSpec, error) {
	jobs := []any{}
	if s.Pilots != nil {
		ids, err := s.Pilots.JobsOf(ctx, stamps)
		if err != nil {
			return nil, err
		}
		if limit := s.DB.Limits().Values; len(ids) > limit {
			return nil, badRequest("these pilots ran more jobs than the " + strconv.Itoa(limit) +
				" that can be looked through; ask for fewer pilots")
		}
		for _, id := range ids {
			jobs = append(jobs, int64(id))
		}
	}
	return append(filters, jobdb.FilterSpec{Parameter: "JobID", Operator: "in", Values: jobs}), nil
}
