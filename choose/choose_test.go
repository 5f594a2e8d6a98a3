package choose

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"jobdb"
)

var update = flag.Bool("update", false, "write what is found into testdata/cases.json")

// example is one of testdata/cases.json. The page's own parser is held to the same ones.
type example struct {
	Text   string             `json:"text"`            // a line of terms, or
	Terms  []string           `json:"terms,omitempty"` // terms as a shell hands them over
	Now    string             `json:"now,omitempty"`
	Zone   string             `json:"zone,omitempty"`
	User   string             `json:"user,omitempty"`
	IDs    [][2]jobdb.JobID   `json:"ids,omitempty"`
	Files  []string           `json:"files,omitempty"`
	Search []jobdb.FilterSpec `json:"search"`
	Error  string             `json:"error,omitempty"`
}

func (e example) reader(t *testing.T) Reader {
	zone, err := time.LoadLocation(e.Zone)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Time{}
	if e.Now != "" {
		if now, err = time.Parse(time.RFC3339, e.Now); err != nil {
			t.Fatal(err)
		}
	}
	return Reader{Now: now.In(zone), User: e.User}
}

func (e example) choose(t *testing.T) (c Choice, err error) {
	if e.Terms == nil {
		return e.reader(t).Line(e.Text)
	}
	for _, term := range e.Terms {
		if err := e.reader(t).Add(&c, term); err != nil {
			return c, err
		}
	}
	return c, nil
}

func TestCases(t *testing.T) {
	const path = "testdata/cases.json"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var examples []example
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&examples); err != nil {
		t.Fatal(err)
	}
	for i, want := range examples {
		got := want
		got.IDs, got.Files, got.Search, got.Error = nil, nil, nil, ""
		c, err := want.choose(t)
		if err != nil {
			got.Error = err.Error()
		} else {
			got.Files, got.Search = c.Files, append([]jobdb.FilterSpec{}, c.Search...)
			for _, ids := range c.IDs {
				got.IDs = append(got.IDs, [2]jobdb.JobID{ids.First, ids.Last})
			}
			if _, err := jobdb.ParseFilters(c.Search, jobdb.Limits{}); err != nil && !strings.Contains(want.Text, "Stamp") && !usesKnownParameter(c.Search) {
				t.Errorf("%+v: a server refuses it: %v", want, err)
			}
		}
		if a, b := asJSON(t, got), asJSON(t, want); a != b && !*update {
			t.Errorf("got  %s\nwant %s", a, b)
		}
		examples[i] = got
	}
	if *update {
		var lines []string
		for _, e := range examples {
			lines = append(lines, asJSON(t, e))
		}
		if err := os.WriteFile(path, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func usesKnownParameter(search []jobdb.FilterSpec) bool {
	return slices.ContainsFunc(search, func(f jobdb.FilterSpec) bool { return slices.Contains(KnownParameters, f.Parameter) })
}

func asJSON(t *testing.T, value any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// Values of flags are taken as they are, whatever is in them.
func TestAddAny(t *testing.T) {
	var c Choice
	names := []string{`a,b`, `say "hi"`, `C:\`, `'x'`}
	if err := (Reader{}).AddAny(&c, "JobName", names); err != nil {
		t.Fatal(err)
	}
	want := []jobdb.FilterSpec{{Parameter: "JobName", Operator: "in", Values: []any{names[0], names[1], names[2], names[3]}}}
	if !reflect.DeepEqual(c.Search, want) {
		t.Errorf("got %+v", c.Search)
	}
	if err := (Reader{}).AddAny(&c, "Status", []string{"Runing"}); err == nil || !strings.Contains(err.Error(), "did you mean Running?") {
		t.Error(err)
	}
}

func TestReadIDs(t *testing.T) {
	ids, err := ReadIDs(strings.NewReader("JobID\r\n12\n15-20, 7 # mine\n\n[1, 2]\n"))
	if want := []IDs{{12, 12}, {15, 20}, {7, 7}, {1, 1}, {2, 2}}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("%v %v", ids, err)
	}
	for text, want := range map[string]string{
		"1\nhello.jdl": `line 2: "hello.jdl" is no job's ID`, "9-3": "the first ID is greater", "99999999999999999999": "no job has such a large ID",
	} {
		if _, err := ReadIDs(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzLine reads any line. What it takes, a server takes, too; what it refuses, it explains.
func FuzzLine(f *testing.F) {
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		f.Fatal(err)
	}
	var examples []example
	if err := json.Unmarshal(text, &examples); err != nil {
		f.Fatal(err)
	}
	for _, e := range examples {
		f.Add(e.Text)
	}
	r := Reader{Now: time.Date(2026, 11, 28, 10, 0, 0, 0, time.FixedZone("", 3600)), User: "alice"}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := r.Line(text)
		if explained := (*Error)(nil); err != nil && (!errors.As(err, &explained) || explained.Reason == "") {
			t.Fatalf("%q: %v", text, err)
		}
		for _, ids := range c.IDs {
			if ids.First < 0 || ids.First > ids.Last {
				t.Fatalf("%q chose %v", text, ids)
			}
		}
		for _, spec := range c.Search {
			if spec.Parameter == "" && spec.Or == nil {
				t.Fatalf("%q was taken as %+v", text, spec)
			}
			if err == nil {
				_, _ = jobdb.ParseFilters([]jobdb.FilterSpec{spec}, jobdb.Limits{})
			}
		}
	})
}
