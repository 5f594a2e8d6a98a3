package browser_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"jobdb"
	"jobdb/auth"
)

// act chooses an action in the bar above the table, confirms it, and waits for its end.
func (b *tab) act(title string) {
	b.t.Helper()
	b.click(".act button", title)
	b.wait(`document.querySelector("dialog button.danger:enabled")`)
	b.click("dialog button.danger", title)
	b.wait(`document.querySelector("dialog[open]")?.innerText.includes("Done:")`)
}

// A mark doesn't outlive the search in which it was set: nothing is acted on that isn't seen. And
// nothing is done at one click.
func TestNothingUnseenIsActedOn(t *testing.T) { tryUnseenJobs(t, start(t, 3000)) }

func tryUnseenJobs(t *testing.T, s *server) {
	t.Helper()
	b := newTab(t, s)
	b.signIn(boss, "#/jobs?q=Status%3DWaiting")
	var unseen []jobdb.JobID
	for _, id := range b.rows()[:2] {
		unseen = append(unseen, jobdb.JobID(id))
	}
	b.press("j", "x", "j", "x")
	b.wait(`document.querySelector(".act").innerText.includes("2 marked")`)
	b.search("Status=Running")
	b.wait(`document.querySelector(".act").innerText.includes("All that match")`)
	ids := b.rows()
	b.press(kb.Escape, "j", "x") // out of the search line
	b.wait(`document.querySelector(".act").innerText.includes("1 marked")`)
	b.click(".act button", "Kill")
	b.wait(fmt.Sprintf(`document.querySelector("dialog p").innerText === "1 marked job: %d"`, ids[0]))
	b.wait(`document.querySelector("dialog button.danger")`)
	b.click("dialog button", "Cancel")
	b.act("Kill")
	b.click("dialog button", "Close")
	b.wait(fmt.Sprintf(`![...document.querySelectorAll(".tablebox tbody a")].some((a) => a.innerText === "%d")`, ids[0])) // it is no longer Running
	// Its pilot may report, too, that it was killed.
	if killed := s.became(t, jobdb.StatusKilled, append(unseen, jobdb.JobID(ids[0]), jobdb.JobID(ids[1]))...); len(killed) != 1 || killed[jobdb.JobID(ids[0])] == 0 {
		t.Errorf("killed %v, not %v", killed, ids[0])
	}
}

// Refusals are told, before and after: how many, of which status, and why.
func TestRefusalsAreTold(t *testing.T) { tryRefusals(t, start(t, 3000)) }

func tryRefusals(t *testing.T, s *server) {
	t.Helper()
	b := newTab(t, s)
	b.signIn(boss, "#/jobs?q=Status%3DDone")
	b.loaded()
	b.press("j", "x")
	b.wait(`document.querySelector(".act").innerText.includes("1 marked")`)
	b.click(".act button", "Kill")
	b.wait(`document.querySelector("dialog .cannot")?.innerText.startsWith("1 Done: ")`)
	b.wait(`document.querySelector("dialog").innerText.includes("0 of 1 can be killed") && !document.querySelector("dialog button.danger")`)
	b.click("dialog button", "Cancel")

	// Of somebody who owns other jobs.
	b = newTab(t, s)
	b.signIn(person("elena", auth.NormalUser), "#/jobs?q=Status%3DRunning+Owner%3Danna")
	b.loaded()
	b.click(".act button", "Kill")
	b.wait(`document.querySelector("dialog").innerText.includes("other owners")`)
	b.wait(`!document.querySelector("dialog button.danger")`)
}

// All that match are shown as the search and a number; more than 100 are confirmed by typing it. Then
// table, counts and chart of both tabs agree, and the action is kept with its outcomes.
func TestActOnAllThatMatch(t *testing.T) { tryAllThatMatch(t, start(t, 3000)) }

