package auth

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"
)

// How keys are kept up to date.
const (
	fetchTime    = 5 * time.Second  // that a fetch may take
	rest         = 5 * time.Second  // between two fetches, however many tokens ask for keys that aren't known
	patience     = 2 * time.Second  // that one such token waits for the fetch
	retryAfter   = 15 * time.Second // a fetch that failed
	lookAtFile   = 10 * time.Second // how often a file is looked at
	usualRefresh = 15 * time.Minute // of remote keys
)

// ask wishes for a fetch and returns what is closed after it, nil if there was one a moment ago.
func (k *Keys) ask() <-chan struct{} {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.coming != nil {
		select {
		case k.wanted <- struct{}{}:
		default: // others wish for it, too
		}
	}
	return k.coming
}

// keep fetches again and again until ctx ends.
func (k *Keys) keep(ctx context.Context) {
	defer close(k.ended)
	for {
		if pause(ctx, rest, nil) != nil {
			return
		}
		coming := k.listen()
		err := pause(ctx, k.interval()-rest, k.wanted)
		if err == nil {
			_ = k.fetch(ctx) // its error is told already
		}
		k.deafen(coming)
		if err != nil {
			return
		}
	}
}

// pause waits, until woken at the longest. It fails when ctx ends.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-wake:
	}
	return nil
}

// listen lets tokens ask for a fetch.
func (k *Keys) listen() chan struct{} {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.coming = make(chan struct{})
	return k.coming
}

// deafen answers all that asked, and lets nobody ask any more.
func (k *Keys) deafen(coming chan struct{}) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.coming = nil
	close(coming)
	select {
	case <-k.wanted:
	default:
	}
}

// interval is the time from one fetch to the next.
func (k *Keys) interval() time.Duration {
	if k.State().LastError != "" {
		return min(k.source.every, retryAfter)
	}
	return max(k.source.every, rest)
}

// fetch asks the source once.
func (k *Keys) fetch(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	text, err := k.source.read(limited)
	var set *keySet
	if err == nil {
		set, err = parseKeySet(text)
	}
	if ctx.Err() != nil {
		return ctx.Err() // we are told to stop; the source isn't to blame
	}
	if err != nil {
		k.failed(ctx, err)
		return err
	}
	k.succeeded(ctx, set)
	return nil
}

// failed tells of the first failure after a success.
func (k *Keys) failed(ctx context.Context, err error) {
	k.mutex.Lock()
	before := k.state
	k.state.LastError = err.Error()
	k.mutex.Unlock()
	if before.LastError == "" {
		k.logger.WarnContext(ctx, "the keys of tokens can't be had from their source; those known are used until they can",
			slog.Any("error", err), slog.Int("known", before.Keys))
	}
}

// succeeded takes over a set. It tells of new ones, and of the first success after a failure.
func (k *Keys) succeeded(ctx context.Context, set *keySet) {
	old := k.set.Load()
	if string(old.jwks) != string(set.jwks) { // else tokens that are known stay so
		k.set.Store(set)
	}
	k.mutex.Lock()
	before := k.state
	k.state.Keys, k.state.LastSuccess, k.state.LastError = len(set.keys), k.clock(), ""
	k.mutex.Unlock()
	if before.LastError != "" {
		k.logger.InfoContext(ctx, "the keys of tokens can be had from their source again")
	}
	if string(old.jwks) != string(set.jwks) {
		k.logger.InfoContext(ctx, "the keys of tokens are new",
			slog.Any("ids", slices.Sorted(maps.Keys(set.keys))), slog.Any("passed_over", set.passed))
	}
}

// readFile reads a file that is no longer than a key set can be.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	if err == nil && len(text) > mostBytes {
		err = fmt.Errorf("%s is longer than %d bytes", path, mostBytes)
	}
	return text, err
}
