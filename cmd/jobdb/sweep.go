package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"jobdb/jdl"
)

// jdlChanges are the flags that change the JDL of files before their jobs are made.
type jdlChanges struct {
	Set   []string `help:"Set an attribute of each file; repeat for several." sep:"none" placeholder:"NAME=VALUE"`
	Param []string `help:"Make a job for each value of a parameter; with several, for each combination." sep:"none" placeholder:"NAME=VALUES"`
}

const changesHelp = `

The values of --param are a range (1..100, or 0..100:5 in steps of 5), a list (a,b,c) or the lines of a file (@names.txt).
In the JDL %(NAME)s stands for the value, and %n for the number of the job. --set takes a text, a number, or a list such as
'{"a", "b"}'.`

// maxSweep is how many jobs one file may become.
const maxSweep = 100_000

// given returns the names of the attributes that the flags set.
func (c jdlChanges) given() (names []string) {
	for _, text := range c.Set {
		name, _, _ := strings.Cut(text, "=")
		names = append(names, name)
	}
	for _, text := range c.Param {
		name, _, _ := strings.Cut(text, "=")
		names = append(names, "Parameters."+name)
	}
	if len(c.Param) > 0 {
		names = append(names, "Parameters")
	}
	return names
}

// jobs applies the changes to a JDL, and returns the JDLs of the jobs that it describes.
func (c jdlChanges) jobs(text string) ([]string, error) {
	changed, err := c.change(text)
	if err != nil {
		return nil, err
	}
	if len(c.Param) > 0 {
		return c.sweep(changed)
	}
	jobs, _, err := jdl.Expand(changed)
	return jobs, err
}

// change sets the attributes in a text; without any it stays as it is.
func (c jdlChanges) change(text string) (string, error) {
	if len(c.Set) == 0 {
		return text, nil
	}
	ad, err := jdl.ParseAd(jdl.Enclose(text))
	if errors.Is(err, jdl.ErrEndless) {
		return "", err
	}
	if err != nil {
		ad = jdl.NewAd() // there is nothing in it but what the flags set
	}
	for _, assignment := range c.Set {
		if err := setAttribute(ad, assignment); err != nil {
			return "", err
		}
	}
	return ad.JDL()
}

var attributeName = regexp.MustCompile(`^[A-Za-z_][\w.]*$`)

func setAttribute(ad *jdl.Ad, assignment string) error {
	name, value, ok := strings.Cut(assignment, "=")
	switch {
	case !ok || !attributeName.MatchString(name):
		return usageError{fmt.Errorf("--set %s: write NAME=VALUE", assignment)}
	case strings.TrimSpace(value) == "":
		return usageError{fmt.Errorf("--set %s: an attribute can't be empty", assignment)}
	case strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}"):
		ad.Set(name, value)
	default:
		ad.SetText(name, strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`))
	}
	for _, found := range jdl.Check(name+" = "+ad.Expression(name)+";", "Executable", "Parameters") {
		if found.Severity == jdl.Mistake {
			return usageError{fmt.Errorf("--set %s: %s", assignment, found.Message)}
		}
	}
	return nil
}

// doubts returns warnings about likely mistakes in the flags themselves.
func (c jdlChanges) doubts() (messages []string) {
	for _, assignment := range c.Set {
		name, value, _ := strings.Cut(assignment, "=")
		if !strings.HasPrefix(value, "{") {
			value = `"` + strings.Trim(value, `"`) + `"`
		}
		for _, found := range jdl.Check(name+" = "+value+";", append(c.given(), "Executable")...) {
			if found.Severity == jdl.Doubt {
				messages = append(messages, "--set "+assignment+": "+found.Message)
			}
		}
	}
	return messages
}

