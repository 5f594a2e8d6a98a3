package jobdb

import (
	"errors"
	"strings"
	"testing"
)

func TestParseFilterRefusals(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for _, tt := range []struct{ filter, field, reason string }{
		{`{"parameter":"Nope","operator":"eq","value":1}`, `"Nope"`, "no such column"},
		{`{"parameter":"status","operator":"eq","value":"x"}`, `"status"`, "no such column"},
		{`{"parameter":"Status","operator":"equals","value":"x"}`, "Status", "no operator"},
		{`{"parameter":"Status","operator":"eq"}`, "Status", "value"},
		{`{"parameter":"Status","operator":"in","value":"x"}`, "Status", "values"},
		{`{"parameter":"JobID","operator":"eq","value":"abc"}`, "JobID", "integer"},
		{`{"parameter":"JobID","operator":"eq","value":9223372036854775808}`, "JobID", "range"},
		{`{"parameter":"JobID","operator":"eq","value":1.5}`, "JobID", "integer"},
		{`{"parameter":"JobID","operator":"eq","value":true}`, "JobID", "integer"},
		{`{"parameter":"Status","operator":"eq","value":true}`, "Status", "text"},
		{`{"parameter":"Status","operator":"eq","value":{"a":1}}`, "Status", "text"},
		{`{"parameter":"Status","operator":"eq","value":"a\u0000b"}`, "Status", "U+0000"},
		{`{"parameter":"VerifiedFlag","operator":"eq","value":"Failed"}`, "VerifiedFlag", "one of"},
		{`{"parameter":"AccountedFlag","operator":"eq","value":"maybe"}`, "AccountedFlag", "one of"},
		{`{"parameter":"SubmissionTime","operator":"eq","value":"2024-13"}`, "SubmissionTime", "does not exist"},
		{`{"parameter":"SubmissionTime","operator":"in","values":["2024","2024-01"]}`, "SubmissionTime", "one resolution"},
		{`{"parameter":"SubmissionTime","operator":"like","value":"2024%"}`, "SubmissionTime", "times"},
		{`{"parameter":"SubmissionTime","operator":"regex","value":"2024"}`, "SubmissionTime", "times"},
		{`{"parameter":"Status","operator":"regex","value":"("}`, "Status", "regular expression"},
		{`{"parameter":"Status","operator":"regex","value":"(?=a)"}`, "Status", "regular expression"},
		{`{"parameter":"Status","operator":"like","value":"a\\"}`, "Status", `\`},
		{`{"parameter":"Status","operator":"like","value":"` + long + `"}`, "Status", "longer"},
		{`{}`, "search", "a filter is"},
		{`{"parameter":"Status","operator":"eq","value":"x","or":[]}`, "search", "a filter is"},
		{`{"not":{}}`, "search", "a filter is"},
	} {
		var spec FilterSpec
		if err := decodeQuery([]byte(tt.filter), &spec); err != nil {
			t.Errorf("%s: %v", tt.filter, err)
			continue
		}
		_, err := ParseFilters([]FilterSpec{spec}, Limits{})
		q := (*QueryError)(nil)
		if !errors.As(err, &q) || !errors.Is(err, ErrInvalidQuery) || q.Field != tt.field || !strings.Contains(q.Reason, tt.reason) {
			t.Errorf("%s: got %v, want field %s and a reason with %q", tt.filter, err, tt.field, tt.reason)
		}
	}
}

func TestParseFilterLimits(t *testing.T) {
	nested := FilterSpec{Parameter: "Status", Operator: "eq", Value: "x"}
	for range 11 {
		inner := nested
		nested = FilterSpec{Not: &inner}
	}
	many := make([]any, 10_001)
	for i := range many {
		many[i] = i
	}
	for name, specs := range map[string][]FilterSpec{
		"depth":   {nested},
		"filters": make([]FilterSpec, 101),
		"values":  {{Parameter: "JobID", Operator: "in", Values: many}},
	} {
		for i := range specs {
			if specs[i].Parameter == "" && specs[i].Not == nil {
				specs[i] = FilterSpec{Parameter: "Status", Operator: "eq", Value: "x"}
			}
		}
		if _, err := ParseFilters(specs, Limits{}); !errors.Is(err, ErrInvalidQuery) {
			t.Errorf("%s: got %v, want an invalid query", name, err)
		}
		if _, err := ParseFilters(specs, Limits{Depth: 20, Filters: 200, Values: 20_000}); err != nil {
			t.Errorf("%s: with higher limits: %v", name, err)
		}
	}
}

func TestLikePattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"a%", "ABC", true},
		{"a_c", "abc", true},
		{"a_c", "abbc", false},
		{`a\%`, "a%", true},
		{`a\%`, "ab", false},
		{`\\`, `\`, true},
		{"|", "|", true},
		{"%%%", "", true},
		{`\_`, "x", false},
		{`%\%%`, "50%", true},
		{`\a`, "A", true},
	} {
		pattern, err := likePattern(tt.pattern)
		if err != nil {
			t.Errorf("%q: %v", tt.pattern, err)
		} else if got := likeMatches(pattern, tt.text); got != tt.want {
			t.Errorf("%q on %q: %v", tt.pattern, tt.text, got)
		}
	}
}

func FuzzParseSearchJSON(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"parameters":["JobID"],"search":[{"parameter":"Status","operator":"eq","value":"Running"}],"sort":[{"parameter":"JobID","direction":"desc"}],"distinct":true}`,
		`{"search":[{"or":[{"parameter":"JobID","operator":"in","values":[1,"2"]},{"not":{"parameter":"SubmissionTime","operator":"gt","value":"2024-01"}}]}]}`,
		`{"search":[{"parameter":"JobName","operator":"regex","value":"^a+$"},{"parameter":"AccountedFlag","operator":"not like","value":"F%"}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		request, err := ParseSearchJSON(data)
		if err != nil {
			if !errors.Is(err, ErrInvalidQuery) {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		search, err := request.Parse(Limits{})
		if err != nil {
			if !errors.Is(err, ErrInvalidQuery) {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		for name, d := range goldenDialects {
			c := compiler{dialect: d.dialect, schema: d.schema}
			st := c.rows(search, 10)
			if placeholders := strings.Count(st.text, "?"); placeholders != len(st.args) {
				t.Fatalf("%s: %d placeholders, %d arguments: %s", name, placeholders, len(st.args), st.text)
			}
		}
	})
}

func FuzzFilterValue(f *testing.F) {
	f.Add("JobID", "eq", "5")
	f.Add("Status", "like", `%\_|`)
	f.Add("SubmissionTime", "gt", "2024-02-29T10")
	f.Add("AccountedFlag", "gte", "true")
	f.Fuzz(func(t *testing.T, parameter, operator, value string) {
		spec := FilterSpec{Parameter: parameter, Operator: operator, Value: value, Values: []any{value}}
		if _, err := ParseFilters([]FilterSpec{spec}, Limits{}); err != nil && !errors.Is(err, ErrInvalidQuery) {
			t.Fatal(err)
		}
	})
}
