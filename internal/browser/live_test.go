package browser_test

import (
	"fmt"
	"testing"

	"jobdb"
)

// What changes on the server is told, and shown when it is asked for: no row moves before. After an
// interruption nothing is missing.
func TestLiveChanges(t *testing.T) {
	s := start(t, 3000)
	b := newTab(t, s)
	b.expected = nil // the route must be there
	b.signIn(boss, "#/jobs?q=Status%3DWaiting,Matched")
	before := b.rows()
	detail := b.beside()
	detail.open(fmt.Sprintf("#/job/%d", before[1]))
	detail.wait(`document.querySelector(".title .status")?.innerText === "Waiting"`)
	change := func(status string, ids ...int64) {
		t.Helper()
		attributes := map[jobdb.JobID]jobdb.Attributes{}
		for _, id := range ids {
			attributes[jobdb.JobID(id)] = jobdb.Attributes{"Status": status}
		}
		if _, err := s.db.SetJobAttributes(t.Context(), attributes, jobdb.SetOptions{At: s.db.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	change("Matched", before[1], before[2])
	b.wait(`document.querySelector("button.news")?.innerText === "+2 changed, show"`)
	if after := b.rows(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("rows jumped: %v, then %v", before, after)
	}
	detail.click("button.news", "It has changed")
	detail.wait(`document.querySelector(".title .status").innerText === "Matched"`)
	b.click("button.news", "changed, show")
	b.wait(`!document.querySelector("button.news") && [...document.querySelectorAll(".tablebox tbody tr")].filter((r) => r.innerText.includes("Matched")).length === 2`)
	change("Matched", before[3])
	b.wait(`document.querySelector("button.news")?.innerText === "+1 changed, show"`)
}
