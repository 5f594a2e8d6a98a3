package api_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"jobdb"
	"jobdb/api"
	"jobdb/web"
)

// pageServer serves jobdb's own page, perhaps beside another one.
func pageServer(t *testing.T, other fs.FS) *httptest.Server {
	t.Helper()
	var config api.Config
	start(t, func(c *api.Config) { config = *c })
	config.Page, config.Web = web.Files, other
	server := httptest.NewServer(api.New(config)) // no description has its files
	t.Cleanup(server.Close)
	return server
}

func getPage(t *testing.T, url string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(body)}
}

// The page is at / and at /jobdb/; beside another one at /jobdb/ only.
func TestPagePaths(t *testing.T) {
	alone := pageServer(t, nil)
	beside := pageServer(t, fstest.MapFS{"index.html": {Data: []byte("another")}})
	for _, test := range []struct {
		url    string
		status int
		want   string
	}{
		{alone.URL + "/", 200, "<title>jobdb</title>"},
		{alone.URL + "/jobdb/", 200, "<title>jobdb</title>"},
		{alone.URL + "/screens/jobs.js", 200, "export function Jobs"},
		{alone.URL + "/jobdb/screens/jobs.js", 200, "export function Jobs"},
		{alone.URL + "/web.go", 404, "Not Found"},
		{alone.URL + "/screens/", 404, "Not Found"},
		{alone.URL + "/api/nothing", 404, "Not Found"},
		{alone.URL + "/vendor/manifest.json", 404, "Not Found"},
		{beside.URL + "/", 200, "another"},
		{beside.URL + "/jobdb/", 200, "<title>jobdb</title>"},
		{beside.URL + "/screens/jobs.js", 404, "Not Found"},
	} {
		answer := getPage(t, test.url)
		if answer.status != test.status || !strings.Contains(answer.body, test.want) {
			t.Errorf("%s: %d %.100q", test.url, answer.status, answer.body)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, alone.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %d", answer.StatusCode)
	}
}

// Nothing but the page's own files runs, and nobody may frame it or be asked by it. The import map,
// which browsers take from the page only, is allowed by its hash.
func TestPagePolicy(t *testing.T) {
	answer := getPage(t, pageServer(t, nil).URL+"/")
	inline := regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`).FindAllStringSubmatch(answer.body, -1)
	var with []string
	for _, script := range inline {
		if strings.TrimSpace(script[2]) != "" {
			with = append(with, script[2])
		}
	}
	if len(with) != 1 || regexp.MustCompile(`(?i)<style|\son\w+=|\sstyle=|//[a-z]`).MatchString(answer.body) {
		t.Fatalf("what has code of its own: %q", with)
	}
	hash := sha256.Sum256([]byte(with[0]))
	want := "default-src 'none'; script-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; style-src 'self'; img-src 'self'; " +
		"connect-src 'self' https://issuer.example; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := answer.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-cache",
	} {
		if got := answer.header.Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Browsers keep files as long as they are the same, and get them compressed. All of them together are
// small.
func TestPageFiles(t *testing.T) {
	server := pageServer(t, nil)
	var size, files int
	err := fs.WalkDir(web.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if name == "index.html" {
			name = ""
		}
		plain := getPage(t, server.URL+"/"+name)
		zipped := getPage(t, server.URL+"/"+name, "Accept-Encoding", "gzip")
		reader, err := gzip.NewReader(strings.NewReader(zipped.body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(reader)
		if err != nil || string(got) != plain.body || len(got) == 0 || zipped.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %d bytes compressed, %d plain, %v %v", name, len(got), len(plain.body), err, zipped.header)
		}
		again := getPage(t, server.URL+"/"+name, "If-None-Match", plain.header.Get("ETag"))
		if again.status != http.StatusNotModified || again.header.Get("ETag") != plain.header.Get("ETag") {
			t.Errorf("%s again: %d", name, again.status)
		}
		files++
		size += len(zipped.body)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d files, %d bytes compressed", files, size); size >= 60_000 {
		t.Errorf("all files have %d bytes compressed, not less than 60,000", size)
	}
}

// The page knows the library's columns, kinds and statuses.
func TestPageColumns(t *testing.T) {
	text, err := fs.ReadFile(web.Files, "columns.js")
	if err != nil {
		t.Fatal(err)
	}
	var columns, statuses []string
	for _, c := range jobdb.Columns() {
		kind := map[jobdb.Kind]string{jobdb.KindInteger: "integer", jobdb.KindText: "text", jobdb.KindTime: "time"}[c.Kind()]
		if kind == "" {
			kind = "flag"
		}
		columns = append(columns, c.Name()+`: "`+kind+`"`)
	}
	for _, s := range jobdb.Statuses {
		statuses = append(statuses, `"`+string(s)+`"`)
	}
	plain := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range []string{"{ " + strings.Join(columns, ", ") + ", }", "[ " + strings.Join(statuses, ", ") + ", ]"} {
		if !strings.Contains(plain, want) {
			t.Errorf("columns.js hasn't %s", want)
		}
	}
}
