package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// unixPrefix begins the address of a unix socket.
const unixPrefix = "unix:"

// listen listens on the address, and refuses to let other machines in while
// the only tokens are those that this server makes.
func (s *Settings) listen(ctx context.Context) (net.Listener, error) {
	if path, ok := strings.CutPrefix(s.Listen, unixPrefix); ok {
		return s.listenUnix(ctx, path)
	}
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return nil, usageError{fmt.Errorf("--listen %s: write HOST:PORT, such as 127.0.0.1:8000, or unix:PATH", s.Listen)}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port in use: something listens on %s already, perhaps another jobdb; choose another with --listen", s.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", s.Listen, err)
	}
	// The name of a host is resolved only now.
	if address, ok := listener.Addr().(*net.TCPAddr); s.Issuer == "" && (!ok || !address.IP.IsLoopback()) {
		return nil, errors.Join(usageError{fmt.Errorf("--listen %s: other machines could reach this server, but no issuer of tokens is known; "+
			"set --issuer, and --keys where its keys can't be discovered (JOBDB_ISSUER, JOBDB_KEYS), or listen on 127.0.0.1", s.Listen)}, listener.Close())
	}
	return listener, nil
}

// listenUnix listens on a unix socket, which only this user may connect to unless tokens come from
// an issuer; then its group may, too, such as a proxy. A socket that a server left behind is
// replaced.
func (s *Settings) listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if path == "" {
		return nil, usageError{errors.New("--listen unix: write unix:PATH, such as unix:/run/jobdb/jobdb.sock")}
	}
	if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("socket in use: something listens on %s already, perhaps another jobdb; choose another with --listen", path), conn.Close())
	} else if errors.Is(err, syscall.ECONNREFUSED) { // nobody listens there any more
		if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
			_ = os.Remove(path) // if that fails, Listen below says why
		}
	}
	mode := os.FileMode(0o600)
	if s.Issuer != "" {
		mode = 0o660
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", s.Listen, err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("--listen %s: %w", s.Listen, err), listener.Close())
	}
	return listener, nil
}
