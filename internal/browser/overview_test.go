package browser_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/input"

	"jobdb/auth"
)

// The Overview plots the numbers of jobs as the server noted them. A status can be hidden, which the
// address keeps; the pointer tells the numbers of a time.
func TestOverview(t *testing.T) {
	b := newTab(t, start(t, 3000))
	b.expected = nil // the route must be there
	b.signIn(boss, "#/overview")
	b.wait(`document.querySelectorAll(".tall path").length >= 8`)
	b.wait(`document.querySelector(".tall figcaption").innerText.startsWith("2026-11-24 12:55:00 · ") && document.querySelector(".tall figcaption").innerText.includes("Done 1.7K")`)
	var points int
	b.eval(`document.querySelector(".tall path.status-Done").getAttribute("d").split("L").length`, &points)
	if points < 70 {
		t.Errorf("the line has %d points", points)
	}
	b.wait(`document.querySelector(".tall .scale span").innerText === "1.7K"`)
	b.click(".legend button", "Done")
	b.wait(`document.querySelector(".legend [aria-pressed=false]").innerText === "Done" && !document.querySelector(".tall path.status-Done:first-child")`)
	b.wait(`location.hash.endsWith("hide=Done") && parseInt(document.querySelector(".tall .scale span").innerText) < 1000`)
	var at struct{ X, Y float64 }
	b.eval(`{const r = document.querySelector(".tall svg").getBoundingClientRect(); ({X: r.x + 1, Y: r.y + 20})}`, &at)
	b.run(input.DispatchMouseEvent(input.MouseMoved, at.X, at.Y))
	b.wait(`document.querySelector(".tall figcaption").innerText.startsWith("2026-11-24 07:00:00 · ") && document.querySelector(".tall .pointer")`)
	b.eval(`{const s = document.querySelector("select"); s.value = "30d"; s.dispatchEvent(new Event("change", {bubbles: true}))}`, nil)
	b.wait(`document.querySelector(".tall path.status-Running").getAttribute("d").split("L").length < 10`) // a point is an hour
	b.click(".legend button", "Done")
	b.wait(`document.querySelector(".tall path.status-Done") && !location.hash.includes("hide")`)
	b.click("th a", "Waiting")
	b.loaded()
}

// Without counts over time, and before there are some, the Overview shows all else.
func TestOverviewWithoutSeries(t *testing.T) {
	s := start(t, 0)
	b := newTab(t, s)
	b.signIn(person("elena", auth.NormalUser), "#/overview")
	b.wait(`document.querySelector("main .note").innerText.startsWith("Not enough has been noted")`)
	handler := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/jobdb/series" { // as on a database of DiracX
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		handler.ServeHTTP(w, r)
	})
	b.open("#/overview?span=7d")
	b.wait(`document.querySelectorAll(".counts").length >= 4 && !document.querySelector("main select, main .failure")`)
}
