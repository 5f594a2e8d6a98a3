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
	"jobdb/internal/files"
	"jobdb/wms"
)

// part is something of a server that is read again on SIGHUP.
type part struct {
	what string // in the log
	load func(context.Context) error
}

// parts are what a server reads again on SIGHUP.
func (c *serveCommand) parts(jobs *wms.JobManager, rules *taskRules, keys *auth.Keys, cert *certificate) (parts []part) {
	if c.Rules != "" {
		parts = append(parts, part{"rules", func(context.Context) error {
			rules, err := c.rules()
			if err != nil {
				return err
			}
			return jobs.SetRules(rules)
		}})
	}
	if c.Retention != "" {
		parts = append(parts, part{"retention", func(context.Context) error { return rules.retention.load() }})
	}
	if c.Stalled != "" {
		parts = append(parts, part{"stalled", func(context.Context) error { return rules.stalled.load() }})
	}
	if c.Issuer != "" {
		parts = append(parts, part{"keys", keys.Reload})
	}
	if cert != nil {
		parts = append(parts, part{"certificate", func(context.Context) error { return cert.load() }})
	}
	return parts
}

// certificateInterval is the time between two looks whether the certificate's file has changed.
const certificateInterval = time.Minute

// catchHangups sends SIGHUPs to a channel, which keeps one of them, until stop is called. By
// default a SIGHUP would end the program.
func catchHangups() (hangups chan os.Signal, stop func()) {
	hangups = make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups, func() { signal.Stop(hangups) }
}

// reloadOnSignal reads the parts again on SIGHUP, and the certificate when its file changes, until
// stop is called. What can't be read stays as it is.
func reloadOnSignal(ctx context.Context, logger *slog.Logger, hangups <-chan os.Signal, parts []part, cert *certificate) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() {
		ticker := time.NewTicker(certificateInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				for _, part := range parts {
					note(ctx, logger, part.what, part.load(ctx))
				}
			case <-ticker.C:
				if cert.changed() {
					note(ctx, logger, "certificate", cert.load())
				}
			}
		}
	})
	return func() { cancel(); loop.Wait() }
}

// note logs that something was read again, or why that failed.
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
	modified  time.Time // of the file when it was read; only the goroutine that reloads uses it
}

// openCertificate reads the certificate; nil where the server speaks http.
func (c *Settings) openCertificate() (*certificate, error) {
	if c.TLSCert == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	cert := &certificate{cert: c.TLSCert, key: c.TLSKey}
	return cert, cert.load()
}

func (c *certificate) load() error {
	modified := c.modifiedAt()
	loaded, err := readKeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("--tls-cert %s, --tls-key %s: %w", c.cert, c.key, err)
	}
	c.loaded.Store(&loaded)
	c.modified = modified
	return nil
}

func readKeyPair(cert, key string) (tls.Certificate, error) {
	chain, err := files.Read(cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := files.Read(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(chain, private)
}

func (c *certificate) modifiedAt() time.Time {
	info, err := os.Stat(c.cert)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func (c *certificate) changed() bool { return c != nil && !c.modifiedAt().Equal(c.modified) }

// listener adds TLS to a listener, if there is a certificate. It offers HTTP/1.1 only: the server
// is tested against slow and hostile clients of that. A proxy before it may speak HTTP/2.
func (c *certificate) listener(plain net.Listener) net.Listener {
	if c == nil {
		return plain
	}
	return tls.NewListener(plain, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.loaded.Load(), nil },
	})
}
