package browser_test

import (
	"os"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func TestLook(t *testing.T) {
	s := start(t, 3000)
	b := newTab(t, s)
	b.signIn(boss, os.Getenv("LOOK"))
	dark := os.Getenv("DARK")
	if dark != "" {
		b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	}
	if w := os.Getenv("WAIT"); w != "" { b.wait(w) } else { b.loaded() }
	b.run(chromedp.Sleep(700e6))
	var png []byte
	b.run(chromedp.CaptureScreenshot(&png))
	os.WriteFile("/tmp/look.png", png, 0o644)
}
