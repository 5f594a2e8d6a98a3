package opensearch

import (
	"strings"
	"testing"
)

// FuzzOpen reads any text as the settings of a connection. It takes hosts of the web only, and never
// repeats a password.
func FuzzOpen(f *testing.F) {
	for _, text := range []string{
		`{"hosts": ["a:9200"], "http_auth": ["u", "pass%word"]}`, `{"hosts": "https://u:pass%word@a/x", "http_auth": "u:pass%word"}`,
		`{"hosts": [{"host": "a", "port": -1, "use_ssl": true}]}`, `{"hosts": [["pass%word"]]}`, `{"hosts": ["ftp://a"]}`, `{"hosts": ["http://"]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "ca_certs") {
			return // it reads files
		}
		db, err := Open(text)
		if err != nil {
			if strings.Contains(err.Error(), "pass%word") {
				t.Fatalf("%q: the error repeats it: %v", text, err)
			}
			return
		}
		for _, host := range db.hosts {
			if host.Host == "" || host.Scheme != "http" && host.Scheme != "https" {
				t.Fatalf("%q was taken as %v", text, host)
			}
		}
	})
}
