package browser_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"jobdb/auth"
)

// When the server goes away the page says so, goes on trying, and loses nothing.
func TestRestart(t *testing.T) {
	s := start(t, 3000)
	b := newTab(t, s)
	b.expect("net::ERR_")
	b.signIn(boss, "#/jobs?q=Status%3DDone")
	b.loaded()
	address, handler := s.Listener.Addr().String(), s.Config.Handler
	if err := s.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.CloseClientConnections()
	b.search("Status=Failed")
	b.wait(`document.querySelector(".banner").innerText.includes("can't be reached")`)
	b.wait(`document.querySelector("#search").value === "Status=Failed"`)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	again := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	again.Start()
	t.Cleanup(func() { _ = listener.Close(); again.CloseClientConnections() }) // the tab, which is closed later, would ask again and again
	b.wait(`!document.querySelector(".banner").innerText`)
	b.loaded()
	b.wait(`[...document.querySelectorAll(".tablebox tbody tr[aria-rowindex]")].every((r) => r.innerText.includes("Failed"))`)
}

// A user sees what the token allows, and isn't offered what it doesn't.
func TestRoles(t *testing.T) { tryRoles(t, start(t, 3000)) }

func tryRoles(t *testing.T, s *server) {
	t.Helper()
	bruno := s.newest(t, "Owner", "bruno")
	for _, test := range []struct {
		who        auth.Principal
		jobs, acts bool // may see jobs, and act on the one of bruno
	}{{boss, true, true}, {person("bruno", auth.NormalUser), true, true}, {person("elena", auth.NormalUser), true, false}, {reader, false, false}} {
		b := newTab(t, s)
		b.expect("403")
		b.signIn(test.who, "#/jobs")
		if !test.jobs {
			b.wait(`document.querySelector(".failure")?.innerText.includes("don't allow")`)
			b.wait(`!document.querySelector(".act")`)
			continue
		}
		b.loaded()
		b.wait(`document.querySelector(".act")`)
		b.open(fmt.Sprintf("#/job/%d", bruno))
		b.wait(`document.querySelector("pre")`)
		var offered bool
		b.eval(`Boolean(document.querySelector(".act"))`, &offered)
		if offered != test.acts {
			t.Errorf("%s is offered to act on a job of bruno: %v", test.who.Username, offered)
		}
	}
	// Jobs of another VO are not found.
	b := newTab(t, s)
	b.expect("404")
	b.signIn(auth.Principal{Subject: "gridpp:x", Username: "x", Group: "gridpp_user", VO: "gridpp", Properties: []string{auth.JobAdministrator}}, fmt.Sprintf("#/job/%d", bruno))
	b.wait(`document.querySelector(".failure")`)
}
