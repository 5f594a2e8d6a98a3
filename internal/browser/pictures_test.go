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

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the pictures of docs/images")

// The pictures in the documents are of the page: each screen in light and dark, with the jobs of the
// demo at a fixed time. They are compared by eye; the test holds that each can be taken, isn't empty,
// and is there.
func TestPictures(t *testing.T) {
	const folder = "../../docs/images"
	b := newTab(t, start(t, 3000))
	b.signIn(boss, "")
	for _, screen := range screens {
		if screen.name == "actions" {
			continue
		}
		b.open(screen.address)
		b.wait(screen.ready)
		for _, theme := range []string{"light", "dark"} {
			b.theme(theme)
			b.wait(`!document.querySelector("[aria-busy=true]")`)
			var picture []byte
			b.run(chromedp.CaptureScreenshot(&picture))
			decoded, _, err := image.Decode(bytes.NewReader(picture))
			if err != nil {
				t.Fatal(err)
			}
			if n := colours(decoded); n < 30 {
				t.Errorf("%s, %s: a picture of %d colours", screen.name, theme, n)
			}
			path := filepath.Join(folder, screen.name+"-"+theme+".webp")
			if *update {
				var small []byte
				b.run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
					small, err = page.CaptureScreenshot().WithFormat(page.CaptureScreenshotFormatWebp).WithQuality(75).Do(ctx)
					return err
				}))
				if err := os.MkdirAll(folder, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, small, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if info, err := os.Stat(path); err != nil || info.Size() > 120_000 {
				t.Errorf("%s: %v; go test ./internal/browser -run Pictures -update makes it", path, err)
			}
		}
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
