package browser_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	downloads "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// rows are the IDs that the table shows.
func (b *tab) rows() (ids []int64) {
	b.t.Helper()
	b.loaded()
	b.eval(`[...document.querySelectorAll(".tablebox tbody tr[aria-rowindex] a")].map((a) => Number(a.innerText))`, &ids)
	return ids
}

// total is how many jobs the page says it found, which it learns after the first of them.
func (b *tab) total() string {
	b.t.Helper()
	b.wait(`!document.querySelector(".jobs .controls [role=status]").innerText.includes("+")`)
	return strings.ReplaceAll(b.text(".jobs .controls [role=status]"), "\u202f", "")
}

// What stands in the search line, the chips, the values at the side, the histogram and the address is
// one search; the back button takes it back.
func TestSearch(t *testing.T) { trySearch(t, start(t, 3000)) }

func trySearch(t *testing.T, s *server) {
	t.Helper()
	const query = "status=failed JobID<=2900" // where nothing changes any more
	b := newTab(t, s)
	b.signIn(boss, "#/jobs")
	b.loaded()
	b.search(query)
	b.wait(`location.hash === "#/jobs?q=status%3Dfailed+JobID%3C%3D2900"`)
	b.wait(`[...document.querySelectorAll(".tablebox tbody tr[aria-rowindex]")].every((r) => r.innerText.includes("Failed"))`) // no longer the rows of before
	b.loaded()
	failed := b.total()
	b.click(".facets label", "LCG.CERN.cern")
	b.wait(`location.hash.includes("Site%3DLCG.CERN.cern")`)
	b.wait(fmt.Sprintf(`document.querySelector(".jobs .controls [role=status]").innerText !== %q`, failed))
	b.loaded()
	b.wait(`[...document.querySelectorAll(".tablebox tbody tr[aria-rowindex]")].every((r) => r.innerText.includes("LCG.CERN.cern") && r.innerText.includes("Failed"))`)
	b.wait(`document.querySelector(".facets details:nth-of-type(2)").innerText.includes("LCG.CNAF.it")`) // other sites are still there to choose
	both := b.total()
	b.click(".facets label", "LCG.CNAF.it")
	b.wait(`document.querySelector("#search").value === "` + query + ` Site=LCG.CERN.cern,LCG.CNAF.it"`)
	b.run(chromedp.NavigateBack())
	b.wait(`document.querySelector("#search").value === "` + query + ` Site=LCG.CERN.cern"`)
	b.wait(fmt.Sprintf(`document.querySelector(".jobs .controls [role=status]").innerText === %q`, both))
	b.click(".chips button", "Remove Site")
	b.wait(fmt.Sprintf(`document.querySelector(".jobs .controls [role=status]").innerText === %q`, failed))

	b.search("Status=Faild")
	b.wait(`document.querySelector("#search-error")?.innerText.includes("did you mean Failed?")`)
	b.search("12 15-20")
	b.wait(`document.querySelector(".jobs .controls [role=status]").innerText.startsWith("7 ")`)
}

// Dragging over the histogram chooses a period.
func TestBrush(t *testing.T) { tryBrush(t, start(t, 3000)) }

