package browser_test

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var measured = flag.String("measure", "", "measure the page at this address, of jobdb demo --jobs 100000 --rate 10 --now 2026-11-24T12:00:00Z")

// measures are functions of the page that take times.
const measures = `
	const frame = () => new Promise(requestAnimationFrame);
	const box = () => document.querySelector(".tablebox");
	const shown = (status) => box()?.ariaBusy === "false" && [...box().querySelectorAll("tbody tr[aria-rowindex] .status")].some((e) => e.innerText.startsWith(status));
	async function filterTime(status) {
		const start = performance.now();
		location.hash = "#/jobs?q=Status%3D" + status;
		do await frame(); while (!(document.querySelector("#search").value === "Status=" + status && shown(status)));
		return performance.now() - start;
	}
	async function scroll(rows) { // by four rows a frame
		const times = [];
		let last = await frame();
		while (box().scrollTop < rows * 32) {
			box().scrollTop += 128;
			const now = await frame();
			times.push(now - last);
			last = now;
		}
		return times;
	}`

// TestMeasure takes the figures of docs/page.md. It is skipped without -measure.
func TestMeasure(t *testing.T) {
	if *measured == "" {
		t.Skip("to measure, give -measure http://127.0.0.1:8000")
	}
	b := newTab(t, &server{Server: &httptest.Server{URL: *measured}})
	b.open("")
	b.click("button", "Sign in as")
	b.loaded()
	b.run(network.Enable())
	var firsts []float64
	for range 5 {
		b.run(network.ClearBrowserCache(), chromedp.Navigate("about:blank"))
		b.open("#/jobs")
		var at float64
		b.eval(`new Promise((done) => { const look = () => document.querySelector(".tablebox[aria-busy=false] tbody tr[aria-rowindex]") ? done(performance.now()) : requestAnimationFrame(look); look(); })`, &at)
		firsts = append(firsts, at)
	}
	t.Logf("first table: median of %.0f ms", sorted(firsts))
	var bytes int
	b.eval(`[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource").filter((e) => !e.name.includes("/api/") && !e.name.includes("well-known"))].reduce((n, e) => n + e.encodedBodySize, 0)`, &bytes)
	t.Logf("%d bytes of the page came", bytes)

	b.run(page.BringToFront()) // a window behind others is drawn seldom
	b.eval(measures, nil)
	var filters []float64
	for _, status := range []string{"Failed", "Done", "Running", "Killed", "Failed", "Waiting", "Done", "Completed", "Stalled"} {
		var ms float64
		b.eval(fmt.Sprintf("filterTime(%q)", status), &ms)
		filters = append(filters, ms)
	}
	t.Logf("a filter's answer is shown: %.0f ms", sorted(filters))

	b.eval(`filterTime("Done")`, nil)
	for _, round := range []string{"while the rows come", "again"} {
		var frames []float64
		b.eval("box().scrollTop = 0; scroll(10000)", &frames)
		slices.Sort(frames)
		late := len(slices.DeleteFunc(slices.Clone(frames), func(ms float64) bool { return ms < 25 }))
		t.Logf("scrolling 10,000 rows, %s: %d frames, %d of them late, the median %.0f ms, the longest %.0f ms",
			round, len(frames), late, frames[len(frames)/2], frames[len(frames)-1])
	}
	b.open("#/jobs")
	b.loaded()
	for i := range 7 {
		var used float64
		b.run(heapprofiler.CollectGarbage(), chromedp.ActionFunc(func(ctx context.Context) (err error) {
			used, _, _, _, err = runtime.GetHeapUsage().Do(ctx)
			return err
		}))
		t.Logf("memory after %d s of live updates: %.2f MB; %q", 30*i, used/1e6, b.text("button.news"))
		if i%2 == 1 {
			b.click("button.news", "show")
		}
		if i < 6 {
			time.Sleep(30 * time.Second)
		}
	}
}

func sorted(values []float64) []float64 {
	slices.Sort(values)
	return values
}
