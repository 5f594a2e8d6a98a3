package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"jobdb"
)

// What comes from jobs is shown as it is, and is never markup, code, or an address.
func TestHostileTexts(t *testing.T) { tryHostileTexts(t, start(t, 0)) }

func tryHostileTexts(t *testing.T, s *server) {
	t.Helper()
	const evil = `<img src=x onerror="hacked=1"><script>hacked=2</script>'"${hacked}&lt;`
	const link = `javascript:hacked=3`
	ids, err := s.db.CreateJobs(t.Context(), []string{evil + "\nExecutable = \"" + link + "\";"})
	if err != nil {
		t.Fatal(err)
	}
	id := ids[0]
	short := evil[:29] // JobGroup has 32 characters
	columns := jobdb.Attributes{"VO": "lhcb", "SubmissionTime": present, "LastUpdateTime": present, "Status": "<b>Failed</b>", "JobGroup": short}
	for _, name := range []string{"JobName", "Site", "MinorStatus", "ApplicationStatus", "Owner", "OwnerGroup"} {
		columns[name] = s.db.FitText(name, evil)
	}
	if err := s.db.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{id: columns}); err != nil {
		t.Fatal(err)
	}
	if err := s.db.SetJobParameters(t.Context(), map[jobdb.JobID]map[string]string{id: {evil: evil, "__proto__": "p", "StandardOutput": evil}}); err != nil {
		t.Fatal(err)
	}
	if err := s.db.InsertHistory(t.Context(), []jobdb.HistoryRecord{{JobID: id, Status: "<b>Failed</b>", MinorStatus: evil, ApplicationStatus: evil, Time: present, Source: "<i>"}}); err != nil {
		t.Fatal(err)
	}
	b := newTab(t, s)
	b.signIn(boss, "#/jobs?columns=JobID,JobName,Site,Status,MinorStatus,ApplicationStatus,Owner,Parameters.StandardOutput&by=Site&span=365d")
	screens := []string{"", fmt.Sprintf("#/job/%d", id), fmt.Sprintf("#/job/%d?jdl=difference", id), fmt.Sprintf("#/errors?q=JobID%%3D%d", id)}
	if s.process == nil { // else it isn't among the commonest
		screens = append(screens, "#/overview")
	}
	for _, where := range screens {
		if where != "" {
			b.open(where)
		}
		b.wait(`document.body.innerText.includes("<img src=x")`)
		b.eval(`document.querySelectorAll("details").forEach((d) => d.open = true)`, nil)
		b.wait(`!document.querySelector(".facets") || document.querySelector(".facets").innerText.includes("OwnerGroup")`)
		var found []string
		b.eval(`[...document.querySelectorAll("img, main script, main b > b, i, [onerror], [href^='javascript' i], [src^='javascript' i]")].map((e) => e.outerHTML)
			.concat(globalThis.hacked ? ["hacked " + hacked] : [])`, &found)
		if len(found) > 0 {
			t.Errorf("%s: %q", where, found)
		}
	}
	// Such a value can be searched for, in quotes, and the search finds it.
	b.open(fmt.Sprintf("#/jobs?q=JobID%%3D%d", id))
	b.click(".facets label", evil[:20])
	b.wait(`document.querySelector(".tablebox tbody tr[aria-rowindex]") && document.querySelector("#search").value.includes('\\"')`)
	b.loaded()
	// Nor does an address do anything.
	b.open("#/jobs?q=" + strings.ReplaceAll(evil, " ", "+") + "&columns=" + evil + "&sort=" + evil + "&by=" + evil)
	b.expect("422")
	b.wait(`document.querySelector(".failure")`)
	b.open("#/job/" + evil)
	b.wait(`document.querySelector(".failure")?.innerText.includes("no ID")`)
	b.wait(`!globalThis.hacked && !document.querySelector("img")`)
}
