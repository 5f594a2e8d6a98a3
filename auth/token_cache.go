package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// generationSize is how many tokens a generation holds. Two generations take some megabytes.
const generationSize = 8192

// tokenHash is the key of the cache: it holds no tokens, which are secrets.
type tokenHash = [sha256.Size]byte

// tokenCache remembers verified tokens by their hashes: checking a signature takes as long as a
// small search. A token is forgotten if it isn't used while generationSize others are added. The
// zero value is an empty cache.
type tokenCache struct {
	mutex      sync.Mutex
	young, old map[tokenHash]cachedToken
}

// cachedToken is what Verify found out about a valid token.
type cachedToken struct {
	principal Principal
	keys      *keySet // that verified it: a later set may lack the key that signed it
	validity  validity
}

func (c *tokenCache) get(hash tokenHash) (cachedToken, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if token, ok := c.young[hash]; ok {
		return token, true
	}
	token, ok := c.old[hash]
	if ok {
		c.put(hash, token)
	}
	return token, ok
}

func (c *tokenCache) add(hash tokenHash, token cachedToken) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.put(hash, token)
}

// put adds to the young generation; a full one becomes the old one. The caller holds the mutex.
func (c *tokenCache) put(hash tokenHash, token cachedToken) {
	if c.young == nil || len(c.young) >= generationSize {
		c.young, c.old = make(map[tokenHash]cachedToken), c.young
	}
	c.young[hash] = token
}

// validity is the time in which a token is valid, with the bounds that the JWT library uses.
type validity struct {
	from  time.Time // zero: no beginning
	until time.Time
}

func (v validity) contains(now time.Time) bool { return !now.Before(v.from) && now.Before(v.until) }

// validity reads claims that have been checked, so that they have an end.
func (c claims) validity() validity {
	var v validity
	if from, err := jwt.MapClaims(c).GetNotBefore(); err == nil && from != nil {
		v.from = from.Time
	}
	if until, err := jwt.MapClaims(c).GetExpirationTime(); err == nil && until != nil {
		v.until = until.Time
	}
	return v
}