func tryAllThatMatch(t *testing.T, s *server) {
	t.Helper()
	b := newTab(t, s)
	living, older := "Status=Waiting,Matched,Running", fmt.Sprintf(" JobID<=%d", s.newest(t, "Status", "Running")) // no others join them
	query := living + ",Done" + older
	b.signIn(boss, "#/jobs?q="+url.QueryEscape(query))
	b.loaded()
	other := b.beside()
	other.open("#/jobs?q=" + url.QueryEscape(living+older))
	other.loaded()
	b.click(".act button", "Kill")
	b.wait(`document.querySelector("dialog p").innerText === "All jobs that match ` + query + `"`)
	b.wait(`document.querySelector("dialog .cannot")`)
	var can string
	b.eval(`document.querySelector("dialog [role=status] b").innerText`, &can)
	b.wait(`document.querySelector("dialog button.danger").disabled`)
	b.eval(`document.querySelector("dialog input[inputmode=numeric]").focus()`, nil)
	b.typeText(can)
	b.wait(`!document.querySelector("dialog button.danger").disabled`)
	b.eval(`document.querySelector("dialog input[maxlength]").focus()`, nil)
	b.typeText("a <b>test")
	b.click("dialog button.danger", "Kill "+can)
	b.wait(`/Done: .* done, .* refused, 0 failed/.test(document.querySelector("dialog[open]")?.innerText)`)
	if told := b.text("dialog[open]"); s.process == nil && !strings.Contains(told, "Done: "+can+" done") { // elsewhere some end by themselves
		t.Errorf("%s can be killed; then: %s", can, told)
	}
	b.click("dialog a", "All about this action")
	b.wait(`document.querySelector("h1")?.innerText.startsWith("Kill ") && document.body.innerText.includes("a <b>test")`)
	b.wait(`document.querySelector("main table tbody tr")?.innerText.includes("refused")`)
	b.open("#/actions")
	b.wait(`document.querySelector("main table tbody tr")?.innerText.includes("anna")`)
	other.wait(`document.querySelector(".note")?.innerText === "No job matches."`)
	other.wait(`document.querySelector(".jobs .controls [role=status]").innerText === "0 jobs"`)
}

// An action goes on when the page is closed.
func TestActionOutlivesThePage(t *testing.T) {
	s := start(t, 3000)
	b := newTab(t, s)
	b.signIn(boss, "#/jobs?q=Status%3DDone")
	b.loaded()
	b.click(".act button", "Delete")
	var can string
	b.wait(`document.querySelector("dialog [role=status] b")`)
	b.eval(`document.querySelector("dialog [role=status] b").innerText`, &can)
	b.eval(`document.querySelector("dialog input[inputmode=numeric]").focus()`, nil)
	var digits string
	b.eval(`document.querySelector("dialog [role=status] b").innerText.replace(/\D/g, "")`, &digits)
	b.typeText(digits)
	b.click("dialog button.danger", "Delete "+can)
	b.wait(`document.querySelector("dialog progress")`)
	b.open("#/actions")
	b.wait(`document.querySelector("main tbody tr")?.innerText.includes("Delete")`)
	b.click("main tbody a", "Delete")
	b.wait(`document.querySelector("[role=status]") && [...document.querySelectorAll("[role=status]")].some((e) => e.innerText.startsWith("Done: ` + can + ` done, 0 refused"))`)
}

// A job is acted on from its own screen, which then shows what it is.
func TestActOnOneJob(t *testing.T) {
	s := start(t, 3000)
	b := newTab(t, s)
	b.signIn(boss, "#/job/2957")
	b.wait(`document.querySelector(".title .status")?.innerText === "Failed"`)
	b.act("Reschedule")
	b.click("dialog button", "Close")
	b.wait(`document.querySelector(".title .status")?.innerText === "Received" && document.querySelector(".why").innerText.includes("rescheduled 1 time")`)
}

// An action whose answer is lost is begun once, also when it is asked for again.
func TestActWithoutAnswer(t *testing.T) {
	s := start(t, 3000)
	handler := s.Config.Handler
	var reached atomic.Bool
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") != "" && !reached.Load() { // browsers send it again by themselves, too
			handler.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, r)
	})
	b := newTab(t, s)
	b.expect("ERR_EMPTY_RESPONSE")
	b.signIn(boss, "#/jobs?q=Status%3DWaiting")
	b.loaded()
	b.click(".act button", "Kill")
	b.click("dialog button.danger", "Kill")
	b.wait(`document.querySelector("dialog").innerText.includes("No answer came")`)
	reached.Store(true)
	b.click("dialog button.danger", "Kill")
	b.wait(`document.querySelector("dialog").innerText.includes("Done: 17 done, 0 refused")`)
	b.open("#/actions")
	b.wait(`document.querySelectorAll("main tbody tr").length === 1`)
}

// A server on a database of DiracX or DIRAC keeps no actions. There the page acts by DiracX's routes.
func TestActWithoutActions(t *testing.T) {
	s := start(t, 3000)
	handler := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/jobdb/actions" && r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err != nil || !bytes.Contains(body, []byte("dry_run")) {
				w.WriteHeader(http.StatusNotImplemented)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		handler.ServeHTTP(w, r)
	})
	b := newTab(t, s)
	b.expect("501")
	b.expect("400")
	b.signIn(boss, "#/jobs?q=Status%3DWaiting,Completed")
	b.loaded()
	b.act("Kill")
	b.wait(`document.querySelector("dialog").innerText.includes("keeps no actions")`)
	b.wait(`document.querySelector("dialog").innerText.includes("Done: 17 done, 12 refused") && document.querySelectorAll("dialog .cannot li").length === 12`)
	b.click("dialog button", "Close")
	b.search("Status=Waiting")
	b.wait(`document.querySelector(".jobs .controls [role=status]").innerText === "0 jobs"`)
}
