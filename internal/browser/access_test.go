package browser_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// axe-core checks pages for what keeps people from using them. It isn't part of jobdb.
const (
	axeURL  = "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz"
	axeHash = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
	axeFile = "../../.cache/axe-core-4.14.1.js"
)

// axe is the source of axe-core. Without the network its tests are skipped, but not in CI.
func axe(t *testing.T) string {
	t.Helper()
	if text, err := os.ReadFile(axeFile); err == nil {
		return string(text)
	}
	text, err := fromNPM(t.Context(), axeURL, axeHash, "package/axe.min.js")
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(err)
	case err != nil:
		t.Skipf("NO AXE-CORE: whether everybody can use the page is NOT TESTED: %v", err)
	}
	if err := os.MkdirAll(filepath.Dir(axeFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(axeFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fromNPM is a file of a package, which must have the hash.
func fromNPM(ctx context.Context, url, integrity, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	packed, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	hash := sha512.Sum512(packed)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash[:]); got != integrity {
		return nil, fmt.Errorf("%s has the hash %s, not %s", url, got, integrity)
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(unpacked); ; {
		file, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s has no %s", url, name)
		}
		if err != nil {
			return nil, err
		}
		if file.Name == name {
			return io.ReadAll(files)
		}
	}
}

// checkAccess fails for each fault that axe finds in the dialog or, without one, in the whole page.
// With rules it looks for these alone.
func (b *tab) checkAccess(source, where string, rules ...string) {
	b.t.Helper()
	var there bool
	if b.eval(`"axe" in globalThis`, &there); !there {
		b.run(chromedp.ActionFunc(func(ctx context.Context) error { return chromedp.Evaluate(source+";0", nil).Do(ctx) }))
	}
	wanted := map[string]any{"resultTypes": []string{"violations"}}
	if len(rules) > 0 {
		wanted["runOnly"] = rules
	}
	options, err := json.Marshal(wanted)
	if err != nil {
		b.t.Fatal(err)
	}
	var faults []struct {
		ID, Help string
		Nodes    []struct {
			HTML           string
			FailureSummary string
		}
	}
	b.eval(fmt.Sprintf(`axe.run(document.querySelector("dialog") || document, %s).then((r) => r.violations)`, options), &faults)
	for _, fault := range faults {
		b.t.Errorf("%s: %s: %s, at %d places, such as %.200s %.300s", where, fault.ID, fault.Help, len(fault.Nodes), fault.Nodes[0].HTML, fault.Nodes[0].FailureSummary)
	}
}

// inBothThemes checks all in light. In dark, the colours alone are others.
func (b *tab) inBothThemes(source, where string) {
	b.t.Helper()
	b.theme("dark")
	b.checkAccess(source, where+", dark", "color-contrast")
	b.theme("light")
	b.checkAccess(source, where+", light")
}

// screens are all, with what shows that they are there.
var screens = []struct{ name, address, ready string }{
	{"jobs", "#/jobs?q=since%3D4d", `document.querySelector(".tablebox[aria-busy=false] td") && document.querySelector("svg.bars rect")`},
	{"job", "#/job/2957?q=since%3D3d", `document.querySelector("pre") && document.querySelector("nav a[rel=next]")`},
	{"errors", "#/errors", `document.querySelector(".heat[aria-busy=false] td a")`},
	{"overview", "#/overview", `document.querySelectorAll(".counts").length >= 4 && document.querySelector("svg path")`},
	{"actions", "#/actions", `document.querySelector("h1")?.innerText === "Actions"`},
}

func (b *tab) theme(name string) {
	b.t.Helper()
	b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}))
}

