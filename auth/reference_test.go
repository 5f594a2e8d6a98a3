package auth_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb/auth"
	"jobdb/oracle"
)

// python runs the Python that has DiracX installed and returns what it prints.
func python(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), oracle.Python(t), args...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// We accept the keys and tokens that DiracX's own libraries make.
func TestReferenceTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	python(t, "../oracle/keys.py", "new", file)
	token := python(t, "../oracle/keys.py", "token", file, "--issuer", issuer, "--property", "NormalUser", "--property", "GenericPilot")
	public := python(t, "../oracle/keys.py", "public", file)
	want := auth.Principal{Subject: "lhcb:alice", Username: "alice", Group: "lhcb_user", VO: "lhcb", Properties: []string{"NormalUser", "GenericPilot"}}
	for _, source := range []string{file, "file://" + file, public} {
		got, err := auth.NewVerifier(issuer, openKeys(t, source), time.Now).Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	ended := python(t, "../oracle/keys.py", "token", file, "--issuer", issuer, "--seconds", "-1")
	refused(t, auth.NewVerifier(issuer, openKeys(t, file), time.Now), "ended", ended, "expired")
}

// DiracX accepts our tokens, verified with the keys that we publish.
func TestReferenceTakesOurTokens(t *testing.T) {
	const program = `
import json, sys
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry
from diracx.logic.auth.utils import read_token
from diracx.core.models import AccessTokenPayload
keys = KeySet.import_key_set(json.loads(sys.argv[1]))
registry = JWTClaimsRegistry(iss={"essential": True, "value": sys.argv[3]})
claims = read_token(sys.argv[2], keys, ["RS256", "Ed25519"], claims_requests=registry)
AccessTokenPayload.model_validate(claims)
print(json.dumps(claims))`
	key := openKey(t)
	token, err := key.Mint(issuer, alice, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var claims fields
	if err := json.Unmarshal([]byte(python(t, "-c", program, string(key.Keys().PublicJWKS()), token, issuer)), &claims); err != nil {
		t.Fatal(err)
	}
	if claims["vo"] != "lhcb" || claims["preferred_username"] != "alice" || claims["sub"] != "lhcb:1" {
		t.Errorf("%v", claims)
	}
}
