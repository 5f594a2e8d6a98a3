package opensearch_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/opensearch"
)

func TestOpen(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"hosts": "h:9200"}`: true, `{"hosts": ["https://u:p@h:9200"]}`: true, `{"hosts": [{"host": "h", "port": 9200}], "http_auth": "u:p"}`: true,
		`h:9200`: false, `{}`: false, `{"hosts": []}`: false, `{"hosts": [1]}`: false,
	} {
		if _, err := opensearch.Open(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestHosts has one of two hosts answer, and then the other one only.
func TestHosts(t *testing.T) {
	asked := map[string]int{}
	hosts := map[string]*httptest.Server{}
	for _, name := range []string{"a", "b"} {
		hosts[name] = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked[name]++ }))
		defer hosts[name].Close()
	}
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer away.Close()
	db := open(t, `{"hosts": ["127.0.0.1:1", "`+away.URL+`", "`+hosts["a"].URL+`", "`+hosts["b"].URL+`"]}`)
	for range 3 {
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	hosts["a"].Close()
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"a": 3, "b": 1}, asked); diff != "" {
		t.Errorf("- wanted, + asked:\n%s", diff)
	}
}

// TestOpenSearchTLS reaches a real OpenSearch by a server that speaks TLS and wants a password.
func TestOpenSearchTLS(t *testing.T) {
	behind, err := url.Parse("http://" + jobdbtest.OpenSearchAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "dirac" || password != "s3cret:ü/@" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(front.URL, "https://")
	inURL := "https://" + url.UserPassword("dirac", "s3cret:ü/@").String() + "@" + host
	for name, c := range map[string]struct {
		settings string
		works    bool
	}{
		"list":        {`{"hosts": ["` + host + `"], "use_ssl": true, "ca_certs": "` + ca + `", "http_auth": ["dirac", "s3cret:ü/@"]}`, true},
		"text":        {`{"hosts": "https://` + host + `", "ca_certs": "` + ca + `", "http_auth": "dirac:s3cret:ü/@"}`, true},
		"URL":         {`{"hosts": "` + inURL + `", "ca_certs": "` + ca + `"}`, true},
		"unverified":  {`{"hosts": "` + inURL + `", "verify_certs": false}`, true},
		"no CA":       {`{"hosts": "` + inURL + `"}`, false},
		"no password": {`{"hosts": "https://` + host + `", "ca_certs": "` + ca + `"}`, false},
		"no TLS":      {`{"hosts": "http://` + host + `", "http_auth": "dirac:s3cret:ü/@"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, c.settings)
			err := db.Set(t.Context(), "tls", map[jobdb.JobID]map[string]any{1: {"by": name}}, time.Now())
			if (err == nil) != c.works || err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Fatal(err)
			}
			if !c.works {
				return
			}
			got, err := db.Get(t.Context(), "tls", []jobdb.JobID{1})
			if diff := cmp.Diff(map[jobdb.JobID]map[string]string{1: {"by": name}}, got); diff != "" || err != nil {
				t.Errorf("error %v; - wanted, + got:\n%s", err, diff)
			}
		})
	}
}

func open(t *testing.T, settings string) *opensearch.DB {
	t.Helper()
	db, err := opensearch.Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	return db
}