// sweep makes a job for each combination of the values, the last parameter changing fastest.
func (c jdlChanges) sweep(text string) ([]string, error) {
	ad, err := jdl.ParseAd(jdl.Enclose(text))
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(ad.Names(), func(name string) bool { return strings.HasPrefix(name, "Parameters") }) {
		return nil, usageError{errors.New("--param: the JDL is parametric already; take its Parameters out, or leave --param out")}
	}
	parameters, jobs := make([]jdl.ParameterValues, len(c.Param)), 1
	for i, assignment := range c.Param {
		p, err := parseSweep(assignment)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(parameters[:i], func(other jdl.ParameterValues) bool { return other.Name == p.Name }) {
			return nil, usageError{fmt.Errorf("--param %s: there are two of this name", p.Name)}
		}
		if !strings.Contains(text, "%("+p.Name+")s") {
			return nil, usageError{fmt.Errorf("--param %s: nothing in the JDL says %%(%s)s, so its value would have no effect", p.Name, p.Name)}
		}
		if jobs *= len(p.Values); jobs > maxSweep {
			return nil, usageError{fmt.Errorf("--param: these are more than %d jobs; submit them in parts", maxSweep)}
		}
		parameters[i] = p
	}
	return ad.Sweep(combine(parameters, jobs))
}

// combine gives each job one combination of the parameters' values.
func combine(parameters []jdl.ParameterValues, jobs int) []jdl.ParameterValues {
	combined, each := make([]jdl.ParameterValues, len(parameters)), jobs
	for i, p := range parameters {
		each /= len(p.Values) // jobs in a row have the same value
		values := make([]string, jobs)
		for n := range values {
			values[n] = p.Values[n/each%len(p.Values)]
		}
		combined[i] = jdl.ParameterValues{Name: p.Name, Values: values}
	}
	return combined
}

var (
	rangeValues   = regexp.MustCompile(`^(-?\d+)\.\.(-?\d+)(?::(\d+))?$`)
	parameterName = regexp.MustCompile(`^[A-Za-z_]\w*$`)
)

// parseSweep reads NAME=VALUES.
func parseSweep(assignment string) (jdl.ParameterValues, error) {
	wrong := func(reason string) (jdl.ParameterValues, error) {
		return jdl.ParameterValues{}, usageError{fmt.Errorf("--param %s: %s", assignment, reason)}
	}
	name, text, ok := strings.Cut(assignment, "=")
	if !ok || !parameterName.MatchString(name) {
		return wrong("write NAME=VALUES, such as x=1..100 or site=a,b,c")
	}
	var values []string
	var err error
	if m := rangeValues.FindStringSubmatch(text); m != nil {
		values, err = rangeOf(m[1], m[2], m[3])
	} else if path, ok := strings.CutPrefix(text, "@"); ok {
		var content []byte
		content, err = os.ReadFile(path)
		values = strings.Split(strings.TrimSpace(string(content)), "\n")
	} else {
		values = strings.Split(text, ",")
	}
	if err != nil {
		return wrong(err.Error())
	}
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
		switch {
		case values[i] == "":
			return wrong("one of the values is empty")
		case strings.ContainsAny(values[i], " \t\",;{}[]="):
			return wrong(fmt.Sprintf("a value can't have blanks, quotes, brackets or any of , ; = in it, as %q has", values[i]))
		}
	}
	return jdl.ParameterValues{Name: name, Values: values}, nil
}

// rangeOf returns the numbers from one to another, both included.
func rangeOf(first, last, step string) (values []string, err error) {
	from, errFrom := strconv.ParseInt(first, 10, 32)
	to, errTo := strconv.ParseInt(last, 10, 32)
	by := int64(1)
	if step != "" {
		by, err = strconv.ParseInt(step, 10, 32)
	}
	switch {
	case errors.Join(errFrom, errTo, err) != nil:
		return nil, errors.New("these numbers are too large")
	case by == 0:
		return nil, errors.New("a step of 0 leads nowhere")
	case to < from:
		return nil, errors.New("the range ends before it begins")
	case (to-from)/by >= maxSweep:
		return nil, fmt.Errorf("these are more than %d jobs; submit them in parts", maxSweep)
	}
	for n := from; n <= to; n += by {
		values = append(values, strconv.FormatInt(n, 10))
	}
	return values, nil
}
