package api

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// requestIDHeader names a request in the logs of all servers that it goes through.
const requestIDHeader = "X-Request-Id" // in the form that net/http keeps

var (
	// requestIDForm is the form of IDs that are accepted from clients. Others could break lines of
	// the log, or fill it.
	requestIDForm = regexp.MustCompile(`^[A-Za-z0-9._:/+=@-]{1,128}$`)
	// traceForm is a header traceparent (W3C Trace Context, level 1): version, trace, span and flags.
	traceForm = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)`)
)

// identify begins a request's line in the log: what it is, and where it comes from. It returns its
// ID: the client's, or a new one.
func (s *service) identify(e *logEntry, r *http.Request) (id string) {
	id = r.Header.Get(requestIDHeader)
	if !requestIDForm.MatchString(id) {
		id = rand.Text()
	}
	e.attributes = append(e.attributes, slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Attr{}, slog.Attr{}, slog.Attr{}, // see logEntry.end
		slog.String("request", id), slog.String("client", s.clientAddress(r)))
	if s.Traces != nil {
		return id // the log gets the server's own trace, see withLog
	}
	if trace := traceForm.FindStringSubmatch(r.Header.Get("Traceparent")); trace != nil {
		e.attributes = append(e.attributes, slog.String("trace", trace[1]))
	}
	return id
}

// clientAddress is the IP address of a request's client. X-Forwarded-For is believed from known
// proxies only, because clients can send anything in it.
func (s *service) clientAddress(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil && !s.isProxy(peer.Addr()) {
		return peer.Addr().Unmap().String()
	}
	address := peer.Addr().Unmap() // not valid on a unix socket, which only a proxy of this machine uses
	var hops []string
	if forwarded := r.Header.Values("X-Forwarded-For"); len(forwarded) > 0 {
		hops = strings.Split(strings.Join(forwarded, ","), ",")
	}
	for _, hop := range slices.Backward(hops) {
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if address = next.Unmap(); !s.isProxy(address) {
			break
		}
	}
	if !address.IsValid() {
		return "unix"
	}
	return address.String()
}

func (s *service) isProxy(address netip.Addr) bool {
	return slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(address.Unmap()) })
}
