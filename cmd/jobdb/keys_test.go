package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb/auth"
)

// anIssuer is an identity provider with a discovery document and a key.
type anIssuer struct {
	*httptest.Server

	mutex sync.Mutex
	key   *auth.Key
	down  bool
}

func newIssuer(t *testing.T) *anIssuer {
	t.Helper()
	i := &anIssuer{}
	i.rotate(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL+"/", i.URL+"/jwks")
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		i.mutex.Lock()
		defer i.mutex.Unlock()
		if i.down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write(i.key.Keys().PublicJWKS())
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// rotate gives the issuer a new key and forgets the old one.
func (i *anIssuer) rotate(t *testing.T) {
	t.Helper()
	key, err := auth.OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.key = key
}

func (i *anIssuer) setDown(down bool) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.down = down
}

// token is one of the issuer's, of a normal user.
func (i *anIssuer) token(t *testing.T, issuer string, lifetime time.Duration) string {
	t.Helper()
	i.mutex.Lock()
	defer i.mutex.Unlock()
	token, err := i.key.Mint(issuer, tokenDefaults().principal(), systemClock(), lifetime)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// said keeps what a server says.
type said struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

// start runs jobdb serve with these flags until the test ends.
func start(t *testing.T, flags ...string) (address string, log *said) {
	t.Helper()
	c, err := parse(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir()}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	log = &said{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Serve.Run(ctx, &program{stdout: io.Discard, stderr: log, clock: systemClock}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	listens := regexp.MustCompile(`jobdb is listening" url=(\S+)`)
	for range 600 {
		if found := listens.FindStringSubmatch(log.String()); found != nil {
			return found[1], log
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("it doesn't listen: %s", log)
	return "", nil
}

// ask sends a request with an Authorization header, if there is one.
func ask(t *testing.T, method, url, authorization string) (status int, header http.Header, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// A server that knows its issuer's URL alone finds the keys, and follows when they change.
func TestServeDiscoversKeys(t *testing.T) {
	i := newIssuer(t)
	address, log := start(t, "--issuer", i.URL+"/")
	search := address + "/api/jobs/search"
	old := "Bearer " + i.token(t, i.URL+"/", time.Hour)
	if status, _, body := ask(t, http.MethodPost, search, old); status != http.StatusOK {
		t.Fatalf("%d %s\n%s", status, body, log)
	}
	if status, _, body := ask(t, http.MethodGet, address+"/api/health/ready", ""); status != http.StatusOK {
		t.Errorf("ready: %d %s", status, body)
	}
	if strings.Contains(log.String(), "JOBDB_TOKEN") {
		t.Errorf("it gives out tokens of its own:\n%s", log)
	}
	if testing.Short() {
		t.Skip("a new key is asked for once in five seconds")
	}
	i.rotate(t)
	young := "Bearer " + i.token(t, i.URL+"/", time.Hour)
	eventually(t, log, func() bool { status, _, _ := ask(t, http.MethodPost, search, young); return status == http.StatusOK })
	if status, _, _ := ask(t, http.MethodPost, search, old); status != http.StatusUnauthorized {
		t.Errorf("the old key: %d", status)
	}
}

// An issuer that is down when the server starts: no token, not ready; then it comes.
func TestServeSurvivesIssuer(t *testing.T) {
	if testing.Short() {
		t.Skip("the issuer is asked again after some seconds")
	}
	i := newIssuer(t)
	i.setDown(true)
	address, log := start(t, "--issuer", "x", "--keys", i.URL+"/jwks")
	search, ready := address+"/api/jobs/search", address+"/api/health/ready"
	token := "Bearer " + i.token(t, "x", time.Hour)
	if status, _, _ := ask(t, http.MethodPost, search, token); status != http.StatusUnauthorized {
		t.Errorf("%d without a key", status)
	}
	if status, _, body := ask(t, http.MethodGet, ready, ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "no keys of the issuer are known") || strings.Contains(body, i.URL) {
		t.Errorf("ready: %d %s", status, body)
	}
	i.setDown(false)
	eventually(t, log, func() bool { status, _, _ := ask(t, http.MethodPost, search, token); return status == http.StatusOK })
	if status, _, body := ask(t, http.MethodGet, ready, ""); status != http.StatusOK {
		t.Errorf("ready: %d %s", status, body)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, log)
	}
}

func eventually(t *testing.T, log *said, condition func() bool) {
	t.Helper()
	for range 100 {
		if condition() {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Errorf("not in 20 seconds:\n%s", log)
}

// TestAttacksOverHTTP sends what auth's tests try on the verifier to a real
// server: all get the same answer, which says nothing of why.
func TestAttacksOverHTTP(t *testing.T) {
	i, foreign := newIssuer(t), newIssuer(t)
	issuer := i.URL + "/"
	address, _ := start(t, "--issuer", issuer)
	good := i.token(t, issuer, time.Hour)
	parts := strings.Split(good, ".")
	const unknown, malformed = `{"detail":"Invalid JWT"}`, `{"detail":"Invalid authorization header"}`
	for name, test := range map[string]struct {
		authorization string
		status        int
		body          string
	}{
		"good":             {"Bearer " + good, http.StatusOK, "[]"},
		"none":             {"Bearer eyJhbGciOiJub25lIn0." + parts[1] + ".", http.StatusUnauthorized, unknown},
		"HS256":            {"Bearer eyJhbGciOiJIUzI1NiJ9." + parts[1] + "." + parts[2], http.StatusUnauthorized, unknown},
		"no signature":     {"Bearer " + parts[0] + "." + parts[1] + ".", http.StatusUnauthorized, unknown},
		"foreign key":      {"Bearer " + foreign.token(t, issuer, time.Hour), http.StatusUnauthorized, unknown},
		"ended":            {"Bearer " + i.token(t, issuer, -time.Second), http.StatusUnauthorized, unknown},
		"without slash":    {"Bearer " + i.token(t, i.URL, time.Hour), http.StatusUnauthorized, unknown},
		"huge":             {"Bearer " + good + strings.Repeat("x", 20_000), http.StatusUnauthorized, unknown},
		"no token at all":  {"Bearer x", http.StatusUnauthorized, unknown},
		"nothing":          {"", http.StatusUnauthorized, `{"detail":"Authorization header is missing"}`},
		"no scheme":        {good, http.StatusBadRequest, malformed},
		"other scheme":     {"Basic " + good, http.StatusBadRequest, malformed},
		"scheme, no token": {"Bearer ", http.StatusBadRequest, malformed},
	} {
		for _, route := range []string{"/api/jobs/search", "/api/jobs/search?access_token=" + good} {
			status, header, body := ask(t, http.MethodPost, address+route, test.authorization)
			if status != test.status || strings.TrimSpace(body) != test.body {
				t.Errorf("%s: %d %s", name, status, body)
			}
			if challenge := header.Get("WWW-Authenticate"); (challenge == "Bearer") != (test.authorization == "") {
				t.Errorf("%s: challenge %q", name, challenge)
			}
		}
	}
}

// The keys are shown to all, without their private parts, whatever they are from.
func TestServeShowsPublicKeys(t *testing.T) {
	i := newIssuer(t)
	for _, flags := range [][]string{nil, {"--issuer", i.URL + "/"}} {
		address, _ := start(t, flags...)
		_, _, body := ask(t, http.MethodGet, address+"/.well-known/jwks.json", "")
		var set struct{ Keys []map[string]any }
		if err := json.Unmarshal([]byte(body), &set); err != nil || len(set.Keys) != 1 || set.Keys[0]["x"] == nil || set.Keys[0]["d"] != nil {
			t.Errorf("%v: %s, %v", flags, body, err)
		}
	}
}
