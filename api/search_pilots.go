package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"jobdb"
)

const stampParameter = "PilotStamp"

// takeStamps removes the filters for pilot stamps from a search and returns the stamps: nil when
// there are no such filters.
func takeStamps(request *jobdb.SearchRequest) (stamps []string, err error) {
	var others []jobdb.FilterSpec
	for _, f := range request.Search {
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
	if len(others) == len(request.Search) {
		return nil, nil
	}
	if slices.ContainsFunc(others, func(f jobdb.FilterSpec) bool { return f.Parameter == "JobID" }) {
		err = badRequest("filters for " + stampParameter + " and for JobID can't be in one search")
	}
	request.Search = others
	return append([]string{}, stamps...), err
}

// searchOfPilots is a search among the jobs that pilots ran. Without the pilots' database no stamp
// is known, and no job is found.
func (s *service) searchOfPilots(ctx context.Context, request jobdb.SearchRequest, stamps []string) (jobdb.Search, error) {
	jobs := []any{}
	if s.Pilots != nil {
		ids, err := s.Pilots.JobsOf(ctx, stamps)
		if err != nil {
			return jobdb.Search{}, err
		}
		if limit := s.DB.Limits().Values; len(ids) > limit {
			return jobdb.Search{}, badRequest("these pilots ran more jobs than the " + strconv.Itoa(limit) +
				" that can be looked through; ask for fewer pilots")
		}
		for _, id := range ids {
			jobs = append(jobs, int64(id))
		}
	}
	request.Search = append(request.Search, jobdb.FilterSpec{Parameter: "JobID", Operator: "in", Values: jobs})
	return request.Parse(s.DB.Limits())
}
