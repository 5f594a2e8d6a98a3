// Package choose reads the language in which people choose jobs, on the command line and in the
// search line of the page: IDs, conditions, short forms and relative times. It turns them into
// filters of a search. testdata/cases.json has examples of all that it takes and refuses.
//
// A term is one of
//
//	12   15-20   12,15-20              jobs by their IDs
//	Status=Failed   JobID<=200         a column, an operator and a value
//	"JobName like prod%"               the same with an operator in words
//	Status=Done,Failed                 one of several values
//	since=2d   until=yesterday         jobs by the time of their submission
//	mine                               the caller's own jobs
//	@ids.txt   -                       IDs from a file or standard input; on the command line only
//
// [Choice.Add] takes one term, as the shell hands it over: its value reaches to its end. [Line] takes
// several terms in one text, where a value with spaces is in quotes.
package choose

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

// Reader knows what terms may refer to.
type Reader struct {
	Now  time.Time // what relative times count from; its location is the user's zone
	User string    // whose jobs "mine" are; "" if that isn't known
}

// IDs are the jobs from First to Last.
type IDs struct{ First, Last jobdb.JobID }

// Choice says which jobs were chosen: those with one of the IDs or in one of the files, if there
// are IDs or files, for which all filters hold.
type Choice struct {
	IDs    []IDs
	Files  []string // names of files with IDs; "-" is standard input
	Search []jobdb.FilterSpec
}

// All reports whether nothing was chosen, which means all jobs.
func (c *Choice) All() bool { return len(c.IDs) == 0 && len(c.Files) == 0 && len(c.Search) == 0 }

// Error says which part of a text can't be read, and what to write instead.
type Error struct{ Reason string }

func (e *Error) Error() string { return e.Reason }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Line reads a text of several terms, separated by spaces or "and". What it can't read is an
// [Error].
func (r Reader) Line(text string) (Choice, error) {
	var c Choice
	terms, err := splitLine(text)
	if err != nil {
		return c, err
	}
	for _, term := range terms {
		if strings.HasPrefix(term, "@") || term == "-" {
			return c, errorf("%s: files are read on the command line only", quote(term))
		}
		if err := r.Add(&c, term); err != nil {
			return Choice{}, err
		}
	}
	return c, nil
}

var (
	idsTerm     = regexp.MustCompile(`^[0-9]+(?:-[0-9]+)?(?:[ \t]*,[ \t]*[0-9]+(?:-[0-9]+)?)*,?$`)
	symbolsTerm = regexp.MustCompile(`^([\w.()-]+)[ \t]*(==|!=|>=|<=|=|>|<|~)(?s:(.*))$`)
	wordsTerm   = regexp.MustCompile(`^([\w.()-]+)[ \t]+((?i)is[ \t]+not[ \t]+null|is[ \t]+null|not[ \t]+like|not[ \t]+in|neq|eq|gte|gt|lte|lt|like|ilike|regex|in)(?:[ \t]+(?s:(.*))|$)`)
)

// symbols are the operators that are written as symbols, with their names.
var symbols = map[string]string{
	"=": "eq", "==": "eq", "!=": "neq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "~": "regex",
}

// Add reads one term and adds it to a choice. What it can't read is an [Error].
func (r Reader) Add(c *Choice, term string) error {
	term = strings.TrimSpace(term)
	switch {
	case idsTerm.MatchString(term):
		ids, err := parseIDs(term)
		c.IDs = append(c.IDs, ids...)
		return err
	case term == "-" || len(term) > 1 && term[0] == '@':
		c.Files = append(c.Files, strings.TrimPrefix(term, "@"))
		return nil
	case strings.EqualFold(term, "mine"):
		return r.addMine(c)
	}
	condition := wordsTerm.FindStringSubmatch(term)
	if condition != nil {
		condition[2] = strings.ToLower(strings.Join(strings.Fields(condition[2]), " "))
	} else if condition = symbolsTerm.FindStringSubmatch(term); condition != nil {
		condition[2] = symbols[condition[2]]
	} else {
		return notATerm(term)
	}
	return r.add(c, condition[1], condition[2], strings.TrimSpace(condition[3]))
}

func notATerm(term string) error {
	if term == "" {
		return errorf("it is empty; write a job's ID, or a condition such as Status=Failed")
	}
	if slices.ContainsFunc(jobdb.Statuses, func(s jobdb.Status) bool { return strings.EqualFold(string(s), term) }) {
		return errorf("%s is neither a job's ID nor a condition; did you mean Status=%s?", quote(term), term)
	}
	return errorf("%s is neither a job's ID nor a condition; write Status=Failed, \"JobName like prod%%\", since=2d and so on, "+
		"and put a value with spaces in quotes", quote(term))
}

// AddAny adds the condition that a column or parameter has one of the values; without values it
// adds nothing. Commas and quotes in a value are part of it.
func (r Reader) AddAny(c *Choice, name string, values []string) error {
	if len(values) == 0 {
		return nil
	}
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	return r.add(c, name, "in", strings.Join(quoted, ","))
}

func (r Reader) add(c *Choice, name, operator, value string) error {
	filters, err := r.condition(name, operator, value)
	if err == nil {
		c.Search = append(c.Search, filters...)
	}
	return err
}

func (r Reader) addMine(c *Choice) error {
	if r.User == "" {
		return errorf("mine: it isn't known who you are; write Owner=NAME")
	}
	c.Search = append(c.Search, jobdb.FilterSpec{Parameter: "Owner", Operator: "eq", Value: r.User})
	return nil
}

// parseIDs reads 12,15-20.
func parseIDs(text string) ([]IDs, error) {
	var list []IDs
	for part := range strings.SplitSeq(strings.TrimSuffix(text, ","), ",") {
		part = strings.TrimSpace(part)
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.ParseInt(first, 10, 64)
		b, errB := strconv.ParseInt(last, 10, 64)
		switch {
		case errA != nil || errB != nil || b == math.MaxInt64:
			return nil, errorf("%s: no job has such a large ID", part)
		case a > b:
			return nil, errorf("%s: the first ID is greater than the last; write %s-%s", part, last, first)
		}
		list = append(list, IDs{jobdb.JobID(a), jobdb.JobID(b)})
	}
	return list, nil
}

// quote quotes a text for an error, and cuts a long one.
func quote(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strconv.Quote(text)
}
