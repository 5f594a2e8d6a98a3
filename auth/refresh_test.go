package auth_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"jobdb/auth"
)

// The issuer is down when the server starts: it starts, refuses tokens, and accepts them soon after
// the issuer is back. It logs each of the two once.
func TestIssuerDownAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us := newPerson("us")
		w := serves(us.set())
		w.err = errors.New("no route to host")
		keys, verifier := w.open(t, keysURL)
		token := us.token("ed", but(nil))
		for range 20 {
			time.Sleep(time.Second)
			if accepts(t, verifier, token) {
				t.Fatal("accepted without a key")
			}
		}
		state := keys.State()
		if state.Keys != 0 || !state.LastSuccess.IsZero() || !strings.Contains(state.LastError, "no route to host") || state.Source != keysURL {
			t.Errorf("%+v", state)
		}
		if string(keys.PublicJWKS()) != `{"keys":[]}` {
			t.Errorf("shown: %s", keys.PublicJWKS())
		}
		w.set(func() { w.err = nil })
		time.Sleep(16 * time.Second)
		if !accepts(t, verifier, token) {
			t.Error("refused although the issuer is back")
		}
		if state := keys.State(); state.Keys != 2 || state.LastSuccess.IsZero() || state.LastError != "" {
			t.Errorf("%+v", state)
		}
		if w.lines(begins) != 1 || w.lines(ceases) != 1 || w.lines("level=WARN") != 1 {
			t.Errorf("the log: %s", w.log.String())
		}
	})
}

// Without any token, keys are fetched four times an hour; while that fails, four times a minute.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serves(newPerson("us").set())
		keys, _ := w.open(t, keysURL)
		time.Sleep(time.Hour + time.Second)
		if n := len(w.requests()); n != 5 {
			t.Errorf("%d requests in an hour", n)
		}
		w.set(func() { w.err = errors.New("down") })
		time.Sleep(time.Hour)
		if n := len(w.requests()); n < 5+4*44 || n > 5+4*46 {
			t.Errorf("%d requests in an hour more", n-5)
		}
		w.set(func() { w.err = nil })
		time.Sleep(time.Minute)
		if w.lines(begins) != 1 || w.lines(ceases) != 1 || keys.State().LastError != "" {
			t.Errorf("the log: %s", w.log.String())
		}
	})
}

func TestRefreshAsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := serves(newPerson("us").set())
		c := w.config(keysURL)
		c.Refresh = time.Minute
		keys, err := auth.OpenKeys(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer keys.Close()
		time.Sleep(10*time.Minute + time.Second)
		if n := len(w.requests()); n != 11 {
			t.Errorf("%d requests in ten minutes", n)
		}
	})
}

// A token of a new key is accepted at once, with one fetch for all that come together. A key
// removed at its source stays valid until the next fetch.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, young := newPerson("us"), newPerson("foreign")
		w := serves(jwks(okp("old", old.ed)))
		_, verifier := w.open(t, keysURL)
		time.Sleep(time.Minute)
		w.set(func() { w.pages[keysURL], w.takes = jwks(okp("young", young.ed)), time.Second })
		if !accepts(t, verifier, old.token("old", but(nil))) {
			t.Error("the old key is gone before the issuer was asked")
		}
		var group sync.WaitGroup
		start := time.Now()
		for i := range 100 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if !accepts(t, verifier, young.token("young", but(nil))) {
					t.Error("the new key is refused")
				}
			})
		}
		group.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("they waited %v", took)
		}
		time.Sleep(time.Minute)
		if n := len(w.requests()); n != 2 {
			t.Errorf("%d requests", n)
		}
		if accepts(t, verifier, old.token("old", but(nil))) {
			t.Error("the old key is accepted although the issuer took it away")
		}
		if w.lines("the keys of tokens are new") != 2 || w.lines("ids=[young]") != 1 {
			t.Errorf("the log: %s", w.log.String())
		}
	})
}

// A removed key is refused after the next fetch also if no token asks for one early.
func TestRemovedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us := newPerson("us")
		w := serves(us.set())
		_, verifier := w.open(t, keysURL)
		w.set(func() { w.pages[keysURL] = jwks(rsaJWK("rsa", &us.rsa.PublicKey)) })
		time.Sleep(15*time.Minute - time.Second)
		if !accepts(t, verifier, us.token("ed", but(nil))) {
			t.Error("refused before the refresh")
		}
		time.Sleep(2 * time.Second)
		if accepts(t, verifier, us.token("ed", but(nil))) {
			t.Error("accepted after the refresh")
		}
	})
}

