package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// askWhose makes a request to a server on an address, over connections that dial makes, and returns
// what the server takes the client for.
func askWhose(t *testing.T, address string, dial func(context.Context, string, string) (net.Conn, error)) bool {
	t.Helper()
	var mine bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var err error
		if mine, err = sentByThisUser(r); err != nil {
			t.Error(err)
		}
	}))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close() // its own, which the other replaces
	server.Listener = listener
	server.Start()
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Transport{DialContext: dial, DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return mine
}

func TestLoginIsForThisUser(t *testing.T) {
	dial := (&net.Dialer{}).DialContext
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		if !askWhose(t, address, dial) {
			t.Errorf("%s: this process is a stranger", address)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("only root can connect as another user; the table's test below needs no root")
	}
	asNobody := func(ctx context.Context, network, address string) (net.Conn, error) {
		runtime.LockOSThread() // the user of a socket is that of the thread that makes it
		defer runtime.UnlockOSThread()
		setUser := func(uid uintptr) { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, uid, 0, 0) }
		setUser(65534)
		defer setUser(0)
		return dial(ctx, network, address)
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		if askWhose(t, address, asNobody) {
			t.Errorf("%s: another user of the machine may log in", address)
		}
	}
}

func TestUserOfConnection(t *testing.T) {
	client, server := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:8000")
	for name, test := range map[string]struct {
		state string
		user  int
		want  bool
	}{
		"mine":                      {"01", os.Getuid(), true},
		"another's":                 {"01", os.Getuid() + 1, false},
		"closed, which is nobody's": {"06", os.Getuid(), false},
	} {
		table := filepath.Join(t.TempDir(), "tcp")
		row := fmt.Sprintf("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"+
			"   0: %s %s %s 00000000:00000000 00:00000000 00000000 %5d        0 1 1\n", kernelIPv4(client), kernelIPv4(server), test.state, test.user)
		if err := os.WriteFile(table, []byte(row), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := connectedByThisUser(table, kernelIPv4(client), kernelIPv4(server)); err != nil || got != test.want {
			t.Errorf("%s: %t %v", name, got, err)
		}
		if got, err := connectedByThisUser(table, kernelIPv4(server), kernelIPv4(client)); err != nil || got {
			t.Errorf("%s, the other end: %t %v", name, got, err)
		}
	}
	if got, err := connectedByThisUser(filepath.Join(t.TempDir(), "none"), "", ""); err != nil || got {
		t.Errorf("without a table: %t %v", got, err)
	}
}
