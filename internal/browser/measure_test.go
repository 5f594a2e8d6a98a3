package browser_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// measures are functions of the page that take times.
const measures = `
	let end = Infinity;
	const frame = () => new Promise((go, fail) => performance.now() > end ? fail(Error("not there: " + document.body.innerText.slice(0, 400))) : requestAnimationFrame(go));
	const box = () => document.querySelector(".tablebox");
	const idle = (e) => e?.ariaBusy === "false";
	const rows = () => [...box().querySelectorAll("tbody tr[aria-rowindex]")];
	const filled = () => idle(box()) && rows().length > 0 && rows().every((row) => !row.old);
	const allThere = () => idle(document.querySelector(".facets")) && idle(document.querySelector(".histogram"));
	async function filterTimes(search) { // until the rows are there, and all else
		for (const row of rows()) row.old = true; // the page draws those of another search anew
		const start = performance.now();
		end = start + 30_000;
		location.hash = "#/jobs?q=" + encodeURIComponent(search);
		do await frame(); while (!(document.querySelector("#search").value === search && filled()));
		const first = performance.now() - start;
		while (!allThere()) await frame();
		end = Infinity;
		return [first, performance.now() - start];
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

// measure takes the figures of docs/page.md.
func measure(t *testing.T, s *server) {
	b := newTab(t, s)
	b.signIn(boss, "#/jobs")
	b.loaded()
	b.run(network.Enable(), performance.Enable().WithTimeDomain(performance.EnableTimeDomainThreadTicks))
	var firsts []float64
	for range 10 {
		b.run(network.ClearBrowserCache(), chromedp.Navigate("about:blank"))
		b.open("#/jobs")
		var at float64
		b.eval(`new Promise((done) => { const look = () => document.querySelector(".tablebox[aria-busy=false] tbody tr[aria-rowindex]") ? done(performance.now()) : requestAnimationFrame(look); look(); })`, &at)
		firsts = append(firsts, at)
	}
	t.Logf("first table: %s", spread(firsts))
	var bytes int
	b.eval(`[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource").filter((e) => !e.name.includes("/api/") && !e.name.includes("well-known"))].reduce((n, e) => n + e.encodedBodySize, 0)`, &bytes)
	t.Logf("%d bytes of the page came", bytes)

	b.run(page.BringToFront()) // a window behind others is drawn seldom
	b.eval(measures, nil)
	var answers, all []float64
	server, own := s.processor(t), b.processor()
	for _, search := range searches() {
		var ms [2]float64
		b.eval(fmt.Sprintf("filterTimes(%q)", search), &ms)
		answers, all = append(answers, ms[0]), append(all, ms[1])
		if ms[0] > 200 {
			t.Logf("%s: %.0f ms, %.0f ms with all else", search, ms[0], ms[1])
		}
	}
	t.Logf("a filter's answer is shown (%d filters): %s; with histogram and all values: %s", len(answers), spread(answers), spread(all))
	n := float64(len(answers))
	t.Logf("processor for a filter, on average: %.0f ms of the server, %.0f ms of the page", (s.processor(t)-server)/n, (b.processor()-own)/n)

	b.eval(`filterTimes("Status=Done")`, nil)
	for _, round := range []string{"while the rows come", "again"} {
		var frames []float64
		own := b.processor()
		b.eval("box().scrollTop = 0; scroll(10000)", &frames)
		own = (b.processor() - own) / float64(len(frames))
		slices.Sort(frames)
		late := len(slices.DeleteFunc(slices.Clone(frames), func(ms float64) bool { return ms < 25 }))
		t.Logf("scrolling 10,000 rows, %s: %d frames, %d of them late, the median %.0f ms, the longest %.0f ms; processor of the page for one: %.1f ms",
			round, len(frames), late, frames[len(frames)/2], frames[len(frames)-1], own)
	}
}

// processor is how much of it the tab's main thread has had, in ms. It says what the page needs, also
// where other programs keep the machine busy.
func (b *tab) processor() (ms float64) {
	b.t.Helper()
	b.run(chromedp.ActionFunc(func(ctx context.Context) error {
		metrics, err := performance.GetMetrics().Do(ctx)
		for _, metric := range metrics {
			if metric.Name == "TaskDuration" {
				ms = 1000 * metric.Value
			}
		}
		return err
	}))
	return ms
}

// processor is how much of it the program has had, in ms.
func (s *server) processor(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	const user, system, tick = 11, 12, 10 // where they are behind the name; ms
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	var sum float64
	for _, field := range []string{fields[user], fields[system]} {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += tick * ticks
	}
	return sum
}

// searches are such as people choose at the side and in the search line: by one value, and by two. Each
// finds jobs of the demo.
func searches() (all []string) {
	for _, other := range []string{"", "Site=LCG.CERN.cern", "Owner=anna", "since=30d", "JobID>1000"} {
		for _, status := range []string{"Failed", "Done", "Running", "Killed", "Failed,Stalled", "Done,Running,Waiting"} {
			all = append(all, strings.TrimSpace("Status="+status+" "+other))
		}
	}
	return append(all, "Status=Waiting", "Site=LCG.CERN.cern", "Owner=anna", "since=30d", "Owner=anna Site=LCG.CERN.cern", "MinorStatus~Application", "JobName~toys")
}

// spread says how values lie.
func spread(values []float64) string {
	slices.Sort(values)
	return fmt.Sprintf("%.0f to %.0f ms, median %.0f ms, nine of ten within %.0f ms",
		values[0], values[len(values)-1], values[len(values)/2], values[len(values)*9/10])
}