func tryBrush(t *testing.T, s *server) {
	t.Helper()
	b := newTab(t, s)
	b.signIn(boss, "#/jobs?span=7d")
	b.wait(`document.querySelector("svg.bars rect")`)
	var at struct{ X, Y, W float64 }
	b.eval(`{const r = document.querySelector("svg.bars").getBoundingClientRect(); ({X: r.x, Y: r.y + 40, W: r.width})}`, &at)
	b.run(chromedp.MouseEvent("mousePressed", at.X+at.W*0.7, at.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)),
		chromedp.MouseEvent("mouseMoved", at.X+at.W*0.8, at.Y, chromedp.ButtonLeft),
		chromedp.MouseEvent("mouseReleased", at.X+at.W*0.9, at.Y, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	b.wait(`/since="2...-..-.. ..:.." SubmissionTime<"2...-..-.. ..:.."/.test(document.querySelector("#search").value)`)
	b.loaded()
}

// The table reads pages as it is scrolled, and has only the rows in sight in the document.
func TestScroll(t *testing.T) {
	b := newTab(t, start(t, 3000))
	b.signIn(boss, "#/jobs?q=since%3D1w")
	first := b.rows()
	const bottom = `{const box = document.querySelector(".tablebox"); box.scrollTop = box.scrollHeight}`
	total := strings.ReplaceAll(strings.Fields(b.total())[0], "\u2009", "")
	for range 40 {
		b.eval(bottom, nil)
		var end bool
		b.eval(`new Promise((ok) => setTimeout(() => ok([...document.querySelectorAll(".tablebox tr[aria-rowindex]")].at(-1).ariaRowIndex === document.querySelector(".tablebox table").ariaRowCount), 30))`, &end)
		if end {
			break
		}
	}
	last := b.rows()
	if len(first) > 80 || len(last) > 80 || last[len(last)-1] > 10 {
		t.Errorf("%s jobs; %d rows, then %d that end in %v", total, len(first), len(last), last[len(last)-1])
	}
	b.click(".tablebox th button", "JobID")
	b.wait(`location.hash.includes("sort=JobID") && document.querySelector(".tablebox tbody a").innerText < 10`)
	b.click(".tablebox th button", "Site")
	b.wait(`document.querySelector("th[aria-sort=ascending]")?.innerText.startsWith("Site")`)
}

// Columns are chosen and ordered, parameters of jobs among them, and kept in the address.
func TestColumns(t *testing.T) { tryColumns(t, start(t, 3000)) }

func tryColumns(t *testing.T, s *server) {
	t.Helper()
	b := newTab(t, s)
	b.signIn(boss, "#/jobs?q=Status%3DRunning&columns=JobID,Owner,Parameters.HostName") // the demo gives them to young jobs
	b.loaded()
	b.wait(`[...document.querySelectorAll(".tablebox th")].map((h) => h.innerText.trim()).join() === "Marked,JobID ▼,Owner,Parameters.HostName"`)
	b.wait(`[...document.querySelectorAll(".tablebox tbody tr[aria-rowindex]")].some((row) => row.innerText.includes("example.org"))`)
	b.click("button", "Columns")
	b.click("dialog button", "+ Site")
	b.click("dialog button", "Site further left")
	b.click("dialog button", "Without Owner")
	b.click("dialog button", "Show these")
	b.wait(`location.hash.includes("columns=JobID%2CSite%2CParameters.HostName")`)
}

// CSV and NDJSON are what the API gives, of exactly this search.
func TestDownload(t *testing.T) { tryDownload(t, start(t, 3000)) }

func tryDownload(t *testing.T, s *server) {
	t.Helper()
	b := newTab(t, s)
	b.signIn(boss, "#/jobs?q=Status%3DKilled&sort=Site&columns=JobID,Site,JobName")
	b.loaded()
	b.eval(`{const real = URL.createObjectURL; URL.createObjectURL = (blob) => { blob.text().then((text) => globalThis.downloaded = text); return real(blob); }}`, nil)
	b.run(downloads.SetDownloadBehavior(downloads.SetDownloadBehaviorBehaviorDeny))
	for accept, button := range map[string]string{"text/csv": "CSV", "application/x-ndjson": "NDJSON"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/jobs/search", strings.NewReader(`{"parameters": ["JobID", "Site", "JobName"],
			"search": [{"parameter": "Status", "operator": "eq", "value": "Killed"}],
			"sort": [{"parameter": "Site", "direction": "asc"}, {"parameter": "JobID", "direction": "desc"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+s.token(t, boss))
		request.Header.Set("Accept", accept)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		b.eval(`globalThis.downloaded = ""`, nil)
		b.click("button", button)
		b.wait("downloaded")
		var got string
		b.eval("downloaded", &got)
		if got != string(want) || len(want) < 100 {
			t.Errorf("%s: got %d bytes, want %d", accept, len(got), len(want))
		}
	}
}

// Keys do all: search, go through the rows, open one, mark, help, other screens.
func TestKeyboard(t *testing.T) { tryKeyboard(t, start(t, 3000)) }

func tryKeyboard(t *testing.T, s *server) {
	t.Helper()
	b := newTab(t, s)
	b.signIn(boss, "#/jobs")
	ids := b.rows()
	b.press("j", "j", "j", "k", "x")
	b.wait(fmt.Sprintf(`document.activeElement.innerText === "%d" && document.querySelector("tr.marked a").innerText === "%d"`, ids[1], ids[1]))
	b.press("x")
	b.wait(`!document.querySelector("tr.marked")`)
	b.press("\r")
	b.wait(fmt.Sprintf(`document.querySelector("h1")?.innerText === "Job %d"`, ids[1]))
	b.wait(`document.querySelector("nav a[rel=next]")`)
	b.press("j")
	b.wait(fmt.Sprintf(`document.querySelector("h1")?.innerText === "Job %d"`, ids[2]))
	b.press("g", "o")
	b.wait(`document.querySelector("h1")?.innerText === "Overview"`)
	b.press("g", "j")
	b.loaded()
	b.press("/")
	b.wait(`document.activeElement.id === "search"`)
	b.typeText("Status=Fa")
	b.wait(`document.querySelector("#completions li")?.innerText === "Status=Failed"`)
	b.press(kb.ArrowDown)
	b.press("\r", "\r")
	b.wait(`location.hash.includes("Status%3DFailed")`)
	b.eval("document.activeElement.blur()", nil)
	b.press("e")
	b.wait(`document.querySelector(".heat td a")`)
	b.press("?")
	b.wait(`document.querySelector("dialog[open]")?.innerText.includes("to the search line")`)
	b.press(kb.Escape)
	b.wait(`!document.querySelector("dialog")`)
}
