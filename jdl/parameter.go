package jdl

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// parameter gives one value to each job, either from a list or from a sequence.
type parameter struct {
	suffix string // what follows Parameters in the names of its attributes: "" or ".X"
	place  string // what stands for its value: "%s" or "%(X)s"

	list []string // its values; if empty, they are computed:

	start, step, factor number
	next                number // the value of the current job
}

func newParameter(id string) *parameter {
	p := &parameter{suffix: "." + id, place: "%(" + id + ")s", start: intNumber(1), step: intNumber(0), factor: intNumber(1)}
	if id == unnamedParameter {
		p.suffix, p.place = "", "%s"
	}
	return p
}

// unnamedParameter is what DIRAC calls the parameter that Parameters describes, without a name
// behind a dot.
const unnamedParameter = "0"

// parameters collects the parameters, in the order of their first attributes.
func (a *Ad) parameters() ([]*parameter, error) {
	var parameters []*parameter
	byID := map[string]*parameter{}
	for _, name := range a.names {
		kind, id := splitParameterName(name)
		if kind == "" {
			continue
		}
		p := byID[id]
		if p == nil {
			if regexp.QuoteMeta(id) != id {
				return nil, fmt.Errorf(`%s: the name of a parameter has none of \+*?()|{}[]^$, in which DIRAC would see a pattern`, quoteShort(name))
			}
			if len(parameters) == maxParameters {
				return nil, fmt.Errorf("more than %d parameters", maxParameters)
			}
			p = newParameter(id)
			parameters, byID[id] = append(parameters, p), p
		}
		if err := p.read(a, name, kind); err != nil {
			return nil, err
		}
	}
	for _, p := range parameters {
		if err := p.computeFirst(); err != nil {
			return nil, err
		}
	}
	return parameters, nil
}

// parameterKinds are the attributes that describe a parameter.
var parameterKinds = []string{"Parameters", "ParameterStart", "ParameterStep", "ParameterFactor"}

// splitParameterName tells which of the parameterKinds an attribute is, and of which parameter.
// kind is "" for any other attribute.
func splitParameterName(name string) (kind, id string) {
	for _, kind := range parameterKinds {
		if !strings.HasPrefix(name, kind) {
			continue
		}
		if parts := strings.SplitN(name, ".", 3); len(parts) > 1 {
			return kind, parts[1]
		}
		return kind, unnamedParameter
	}
	return "", ""
}

// read takes what one attribute says of the parameter.
func (p *parameter) read(a *Ad, name, kind string) error {
	if kind == "Parameters" {
		return p.readValues(a, name)
	}
	value, ok := a.number(name)
	if !ok {
		return fmt.Errorf("%s must be a number", quoteShort(name))
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

// readValues takes the list of values; Parameters itself may be their number instead.
func (p *parameter) readValues(a *Ad, name string) (err error) {
	if isList(a.expressions[name]) {
		p.list, err = a.List(name)
		return err
	}
	if _, ok := a.Int(name); !ok || name != "Parameters" {
		return fmt.Errorf("%s: %w", quoteShort(name), errInconsistent)
	}
	return nil
}

var errNumber = errors.New("the values of a parameter grow beyond all numbers that DIRAC can write")

// computeFirst computes the first value. It has the type of those that follow: one float among
// the three numbers makes all values floats.
func (p *parameter) computeFirst() error {
	one, zero := intNumber(1), intNumber(0)
	if p.factor.isFloat() {
		one = number{float: 1}
	}
	if p.step.isFloat() {
		zero = number{float: 0}
	}
	return p.compute(p.start, one, zero)
}

// compute sets the next value to value * factor + step.
func (p *parameter) compute(value, factor, step number) error {
	product, ok := value.mul(factor)
	if ok {
		p.next, ok = product.add(step)
	}
	if !ok {
		return errNumber
	}
	return nil
}

// value returns the value for the nth job. The jobs must be asked for in order, since a sequence
// goes on from the value before.
func (p *parameter) value(n int) (string, error) {
	if len(p.list) > 0 {
		return p.list[n], nil
	}
	if n > 0 {
		if err := p.compute(p.next, p.factor, p.step); err != nil {
			return "", err
		}
	}
	return p.next.String(), nil
}

// valuesOf returns each parameter's value for the nth job.
func valuesOf(parameters []*parameter, n int) ([]string, error) {
	values := make([]string, len(parameters))
	for i, p := range parameters {
		var err error
		if values[i], err = p.value(n); err != nil {
			return nil, err
		}
	}
	return values, nil
}
