package api

import (
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"jobdb/auth"
)

// Rates are how many requests a second users may send; 0: any number. Ten seconds' worth may come
// at once. Pilots may send any number, so that no report is lost.
type Rates struct {
	User float64 // one user
	VO   float64 // all users of a VO together
}

const (
	rateBurst = 10     // seconds' worth
	maxRated  = 10_000 // users or VOs that are remembered; beyond that those that have their full burst again are forgotten
)

// limiter counts the requests of each user, or of each VO.
type limiter struct {
	perSecond float64
	tooMany   string // the answer to one that has sent too many
	who       string // in the metrics

	mutex sync.Mutex
	known map[string]*rate.Limiter
}

func newLimiter(perSecond float64, who, tooMany string) *limiter {
	return &limiter{perSecond: perSecond, who: who, tooMany: tooMany, known: map[string]*rate.Limiter{}}
}

// limited refuses a request of a user or VO that has sent too many.
func (s *service) limited(p auth.Principal) error {
	if p.Has(auth.GenericPilot) {
		return nil
	}
	for _, by := range []struct {
		limiter *limiter
		name    string
	}{{s.userRates, p.VO + " " + p.Subject}, {s.voRates, p.VO}} {
		if wait := by.limiter.wait(by.name, s.Clock()); wait > 0 {
			s.Metrics.Limited(by.limiter.who)
			return &httpError{status: http.StatusTooManyRequests, detail: by.limiter.tooMany, retryAfter: wait}
		}
	}
	return nil
}

// wait returns how long to wait before the next request. With 0 the request is admitted and
// counted.
func (l *limiter) wait(name string, now time.Time) time.Duration {
	if l.perSecond <= 0 {
		return 0
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	own := l.known[name]
	if own == nil {
		l.forget(now)
		own = rate.NewLimiter(rate.Limit(l.perSecond), int(math.Ceil(max(1, l.perSecond*rateBurst))))
		l.known[name] = own
	}
	turn := own.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > 0 {
		turn.CancelAt(now)
	}
	return wait
}

// forget removes those that have their full burst again, so that names can't fill the memory.
func (l *limiter) forget(now time.Time) {
	if len(l.known) < maxRated {
		return
	}
	for name, own := range l.known {
		if own.TokensAt(now) >= float64(own.Burst()) {
			delete(l.known, name)
		}
	}
}
