package api_test

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// raw sends bytes and returns all that comes back.
func (w *testServer) raw(text string) string {
	w.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(time.Second)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.WriteString(connection, text); err != nil {
		w.t.Fatal(err)
	}
	answers, _ := io.ReadAll(connection) // until the server or the deadline ends it
	return string(answers)
}

// Where one request ends and the next begins must not depend on who reads: a proxy that goes by the
// other one of two lengths would answer somebody with what is another one's.
func TestRequestsEndOnce(t *testing.T) {
	w := start(t)
	w.submit(alice, "secret")
	head := "POST /api/jobs/search HTTP/1.1\r\nHost: x\r\nAuthorization: " + w.token(person("atlas", "eve", "NormalUser")) + "\r\n"
	hidden := "POST /api/jobs/search HTTP/1.1\r\nHost: x\r\nAuthorization: " + w.token(alice) + "\r\nContent-Length: 2\r\n\r\n{}"
	for name, request := range map[string]string{
		"two lengths":          head + "Content-Length: 2\r\nContent-Length: " + strconv.Itoa(2+len(hidden)) + "\r\n\r\n{}" + hidden,
		"a length and chunks":  head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunks twice":         head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a name with a space":  head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"an unknown encoding":  head + "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}" + hidden,
		"a chunk of -1":        head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + hidden,
		"a chunk of 2^72":      head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + hidden,
		"a header in two rows": head + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 2\r\n\r\n{}" + hidden,
	} {
		answers := w.raw(request)
		if n := strings.Count(answers, "HTTP/1.1 "); n != 1 || strings.Contains(answers, "secret") {
			t.Errorf("%s: %d answers: %s", name, n, answers)
		}
	}
	if answers := w.raw(head + "Content-Length: 2\r\n\r\n{}" + hidden); !strings.Contains(answers, "secret") {
		t.Errorf("two requests after each other: %s", answers)
	}
}

// Of two tokens a proxy may have checked the other one. One in a trailer is none.
func TestOneToken(t *testing.T) {
	w := start(t)
	w.submit(alice, "secret")
	head, one := "POST /api/jobs/search HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", "Authorization: "+w.token(alice)+"\r\n"
	other := "Authorization: " + w.token(person("atlas", "eve", "NormalUser")) + "\r\n"
	for request, want := range map[string]string{
		head + one + other + "Content-Length: 2\r\n\r\n{}":                                                   "400 Bad Request",
		head + other + one + "Content-Length: 2\r\n\r\n{}":                                                   "400 Bad Request",
		head + "Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n2\r\n{}\r\n0\r\n" + one + "\r\n": "401 Unauthorized",
		head + one + "Content-Length: 2\r\n\r\n{}":                                                           "200 OK",
	} {
		if answer := w.raw(request); !strings.HasPrefix(answer, "HTTP/1.1 "+want) {
			t.Errorf("want %s: %.300s", want, answer)
		}
	}
}

// Lines that a client says it doesn't take aren't sent.
func TestLinesNotWanted(t *testing.T) {
	w := start(t)
	w.submit(alice, "one")
	for _, accepted := range []string{lines + ";q=0", lines + ";q=0.0, */*", lines + ";q=x"} {
		r := w.ask("POST", "/api/jobs/search", w.token(alice), "{}", "Accept", accepted)
		if got := r.header.Get("Content-Type"); r.status != 200 || got != "application/json" {
			t.Errorf("%s: %d %s", accepted, r.status, got)
		}
	}
}
