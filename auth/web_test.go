package auth_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb/auth"
)

const keysURL = "https://issuer.example/jwks.json"

// web is an HTTP transport that answers from pages, without a network.
type web struct {
	mutex sync.Mutex
	pages map[string]string // by URL; a page that begins with -> is a redirection
	err   error
	hangs bool
	takes time.Duration
	asked []string
	read  int // bytes of pages
	log   bytes.Buffer
}

func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mutex.Lock()
	w.asked = append(w.asked, r.URL.String())
	page, found := w.pages[r.URL.String()]
	err, hangs, takes := w.err, w.hangs, w.takes
	w.mutex.Unlock()
	time.Sleep(takes)
	if hangs {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	response := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: &body{web: w, page: strings.NewReader(page)}, Request: r}
	if to, ok := strings.CutPrefix(page, "->"); ok {
		response.StatusCode = http.StatusFound
		response.Header.Set("Location", to)
	}
	if !found {
		response.StatusCode = http.StatusNotFound
	}
	return response, nil
}

// body counts how much of a page is read.
type body struct {
	web  *web
	page *strings.Reader
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.page.Read(p)
	b.web.set(func() { b.web.read += n })
	return n, err
}

func (*body) Close() error { return nil }

func (w *web) set(change func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	change()
}

func (w *web) requests() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return slices.Clone(w.asked)
}

// Write takes what the logger writes.
func (w *web) Write(b []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.log.Write(b)
}

// lines counts how often a text is in the log.
func (w *web) lines(text string) int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return strings.Count(w.log.String(), text)
}

func (w *web) config(source string) auth.KeysConfig {
	return auth.KeysConfig{
		Source: source, Issuer: issuer, Transport: w, Clock: time.Now,
		Logger: slog.New(slog.NewTextHandler(w, nil)),
	}
}

// serves returns a web with one page, at keysURL.
func serves(page string) *web { return &web{pages: map[string]string{keysURL: page}} }

// open opens the keys of a web, and closes them when the test ends.
func (w *web) open(t *testing.T, source string) (*auth.Keys, *auth.Verifier) {
	t.Helper()
	keys, err := auth.OpenKeys(t.Context(), w.config(source))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	return keys, auth.NewVerifier(issuer, keys, clock)
}

func accepts(t *testing.T, v *auth.Verifier, token string) bool {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	if err != nil && !errors.Is(err, auth.ErrInvalidToken) {
		t.Fatal(err)
	}
	return err == nil
}

const (
	begins = "can't be had from their source;"
	ceases = "can be had from their source again"
)
