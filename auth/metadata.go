package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// How long the metadata of an issuer is used, and how long a failure to fetch it.
const (
	metadataInterval = 15 * time.Minute
	metadataRetry    = 15 * time.Second
)

// ErrNoMetadata means that the issuer's metadata can't be had.
var ErrNoMetadata = errors.New("the metadata of the issuer can't be fetched")

// Metadata describes the VOs of a DiracX issuer. It is fetched from
// ISSUER/.well-known/dirac-metadata when it is asked for, and kept for 15 minutes. Get is safe for
// concurrent use.
type Metadata struct {
	issuer string
	remote *remote
	clock  func() time.Time

	mutex sync.Mutex // held during a fetch, so that there is one at a time
	text  []byte     // the last one fetched
	err   error      // of the last fetch
	next  time.Time  // when to fetch again
}

// NewMetadata returns the metadata of an issuer.
func NewMetadata(issuer string, clock func() time.Time) *Metadata {
	return &Metadata{issuer: issuer, clock: clock, remote: &remote{client: &http.Client{CheckRedirect: checkRedirect}}}
}

// Get returns the document as the issuer sent it: JSON with virtual_organizations, at most 1 MiB.
// While the issuer can't be reached it returns the last document. If there is none the error is
// [ErrNoMetadata], with a reason that is for the log.
func (m *Metadata) Get(ctx context.Context) ([]byte, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if now := m.clock(); !now.Before(m.next) {
		text, err := m.fetch(ctx)
		m.err, m.next = err, now.Add(metadataRetry)
		if err == nil {
			m.text, m.next = text, now.Add(metadataInterval)
		}
	}
	if m.text == nil {
		return nil, fmt.Errorf("%w: %w", ErrNoMetadata, m.err)
	}
	return m.text, nil
}

func (m *Metadata) fetch(ctx context.Context) ([]byte, error) {
	at, err := parseWebURL(strings.TrimSuffix(m.issuer, "/") + "/.well-known/dirac-metadata")
	if err != nil {
		return nil, err
	}
	// Other requests wait for this fetch, too, so it doesn't end with this one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	text, err := m.remote.get(ctx, at)
	if err != nil {
		return nil, err
	}
	var document struct {
		VOs map[string]json.RawMessage `json:"virtual_organizations"`
	}
	if err := json.Unmarshal(text, &document); err != nil || document.VOs == nil {
		return nil, fmt.Errorf("%s is not the metadata of a DiracX", redacted(at))
	}
	return text, nil
}
