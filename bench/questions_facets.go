package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"jobdb"
)

// What jobdb's page asks for: some columns together, others one by one.
var (
	pageFacets      = []string{"Status", "Site", "Owner", "JobGroup", "JobType"}
	countedFacets   = [][]string{pageFacets, {"MinorStatus"}, {"OwnerGroup"}}
	uncountedFacets = [][]string{{"ApplicationStatus"}}
)

func facets(name string, filters []jobdb.FilterSpec, columns ...string) question {
	return question{name: name, filters: filterColumns(filters), ask: func(ctx context.Context, db *jobdb.DB) (r reach, err error) {
		f, err := jobdb.FacetsRequest{Columns: columns, Search: filters}.Parse(db.Limits())
		if err != nil {
			return r, err
		}
		f.Scope.VO = growthVO
		answer, err := db.Facets(ctx, f)
		for _, facet := range answer {
			found := int64(0)
			for _, value := range facet.Values {
				found += value.Count
			}
			r.found = max(r.found, found)
		}
		return r, err
	}}
}

func (m *monitor) facets(r rank, of [][]string) (questions []question) {
	for _, columns := range of {
		name := strings.Join(columns, ", ")
		if r == noEqual {
			questions = append(questions, facets(name, nil, columns...))
			continue
		}
		for _, value := range []string{"Status", "Site", "Owner", "JobGroup"} {
			questions = append(questions, facets(name+", of "+value, m.equal(value, r), columns...))
		}
	}
	return questions
}

func (m *monitor) facetsInSpans() []question {
	return m.inSpans("SubmissionTime", []string{"", "Status", "Owner"}, func(of string, filters []jobdb.FilterSpec) []question {
		return []question{facets(of, filters, pageFacets...)}
	})
}

// histograms count the jobs of spans by one of two columns, a day by hours, alone or with a value of
// another.
func (m *monitor) histograms(with ...string) (questions []question) {
	for _, column := range []string{"SubmissionTime", "StartExecTime", "EndExecTime", "LastUpdateTime"} {
		for _, span := range spans {
			from := gridEnd.Add(-span.ago)
			to := from.Add(cmp.Or(span.long, span.ago))
			for _, value := range with {
				of, filters := column+", "+span.name, []jobdb.FilterSpec(nil)
				if value != "" {
					of, filters = of+", "+value, m.equal(value, commonest)
				}
				for _, by := range []string{"Status", "Site"} {
					q := histogram(by+", "+of, filters, jobdb.HistogramRequest{
						Time: column, From: from.Format(time.DateTime), To: to.Format(time.DateTime), Bucket: int64((to.Sub(from) / 24).Truncate(time.Minute).Seconds()), By: by,
					})
					q.narrow = column
					questions = append(questions, q)
				}
			}
		}
	}
	return finding(questions)
}

func histogram(name string, filters []jobdb.FilterSpec, request jobdb.HistogramRequest) question {
	request.Search = filters
	return question{name: name, filters: append(filterColumns(filters), request.Time), ask: func(ctx context.Context, db *jobdb.DB) (r reach, err error) {
		h, err := request.Parse(db.Limits())
		if err != nil {
			return r, err
		}
		h.Scope.VO = growthVO
		answer, err := db.Histogram(ctx, h)
		for _, series := range answer.Series {
			for _, jobs := range series.Counts {
				r.found += jobs
			}
		}
		for _, jobs := range answer.Other {
			r.found += jobs
		}
		return r, err
	}}
}

// completions ask as the search line does for what has been typed so far.
func (m *monitor) completions() (questions []question) {
	for _, column := range append([]string{"ApplicationStatus", "JobName"}, countedNames...) {
		for _, prefix := range []string{"", "a", "LCG.", "0010", "never there"} {
			questions = append(questions, values(fmt.Sprintf("%s: %q", column, prefix), jobdb.ValuesRequest{Column: column, Prefix: prefix}))
		}
	}
	return questions
}

func values(name string, request jobdb.ValuesRequest) question {
	return question{name: name, ask: func(ctx context.Context, db *jobdb.DB) (reach, error) {
		v, err := request.Parse(db.Limits())
		if err != nil {
			return reach{}, err
		}
		v.Scope.VO = growthVO
		answer, err := db.Values(ctx, v)
		return reach{shown: int64(len(answer.Values))}, err
	}}
}
