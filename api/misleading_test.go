package api_test

import (
	"regexp"
	"strings"
	"testing"
)

// Keys count as they are written, and the last of those that are repeated: as in DiracX.
func TestKeysAreExact(t *testing.T) {
	w := start(t)
	w.submit(alice, "one", "two")
	one, two := `[{"parameter":"JobName","operator":"eq","value":"one"}]`, `[{"parameter":"JobName","operator":"eq","value":"two"}]`
	for body, want := range map[string]string{
		`{"parameters":["JobName"],"search":` + one + `}`:                                                                         `[{"JobName":"one"}]`,
		`{"parameters":["JobName"],"Search":` + one + `}`:                                                                         `[{"JobName":"one"},{"JobName":"two"}]`,
		`{"parameters":["JobName"],"SEARCH":` + one + `,"sort":null}`:                                                             `422`,
		`{"parameters":["JobName"],"SEARCH":` + one + `,"distinct":1}`:                                                            `[{"JobName":"one"},{"JobName":"two"}]`,
		`{"parameters":["JobName"],"search":` + one + `,"Search":` + two + `}`:                                                    `[{"JobName":"one"}]`,
		`{"parameters":["JobName"],"search":` + one + `,"search":` + two + `}`:                                                    `[{"JobName":"two"}]`,
		`{"parameters":["JobName"],"search":` + one + `,"search":[]}`:                                                             `[{"JobName":"one"},{"JobName":"two"}]`,
		`{"parameters":["JobName"],"search":[{"parameter":"Status","parameter":"JobName","operator":"eq","value":"two"}]}`:        `[{"JobName":"two"}]`,
		`{"parameters":["JobName"],"search":[{"parameter":"JobName","operator":"eq","Value":"two"}]}`:                             `422`,
		`{"parameters":["JobName"],"search":[{"parameter":"JobName","operator":"eq","value":"one","Value":"two","VALUE":"two"}]}`: `[{"JobName":"one"}]`,
	} {
		r := w.post(alice, "search", body)
		if got := strings.TrimSpace(r.body); got != want && (want != "422" || r.status != 422) {
			t.Errorf("%s:\n%d %s", body, r.status, got)
		}
	}
	if r := w.post(alice, "summary", `{"Grouping":["Status"]}`); r.status != 422 {
		t.Errorf("a summary: %d %s", r.status, r.body)
	}
}

// A query that can't be read isn't taken for none.
func TestMalformedQueries(t *testing.T) {
	w := start(t)
	w.submit(alice, "one", "two")
	for _, query := range []string{"cursor=%", "page=2;x", "page=2%", "page=%zz", "per_page=1;page=2", "unknown=%"} {
		if r := w.post(alice, "search?"+query, "{}"); r.status != 422 || !strings.Contains(r.body, "query") {
			t.Errorf("search?%s: %d %.200s", query, r.status, r.body)
		}
		for _, route := range []struct{ method, path, body string }{
			{"PATCH", "/api/jobs/status", `{"1":{"2024-01-01T00:00:00Z":{"Status":"Killed"}}}`},
			{"POST", "/api/jobs/reschedule", `{"job_ids":[1]}`},
			{"GET", "/api/jobdb/jobs/1", ""},
		} {
			if r := w.ask(route.method, route.path+"?"+query, w.token(alice), route.body); r.status != 422 {
				t.Errorf("%s?%s: %d %.200s", route.path, query, r.status, r.body)
			}
		}
	}
	if r := w.post(alice, "search?page=2&per_page=%31", "{}"); r.status != 206 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// hinted is a time that an answer says to write.
var hinted = regexp.MustCompile(`write ([0-9][^ ]*) if|such as ([0-9][^ "]*)`)

// What an answer says to write is accepted.
func TestHintsOfTimes(t *testing.T) {
	w := start(t)
	w.submit(alice, "one")
	for _, written := range []string{"2026-11-27", "2026-11-27T10:00", "2026-11-27 10:00:00", "2026-11-27T10:00:00.123456", "2026-11-27_10:00:00,5", "yesterday", "5e"} {
		ask := func(at string) reply {
			return w.ask("PATCH", "/api/jobs/status", w.token(boss), `{"1":{"`+at+`":{"MinorStatus":"a"}}}`)
		}
		r := ask(written)
		found := hinted.FindStringSubmatch(r.body)
		if r.status != 400 && r.status != 422 || found == nil {
			t.Errorf("%s: %d %s", written, r.status, r.body)
			continue
		}
		if again := ask(found[1] + found[2]); again.status != 200 {
			t.Errorf("%s: the hint %s: %d %s", written, found[1]+found[2], again.status, again.body)
		}
	}
}
