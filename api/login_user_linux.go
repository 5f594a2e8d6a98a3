package api

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// sentByThisUser reports whether the other end of a request's connection is a process on this
// machine, of the user who runs this one. The kernel's tables of connections say so.
func sentByThisUser(r *http.Request) (bool, error) {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return false, errors.New("look for the user of a connection: its address isn't known")
	}
	if local.Network() == "unix" {
		return false, nil // of a proxy, behind which may be anybody
	}
	server, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return false, fmt.Errorf("look for the user of a connection: %w", err)
	}
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false, fmt.Errorf("look for the user of a connection: %w", err)
	}
	if !client.Addr().Unmap().IsLoopback() {
		return false, nil
	}
	// A socket for both families has an IPv4 connection in the table of IPv6.
	for table, write := range map[string]func(netip.AddrPort) string{"/proc/net/tcp": kernelIPv4, "/proc/net/tcp6": kernelIPv6} {
		mine, err := connectedByThisUser(table, write(client), write(server))
		if err != nil || mine {
			return mine, err
		}
	}
	return false, nil
}

// connectedByThisUser looks for an established connection in a table.
func connectedByThisUser(table, from, to string) (bool, error) {
	const local, remote, state, user, established = 1, 2, 3, 7, "01"
	file, err := os.Open(table)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // a kernel without IPv6
	}
	if err != nil {
		return false, fmt.Errorf("look for the user of a connection: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	uid := strconv.Itoa(os.Getuid())
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		row := strings.Fields(lines.Text())
		if len(row) > user && row[local] == from && row[remote] == to && row[state] == established && row[user] == uid {
			return true, nil
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("look for the user of a connection: %w", err)
	}
	return false, nil
}

// kernelIPv4 and kernelIPv6 write an address as the kernel does in its tables: in words of 32 bits,
// each in the machine's byte order. kernelIPv4 is "" for an IPv6 address, which is never in the
// table of IPv4.
func kernelIPv4(a netip.AddrPort) string {
	if !a.Addr().Unmap().Is4() {
		return ""
	}
	ip := a.Addr().Unmap().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), a.Port())
}

func kernelIPv6(a netip.AddrPort) string {
	ip := a.Addr().As16()
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(ip[4*i:]) }
	return fmt.Sprintf("%08X%08X%08X%08X:%04X", word(0), word(1), word(2), word(3), a.Port())
}
