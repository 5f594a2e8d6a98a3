//go:build !linux

package api

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
)

// sentByThisUser reports whether the other end of a request's connection is a process on this
// machine. Of which user isn't known here: SECURITY.md says what follows.
func sentByThisUser(r *http.Request) (bool, error) {
	if local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr); local != nil && local.Network() == "unix" {
		return false, nil // a proxy's, for whomever
	}
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false, fmt.Errorf("look for the machine of a connection: %w", err)
	}
	return client.Addr().Unmap().IsLoopback(), nil
}
