//go:build !linux

package api

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
)

// sentByThisUser reports whether the other end of a request's connection is a process on this
// machine. Here it can't know of which user; SECURITY.md says what follows from that.
func sentByThisUser(r *http.Request) (bool, error) {
	if local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr); local != nil && local.Network() == "unix" {
		return false, nil // of a proxy, behind which may be anybody
	}
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false, fmt.Errorf("look for the machine of a connection: %w", err)
	}
	return client.Addr().Unmap().IsLoopback(), nil
}
