package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"jobdb/internal/files"
)

// KeyFile is the name of the signing key in a data folder: a JWK set with one private key.
const KeyFile = "signing-key.json"

// Key signs the tokens of a server that has no issuer.
type Key struct {
	id      string
	private ed25519.PrivateKey
}

// Keys returns the public part, which verifies what the key signed. It never changes.
func (k *Key) Keys() *Keys {
	return fixedKeys(newKeySet(map[string]any{k.id: k.private.Public()}), "this server's own key")
}

// NewKey makes a key that isn't stored: only this process accepts what it signs.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return &Key{id: rand.Text(), private: private}, err
}

// OpenKey reads the signing key in a folder, and first makes one if there is none. Servers that
// start at the same time all get the same key.
func OpenKey(folder string) (*Key, error) {
	key, err := ReadKey(folder)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := makeKey(filepath.Join(folder, KeyFile)); err != nil {
		return nil, fmt.Errorf("make the signing key: %w", err)
	}
	return ReadKey(folder)
}

// ReadKey reads the signing key in a folder. Where there is none the error is [fs.ErrNotExist].
func ReadKey(folder string) (*Key, error) {
	path := filepath.Join(folder, KeyFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("others than its owner may read the signing key; run: chmod 600 %s", path)
	}
	text, err := files.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	key, ok := parsePrivate(text)
	if !ok {
		return nil, fmt.Errorf("%s holds no Ed25519 key; remove it and a new one is made, with which older tokens end", path)
	}
	return key, nil
}

// parsePrivate reads a JWK set that holds one private Ed25519 key.
func parsePrivate(text []byte) (*Key, bool) {
	var set jwkSet
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != 1 {
		return nil, false
	}
	seed, err := base64url.DecodeString(set.Keys[0].D)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, false
	}
	return &Key{id: set.Keys[0].KeyID, private: ed25519.NewKeyFromSeed(seed)}, true
}

// makeKey writes a new key to a file, unless the file exists.
func makeKey(path string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	text, err := json.Marshal(jwkSet{Keys: []jwk{{
		KeyType: "OKP", Curve: "Ed25519", KeyID: rand.Text(), Alg: "Ed25519", Use: "sig",
		X: base64url.EncodeToString(public), D: base64url.EncodeToString(private.Seed()),
	}}})
	if err != nil {
		return err
	}
	return createFile(path, text)
}

// createFile writes a file that only its owner may read, and leaves one that exists as it is. The
// text is written under another name first, so that nobody ever reads half a file.
func createFile(path string, text []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name()) //nolint:errcheck // a leftover does no harm
	_, err = draft.Write(text)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) { // unlike a rename, fails if it exists
		return err
	}
	return nil
}
