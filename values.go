package jobdb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// ValuesRequest asks for the values of a column as clients do, not yet checked.
type ValuesRequest struct {
	Column string `json:"column"`
	Prefix string `json:"prefix,omitempty"`
	Limit  int    `json:"limit,omitempty"`
}

// Values is a checked query for the values of a column that begin with a text, such as completion
// asks for. Get one from [ValuesRequest.Parse], then set Scope, which must be given.
type Values struct {
	Scope  Scope
	Column Column // of texts
	Prefix string // ASCII letters match in either case, as in a like
	Limit  int    // values, at most [MaxValues]; 0: 20
}

// ValueList has values in the order of their bytes.
type ValueList struct {
	Values []string
	More   bool // there may be others
}

const (
	// MaxValues is how many values [DB.Values] gives at most.
	MaxValues = 1000

	defaultValues = 20
	// newestJobs is how many of the newest jobs are searched for values that neither counts nor an
	// index have.
	newestJobs = 10_000
	// maxSkips is how often a walk along an index may find a value that doesn't match: once for
	// each spelling of the prefix, in upper and lower case, with which values begin.
	maxSkips = 200
)

// Parse checks a request for values against the table's columns and the limits. Every fault is a
// [QueryError] that names the parameter.
func (r ValuesRequest) Parse(limits Limits) (Values, error) {
	column, err := ParseColumn(r.Column)
	if err != nil {
		return Values{}, inField("column", err)
	}
	v := Values{Column: column, Prefix: r.Prefix, Limit: r.Limit}
	return v, v.check(limits.withDefaults())
}

func (v Values) check(limits Limits) error {
	if v.Column.Kind() != tables.KindText || v.Column == colParameter {
		return &QueryError{Field: "column", Reason: v.Column.Name() + " has no texts"}
	}
	if len(v.Prefix) > limits.Pattern {
		return &QueryError{Field: "prefix", Reason: "longer than " + itoa(limits.Pattern) + " bytes"}
	}
	return checkTop("limit", v.Limit, MaxValues)
}

// Values returns the first values of a column that begin with a text. They come from the counts
// where jobs are counted by the column; else, for a whole VO, from an index of the VO's jobs by it,
// of which it reads an entry or two for each value. Where there is no such index it looks at the
// newest 10,000 jobs of the scope only.
func (a access) Values(ctx context.Context, v Values) (ValueList, error) {
	if err := a.checkQuestion(v.Scope, Filter{}, v.check(a.db.options.Limits)); err != nil {
		return ValueList{}, err
	}
	if storable := checkText(v.Prefix) == nil; !storable {
		return ValueList{}, nil
	}
	v.Limit = cmp.Or(v.Limit, defaultValues)
	var list ValueList
	err := a.ask(ctx, "list values", false, func(ctx context.Context, s *session) (err error) {
		c := s.compiler()
		switch {
		case c.countedBy(v.Scope, Filter{}, []Column{v.Column}) != nil:
			list, err = s.countedValues(ctx, v)
		case c.hasValueIndex(v):
			list, err = s.indexedValues(ctx, v)
		default:
			list, err = s.newestValues(ctx, v)
		}
		return err
	})
	return list, err
}

// hasValueIndex reports whether an index has the values in the order of their bytes.
func (c *compiler) hasValueIndex(v Values) bool {
	return v.Scope.Owner == "" && c.inByteOrder(v.Scope, v.Column)
}

func (s *session) countedValues(ctx context.Context, v Values) (list ValueList, err error) {
	begins := Filter{op: opLike, column: v.Column, values: []any{literalPattern.Replace(v.Prefix) + "%"}}
	groups := Summary{Scope: v.Scope, GroupBy: []Column{v.Column}, Filter: Filter{op: opAnd, kids: []Filter{begins}}}
	columns := []tables.Column{v.Column.def(), countColumn}
	err = s.table(ctx, s.compiler().summary(groups, v.Limit), columns, func(row []any) error {
		text, _ := row[0].(string)
		list.add(v, text)
		return nil
	})
	return list, err
}

const likeEscape = string(engine.LikeEscape)

// literalPattern makes a text the pattern of a like that matches nothing else.
var literalPattern = strings.NewReplacer("%", likeEscape+"%", "_", likeEscape+"_", likeEscape, likeEscape+likeEscape)

// add adds one more value, if there is room.
func (l *ValueList) add(v Values, value string) {
	if l.More = len(l.Values) == v.Limit; !l.More {
		l.Values = append(l.Values, value)
	}
}

// indexedValues jumps along an index from value to value (a loose index scan). From a value that
// doesn't match it jumps to where the next one that may match can be.
func (s *session) indexedValues(ctx context.Context, v Values) (list ValueList, err error) {
	begins := beginning(foldASCII(v.Prefix))
	from, sign := begins.first(0), opGreaterEqual
	for skips := 0; skips < maxSkips && !list.More; {
		value, found, err := s.nextValue(ctx, v, sign, from)
		if err != nil || !found {
			return list, err
		}
		next, fits, found := begins.next([]rune(value))
		switch {
		case fits:
			list.add(v, value)
			from, sign = value, opGreater
		case !found:
			return list, nil
		default:
			skips++
			from, sign = next, opGreaterEqual
		}
	}
	list.More = true
	return list, nil
}

func (s *session) nextValue(ctx context.Context, v Values, sign op, from string) (value string, found bool, err error) {
	err = s.table(ctx, s.compiler().nextValue(v, sign, from), []tables.Column{v.Column.def()}, func(row []any) error {
		value, found = row[0].(string)
		return nil
	})
	return value, found, err
}

func (s *session) newestValues(ctx context.Context, v Values) (list ValueList, err error) {
	newest := Search{Scope: v.Scope, Columns: []Column{v.Column}, Sort: []Sort{{Column: colJobID, Descending: true}}, Page: 1}
	jobs := 0
	matching := map[string]bool{}
	err = s.placedRows(ctx, s.compiler().rows(newest, newestJobs), newest, func(row, _ []any) error {
		jobs++
		if text, ok := row[0].(string); ok && strings.HasPrefix(foldASCII(text), foldASCII(v.Prefix)) {
			matching[text] = true
		}
		return nil
	})
	for _, value := range slices.Sorted(maps.Keys(matching)) {
		list.add(v, value)
	}
	list.More = list.More || jobs == newestJobs
	return list, err
}
