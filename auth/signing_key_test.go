package auth_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb/auth"
)

func TestMintAndVerify(t *testing.T) {
	key := openKey(t)
	for _, who := range []auth.Principal{alice, {Subject: "lhcb:2", Username: "bob", Group: "lhcb_user", VO: "lhcb"}} {
		token, err := key.Mint(issuer, who, now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		got, err := auth.NewVerifier(issuer, key.Keys(), clock).Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(who, got); diff != "" {
			t.Error(diff)
		}
		if header := header(t, token); header["alg"] != "Ed25519" {
			t.Errorf("header %v", header)
		}
	}
	state := key.Keys().State()
	if state.Keys != 1 || state.LastError != "" {
		t.Errorf("%+v", state)
	}
	key.Keys().Close()
}

func TestOpenKeyAtOnce(t *testing.T) {
	folder := t.TempDir()
	tokens := make([]string, 16)
	var group sync.WaitGroup
	for i := range tokens {
		group.Go(func() {
			key, err := auth.OpenKey(folder)
			if err == nil {
				tokens[i], err = key.Mint(issuer, alice, now, time.Hour)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	key, err := auth.ReadKey(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if _, err := auth.NewVerifier(issuer, key.Keys(), clock).Verify(t.Context(), token); err != nil {
			t.Error(err)
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v in the folder, %v", files, err)
	}
	if info, err := files[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestReadKeyErrors(t *testing.T) {
	folder := t.TempDir()
	if _, err := auth.ReadKey(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no key: %v", err)
	}
	path := filepath.Join(folder, auth.KeyFile)
	for mode, want := range map[os.FileMode]string{0o600: "holds no Ed25519 key", 0o644: "chmod 600"} {
		if err := os.WriteFile(path, []byte(`{"keys":[{"d":"short"}]}`), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.OpenKey(folder); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	if _, err := auth.OpenKey(filepath.Join(folder, "nowhere")); err == nil {
		t.Error("a key in a folder that isn't there")
	}
}

// The key's file is an ordinary JWK set, and only its public part is shown.
func TestKeyIsAPlainJWKSet(t *testing.T) {
	folder := t.TempDir()
	key, err := auth.OpenKey(folder)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.OpenKeys(t.Context(), quiet(filepath.Join(folder, auth.KeyFile)))
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Mint(issuer, alice, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.NewVerifier(issuer, keys, clock).Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	shown := string(key.Keys().PublicJWKS())
	if shown != string(keys.PublicJWKS()) || strings.Contains(shown, `"d"`) || !json.Valid([]byte(shown)) {
		t.Errorf("shown: %s and %s", shown, keys.PublicJWKS())
	}
	again, err := auth.OpenKeys(t.Context(), quiet(shown))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.NewVerifier(issuer, again, clock).Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
}
