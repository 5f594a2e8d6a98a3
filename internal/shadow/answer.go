package shadow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type object = map[string]any

// Answer is what a service answers.
type Answer struct {
	Status int
	Header http.Header
	Text   string
	Body   any // of JSON, numbers as json.Number; the text where that is no JSON
}

// NewAnswer decodes the text.
func NewAnswer(status int, header http.Header, text string) Answer {
	a := Answer{Status: status, Header: header, Text: text}
	var err error
	if a.Body, err = Decode(text); err != nil {
		a.Body = text
	}
	return a
}

func (a Answer) String() string {
	words := []string{strconv.Itoa(a.Status), Shortened(a.Text)}
	for _, name := range comparedHeaders {
		if value := a.Header.Get(name); value != "" {
			words = append(words, name+": "+value)
		}
	}
	return strings.Join(words, " ")
}

// Shortened cuts a text that is too long to be read.
func Shortened(text string) string {
	if len(text) > 1500 {
		return text[:1500] + "…"
	}
	return text
}

// comparedHeaders are those that existing clients look at.
var comparedHeaders = []string{"Content-Range", "WWW-Authenticate", "Allow"}

// Exchange is a request with the answers of both.
type Exchange struct {
	Method, Path string // with its query
	Body         string
	Unordered    bool // the order of the rows means nothing
	Theirs, Ours Answer
}

// Comparison says which answers are the same although their texts differ.
type Comparison struct {
	SameTime func(theirs, ours string) bool
	Sorted   func(body any) any // brings a list into an order that depends on nothing but its items
}

const weFail = "we fail"

// Disagreement says how the answers differ, "" when they don't. Of a 422 the types and places are
// compared, of other errors all but words.
func (c Comparison) Disagreement(x Exchange) string {
	if x.Ours.Status >= http.StatusInternalServerError {
		return weFail
	}
	if x.Ours.Status != x.Theirs.Status {
		return "other status"
	}
	for _, name := range comparedHeaders {
		if theirs := x.Theirs.Header.Get(name); !strings.Contains(x.Ours.Header.Get(name), theirs) {
			return "other " + name
		}
	}
	switch theirs, ours := x.Theirs.Body, x.Ours.Body; {
	case x.Ours.Status == http.StatusUnprocessableEntity:
		return c.diff(texts(Faults(theirs)), texts(Faults(ours)))
	case x.Ours.Status >= http.StatusBadRequest:
		return c.diff(wordless(Detail(theirs)), wordless(Detail(ours)))
	case x.Unordered:
		return c.diff(c.Sorted(theirs), c.Sorted(ours))
	default:
		return c.diff(theirs, ours)
	}
}

func (c Comparison) diff(theirs, ours any) string {
	return strings.Join(c.differences("", theirs, ours), "\n")
}

// differences are the places in two JSON values where they differ, with both values.
func (c Comparison) differences(place string, theirs, ours any) (found []string) {
	switch a := theirs.(type) {
	case object:
		b, ok := ours.(object)
		if !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(a)) {
			if value, there := b[name]; there {
				found = append(found, c.differences(place+"."+name, a[name], value)...)
			} else {
				found = append(found, place+"."+name+": "+shown(a[name])+" in theirs only")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(b)) {
			if _, there := a[name]; !there {
				found = append(found, place+"."+name+": "+shown(b[name])+" in ours only")
			}
		}
		return found
	case []any:
		b, ok := ours.([]any)
		if !ok {
			break
		}
		if len(a) != len(b) {
			found = append(found, fmt.Sprintf("%s: %d items in theirs, %d in ours", cmp.Or(place, "."), len(a), len(b)))
		}
		for i := range min(len(a), len(b)) {
			found = append(found, c.differences(fmt.Sprintf("%s[%d]", place, i), a[i], b[i])...)
		}
		return found
	case string:
		if b, ok := ours.(string); ok && (a == b || c.SameTime(a, b) || c.SameTime(b, a)) {
			return nil
		}
	default:
		if theirs == ours {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: theirs %s, ours %s", cmp.Or(place, "."), shown(theirs), shown(ours))}
}

func shown(value any) string {
	text := textOf(value)
	if len(text) > 200 {
		return text[:200] + "…"
	}
	return text
}

func texts(list []string) []any {
	items := make([]any, len(list))
	for i, text := range list {
		items[i] = text
	}
	return items
}

// sameInstant is for services that read the same rows: to the microsecond, which is what clients
// see.
func sameInstant(theirs, ours string) bool {
	a, errA := time.Parse(time.RFC3339Nano, theirs)
	b, errB := time.Parse(time.RFC3339Nano, ours)
	return errA == nil && errB == nil && a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond))
}

// sortedRows are the items of a list in the order of their texts.
func sortedRows(body any) any {
	list, ok := body.([]any)
	if !ok {
		return body
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(textOf(a), textOf(b)) })
	return list
}

func textOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error() // what was JSON is JSON again
	}
	return string(text)
}

// Detail is what an error's body says.
func Detail(body any) any {
	o, ok := body.(object)
	if !ok {
		return body
	}
	return o["detail"]
}

// Faults is the types and places that a 422 lists. Where in a text JSON ends to be JSON is nobody's
// business.
func Faults(body any) []string {
	list, ok := Detail(body).([]any)
	if !ok {
		return []string{fmt.Sprint("no list: ", body)}
	}
	faults := []string{}
	for _, item := range list {
		o, _ := item.(object)
		if o["type"] == "json_invalid" {
			o["loc"] = []any{"body"}
		}
		faults = append(faults, fmt.Sprintf("%v %s", o["type"], textOf(o["loc"])))
	}
	slices.Sort(faults)
	return slices.Compact(faults)
}

// wordless is the detail of an error without what is said in words.
func wordless(detail any) any {
	switch v := detail.(type) {
	case string:
		return "words"
	case object:
		plain := object{}
		for key, value := range v {
			plain[key] = wordless(value)
		}
		return plain
	}
	return detail
}

// Decode reads JSON; numbers are json.Number.
func Decode(text string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// Field is a value of a JSON object, nil when there is none.
func Field(body, name string) any {
	value, err := Decode(strings.TrimPrefix(body, "\ufeff"))
	o, ok := value.(object)
	if err != nil || !ok {
		return nil
	}
	return o[name]
}
