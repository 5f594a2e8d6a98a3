package main

import (
	"fmt"
	"regexp"
	"strings"

	"jobdb"
)

// filterFlags are the flags that select jobs.
type filterFlags struct {
	Status []string `help:"Only jobs in this status; repeat for several." placeholder:"STATUS"`
	Site   []string `help:"Only jobs at this site; repeat for several." placeholder:"SITE"`
	Owner  []string `help:"Only jobs of this user; repeat for several." placeholder:"USER"`
	Where  []string `short:"w" help:"Only jobs that meet this condition (see above). With several, all must be met." sep:"none" placeholder:"CONDITION"`
}

const whereHelp = `

A condition is a column, an operator and a value:

  Status=Running   Status!=Done   JobID>100   JobID<=200   JobName~^prod_[0-9]+   (~ is a regular expression)
  "JobName like prod%"   "Site not like LCG.%"   "Status in Done, Failed"   "Owner not in alice, bob"
  "EndExecTime is null"   "SubmissionTime gt 2024-01"   SubmissionTime=2024-01-31

Operators also have names: eq, neq, gt, gte, lt, lte, regex, ilike. A part of a time, such as 2024-01, means the whole
year, month or day.

Parameters of jobs are columns, too: HostName=node1, "TotalCPUTime(s) is null", and Parameters.NAME for any of them.
Only =, !=, like, in and null compare them.`

// specs returns the filters of all flags.
func (f filterFlags) specs() ([]jobdb.FilterSpec, error) {
	var specs []jobdb.FilterSpec
	for _, list := range []struct {
		column string
		values []string
	}{{"Status", f.Status}, {"Site", f.Site}, {"Owner", f.Owner}} {
		if len(list.values) > 0 {
			specs = append(specs, jobdb.FilterSpec{Parameter: list.column, Operator: "in", Values: anys(list.values)})
		}
	}
	for _, text := range f.Where {
		spec, err := parseWhere(text)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

func anys(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

var (
	symbols = map[string]string{
		"=": "eq", "==": "eq", "!=": "neq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "~": "regex",
	}
	symbolCondition = regexp.MustCompile(`^\s*([\w.()]+)\s*(==|!=|>=|<=|=|>|<|~)(?s:(.*))$`)
	wordCondition   = regexp.MustCompile(`^\s*([\w.()]+)\s+(eq|neq|gte|gt|lte|lt|not like|like|ilike|regex|not in|in|is null|is not null)(?:\s+(?s:(.*)))?$`)
)

// parseWhere reads a condition such as Status=Running.
func parseWhere(text string) (jobdb.FilterSpec, error) {
	if m := wordCondition.FindStringSubmatch(text); m != nil {
		spec := jobdb.FilterSpec{Parameter: m[1], Operator: m[2]}
		switch value := strings.TrimSpace(m[3]); m[2] {
		case "in", "not in":
			spec.Values = anys(splitList(value))
		case "is null", "is not null":
		default:
			spec.Value = value
		}
		return spec, nil
	}
	if m := symbolCondition.FindStringSubmatch(text); m != nil {
		return jobdb.FilterSpec{Parameter: m[1], Operator: symbols[m[2]], Value: strings.TrimSpace(m[3])}, nil
	}
	return jobdb.FilterSpec{}, usageError{fmt.Errorf(`--where %q: no operator is known there; write Status=Running, "Status in Done, Failed" and so on`, text)}
}

func splitList(text string) []string {
	items := []string{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// parseSort reads COLUMN, COLUMN:asc or COLUMN:desc.
func parseSort(text string) (jobdb.SortSpec, error) {
	column, direction, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		direction = "asc"
	case direction != "asc" && direction != "desc":
		return jobdb.SortSpec{}, usageError{fmt.Errorf("--sort %s: write COLUMN, COLUMN:asc or COLUMN:desc", text)}
	}
	return jobdb.SortSpec{Parameter: column, Direction: direction}, nil
}