// Everybody can use each screen: in light and dark, on a phone, at twice the size.
func TestAccess(t *testing.T) {
	source := axe(t)
	s := start(t, 3000)
	s.lasts = 3 * time.Minute
	b := newTab(t, s)
	b.open("")
	b.wait(`document.querySelector(".signin button.primary")`)
	b.inBothThemes(source, "sign-in")
	b.signIn(boss, "")
	for _, screen := range screens {
		b.open(screen.address)
		b.wait(screen.ready)
		b.inBothThemes(source, screen.name)
		for name, width := range map[string]int64{"a phone": 375, "200% of a small screen": 640} {
			b.run(b.size(width, 700))
			var wide int
			b.eval("document.documentElement.scrollWidth", &wide)
			if wide > int(width) {
				t.Errorf("%s on %s: %d pixels wide", screen.name, name, wide)
			}
			if width < 600 {
				b.checkAccess(source, screen.name+" on "+name)
			}
		}
		b.run(b.size(1280, 900))
	}
	b.open("#/errors?q=Status%3DDone&down=Owner") // more than 1,000 in a cell
	b.wait(`[...document.querySelectorAll(".heat[aria-busy=false] td a")].some((a) => a.innerText.length > 4)`)
	b.checkAccess(source, "large numbers")
	b.open("#/jobs")
	b.loaded()
	for _, dialog := range []struct{ button, title string }{{"Columns", "Columns"}, {"?", "Keys"}} {
		b.click("button", dialog.button)
		b.wait(`document.querySelector("dialog[open]")`)
		b.checkAccess(source, dialog.title)
		b.press(kb.Escape)
		b.wait(`!document.querySelector("dialog")`)
	}
}

// Everybody can act: each dialog names all it has, in light and dark, and nothing of it is out of
// sight on a phone or at twice the size. The focus is in it, and goes back where it was.
func TestAccessOfActions(t *testing.T) {
	source := axe(t)
	b := newTab(t, start(t, 3000))
	b.signIn(boss, "#/jobs?q=Status%3DRunning,Done,Failed")
	b.loaded()
	for _, title := range []string{"Kill", "Reschedule", "Delete"} {
		b.click(".act button", title)
		b.wait(`document.querySelector("dialog button.danger") && document.querySelector("dialog").contains(document.activeElement)`)
		b.inBothThemes(source, title)
		for name, size := range map[string][2]int64{"a phone": {375, 667}, "200%": {640, 450}} {
			b.run(b.size(size[0], size[1]))
			b.eval(`document.querySelector("dialog button.danger").scrollIntoView()`, nil)
			var fits bool
			b.eval(`{
				const [d, r] = ["dialog", "dialog button.danger"].map((s) => document.querySelector(s).getBoundingClientRect());
				d.left >= 0 && d.top >= 0 && d.right <= innerWidth && d.bottom <= innerHeight && r.left >= d.left && r.right <= d.right && r.bottom <= d.bottom
			}`, &fits)
			if !fits {
				t.Errorf("%s on %s is cut off", title, name)
			}
		}
		b.run(b.size(1280, 900))
		b.press(kb.Escape)
		b.wait(`!document.querySelector("dialog") && document.activeElement.innerText.startsWith("` + title + `")`)
	}
	b.search("Status=Stalled")
	b.wait(`document.querySelector(".jobs .controls [role=status]").innerText === "9 jobs"`)
	b.act("Kill")
	b.checkAccess(source, "what became of it")
	b.click("dialog a", "All about this action")
	b.wait(`document.querySelector("h1").innerText.startsWith("Kill ")`)
	b.checkAccess(source, "an action")
}

// What is under vendor is what npm has, byte for byte.
func TestVendored(t *testing.T) {
	const folder = "../../web/vendor/"
	text, err := os.ReadFile(folder + "manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Packages []struct {
			Name, Version, Licence, Tarball, Integrity string
			Files                                      []struct{ File, From, SHA256 string }
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"manifest.json": true}
	for _, p := range manifest.Packages {
		if !strings.HasSuffix(p.Tarball, "/"+p.Name+"-"+p.Version+".tgz") || p.Licence == "" {
			t.Errorf("%s: %+v", p.Name, p)
		}
		for _, f := range p.Files {
			listed[f.File] = true
			have, err := os.ReadFile(folder + f.File)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(have)); got != f.SHA256 {
				t.Errorf("%s has the hash %s, not %s", f.File, got, f.SHA256)
			}
			want, err := fromNPM(t.Context(), p.Tarball, p.Integrity, "package/"+f.From)
			if err != nil && os.Getenv("CI") == "" {
				t.Logf("NOT COMPARED with npm: %v", err)
				continue
			}
			if err != nil || !bytes.Equal(have, want) {
				t.Errorf("%s isn't %s of %s: %v", f.File, f.From, p.Tarball, err)
			}
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !listed[entry.Name()] {
			t.Errorf("%s is in no package of the manifest", entry.Name())
		}
	}
}
