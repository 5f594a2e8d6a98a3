package jobdb

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// ParametersDB is the JobParametersDB of a DiracX installation: the parameters of jobs in
// OpenSearch, a document for each job, in an index for each VO and million jobs.
type ParametersDB struct {
	client *http.Client
	hosts  []url.URL
}

// OpenParametersDB takes the JSON that DiracX connects with: hosts, as URLs, host:port or objects
// of host, port and use_ssl; http_auth, as "user:password" or a list of the two; use_ssl,
// verify_certs and ca_certs. It connects to nothing. The error never repeats the JSON, which may
// hold a password.
func OpenParametersDB(text string) (*ParametersDB, error) {
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
	hosts, err := openSearchHosts(settings.Hosts, settings.UseSSL)
	if err != nil || len(hosts) == 0 {
		return nil, errors.New("the parameters' database: hosts is missing or can't be read; " + form)
	}
	if user := openSearchUser(settings.Auth); user != nil {
		for i := range hosts {
			hosts[i].User = user
		}
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if settings.CACerts != "" {
		pem, err := os.ReadFile(settings.CACerts)
		if err != nil {
			return nil, fmt.Errorf("the parameters' database: ca_certs: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	config.InsecureSkipVerify = settings.VerifyCerts != nil && !*settings.VerifyCerts
	transport := &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}
	return &ParametersDB{client: &http.Client{Transport: transport, Timeout: 30 * time.Second}, hosts: hosts}, nil
}

// openSearchHosts reads one host or a list of them.
func openSearchHosts(text json.RawMessage, useSSL bool) ([]url.URL, error) {
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
		if err != nil || host.Host == "" {
			return nil, errors.New("no host")
		}
		if host.Port() == "" && host.Scheme == "http" {
			host.Host += ":9200"
		}
		hosts = append(hosts, *host)
	}
	return hosts, nil
}

func openSearchUser(text json.RawMessage) *url.Userinfo {
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
func (p *ParametersDB) Ping(ctx context.Context) error {
	return p.ask(ctx, http.MethodGet, "/", nil, nil)
}

// parametersIndex is where the document of a job is.
func parametersIndex(vo string, id JobID) string {
	return "job_parameters_" + strings.ToLower(vo) + "_" + strconv.FormatInt(int64(id)/1_000_000, 10) + "m"
}

// Set adds parameters to those of jobs of one VO, as of a time; those of the same names are
// overwritten. Values are of the types that JSON gives. The error is [ErrUnavailable], or
// [ErrInvalidValue] for a value that doesn't fit what the index has under its name; other jobs'
// parameters are stored then.
func (p *ParametersDB) Set(ctx context.Context, vo string, parameters map[JobID]map[string]any, at time.Time) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	for id, values := range parameters {
		if len(values) == 0 {
			continue
		}
		document := map[string]any{"JobID": int64(id), "timestamp": at.UnixMilli()}
		maps.Copy(document, values)
		action := map[string]any{"_index": parametersIndex(vo, id), "_id": strconv.FormatInt(int64(id), 10), "retry_on_conflict": 10}
		for _, line := range []any{map[string]any{"update": action}, map[string]any{"doc": document, "doc_as_upsert": true}} {
			if err := encoder.Encode(line); err != nil {
				return fmt.Errorf("write parameters: %w", err)
			}
		}
	}
	if body.Len() == 0 {
		return nil
	}
	var answer struct {
		Items []map[string]struct {
			ID     string `json:"_id"`
			Status int    `json:"status"`
		} `json:"items"`
	}
	if err := p.ask(ctx, http.MethodPost, "/_bulk", body.Bytes(), &answer); err != nil {
		return err
	}
	for _, item := range answer.Items {
		switch update := item["update"]; {
		case update.Status == http.StatusTooManyRequests || update.Status >= http.StatusInternalServerError:
			return &UnavailableError{fmt.Errorf("write parameters: OpenSearch answered %d", update.Status)}
		case update.Status >= http.StatusBadRequest:
			id, _ := strconv.ParseInt(update.ID, 10, 64)
			return &ValueError{Job: JobID(id), Column: "parameters", Reason: "a value doesn't fit what OpenSearch has under its name"}
		}
	}
	return nil
}

// Get returns the parameters of jobs of one VO, a value that is no text as compact JSON. Jobs
// without parameters are left out.
func (p *ParametersDB) Get(ctx context.Context, vo string, ids []JobID) (map[JobID]map[string]string, error) {
	type place struct {
		Index string `json:"_index"`
		ID    string `json:"_id"`
	}
	places := make([]place, len(ids))
	for i, id := range ids {
		places[i] = place{parametersIndex(vo, id), strconv.FormatInt(int64(id), 10)}
	}
	body, err := json.Marshal(map[string]any{"docs": places})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var answer struct {
		Docs []struct {
			ID     string                     `json:"_id"`
			Source map[string]json.RawMessage `json:"_source"`
		} `json:"docs"`
	}
	if err := p.ask(ctx, http.MethodPost, "/_mget", body, &answer); err != nil {
		return nil, err
	}
	all := map[JobID]map[string]string{}
	for _, document := range answer.Docs {
		id, err := strconv.ParseInt(document.ID, 10, 64)
		if err != nil || len(document.Source) == 0 {
			continue
		}
		delete(document.Source, "JobID")
		delete(document.Source, "timestamp")
		values := make(map[string]string, len(document.Source))
		for name, value := range document.Source {
			var text string
			if json.Unmarshal(value, &text) != nil {
				text = string(value)
			}
			values[name] = text
		}
		all[JobID(id)] = values
	}
	return all, nil
}

// maxOpenSearchAnswer is more than any answer to a request of ours.
const maxOpenSearchAnswer = 256 << 20

// ask asks the first host that can be reached.
func (p *ParametersDB) ask(ctx context.Context, method, path string, body []byte, answer any) error {
	var failed error
	for i := range p.hosts {
		address := p.hosts[i]
		address.Path = strings.TrimSuffix(address.Path, "/") + path
		request, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("ask OpenSearch: %w", err)
		}
		request.Header.Set("Content-Type", "application/x-ndjson")
		if path != "/_bulk" {
			request.Header.Set("Content-Type", "application/json")
		}
		response, err := p.client.Do(request)
		if err != nil {
			failed = err
			continue
		}
		return readOpenSearch(response, answer)
	}
	return &UnavailableError{fmt.Errorf("ask OpenSearch: %w", failed)}
}

func readOpenSearch(response *http.Response, answer any) error {
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return &UnavailableError{fmt.Errorf("OpenSearch answered %d", response.StatusCode)}
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxOpenSearchAnswer)).Decode(answer); err != nil {
		return &UnavailableError{fmt.Errorf("read OpenSearch's answer: %w", err)}
	}
	return nil
}
