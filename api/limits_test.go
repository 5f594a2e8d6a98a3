package api_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"jobdb/api"
	"jobdb/auth"
)

// A user and a VO may send so many requests, and are told when they may send the next one. Others
// and pilots don't notice.
func TestRates(t *testing.T) {
	w := start(t, func(c *api.Config) { c.Rates = api.Rates{User: 0.2, VO: 0.5} })
	ask := func(who auth.Principal) int {
		t.Helper()
		answer := w.ask(http.MethodPost, "/api/jobs/summary", w.token(who), `{"grouping":["Status"]}`)
		if retry, _ := strconv.Atoi(answer.header.Get("Retry-After")); answer.status == http.StatusTooManyRequests && (retry < 1 || retry > 6) {
			t.Errorf("Retry-After: %q", answer.header.Get("Retry-After"))
		}
		return answer.status
	}
	asks := func(who auth.Principal, want ...int) {
		t.Helper()
		for i, status := range want {
			if got := ask(who); got != status {
				t.Errorf("%s's request %d: %d, want %d", who.Username, i+1, got, status)
			}
		}
	}
	ok, no, forbidden := http.StatusOK, http.StatusTooManyRequests, http.StatusForbidden
	asks(alice, ok, ok, no, no)
	asks(other, ok, ok, no) // of another VO, and of the same name
	asks(bob, ok, ok, no)
	asks(boss, ok, no) // alice, bob and boss had five, which is all of the VO's
	asks(pilot, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden)
	w.clock.advance(5 * time.Second)
	asks(alice, ok, no)
	asks(boss, ok, no)
}
