package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
)

// TestKnownTokens shows that tokens in use stay and that the others are forgotten.
func TestKnownTokens(t *testing.T) {
	var known knownTokens
	hash := func(n uint32) (h [sha256.Size]byte) {
		binary.BigEndian.PutUint32(h[:], n)
		return h
	}
	known.add(hash(0), knownToken{principal: Principal{Username: "alice"}})
	for n := range uint32(5 * mostKnown) {
		known.add(hash(n+1), knownToken{})
		if n%mostKnown == mostKnown/2 {
			if k, ok := known.get(hash(0)); !ok || k.principal.Username != "alice" {
				t.Fatalf("the token in use is forgotten after %d others", n+1)
			}
		}
		if size := len(known.young) + len(known.old); size > 2*mostKnown {
			t.Fatalf("%d tokens are known", size)
		}
	}
	if _, ok := known.get(hash(1)); ok {
		t.Error("a token that nobody uses is known still")
	}
}
