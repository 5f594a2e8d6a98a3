package jdl

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Bounds of an expansion, which can make much of a short text.
const (
	mostExpanded   = 16 << 20 // bytes of all its jobs together
	mostParameters = 100      // with names of their own
)

var (
	errInconsistent = errors.New("the parameters don't fit together: each of Parameters… is a list, and all lists have the same length, " +
		"but Parameters itself may be that length")
	errExpanded = errors.New("the jobs of this parametric one would be longer than 16 MiB together")
)

// CountJobs tells how many jobs a parametric ad describes; 0 says that it
// isn't parametric. As in DIRAC the attributes whose names begin with
// Parameters must agree on the number, but without one called Parameters itself there is one job only.
func (a *Ad) CountJobs() (int64, error) {
	n, err := a.vectorLength()
	if err == nil && n > 0 && !a.Has("Parameters") {
		n = 1
	}
	return n, err
}

// vectorLength is how many values all parameters have; 0: none tells.
func (a *Ad) vectorLength() (int64, error) {
	length := int64(-1)
	for _, name := range a.names {
		if !strings.HasPrefix(name, "Parameters") {
			continue
		}
		n, ok, err := a.lengthOf(name)
		if err != nil {
			return 0, err
		}
		if length >= 0 && (!ok || n != length) {
			return 0, fmt.Errorf("%s: %w", short(name), errInconsistent)
		}
		if !ok {
			continue
		}
		if n < 1 {
			return 0, fmt.Errorf("%s: a parametric job has at least one value of each parameter", short(name))
		}
		length = n
	}
	return max(length, 0), nil
}

func (a *Ad) lengthOf(name string) (n int64, ok bool, err error) {
	if a.isList(name) {
		items, err := a.List(name)
		return int64(len(items)), true, err
	}
	whole, ok := a.Int(name)
	if ok && !whole.IsInt64() {
		return 0, false, fmt.Errorf("%s: far too many", short(name))
	}
	if ok {
		n = whole.Int64()
	}
	return n, ok, nil
}

// parameter has one value for each job.
type parameter struct {
	id                  string   // "0" is that of Parameters; of Parameters.X it is X
	list                []string // the values; without, they are computed
	next                number   // the next value, once the sequence has begun
	start, step, factor number
}

// Expand writes the jobs of a parametric ad as DIRAC does: %n is the job's
// number from 0, with zeros in front of it, %s its value of Parameters,
// %(X)s that of Parameters.X. Beside a list, values are computed: ParameterStart, or 1,
// then each the one before times ParameterFactor plus ParameterStep, in Python's arithmetic.
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
	if count > int64(mostExpanded/len(text)) {
		return nil, errExpanded
	}
	parameters, err := a.parameters()
	if err != nil {
		return nil, err
	}
	jobs := make([]string, count)
	width := len(strconv.FormatInt(count-1, 10))
	room := mostExpanded
	for n := range jobs {
		numbered := strings.ReplaceAll(text, "%n", fmt.Sprintf("%0*d", width, n))
		if jobs[n], err = expandOne(numbered, n, parameters, room); err != nil {
			return nil, err
		}
		room -= len(jobs[n])
	}
	return jobs, nil
}

// parameters finds the parameters, in the order of their first attributes.
func (a *Ad) parameters() ([]*parameter, error) {
	var parameters []*parameter
	byID := map[string]*parameter{}
	for _, name := range a.names {
		kind := parameterKind(name)
		if kind == "" {
			continue
		}
		id := "0"
		if parts := strings.SplitN(name, ".", 3); len(parts) > 1 {
			id = parts[1]
		}
		p := byID[id]
		if p == nil {
			if regexp.QuoteMeta(id) != id {
				return nil, fmt.Errorf(`%s: the name of a parameter has none of \+*?()|{}[]^$, in which DIRAC would see a pattern`, short(name))
			}
			if len(parameters) == mostParameters {
				return nil, fmt.Errorf("more than %d parameters", mostParameters)
			}
			p = &parameter{id: id, start: whole(1), step: whole(0), factor: whole(1)}
			parameters, byID[id] = append(parameters, p), p
		}
		if err := p.read(a, name, kind); err != nil {
			return nil, err
		}
	}
	for _, p := range parameters {
		if err := p.begin(); err != nil {
			return nil, err
		}
	}
	return parameters, nil
}

