package engine

import (
	"context"
	"errors"
	"strings"
	"syscall"
)

// tcpUserTimeout is Linux's TCP_USER_TIMEOUT, which package syscall doesn't have.
const tcpUserTimeout = 0x12

// giveUpSilent makes the system close a connection when nothing sent on it was acknowledged for the
// time silence. By default that takes a quarter of an hour.
func giveUpSilent(_ context.Context, network, _ string, conn syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var set error
	err := conn.Control(func(descriptor uintptr) {
		set = syscall.SetsockoptInt(int(descriptor), syscall.IPPROTO_TCP, tcpUserTimeout, int(silence.Milliseconds()))
	})
	return errors.Join(err, set)
}
