package wms

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"jobdb"
)

// FindByParameters replaces filters on parameters of jobs, where these are in OpenSearch, by
// filters on the IDs of the VO's jobs that have such a parameter. Elsewhere the database compares
// parameters itself, and the filters are returned as they are. The filters must be valid. More than
// 10,000 jobs that have a parameter are a [jobdb.QueryError].
func (m *JobManager) FindByParameters(ctx context.Context, vo string, filters []jobdb.FilterSpec) ([]jobdb.FilterSpec, error) {
	if m.Parameters == nil {
		return filters, nil
	}
	return m.findEach(ctx, vo, filters, false)
}

// errManyVOs is for callers who may read all VOs: OpenSearch keeps the VOs apart.
var errManyVOs = &jobdb.QueryError{Field: "parameters", Reason: "where they are in OpenSearch they can be asked for only by members of the jobs' VO"}

func (m *JobManager) findEach(ctx context.Context, vo string, filters []jobdb.FilterSpec, negated bool) (found []jobdb.FilterSpec, err error) {
	found = make([]jobdb.FilterSpec, len(filters))
	for i, f := range filters {
		if found[i], err = m.findJobs(ctx, vo, f, negated); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// findJobs returns one filter, or its negation, without parameters. As with NULL in SQL, neither a
// comparison nor its negation finds a job without the parameter. So negations are pushed down to
// the comparisons.
func (m *JobManager) findJobs(ctx context.Context, vo string, f jobdb.FilterSpec, negated bool) (jobdb.FilterSpec, error) {
	switch name, isParameter := strings.CutPrefix(f.Parameter, jobdb.ParameterPrefix); {
	case isParameter:
		return m.holdersAsFilter(ctx, vo, name, f, negated)
	case f.Not != nil:
		return m.findJobs(ctx, vo, *f.Not, !negated)
	case f.Or != nil || f.And != nil:
		kids, err := m.findEach(ctx, vo, slices.Concat(f.Or, f.And), negated)
		if (f.Or != nil) != negated {
			return jobdb.FilterSpec{Or: kids}, err
		}
		return jobdb.FilterSpec{And: kids}, err
	case negated:
		return jobdb.FilterSpec{Not: &f}, nil
	}
	return f, nil
}

func (m *JobManager) holdersAsFilter(ctx context.Context, vo, name string, f jobdb.FilterSpec, negated bool) (jobdb.FilterSpec, error) {
	if vo == "" {
		return jobdb.FilterSpec{}, errManyVOs
	}
	compare := parameterComparison(f)
	equal := compare.equal
	if negated || compare.negative {
		equal = nil // jobs with other values are looked for, too
	}
	holders, err := m.Parameters.Holders(ctx, vo, name, equal)
	if err != nil {
		return jobdb.FilterSpec{}, err
	}
	jobs := jobdb.FilterSpec{Parameter: "JobID", Operator: "in", Values: []any{}}
	if f.Operator == "is null" && !negated || f.Operator == "is not null" && negated {
		jobs.Operator = "not in"
	}
	for id, value := range holders {
		if compare.holds == nil || compare.holds(value) != (compare.negative != negated) {
			jobs.Values = append(jobs.Values, int64(id))
		}
	}
	return jobs, nil
}

// comparison is how the value of a parameter is compared.
type comparison struct {
	holds    func(value string) bool // nil: only whether there is a value matters
	negative bool                    // holds must be false
	equal    []string                // all values for which holds is true; nil: not known
}

func parameterComparison(f jobdb.FilterSpec) comparison {
	negative := f.Operator == "neq" || strings.HasPrefix(f.Operator, "not ")
	switch f.Operator {
	case "is null", "is not null":
		return comparison{}
	case "like", "not like", "ilike":
		pattern := likeExpression(fmt.Sprint(f.Value))
		return comparison{holds: func(value string) bool { return pattern.MatchString(value) }, negative: negative}
	}
	values := f.Values
	if f.Value != nil {
		values = []any{f.Value}
	}
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return comparison{holds: func(value string) bool { return slices.Contains(texts, value) }, negative: negative, equal: texts}
}

// likeExpression is a pattern of like as a regular expression: % and _ are wildcards unless there is
// a \ before them, and ASCII letters match in either case.
func likeExpression(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	escaped := false
	for _, r := range pattern {
		switch {
		case r == '\\' && !escaped:
			escaped = true
			continue
		case r == '%' && !escaped:
			b.WriteString(".*")
		case r == '_' && !escaped:
			b.WriteString(".")
		case !isASCIILetter(r):
			b.WriteString(regexp.QuoteMeta(string(r)))
		default:
			b.WriteString("[" + strings.ToUpper(string(r)) + strings.ToLower(string(r)) + "]")
		}
		escaped = false
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String())
}

func isASCIILetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
