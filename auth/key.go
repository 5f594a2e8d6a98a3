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
)

// KeyFile is the name of the signing key in a data folder: a private JWK set.
const KeyFile = "signing-key.json"

// Key signs the tokens of a server that has no issuer.
type Key struct {
	id      string
	private ed25519.PrivateKey
}

// Keys returns the public part, which verifies what the key signed.
func (k *Key) Keys() *Keys {
	return fixedKeys(newKeySet(map[string]any{k.id: k.private.Public()}), "this server's own key")
}

// OpenKey reads the signing key in a folder and makes one if there is none
// yet. Of several servers that start at once all get the same.
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
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	var set jwkSet
	if err := json.Unmarshal(text, &set); err == nil && len(set.Keys) == 1 {
		if seed, err := base64url.DecodeString(set.Keys[0].D); err == nil && len(seed) == ed25519.SeedSize {
			return &Key{id: set.Keys[0].KeyID, private: ed25519.NewKeyFromSeed(seed)}, nil
		}
	}
	return nil, fmt.Errorf("%s holds no Ed25519 key; remove it and a new one is made, with which older tokens end", path)
}

// makeKey writes a new key where there is none. It is written whole under
// another name first, so that nobody ever reads half a key.
func makeKey(path string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	encode := base64url.EncodeToString
	text, err := json.Marshal(jwkSet{Keys: []jwk{{
		KeyType: "OKP", Curve: "Ed25519", KeyID: rand.Text(), Alg: "Ed25519", Use: "sig",
		X: encode(public), D: encode(private.Seed()),
	}}})
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), KeyFile+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name()) //nolint:errcheck // a leftover does no harm
	_, err = draft.Write(text)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
