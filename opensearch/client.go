// Package opensearch keeps parameters of jobs in OpenSearch, in the form of DiracX's
// JobParametersDB, where the services of DiracX and DIRAC look for them. A [DB] reads and writes
// them. [Deliver] copies the parameters of one of jobdb's own databases there.
package opensearch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"jobdb"
	"jobdb/internal/files"
)

// DB is the JobParametersDB of a DiracX installation: the parameters of jobs in OpenSearch, a
// document for each job, in an index for each VO and million jobs. It may be used by several
// goroutines at once.
type DB struct {
	client   *http.Client
	hosts    []url.URL
	answered atomic.Int64 // the place in hosts of the one that answered last
	template atomic.Bool  // the index template is known to be there
	crowded  crowdedJobs  // what they have is looked at before each change
}

// Open takes the JSON that DiracX connects with: hosts, as URLs, host:port or objects
// of host, port and use_ssl; http_auth, as "user:password" or a list of the two; use_ssl,
// verify_certs and ca_certs. It connects to nothing. The error never repeats the JSON, which may
// hold a password.
func Open(text string) (*DB, error) {
	var settings struct {
		Hosts       json.RawMessage `json:"hosts"`
		Auth        json.RawMessage `json:"http_auth"`
		UseSSL      bool            `json:"use_ssl"`
		VerifyCerts *bool           `json:"verify_certs"`
		CACerts     string          `json:"ca_certs"`
	}
	const form = `write it as {"hosts": ["opensearch.example.org:9200"], "use_ssl": true, "http_auth": ["user", "password"]}`
	if json.Unmarshal([]byte(text), &settings) != nil {
		return nil, errors.New("the parameters' database: this is no JSON object of settings; " + form)
	}
	hosts, err := readHosts(settings.Hosts, settings.UseSSL)
	if err != nil || len(hosts) == 0 {
		return nil, errors.New("the parameters' database: hosts is missing or can't be read; " + form)
	}
	if user := readUser(settings.Auth); user != nil {
		for i := range hosts {
			hosts[i].User = user
		}
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if settings.CACerts != "" {
		pem, err := files.Read(settings.CACerts)
		if err != nil {
			return nil, fmt.Errorf("the parameters' database: ca_certs: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the parameters' database: ca_certs: %s holds no certificate in PEM", settings.CACerts)
		}
	}
	config.InsecureSkipVerify = settings.VerifyCerts != nil && !*settings.VerifyCerts
	transport := &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}
	return &DB{client: &http.Client{Transport: transport, Timeout: 30 * time.Second}, hosts: hosts}, nil
}

// readHosts reads one host or a list of them.
func readHosts(text json.RawMessage, useSSL bool) ([]url.URL, error) {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil {
		list = []json.RawMessage{text}
	}
	var hosts []url.URL
	for _, item := range list {
		var object struct {
			Host   string `json:"host"`
			Port   int    `json:"port"`
			UseSSL bool   `json:"use_ssl"`
		}
		var address string
		if json.Unmarshal(item, &address) != nil {
			if err := json.Unmarshal(item, &object); err != nil || object.Host == "" {
				return nil, errors.New("no host")
			}
			address = object.Host + ":" + strconv.Itoa(max(object.Port, 1))
			if object.Port == 0 {
				address = object.Host + ":9200"
			}
		}
		if !strings.Contains(address, "://") {
			scheme := "http://"
			if useSSL || object.UseSSL {
				scheme = "https://"
			}
			address = scheme + address
		}
		host, err := url.Parse(address)
		if err != nil || host.Host == "" || host.Scheme != "http" && host.Scheme != "https" {
			return nil, errors.New("no host")
		}
		if host.Port() == "" && host.Scheme == "http" {
			host.Host += ":9200"
		}
		hosts = append(hosts, *host)
	}
	return hosts, nil
}

func readUser(text json.RawMessage) *url.Userinfo {
	var pair []string
	if json.Unmarshal(text, &pair) == nil && len(pair) == 2 {
		return url.UserPassword(pair[0], pair[1])
	}
	var joined string
	if json.Unmarshal(text, &joined) == nil && joined != "" {
		user, password, _ := strings.Cut(joined, ":")
		return url.UserPassword(user, password)
	}
	return nil
}

// Ping asks the database for an answer.
func (p *DB) Ping(ctx context.Context) error {
	return p.ask(ctx, http.MethodGet, "/", nil, nil)
}

// maxAnswer is more than any answer to a request of ours.
const maxAnswer = 256 << 20

// ask asks the host that answered last, and the others in their order if it can't be reached or
// says that it is not there. What is asked may reach two of them.
func (p *DB) ask(ctx context.Context, method, path string, body []byte, answer any) error {
	first := p.answered.Load()
	var failed error
	for i := range int64(len(p.hosts)) {
		at := (first + i) % int64(len(p.hosts))
		response, err := p.askHost(ctx, p.hosts[at], method, path, body)
		if err != nil {
			failed = err
			continue
		}
		p.answered.Store(at)
		return readAnswer(response, answer)
	}
	return unavailable("ask OpenSearch: %w", failed)
}

func (p *DB) askHost(ctx context.Context, host url.URL, method, path string, body []byte) (*http.Response, error) {
	host.Path = strings.TrimSuffix(host.Path, "/") + path
	request, err := http.NewRequestWithContext(ctx, method, host.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if path == bulkPath {
		request.Header.Set("Content-Type", "application/x-ndjson")
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, err
	}
	if slices.Contains(absent, response.StatusCode) {
		response.Body.Close()
		return nil, fmt.Errorf("it answered %d", response.StatusCode)
	}
	return response, nil
}

// absent are what a proxy answers for a host that isn't there.
var absent = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// refusedError is the status of an answer that isn't what was asked for.
type refusedError int

func (e refusedError) Error() string { return "OpenSearch answered " + strconv.Itoa(int(e)) }

func readAnswer(response *http.Response, answer any) error {
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return &jobdb.UnavailableError{Err: refusedError(response.StatusCode)}
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer); err != nil {
		return unavailable("read OpenSearch's answer: %w", err)
	}
	return nil
}
