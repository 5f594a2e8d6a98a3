//go:build !linux

package api

import (
	"fmt"
	"net/http"
	"net/netip"
)

// sentByThisUser reports whether the other end of a request's connection is a process on this
// machine. Of which user isn't known here: SECURITY.md says what follows.
func sentByThisUser(r *http.Request) (bool, error) {
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false, fmt.Errorf("look for the machine of a connection: %w", err)
	}
	return client.Addr().Unmap().IsLoopback(), nil
}
