package auth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// KeysConfig says whose tokens are verified, and where the keys for that come
// from. Clock and Logger must be set.
type KeysConfig struct {
	// Source is a JWK set: JSON itself, which begins with "{"; an http or
	// https URL; or a file, by its path or a file:// URL. Where it is empty
	// the issuer's discovery document (ISSUER/.well-known/openid-configuration) names a URL.
	Source    string
	Issuer    string            // needed only where Source is empty, then an http or https URL
	Refresh   time.Duration     // how often remote keys are fetched; 0: 15 minutes
	Clock     func() time.Time  // for [KeyState]
	Logger    *slog.Logger      // is told when fetching begins or ceases to fail, and of new keys
	Transport http.RoundTripper // of remote keys; nil: the system's
}

// KeyState says how the keys are.
type KeyState struct {
	Source      string    // where they come from
	Keys        int       // how many are known; with none every token is refused
	LastSuccess time.Time // when the source last gave them; zero: never, or they don't change
	LastError   string    // why the latest try failed, empty when it did not; without secrets
}

// Keys are the public keys that tokens are verified with, kept as their
// source has them: a file that changes is read again within seconds; a remote set is
// fetched now and then, and at once when a token names a key that isn't known, but no
// more than once in 5 seconds. Where that fails the keys known so far are used. A
// key that its source has no more is accepted until the next fetch.
// Its methods are safe for use by many goroutines.
type Keys struct {
	set    atomic.Pointer[keySet]
	source source
	clock  func() time.Time
	logger *slog.Logger
	stop   context.CancelFunc
	ended  chan struct{} // closed when the goroutine has ended
	wanted chan struct{} // holds one wish for a fetch

	mutex  sync.Mutex
	state  KeyState
	coming chan struct{} // closed after the next fetch; nil: there was one a moment ago, or none ever comes
}

// fixedKeys never change.
func fixedKeys(set *keySet, source string) *Keys {
	k := &Keys{state: KeyState{Source: source, Keys: len(set.keys)}, stop: func() {}, ended: make(chan struct{})}
	close(k.ended)
	k.set.Store(set)
	return k
}

// OpenKeys reads the keys for the first time, and then keeps them up to date
// until ctx ends or they are closed. A source that isn't understood, and a
// file that can't be read, is an error; a remote set that can't be had is none, but there are no keys until it can.
func OpenKeys(ctx context.Context, c KeysConfig) (*Keys, error) {
	c.Source = strings.TrimSpace(c.Source)
	if strings.HasPrefix(c.Source, "{") {
		set, err := parseKeySet([]byte(c.Source))
		if err != nil {
			return nil, err
		}
		return fixedKeys(set, "a setting"), nil
	}
	from, err := c.source()
	if err != nil {
		return nil, err
	}
	k := &Keys{
		source: from, clock: c.Clock, logger: c.Logger, state: KeyState{Source: from.name},
		ended: make(chan struct{}), wanted: make(chan struct{}, 1),
	}
	k.set.Store(newKeySet(nil))
	if err := k.fetch(ctx); err != nil && !from.remote {
		return nil, err
	}
	ctx, k.stop = context.WithCancel(ctx)
	go k.keep(ctx)
	return k, nil
}

// source is where keys come from, other than a setting.
type source struct {
	name   string
	remote bool
	every  time.Duration // how often it is asked
	read   func(context.Context) ([]byte, error)
}

func (c KeysConfig) source() (source, error) {
	switch {
	case c.Source == "", isWeb(c.Source):
		r, err := newRemote(c)
		return source{name: r.String(), remote: true, every: cmp.Or(c.Refresh, usualRefresh), read: r.read}, err
	case strings.ContainsAny(c.Source, "{\"\n"):
		return source{}, errors.New("neither a file, a URL, nor a JWK set, which is a JSON object") // it may hold secrets
	}
	path := strings.TrimPrefix(c.Source, "file://")
	read := func(context.Context) ([]byte, error) { return readFile(path) }
	return source{name: path, every: lookAtFile, read: read}, nil
}

// Close ends the refreshing; the keys known so far stay in use.
func (k *Keys) Close() {
	k.stop()
	<-k.ended
}

// State says how the keys are.
func (k *Keys) State() KeyState {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.state
}

// PublicJWKS returns the keys as a JWK set in JSON, without private parts.
func (k *Keys) PublicJWKS() []byte { return k.set.Load().jwks }

// find returns the key of an ID. For one that isn't known it has the source
// asked again and waits for that, but not long.
func (k *Keys) find(ctx context.Context, id string) (any, bool) {
	key, ok := k.set.Load().find(id)
	if ok || id == "" {
		return key, ok
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if coming := k.ask(); coming != nil {
		select {
		case <-coming:
		case <-ctx.Done():
		}
	}
	return k.set.Load().find(id)
}