var parameterKinds = []string{"Parameters", "ParameterStart", "ParameterStep", "ParameterFactor"}

// parameterKind tells which of its attributes a parameter is described by, "" for another attribute.
func parameterKind(name string) string {
	for _, kind := range parameterKinds {
		if strings.HasPrefix(name, kind) {
			return kind
		}
	}
	return ""
}

// read takes what one attribute says.
func (p *parameter) read(a *Ad, name, kind string) (err error) {
	if kind == "Parameters" {
		if a.isList(name) {
			p.list, err = a.List(name)
		} else if _, ok := a.Int(name); !ok || name != kind {
			err = fmt.Errorf("%s: %w", short(name), errInconsistent)
		}
		return err
	}
	value, ok := a.number(name)
	if !ok {
		return fmt.Errorf("%s must be a number", short(name))
	}
	switch kind {
	case "ParameterStart":
		p.start = value
	case "ParameterStep":
		p.step = value
	case "ParameterFactor":
		p.factor = value
	}
	return nil
}

// number is an expression as a whole number, or else as a float.
func (a *Ad) number(name string) (number, bool) {
	if n, ok := a.Int(name); ok {
		return number{whole: n}, true
	}
	f, ok := parseFloat(a.Text(name))
	return number{float: f}, ok
}

var errNumber = errors.New("the values of a parameter grow beyond all numbers that DIRAC can write")

// begin gives the first value the type of those that follow: one float among the three makes them all floats.
func (p *parameter) begin() error {
	one, zero := whole(1), whole(0)
	if p.factor.whole == nil {
		one = number{float: 1}
	}
	if p.step.whole == nil {
		zero = number{float: 0}
	}
	first, ok := p.start.times(one)
	if ok {
		p.next, ok = first.plus(zero)
	}
	if !ok {
		return errNumber
	}
	return nil
}

// value is that of the nth job; they are asked for in order.
func (p *parameter) value(n int) (string, error) {
	if len(p.list) > 0 {
		return p.list[n], nil
	}
	if n > 0 {
		product, ok := p.next.times(p.factor)
		if ok {
			p.next, ok = product.plus(p.step)
		}
		if !ok {
			return "", errNumber
		}
	}
	return p.next.String(), nil
}

// expandOne makes one job of a numbered text, of at most room bytes.
func expandOne(text string, n int, parameters []*parameter, room int) (string, error) {
	ad, err := ParseAd(text)
	if err != nil {
		return "", err
	}
	gone, given := map[string]bool{}, map[string]string{}
	values := make([]string, len(parameters))
	for i, p := range parameters {
		suffix := ""
		if p.id != "0" {
			suffix = "." + p.id
		}
		for _, kind := range parameterKinds {
			gone[kind+suffix] = true
		}
		if values[i], err = p.value(n); err != nil {
			return "", err
		}
		given["Parameter"+suffix] = values[i]
	}
	ad.remove(func(name string) bool { return gone[name] })
	if err := ad.fill(parameters, values, room-len(text)); err != nil {
		return "", err
	}
	for name, value := range given {
		if strings.HasPrefix(value, "{") {
			ad.Set(name, value)
		} else {
			ad.SetText(name, value)
		}
	}
	ad.SetInt("ParameterNumber", int64(n))
	job, err := ad.JDL()
	if err == nil && len(job) > room {
		err = errExpanded
	}
	return job, err
}

// fill puts values in place, one parameter after the other: a value may have
// the place of a later parameter in it. room is how many bytes that may add.
func (a *Ad) fill(parameters []*parameter, values []string, room int) error {
	for name, expression := range a.expressions {
		if !strings.Contains(expression, "%") {
			continue
		}
		isList := a.isList(name)
		for i, p := range parameters {
			place := "%(" + p.id + ")s"
			if p.id == "0" {
				place = "%s"
			}
			count := strings.Count(expression, place)
			if count == 0 {
				continue
			}
			value := trim(values[i])
			if isList && strings.HasPrefix(value, "{") {
				value = trim(strings.TrimRight(strings.TrimLeft(value, "{"), "}"))
			}
			if room -= count * max(0, len(value)-len(place)); room < 0 {
				return errExpanded
			}
			expression = strings.ReplaceAll(expression, place, value)
			isList = strings.HasPrefix(trim(expression), "{")
		}
		a.expressions[name] = expression
	}
	return nil
}
