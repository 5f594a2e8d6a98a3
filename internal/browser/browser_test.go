package browser_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"jobdb/auth"
)

// chromium is one process for all tests, with a profile for each of them.
var chromium struct {
	sync.Once

	ctx  context.Context
	stop func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.stop != nil {
		chromium.stop()
	}
	os.Exit(code)
}

// browser starts Chromium, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a minute or two")
	}
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && program == "" {
			program = found
		}
	}
	switch {
	case program == "" && os.Getenv("CI") != "":
		t.Fatal("there is no Chromium; to install: apt-get install chromium (make engines does it)")
	case program == "":
		t.Skip("NO CHROMIUM: the page is NOT TESTED; to install: apt-get install chromium")
	}
	chromium.Do(func() {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox,
			chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"))
		allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, stop := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {})) // it complains about events that it doesn't know
		chromium.ctx, chromium.stop = ctx, func() { stop(); stopAllocator() }                     //nolint:fatcontext // it lives as long as the tests
		if err := chromedp.Run(ctx); err != nil {
			t.Fatalf("start %s: %v", program, err)
		}
	})
	return chromium.ctx
}

// tab is a tab of the browser.
type tab struct {
	t       *testing.T
	ctx     context.Context
	server  *server
	profile cdp.BrowserContextID

	mutex    sync.Mutex
	faults   []string // what the browser complained about
	expected []string // parts of complaints that the test causes
}

// newTab opens a tab in a profile of its own.
func newTab(t *testing.T, s *server) *tab {
	t.Helper()
	parent := browser(t)
	var profile cdp.BrowserContextID
	inBrowser(parent, t, func(ctx context.Context) (err error) {
		profile, err = target.CreateBrowserContext().WithDisposeOnDetach(true).Do(ctx)
		return err
	})
	t.Cleanup(func() { inBrowser(parent, t, target.DisposeBrowserContext(profile).Do) })
	return openTab(t, s, profile)
}

// beside opens another tab in the same profile.
func (b *tab) beside() *tab {
	b.t.Helper()
	return openTab(b.t, b.server, b.profile)
}

// inBrowser sends a command to the browser, not to one of its tabs.
func inBrowser(parent context.Context, t *testing.T, command func(context.Context) error) {
	t.Helper()
	if err := command(cdp.WithExecutor(parent, chromedp.FromContext(parent).Browser)); err != nil {
		t.Fatal(err)
	}
}

func openTab(t *testing.T, s *server, profile cdp.BrowserContextID) *tab {
	t.Helper()
	parent := browser(t)
	var id target.ID
	inBrowser(parent, t, func(ctx context.Context) (err error) {
		id, err = target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(ctx) // headless has no window in a new profile
		return err
	})
	ctx, stop := chromedp.NewContext(parent, chromedp.WithTargetID(id))
	t.Cleanup(stop)
	ctx, stopTimer := context.WithTimeout(ctx, cmp.Or(s.lasts, time.Minute))
	t.Cleanup(stopTimer)
	b := &tab{t: t, ctx: ctx, server: s, profile: profile, expected: []string{"/api/jobdb/series"}}
	chromedp.ListenTarget(ctx, b.listen)
	b.run(log.Enable(), runtime.Enable(), page.Enable(), b.size(1280, 900), emulation.SetTimezoneOverride("Europe/Zurich"), emulation.SetFocusEmulationEnabled(true))
	if s.process == nil { // which has the real time
		b.run(theClock())
	}
	t.Cleanup(func() {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		for _, fault := range b.faults {
			t.Errorf("the browser complained: %s", fault)
		}
	})
	return b
}

// theClock sets the page's clock to the present of the grid.
func theClock() chromedp.Action {
	script := fmt.Sprintf(`{
		const Real = Date, ahead = %d - Real.now();
		globalThis.Date = class extends Real {
			constructor(...a) { a.length ? super(...a) : super(Real.now() + ahead); }
			static now() { return Real.now() + ahead; }
		};
	}`, present.UnixMilli())
	return chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
		return err
	})
}

// listen notes faults: exceptions that nobody caught, errors in the log, what the policy refused.
func (b *tab) listen(event any) {
	var fault string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = e.ExceptionDetails.Error()
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError {
			fault = e.Entry.Text + " " + e.Entry.URL
		}
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, part := range b.expected {
		if strings.Contains(fault, part) {
			return
		}
	}
	if fault != "" {
		b.faults = append(b.faults, fault)
	}
}

