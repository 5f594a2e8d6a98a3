package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// knownToken is what was found out about a token that is good.
type knownToken struct {
	principal Principal
	keys      *keySet // that it was verified with: others may lack the one that signed it
	period
}

// period is when a token holds, as the parser sees it.
type period struct{ from, until time.Time } // from is zero in tokens that hold from ever

func (p period) holds(now time.Time) bool { return !now.Before(p.from) && now.Before(p.until) }

// times are those of claims that were found good: they have an end.
func (c claims) times() period {
	var p period
	if from, err := jwt.MapClaims(c).GetNotBefore(); err == nil && from != nil {
		p.from = from.Time
	}
	if until, err := jwt.MapClaims(c).GetExpirationTime(); err == nil && until != nil {
		p.until = until.Time
	}
	return p
}

// mostKnown is how many tokens a generation has: the memory of two is bounded by some megabytes.
const mostKnown = 8192

// knownTokens remembers tokens that were good, by their hashes: checking a signature takes as long as a small search.
// A token that isn't asked for while mostKnown others are new is forgotten.
type knownTokens struct {
	mutex      sync.Mutex
	young, old map[[sha256.Size]byte]knownToken
}

func (k *knownTokens) get(hash [sha256.Size]byte) (knownToken, bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if token, ok := k.young[hash]; ok {
		return token, true
	}
	token, ok := k.old[hash]
	if ok {
		k.put(hash, token)
	}
	return token, ok
}

func (k *knownTokens) add(hash [sha256.Size]byte, token knownToken) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.put(hash, token)
}

func (k *knownTokens) put(hash [sha256.Size]byte, token knownToken) {
	if k.young == nil || len(k.young) >= mostKnown {
		k.young, k.old = make(map[[sha256.Size]byte]knownToken), k.young
	}
	k.young[hash] = token
}
