package auth

import (
	"encoding/binary"
	"testing"
)

// TestTokenCache shows that tokens in use stay and that the others are forgotten.
func TestTokenCache(t *testing.T) {
	var cache tokenCache
	hash := func(n uint32) (h tokenHash) {
		binary.BigEndian.PutUint32(h[:], n)
		return h
	}
	cache.add(hash(0), cachedToken{principal: Principal{Username: "alice"}})
	for n := range uint32(5 * generationSize) {
		cache.add(hash(n+1), cachedToken{})
		if n%generationSize == generationSize/2 {
			if k, ok := cache.get(hash(0)); !ok || k.principal.Username != "alice" {
				t.Fatalf("the token in use is forgotten after %d others", n+1)
			}
		}
		if size := len(cache.young) + len(cache.old); size > 2*generationSize {
			t.Fatalf("%d tokens are cached", size)
		}
	}
	if _, ok := cache.get(hash(1)); ok {
		t.Error("a token that nobody uses is cached still")
	}
}