// expect lets complaints pass that contain a text.
func (b *tab) expect(part string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.expected = append(b.expected, part)
}

func (b *tab) size(width, height int64) chromedp.Action {
	return emulation.SetDeviceMetricsOverride(width, height, 1, false)
}

func (b *tab) run(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// signIn opens an address of the page as somebody who is signed in.
func (b *tab) signIn(who auth.Principal, address string) {
	b.t.Helper()
	b.open("") // to have its storage
	b.eval(fmt.Sprintf(`sessionStorage.setItem("jobdb-tokens", JSON.stringify({access: %q}))`, b.server.token(b.t, who)), nil)
	b.open(address)
}

// open loads an address, which is relative to the server's.
func (b *tab) open(address string) {
	b.t.Helper()
	b.run(chromedp.Navigate("about:blank"), chromedp.Navigate(b.server.URL+"/"+address))
}

// eval runs JavaScript in the page, which may be a promise, and decodes its value.
func (b *tab) eval(script string, value any) {
	b.t.Helper()
	var raw []byte
	err := chromedp.Run(b.ctx, chromedp.Evaluate(script, &raw, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	}))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	if value != nil {
		if err := json.Unmarshal(raw, value); err != nil {
			b.t.Fatalf("%s: %s: %v", script, raw, err)
		}
	}
}

// wait waits until a JavaScript expression is true, and fails with what the page shows when it never is.
func (b *tab) wait(condition string) {
	b.t.Helper()
	deadline := time.Now().Add(cmp.Or(b.server.patience, 15*time.Second))
	for {
		var ok bool
		b.eval("(() => { try { return Boolean("+condition+") } catch { return false } })()", &ok)
		if ok {
			return
		}
		if time.Now().After(deadline) {
			var text string
			b.eval("location.hash + '\\n' + (document.querySelector('dialog') || document.body).innerText.replace(/\\s+/g, ' ').slice(0, 500)", &text)
			b.t.Fatalf("%s is never true; the page: %s\nfaults: %q", condition, text, b.faults)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// text is a part of what the page shows.
func (b *tab) text(selector string) (text string) {
	b.t.Helper()
	b.eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector), &text)
	return text
}

// click presses the mouse on the first element of a selector that shows a text.
func (b *tab) click(selector, text string) {
	b.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll(%q)].find((e) => (e.innerText + " " + (e.getAttribute("aria-label") || "")).includes(%q) && e.getClientRects().length && !e.disabled)`, selector, text)
	b.wait(find)
	var at struct{ X, Y float64 }
	b.eval(`{const e = `+find+`; e.scrollIntoView({block: "nearest"}); const r = e.getBoundingClientRect(); ({X: r.x + r.width / 2, Y: r.y + r.height / 2})}`, &at)
	b.run(page.BringToFront(), chromedp.MouseClickXY(at.X, at.Y))
}

// press presses keys, one after the other.
func (b *tab) press(keys ...string) {
	b.t.Helper()
	b.run(page.BringToFront()) // a window behind others gets no keys
	for _, key := range keys {
		k := kb.Keys[[]rune(key)[0]]
		if k == nil || !k.Print || key == "\r" {
			b.run(chromedp.KeyEvent(key))
			continue
		}
		for _, kind := range []input.KeyType{input.KeyRawDown, input.KeyUp} { // without its letter: chromedp's would be typed although the page takes the key
			b.run(input.DispatchKeyEvent(kind).WithKey(k.Key).WithCode(k.Code).WithWindowsVirtualKeyCode(k.Windows))
		}
	}
}

// typeText types as a person does, into what has the focus.
func (b *tab) typeText(text string) {
	b.t.Helper()
	b.run(input.InsertText(text))
}

// search types a search into the search line.
func (b *tab) search(text string) {
	b.t.Helper()
	b.wait(`document.querySelector("#search")`)
	b.eval(`{const i = document.querySelector("#search"); i.focus(); i.select()}`, nil)
	b.typeText(text)
	b.press("\r")
}

// loaded waits until the table shows jobs of the present search.
func (b *tab) loaded() {
	b.t.Helper()
	b.wait(`document.querySelector(".tablebox[aria-busy=false]") && document.querySelectorAll(".tablebox tbody tr[aria-rowindex]").length`)
}
