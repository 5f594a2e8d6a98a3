package auth

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// When keys are read.
const (
	defaultInterval = 15 * time.Minute // between fetches of remote keys
	fileInterval    = 10 * time.Second // between readings of a file
	retryInterval   = 15 * time.Second // after a failure, if that is sooner
	minInterval     = 5 * time.Second  // between fetches, however many tokens name unknown keys
	fetchTimeout    = 5 * time.Second
	maxWait         = 2 * time.Second // how long a token with an unknown key waits for a fetch
)

// refresh reads the source again and again until ctx ends. For minInterval after each reading, an
// early one can't be requested; then a window opens in which it can.
func (k *Keys) refresh(ctx context.Context) {
	defer close(k.ended)
	for {
		if wait(ctx, minInterval, nil) != nil {
			return
		}
		k.openWindow()
		err := wait(ctx, k.interval()-minInterval, k.requested)
		if err == nil {
			_ = k.fetch(ctx) // its error has been recorded
		}
		k.closeWindow()
		if err != nil {
			return
		}
	}
}

// wait returns nil after d, or as soon as wake is sent to, and the error of ctx when that ends.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
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

// openWindow lets tokens request an early fetch.
func (k *Keys) openWindow() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.nextFetch = make(chan struct{})
}

// requestFetch asks for an early fetch. It returns a channel that is closed after it, or nil if the
// window is closed. Any number of requests in one window cause one fetch.
func (k *Keys) requestFetch() <-chan struct{} {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.nextFetch != nil {
		select {
		case k.requested <- struct{}{}:
		default: // another token has requested it
		}
	}
	return k.nextFetch
}

// closeWindow wakes everyone who waits for the fetch, and drops a request that came during it.
func (k *Keys) closeWindow() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	close(k.nextFetch)
	k.nextFetch = nil
	select {
	case <-k.requested:
	default:
	}
}

// interval is the time from the latest fetch to the next, if no early one is requested.
func (k *Keys) interval() time.Duration {
	if k.State().LastError != "" {
		return min(k.source.interval, retryInterval)
	}
	return max(k.source.interval, minInterval)
}

// fetch reads the source once and records the result. When ctx ends it records nothing: the source
// isn't to blame.
func (k *Keys) fetch(ctx context.Context) error {
	set, err := k.read(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		k.recordFailure(ctx, err)
		return err
	}
	k.recordSuccess(ctx, set)
	return nil
}

func (k *Keys) read(ctx context.Context) (*keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	text, err := k.source.read(ctx)
	if err != nil {
		return nil, err
	}
	return parseKeySet(text)
}

// recordFailure keeps the keys. It logs only the first of several failures in a row.
func (k *Keys) recordFailure(ctx context.Context, err error) {
	k.mutex.Lock()
	before := k.state
	k.state.LastError = err.Error()
	k.mutex.Unlock()
	if before.LastError == "" {
		k.logger.WarnContext(ctx, "the keys of tokens can't be had from their source; those known are used until they can",
			slog.Any("error", err), slog.Int("known", before.Keys))
	}
}

// recordSuccess takes over a set. It logs the end of failures, and keys that differ from before.
func (k *Keys) recordSuccess(ctx context.Context, set *keySet) {
	changed := !bytes.Equal(k.set.Load().jwks, set.jwks)
	if changed { // otherwise keep the set: a new pointer invalidates all cached tokens
		k.set.Store(set)
	}
	k.mutex.Lock()
	before := k.state
	k.state.Keys, k.state.LastSuccess, k.state.LastError = len(set.keys), k.clock(), ""
	k.mutex.Unlock()
	if before.LastError != "" {
		k.logger.InfoContext(ctx, "the keys of tokens can be had from their source again")
	}
	if changed {
		k.logger.InfoContext(ctx, "the keys of tokens are new",
			slog.Any("ids", slices.Sorted(maps.Keys(set.keys))), slog.Any("passed_over", set.rejected))
	}
}

// Reload reads the source of the keys now. For keys that never change it does nothing.
func (k *Keys) Reload(ctx context.Context) error {
	if k.source.read == nil {
		return nil
	}
	return k.fetch(ctx)
}
