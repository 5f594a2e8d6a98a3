package auth

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"jobdb/internal/files"
)

// KeysConfig says where the keys come from that tokens are verified with. Clock and Logger must be
// set.
type KeysConfig struct {
	// Source is one of: a JWK set, as JSON that begins with "{"; its http or https URL; its file,
	// as a path or a file:// URL. Where Source is empty, the issuer's discovery document
	// (ISSUER/.well-known/openid-configuration) names the URL.
	Source    string
	Issuer    string            // needed only where Source is empty; then an http or https URL
	Refresh   time.Duration     // how often remote keys are fetched; 0: every 15 minutes
	Clock     func() time.Time  // for [KeyState]
	Logger    *slog.Logger      // logs when fetching begins to fail, when it works again, and new keys
	Transport http.RoundTripper // for remote keys; nil: [http.DefaultTransport]
}

// KeyState is the health of [Keys].
type KeyState struct {
	Source      string    // where the keys come from
	Keys        int       // how many there are; with none, every token is refused
	LastSuccess time.Time // of reading the source; zero: never, or the keys don't change
	LastError   string    // why the latest try failed; empty if it succeeded. Holds no secrets
}

// Keys are the public keys that tokens are verified with, kept up to date in the background: a file
// is read every 10 seconds; a remote set is fetched at an interval, and early when a token names an
// unknown key, but at most once in 5 seconds. While that fails, the last keys stay in use. A key
// removed at its source stays valid until the next fetch. Keys' methods are safe for concurrent
// use.
type Keys struct {
	set    atomic.Pointer[keySet]
	source source
	clock  func() time.Time
	logger *slog.Logger

	stop      context.CancelFunc
	ended     chan struct{} // closed when the refreshing goroutine has ended
	requested chan struct{} // of capacity 1: holds a request for an early fetch

	mutex     sync.Mutex
	state     KeyState
	nextFetch chan struct{} // closed after the next fetch; nil while no early fetch may be requested
}

// fixedKeys returns keys that never change.
func fixedKeys(set *keySet, source string) *Keys {
	k := &Keys{state: KeyState{Source: source, Keys: len(set.keys)}, stop: func() {}, ended: make(chan struct{})}
	close(k.ended)
	k.set.Store(set)
	return k
}

// OpenKeys reads the keys, and keeps them up to date until ctx ends or they are closed. It fails if
// Source makes no sense or is a file that can't be read. It does not fail if a remote set can't be
// fetched: there are no keys, then, until it can.
func OpenKeys(ctx context.Context, c KeysConfig) (*Keys, error) {
	c.Source = strings.TrimSpace(c.Source)
	if strings.HasPrefix(c.Source, "{") {
		set, err := parseKeySet([]byte(c.Source))
		if err != nil {
			return nil, err
		}
		return fixedKeys(set, "a setting"), nil
	}
	from, err := newSource(c)
	if err != nil {
		return nil, err
	}
	k := &Keys{
		source: from, clock: c.Clock, logger: c.Logger, state: KeyState{Source: from.name},
		ended: make(chan struct{}), requested: make(chan struct{}, 1),
	}
	k.set.Store(newKeySet(nil))
	if err := k.fetch(ctx); err != nil && !from.remote {
		return nil, err
	}
	ctx, k.stop = context.WithCancel(ctx)
	go k.refresh(ctx)
	return k, nil
}

// Close ends the refreshing and waits for its end. The last keys stay in use.
func (k *Keys) Close() {
	k.stop()
	<-k.ended
}

// State returns the health of the keys.
func (k *Keys) State() KeyState {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.state
}

// PublicJWKS returns the keys as a JWK set in JSON, without private parts.
func (k *Keys) PublicJWKS() []byte { return k.set.Load().jwks }

// find returns the key with an ID. If there is none, it has the source read early, waits a moment
// for that, and looks once more.
func (k *Keys) find(ctx context.Context, id string) (any, bool) {
	key, ok := k.set.Load().find(id)
	if ok || id == "" {
		return key, ok
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if fetched := k.requestFetch(); fetched != nil {
		select {
		case <-fetched:
		case <-ctx.Done():
		}
	}
	return k.set.Load().find(id)
}

// source is a place that keys are read from again and again.
type source struct {
	name     string
	remote   bool
	interval time.Duration // from one reading to the next
	read     func(context.Context) ([]byte, error)
}

func newSource(c KeysConfig) (source, error) {
	switch {
	case c.Source == "", isWebURL(c.Source):
		r, err := newRemote(c)
		return source{name: r.String(), remote: true, interval: cmp.Or(c.Refresh, defaultInterval), read: r.read}, err
	case strings.Contains(c.Source, "://") && !strings.HasPrefix(c.Source, "file://"):
		return source{}, errors.New("neither a file nor an http or https URL") // without it: it may hold a password
	case strings.ContainsAny(c.Source, "{\"\n"):
		return source{}, errors.New("neither a file, a URL, nor a JWK set, which is a JSON object") // without it: it may hold secrets
	}
	path := strings.TrimPrefix(c.Source, "file://")
	read := func(context.Context) ([]byte, error) { return files.Read(path) }
	return source{name: path, interval: fileInterval, read: read}, nil
}

// maxDocumentBytes is the longest document that is read. A key takes some hundred bytes of it.
const maxDocumentBytes = 1 << 20

// readDocument reads to the end, or stops where a document is too long.
func readDocument(r io.Reader) (text []byte, tooLong bool, err error) {
	text, err = io.ReadAll(io.LimitReader(r, maxDocumentBytes+1))
	return text, len(text) > maxDocumentBytes, err
}
