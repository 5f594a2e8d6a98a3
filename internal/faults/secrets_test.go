package faults_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// secret is in every password, token and key that these tests give the server.
const secret = "hunter2hunter2"

// runWith runs the program with flags until it ends, or for five seconds, and returns all that it
// wrote.
func runWith(t *testing.T, variables []string, flags ...string) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, path, flags...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, variables...)
	out, _ := command.CombinedOutput() // most of them must fail
	return string(out)
}

// No password stands in what the server says of settings that are wrong, or of servers that can't be
// reached.
func TestNoSecretsOfSettings(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a server is built and run for this")
	}
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(broken, []byte(`{"db": "mysql://u:`+secret+`@h/x", `+secret+`}`), 0o600); err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(t.TempDir(), "odd.json")
	if err := os.WriteFile(odd, []byte(`{"db": "nonsense://u:`+secret+`@h/x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	databases := []string{
		"mysql://u:" + secret + "@127.0.0.1:1/x", "mysql://u:a/" + secret + "@127.0.0.1:1/x", "mysql://u:" + secret + "@127.0.0.1:1/x?tls=" + secret,
		"mysql://u:" + secret + "@127.0.0.1:x1/x", "mysql://u:" + secret + "%zz@127.0.0.1/x", "mysql+aiomysql://u:" + secret + "@127.0.0.1:1/x",
		"postgres://u:" + secret + "@127.0.0.1:1/x", "postgres://127.0.0.1:1/x?user=u&password=" + secret, "postgres://u:" + secret + "@127.0.0.1:1/x?sslmode=odd",
		"postgres://u:" + secret + "@[::1/x", "nonsense://u:" + secret + "@h/x", secret, "//u:" + secret + "@h",
	}
	var runs [][]string
	for _, database := range databases {
		runs = append(runs, []string{"serve", "--db", database})
		for _, flag := range []string{"--history-db", "--pilots-db", "--task-queue-db"} {
			runs = append(runs, []string{"serve", flag, database})
		}
	}
	for _, search := range []string{
		`{"hosts": ["127.0.0.1:1"], "http_auth": ["u", "` + secret + `"]}`, `{"hosts": ["http://u:` + secret + `@127.0.0.1:1"]}`,
		`{"hosts": "https://u:` + secret + `@127.0.0.1:1"}`, `{"hosts": ["127.0.0.1:1"], "http_auth": "u:` + secret + `"}`,
		`{"hosts": ["127.0.0.1:1"], "http_auth": ["` + secret + `"]}`, `{"hosts": ["127.0.0.1:1"], "http_auth": "` + secret,
		`{"hosts": [{"host": "127.0.0.1", "port": "` + secret + `"}]}`, `{"hosts": ["127.0.0.1:1"], "password": "` + secret + `"}`, secret,
	} {
		runs = append(runs, []string{"serve", "--parameters-db", search})
	}
	runs = append(runs,
		[]string{"serve", "--issuer", "https://u:" + secret + "@127.0.0.1:1/"},
		[]string{"serve", "--issuer", "https://127.0.0.1:1/", "--keys", "https://u:" + secret + "@127.0.0.1:1/keys"},
		[]string{"serve", "--issuer", "https://127.0.0.1:1/", "--keys", "https://127.0.0.1:1/keys?token=" + secret},
		[]string{"serve", "--issuer", "https://127.0.0.1:1/", "--keys", "ftp://u:" + secret + "@h/"},
		[]string{"serve", "--cors-origins", "https://u:" + secret + "@h"},
		[]string{"serve", "--config", broken}, []string{"serve", "--config", odd},
		[]string{"search", "--server", "http://u:" + secret + "@127.0.0.1:1"},
	)
	turns := make(chan struct{}, 6) // most of the time is spent waiting for servers that start after all
	var all sync.WaitGroup
	for _, flags := range runs {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			if said := runWith(t, nil, append(flags, "--data-dir", t.TempDir())...); strings.Contains(said, secret) {
				t.Errorf("jobdb %s\nsaid: %s", strings.Join(flags, " "), said)
			}
		})
	}
	all.Wait()
	if said := runWith(t, []string{"JOBDB_DB=" + databases[1], "JOBDB_PARAMETERS_DB=" + secret}, "serve"); strings.Contains(said, secret) {
		t.Errorf("from the environment: %s", said)
	}
	t.Logf("%d settings", len(runs))
}

// Neither tokens nor what else is secret in requests gets into the log, nor into what is answered to
// anybody; nor does a token that the server makes.
func TestNoSecretsOfRequests(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--parameters-db", `{"hosts": ["http://u:`+secret+`@127.0.0.1:1"]}`)
	token := s.token("alice", "NormalUser")
	signature := token[strings.LastIndexByte(token, '.')+1:]
	answers := &strings.Builder{}
	ask := func(method, path, authorization, body string, headers ...string) {
		request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", authorization)
		for i := 0; i+1 < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(answers, response.Body)
		answers.WriteString(response.Header.Get("Www-Authenticate"))
	}
	for _, authorization := range []string{
		"Bearer " + token, "Bearer " + token + "x", "bearer" + token, "Basic " + secret, "Bearer " + secret, "Bearer " + secret + "." + secret + "." + secret, "",
		"Bearer " + strings.Replace(token, ".", "."+secret, 1),
	} {
		for _, query := range []string{"", "?token=" + secret, "?access_token=" + token, "?page=" + secret + "%", "?" + secret + ";"} {
			ask("POST", "/api/jobs/search"+query, authorization, "{}", "Cookie", "session="+secret)
			ask("POST", "/api/auth/token"+query, authorization, "grant_type=refresh_token&client_id=myDIRACClientID&refresh_token="+secret,
				"Content-Type", "application/x-www-form-urlencoded")
			ask("POST", "/api/auth/revoke"+query, authorization, "refresh_token="+secret, "Content-Type", "application/x-www-form-urlencoded")
			ask("POST", "/api/jobs/jdl"+query, authorization, `["Executable = `+secret+`"]`, "Idempotency-Key", secret)
			ask("GET", "/api/health/ready"+query, authorization, "")
			ask("GET", "/api/auth/userinfo"+query, authorization, "")
			ask("GET", "/api/auth/authorize?response_type=code&code_challenge="+secret+"&state="+secret, authorization, "")
		}
	}
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(connection, "GET / HTTP/9.9\r\nAuthorization: Bearer "+secret+"\r\n"+secret+"\r\n\r\n")
	_, _ = io.Copy(io.Discard, connection)
	_ = connection.Close()
	s.stop()
	for what, text := range map[string]string{"the log": s.said(), "an answer": answers.String()} {
		for _, hidden := range []string{secret, signature} {
			if i := strings.Index(text, hidden); i >= 0 && what == "the log" {
				t.Errorf("%s has a secret: …%s…", what, text[max(0, i-200):min(len(text), i+100)])
			} else if i >= 0 && hidden == signature {
				t.Errorf("%s has the token: …%s…", what, text[max(0, i-200):min(len(text), i+100)])
			}
		}
		if what == "the log" && strings.Contains(text, "eyJ") {
			t.Errorf("the log has a token:\n%s", text[max(0, strings.Index(text, "eyJ")-100):])
		}
	}
}