// However many tokens name unknown keys, the issuer is asked at most every five seconds, and only
// at its own URL.
func TestUnknownKeysAreCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, foreign := newPerson("us"), newPerson("foreign")
		w := serves(us.set())
		_, verifier := w.open(t, keysURL)
		start := time.Now()
		var group sync.WaitGroup
		for i := range 3 {
			group.Go(func() {
				for time.Since(start) < time.Minute {
					kid := []string{"https://evil.example/jwks.json", "/etc/passwd", "new"}[i]
					if accepts(t, verifier, foreign.token(kid, but(nil))) {
						t.Error("accepted")
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		group.Wait()
		asked := w.requests()
		if len(asked) < 10 || len(asked) > 13 {
			t.Errorf("%d requests in a minute", len(asked))
		}
		if slices.ContainsFunc(asked, func(url string) bool { return url != keysURL }) {
			t.Errorf("asked: %v", asked)
		}
	})
}

// While the issuer doesn't answer, known keys stay in use and unknown ones don't wait long.
func TestIssuerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us := newPerson("us")
		w := serves(us.set())
		keys, verifier := w.open(t, keysURL)
		time.Sleep(time.Minute)
		w.set(func() { w.hangs = true })
		start := time.Now()
		if accepts(t, verifier, us.token("new", but(nil))) {
			t.Error("accepted")
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("an unknown key waited %v", took)
		}
		start = time.Now()
		if !accepts(t, verifier, us.token("ed", but(nil))) || time.Since(start) != 0 {
			t.Errorf("a known key is refused, or waited %v", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := verifier.Verify(ctx, us.token("new", but(nil))); !errors.Is(err, auth.ErrInvalidToken) || time.Since(start) > time.Second {
			t.Errorf("a client that has gone waited %v: %v", time.Since(start), err)
		}
		time.Sleep(4 * time.Second)
		start = time.Now()
		if accepts(t, verifier, us.token("new", but(nil))) || time.Since(start) != 0 {
			t.Errorf("moments after a fetch, an unknown key waited %v", time.Since(start))
		}
		if state := keys.State(); state.Keys != 2 || !strings.Contains(state.LastError, "deadline exceeded") {
			t.Errorf("%+v", state)
		}
		w.set(func() { w.hangs = false })
		time.Sleep(20 * time.Second)
		if state := keys.State(); state.LastError != "" {
			t.Errorf("%+v", state)
		}
	})
}

// The refreshing ends when it is told to, even in the middle of a fetch: synctest fails if it goes
// on. The keys stay in use.
func TestClose(t *testing.T) {
	for name, end := range map[string]func(*auth.Keys, context.CancelFunc){
		"closed":       func(k *auth.Keys, _ context.CancelFunc) { k.Close() },
		"closed twice": func(k *auth.Keys, _ context.CancelFunc) { k.Close(); k.Close() },
		"context":      func(_ *auth.Keys, cancel context.CancelFunc) { cancel() },
	} {
		for _, hangs := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				us := newPerson("us")
				w := serves(us.set())
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				keys, err := auth.OpenKeys(ctx, w.config(keysURL))
				if err != nil {
					t.Fatal(err)
				}
				w.set(func() { w.hangs = hangs })
				verifier := auth.NewVerifier(issuer, keys, clock)
				time.Sleep(15*time.Minute + time.Second)
				end(keys, cancel)
				synctest.Wait()
				asked := len(w.requests())
				if !accepts(t, verifier, us.token("ed", but(nil))) || accepts(t, verifier, us.token("new", but(nil))) {
					t.Errorf("%s: the keys are gone", name)
				}
				time.Sleep(time.Hour)
				if n := len(w.requests()); n != asked {
					t.Errorf("%s: %d requests after the end", name, n-asked)
				}
				if state := keys.State(); state.LastError != "" {
					t.Errorf("%s: the issuer is blamed: %+v", name, state)
				}
			})
		}
	}
}

// A file is read again when it changes. While it can't be read, its last keys stay in use.
func TestFile(t *testing.T) {
	old, young := newPerson("us"), newPerson("foreign")
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, source := range []string{path, "file://" + path} {
		synctest.Test(t, func(t *testing.T) {
			write(jwks(okp("old", old.ed)))
			w := &web{}
			keys, verifier := w.open(t, source)
			write(`{"keys":[`)
			time.Sleep(time.Minute)
			if !accepts(t, verifier, old.token("old", but(nil))) || keys.State().LastError == "" || w.lines(begins) != 1 {
				t.Errorf("half a file: %+v: %s", keys.State(), w.log.String())
			}
			write(strings.Repeat(" ", 1<<20) + jwks(okp("young", young.ed)))
			time.Sleep(time.Minute)
			if !strings.Contains(keys.State().LastError, "longer than 1048576 bytes") {
				t.Errorf("a huge file: %+v", keys.State())
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if !strings.Contains(keys.State().LastError, "no such file") {
				t.Errorf("no file: %+v", keys.State())
			}
			write(jwks(okp("young", young.ed)))
			time.Sleep(11 * time.Second)
			if accepts(t, verifier, old.token("old", but(nil))) || !accepts(t, verifier, young.token("young", but(nil))) {
				t.Errorf("the new file isn't read: %+v", keys.State())
			}
			if w.lines(begins) != 1 || w.lines(ceases) != 1 {
				t.Errorf("the log: %s", w.log.String())
			}
			time.Sleep(6 * time.Second) // it was read a moment ago, and will be in some seconds
			write(jwks(okp("third", old.ed)))
			if !accepts(t, verifier, old.token("third", but(nil))) {
				t.Error("a token of a new key doesn't have the file read")
			}
		})
	}
}
