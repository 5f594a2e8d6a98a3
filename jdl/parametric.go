package jdl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of an expansion: a short text may describe a great many bytes of jobs.
const (
	maxExpanded   = 16 << 20 // bytes of all jobs together
	maxParameters = 100
)

var (
	errInconsistent = errors.New("the parameters don't fit together: each of Parameters… is a list, and all lists have the same length, " +
		"but Parameters itself may be that length")
	errExpanded = errors.New("the jobs of this parametric one would be longer than 16 MiB together")
)

// CountJobs returns how many jobs a parametric ad describes, 0 if it isn't parametric. As in DIRAC
// (getParameterVectorLength) all attributes whose names begin with Parameters must agree on the
// number, but an ad without one called Parameters itself is a single job. The error names the
// attribute that disagrees.
func (a *Ad) CountJobs() (int64, error) {
	n, err := a.countValues()
	if err == nil && n > 0 && !a.Has("Parameters") {
		n = 1
	}
	return n, err
}

// countValues returns how many values every parameter has, 0 if no attribute says so.
func (a *Ad) countValues() (int64, error) {
	count := int64(-1)
	for _, name := range a.names {
		if !strings.HasPrefix(name, "Parameters") {
			continue
		}
		n, ok, err := a.countValuesOf(name)
		if err != nil {
			return 0, err
		}
		if count >= 0 && (!ok || n != count) {
			return 0, fmt.Errorf("%s: %w", quoteShort(name), errInconsistent)
		}
		if !ok {
			continue
		}
		if n < 1 {
			return 0, fmt.Errorf("%s: a parametric job has at least one value of each parameter", quoteShort(name))
		}
		count = n
	}
	return max(count, 0), nil
}

// countValuesOf returns the length of a list, or the whole number that stands in its place.
func (a *Ad) countValuesOf(name string) (n int64, ok bool, err error) {
	if isList(a.expressions[name]) {
		items, err := a.List(name)
		return int64(len(items)), true, err
	}
	number, ok := a.Int(name)
	if !ok {
		return 0, false, nil
	}
	if !number.IsInt64() {
		return 0, false, fmt.Errorf("%s: far too many", quoteShort(name))
	}
	return number.Int64(), true, nil
}

// Expand returns the text of each job that a submitted text describes: those of [Ad.Expand] if it is
// parametric, and else the text itself, in brackets. What is wrong with that one isn't looked for.
func Expand(text string) (jobs []string, parametric bool, err error) {
	text = Enclose(text)
	ad, err := ParseAd(text)
	if errors.Is(err, ErrEndless) {
		return nil, false, err
	}
	if err != nil {
		return []string{text}, false, nil //nolint:nilerr // its manifest will say what is wrong
	}
	count, err := ad.CountJobs()
	if err != nil || count == 0 {
		return []string{text}, false, err
	}
	jobs, err = ad.Expand()
	return jobs, true, err
}

// Expand returns the JDLs of a parametric ad's jobs, as DIRAC's generateParametricJobs
// writes them. In each, %n becomes the job's number from 0, padded with zeros, %s its value of
// Parameters, and %(X)s its value of Parameters.X.
//
// Parameters may be a list of values. If it is their number, they are computed in Python's
// arithmetic: the first is ParameterStart, or 1; each further one is the one before times
// ParameterFactor plus ParameterStep.
//
// An ad that isn't parametric gives its own JDL. Errors are those of [Ad.CountJobs] and [Ad.JDL],
// and others about parameters that can't be expanded; jobs of more than 16 MiB together are
// refused.
func (a *Ad) Expand() ([]string, error) {
	count, err := a.CountJobs()
	if err != nil {
		return nil, err
	}
	text, err := a.JDL()
	if err != nil {
		return nil, err
	}
	if !a.Has("Parameters") {
		return []string{text}, nil
	}
	if count > int64(maxExpanded/len(text)) {
		return nil, errExpanded
	}
	parameters, err := a.parameters()
	if err != nil {
		return nil, err
	}
	return expandJobs(text, count, parameters, maxExpanded)
}

