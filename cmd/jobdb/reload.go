package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"jobdb/auth"
	"jobdb/wms"
)

// reloaded are the parts of a server that are read again on SIGHUP.
type reloaded struct {
	jobs        *wms.JobManager
	keys        *auth.Keys
	certificate *certificate
}

// certificateInterval is how often it is looked whether the certificate's file has changed.
const certificateInterval = time.Minute

// reloadOnSignal reads rules, keys and the certificate again on SIGHUP, and the certificate when its
// file changes, until stop is called. What can't be read stays as it is.
func (c *serveCommand) reloadOnSignal(ctx context.Context, logger *slog.Logger, parts reloaded) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	var loop sync.WaitGroup
	loop.Go(func() {
		ticker := time.NewTicker(certificateInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				c.reload(ctx, logger, parts)
			case <-ticker.C:
				if parts.certificate.changed() {
					note(ctx, logger, "certificate", parts.certificate.load())
				}
			}
		}
	})
	return func() {
		signal.Stop(hup)
		cancel()
		loop.Wait()
	}
}

func (c *serveCommand) reload(ctx context.Context, logger *slog.Logger, parts reloaded) {
	if c.Rules != "" {
		rules, err := c.rules()
		if err == nil {
			err = parts.jobs.SetRules(rules)
		}
		note(ctx, logger, "rules", err)
	}
	if c.Issuer != "" {
		note(ctx, logger, "keys", parts.keys.Reload(ctx))
	}
	if parts.certificate != nil {
		note(ctx, logger, "certificate", parts.certificate.load())
	}
}

// note says in the log what became of reading something again.
func note(ctx context.Context, logger *slog.Logger, what string, err error) {
	if err != nil {
		logger.ErrorContext(ctx, "reading again failed; it stays as it is", "what", what, "error", err)
		return
	}
	logger.InfoContext(ctx, "read again", "what", what)
}

// certificate is the server's for https, read from files.
type certificate struct {
	cert, key string // files
	loaded    atomic.Pointer[tls.Certificate]
	modified  time.Time // of the file when it was read; touched by its reader only
}

// openCertificate reads the certificate; nil where the server speaks http.
func (c *serveCommand) openCertificate() (*certificate, error) {
	if c.TLSCert == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	cert := &certificate{cert: c.TLSCert, key: c.TLSKey}
	return cert, cert.load()
}

func (c *certificate) load() error {
	modified := c.modifiedAt()
	loaded, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("--tls-cert %s, --tls-key %s: %w", c.cert, c.key, err)
	}
	c.loaded.Store(&loaded)
	c.modified = modified
	return nil
}

func (c *certificate) modifiedAt() time.Time {
	info, err := os.Stat(c.cert)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func (c *certificate) changed() bool { return c != nil && !c.modifiedAt().Equal(c.modified) }

// listener speaks TLS on a listener, if there is a certificate. It offers HTTP/1.1 only, whose slow and
// hostile clients the server is tested with; a proxy before it may speak HTTP/2.
func (c *certificate) listener(plain net.Listener) net.Listener {
	if c == nil {
		return plain
	}
	return tls.NewListener(plain, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.loaded.Load(), nil },
	})
}
