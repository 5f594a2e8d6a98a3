package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"jobdb"
	"jobdb/jdl"
)

// How long completion waits for a server, and how long it keeps the answer.
const (
	completionTimeout = 200 * time.Millisecond
	knownValuesFresh  = 5 * time.Minute
)

// knownValues are values of a column, as they are kept.
type knownValues struct {
	Time   time.Time `json:"time"`
	Values []string  `json:"values"`
}

// knownValuesOf returns the values of a column that the server knows. After an error it returns
// none: a shell has no place for messages while it completes a word.
func (c *completer) knownValuesOf(ctx context.Context, column string) []string {
	server := c.option("server", os.Getenv("JOBDB_URL"))
	if server == "" {
		server = os.Getenv("DIRACX_URL")
	}
	if server == "" {
		server = defaultServer
	}
	settings := clientSettings{Server: server, Timeout: completionTimeout}
	settings.DataDir, settings.Issuer = c.option("data-dir", os.Getenv("JOBDB_DATA_DIR")), c.option("issuer", os.Getenv("JOBDB_ISSUER"))
	if settings.DataDir == "" {
		settings.DataDir = defaultDataDir()
	}
	path := knownValuesPath(server, column)
	kept, err := readKnownValues(path)
	if now := c.p.clock(); err == nil && now.Sub(kept.Time) < knownValuesFresh && !kept.Time.After(now) {
		return kept.Values
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	values, err := askValues(ctx, &program{stdout: io.Discard, stderr: io.Discard, clock: c.p.clock}, settings, column)
	if err != nil {
		return kept.Values // old ones are better than none
	}
	_ = writeKnownValues(path, knownValues{c.p.clock(), values}) // without a file the server is asked again next time
	return values
}

// askValues asks the server for the values of a column. DiracX has no route for that, but its
// summaries have them, too.
func askValues(ctx context.Context, p *program, settings clientSettings, column string) ([]string, error) {
	server, err := settings.client(ctx, p)
	if err != nil {
		return nil, err
	}
	a, err := server.post(ctx, "/api/jobdb/values", map[string]any{"column": column})
	refused := (*refusalError)(nil)
	if errors.As(err, &refused) && refused.status == http.StatusNotFound {
		return askCounts(ctx, server, column)
	}
	if err != nil {
		return nil, err
	}
	var answer struct{ Values []string }
	err = json.Unmarshal(a.body, &answer)
	return answer.Values, err
}

func askCounts(ctx context.Context, server *client, column string) (values []string, err error) {
	a, err := server.post(ctx, "/api/jobs/summary", jobdb.SummaryRequest{Grouping: []string{column}})
	if err != nil {
		return nil, err
	}
	var rows []map[string]any
	if err := json.Unmarshal(a.body, &rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		if text, ok := row[column].(string); ok && len(values) < 1000 {
			values = append(values, text)
		}
	}
	return values, nil
}

// knownValuesPath is the file that keeps the values of a column, one for each server and login.
func knownValuesPath(server, column string) string {
	folder, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	hash := sha256.Sum256([]byte(server + "\n" + credentialsPath() + "\n" + os.Getenv("JOBDB_TOKEN") + "\n" + column))
	return filepath.Join(folder, "jobdb", "values", hex.EncodeToString(hash[:8])+".json")
}

func readKnownValues(path string) (kept knownValues, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return kept, err
	}
	return kept, json.Unmarshal(text, &kept)
}

func writeKnownValues(path string, kept knownValues) error {
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// attributeNames returns the names of JDL's attributes, each with a = after it.
func attributeNames() (names []string) {
	for _, name := range jdl.KnownAttributes() {
		names = append(names, name+"=")
	}
	return names
}