// expandJobs returns the JDLs of all jobs, of at most room bytes together.
func expandJobs(text string, count int64, parameters []*parameter, room int) ([]string, error) {
	jobs := make([]string, count)
	digits := len(strconv.FormatInt(count-1, 10))
	for n := range jobs {
		numbered := strings.ReplaceAll(text, "%n", fmt.Sprintf("%0*d", digits, n))
		job, err := expandOne(numbered, n, parameters, room)
		if err != nil {
			return nil, err
		}
		jobs[n] = job
		room -= len(job)
	}
	return jobs, nil
}

// ParameterValues are the values that a parameter takes, one for each job.
type ParameterValues struct {
	Name   string
	Values []string // without quotes, braces and blanks
}

// maxSwept bounds the bytes of all jobs of a sweep.
const maxSwept = 256 << 20

// Sweep returns the JDLs of the jobs that [Ad.Expand] would make of the ad with a list Parameters.NAME
// of each parameter, and with their number as Parameters. The lists aren't part of the ad, so that
// there may be many more jobs; there is no value for %s. All lists have the same length, and the ad isn't parametric.
func (a *Ad) Sweep(swept []ParameterValues) ([]string, error) {
	text, err := a.JDL()
	if err != nil {
		return nil, err
	}
	parameters := make([]*parameter, len(swept))
	for i, s := range swept {
		if len(s.Values) == 0 || len(s.Values) != len(swept[0].Values) {
			return nil, errInconsistent
		}
		parameters[i] = newParameter(s.Name)
		parameters[i].list = s.Values
	}
	jobs, err := expandJobs(text, int64(len(swept[0].Values)), parameters, maxSwept)
	if errors.Is(err, errExpanded) {
		err = errors.New("the jobs of this sweep would be longer than 256 MiB together")
	}
	return jobs, err
}

// expandOne returns the JDL of the nth job, of at most room bytes.
func expandOne(text string, n int, parameters []*parameter, room int) (string, error) {
	ad, err := ParseAd(text)
	if err != nil {
		return "", err
	}
	values, err := valuesOf(parameters, n)
	if err != nil {
		return "", err
	}
	ad.removeParameters(parameters)
	if err := ad.fillPlaces(parameters, values, room-len(text)); err != nil {
		return "", err
	}
	ad.setValues(parameters, values)
	ad.SetInt("ParameterNumber", int64(n))
	job, err := ad.JDL()
	if err == nil && len(job) > room {
		err = errExpanded
	}
	return job, err
}

// removeParameters removes the attributes that describe the parameters.
func (a *Ad) removeParameters(parameters []*parameter) {
	names := map[string]bool{}
	for _, p := range parameters {
		for _, kind := range parameterKinds {
			names[kind+p.suffix] = true
		}
	}
	a.remove(func(name string) bool { return names[name] })
}

// fillPlaces replaces the places of the parameters by their values, one parameter after the other,
// because a value may itself hold the place of a later parameter. It may add up to room bytes; that
// bounds values which multiply.
func (a *Ad) fillPlaces(parameters []*parameter, values []string, room int) error {
	for name, expression := range a.expressions {
		if !strings.Contains(expression, "%") {
			continue
		}
		for i, p := range parameters {
			count := strings.Count(expression, p.place)
			if count == 0 {
				continue
			}
			value := fitInto(expression, values[i])
			if room -= count * max(0, len(value)-len(p.place)); room < 0 {
				return errExpanded
			}
			expression = strings.ReplaceAll(expression, p.place, value)
		}
		a.expressions[name] = expression
	}
	return nil
}

// fitInto prepares a value for its place in an expression: a list within a list loses its braces.
func fitInto(expression, value string) string {
	value = trim(value)
	if isList(expression) && strings.HasPrefix(value, "{") {
		value = trim(strings.TrimRight(strings.TrimLeft(value, "{"), "}"))
	}
	return value
}

// setValues tells the job its own values: Parameter, and Parameter.X for each name X.
func (a *Ad) setValues(parameters []*parameter, values []string) {
	for i, p := range parameters {
		if name := "Parameter" + p.suffix; strings.HasPrefix(values[i], "{") {
			a.Set(name, values[i])
		} else {
			a.SetText(name, values[i])
		}
	}
}
