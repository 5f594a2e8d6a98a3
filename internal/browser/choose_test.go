package browser_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// The search line reads the same language as the command line, to the letter of its refusals.
func TestLanguage(t *testing.T) {
	text, err := os.ReadFile("../../choose/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var examples []struct {
		Text   string          `json:"text"`
		Terms  []string        `json:"terms"`
		Now    string          `json:"now"`
		Zone   string          `json:"zone"`
		User   string          `json:"user"`
		IDs    [][2]int64      `json:"ids"`
		Search json.RawMessage `json:"search"`
		Error  string          `json:"error"`
	}
	if err := json.Unmarshal(text, &examples); err != nil {
		t.Fatal(err)
	}
	b := newTab(t, start(t, 0))
	b.open("#/")
	b.wait(`document.querySelector("h1")`)
	tried := 0
	for _, e := range examples {
		if e.Terms != nil { // as a shell hands them over; a search line has no shell
			continue
		}
		tried++
		b.run(emulation.SetTimezoneOverride(cmp.Or(e.Zone, "UTC")))
		var got struct {
			IDs    [][2]int64      `json:"ids"`
			Search json.RawMessage `json:"search"`
			Error  string          `json:"error"`
		}
		line, now, user := quoted(e.Text), quoted(cmp.Or(e.Now, "0001-01-01T00:00:00Z")), quoted(e.User)
		b.eval(fmt.Sprintf(`import("/choose/choose.js").then(({readLine}) => {
			try {
				const c = readLine({now: new Date(%s), user: %s}, %s);
				return {ids: c.ids.map(({first, last}) => [first, last]), search: c.search};
			} catch (error) { return {error: error.message}; }
		})`, now, user, line), &got)
		if e.Error != "" {
			if got.Error != e.Error {
				t.Errorf("%s: got\n %s, want\n %s", e.Text, got.Error, e.Error)
			}
			continue
		}
		if got.Error != "" || canonical(t, got.Search) != canonical(t, e.Search) || fmt.Sprint(got.IDs) != fmt.Sprint(e.IDs) {
			t.Errorf("%s: got %v %s %s, want %v %s", e.Text, got.IDs, got.Search, got.Error, e.IDs, e.Search)
		}
	}
	if tried < 50 {
		t.Errorf("only %d examples", tried)
	}
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// canonical has an object's members in one order.
func canonical(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
