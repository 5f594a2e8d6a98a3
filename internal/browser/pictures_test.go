package browser_test

import (
	"bytes"
	"context"
	"flag"
	"image"
	_ "image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the pictures of docs/images")

// The pictures in the documents are of the page: each screen in light and dark, with the jobs of the
// demo at a fixed time. They are compared by eye; the test holds that each can be taken, isn't empty,
// and is there.
func TestPictures(t *testing.T) {
	s := start(t, 3000)
	s.lasts = 3 * time.Minute
	b := newTab(t, s)
	b.open("")
	b.wait(`document.querySelector(".signin button.primary")`)
	b.pictures("signin")
	b.signIn(boss, "")
	for _, screen := range screens {
		if screen.name != "actions" { // there are none yet
			b.open(screen.address)
			b.wait(screen.ready)
			b.pictures(screen.name)
		}
	}
	b.open("#/jobs?q=Status%3DRunning,Done")
	b.loaded()
	b.click(".act button", "Kill")
	b.wait(`document.querySelector("dialog .cannot")`)
	b.pictures("actions")
}

// pictures takes the pictures of what is shown, in light and dark.
func (b *tab) pictures(name string) {
	b.t.Helper()
	for _, theme := range []string{"light", "dark"} {
		b.theme(theme)
		b.wait(`!document.querySelector("[aria-busy=true]")`)
		var picture []byte
		b.run(chromedp.CaptureScreenshot(&picture))
		decoded, _, err := image.Decode(bytes.NewReader(picture))
		if err != nil {
			b.t.Fatal(err)
		}
		if n := colours(decoded); n < 30 {
			b.t.Errorf("%s, %s: a picture of %d colours", name, theme, n)
		}
		path := filepath.Join("../../docs/images", name+"-"+theme+".webp")
		if *update {
			b.write(path)
		}
		if info, err := os.Stat(path); err != nil || info.Size() > 120_000 {
			b.t.Errorf("%s: %v; go test ./internal/browser -run Pictures -update makes it", path, err)
		}
	}
}

func (b *tab) write(path string) {
	b.t.Helper()
	var small []byte
	b.run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		small, err = page.CaptureScreenshot().WithFormat(page.CaptureScreenshotFormatWebp).WithQuality(75).Do(ctx)
		return err
	}))
	if err := os.WriteFile(path, small, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// colours is how many different ones a picture has.
func colours(picture image.Image) int {
	seen := map[[3]uint32]bool{}
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y += 2 {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x += 2 {
			r, g, b, _ := picture.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
		}
	}
	return len(seen)
}
