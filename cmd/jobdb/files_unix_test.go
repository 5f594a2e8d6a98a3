//go:build unix

package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jobdb/auth"
	"jobdb/opensearch"
	"jobdb/wms"
)

// settingFiles read the files that settings name.
func settingFiles(t *testing.T) map[string]func(path string) error {
	return map[string]func(path string) error{
		"config":            func(path string) error { _, err := parse(t, "serve", "--config", path); return err },
		"rules":             func(path string) error { _, err := (&Settings{Rules: path}).rules(); return err },
		"retention":         func(path string) error { _, err := (&Settings{Retention: path}).openTaskRules(); return err },
		"stalled":           func(path string) error { _, err := (&Settings{Stalled: path}).openTaskRules(); return err },
		"groups":            func(path string) error { _, err := (&importCommand{Groups: path}).groups(); return err },
		"tls-cert":          func(path string) error { return (&certificate{cert: path, key: "missing"}).load() },
		"tls-key":           func(path string) error { return (&certificate{cert: os.DevNull, key: path}).load() },
		"ours-token-file":   func(path string) error { _, err := readToken(path); return err },
		"theirs-token-file": func(path string) error { _, err := readToken(path); return err },
		"metrics-token-file": func(path string) error {
			c := &serveCommand{}
			c.MetricsTokenFile = path
			_, err := c.metricsToken()
			return err
		},
		"keys": func(path string) error {
			keys, err := auth.OpenKeys(t.Context(), auth.KeysConfig{Source: path, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
			if err == nil {
				keys.Close()
			}
			return err
		},
		"parameters-db": func(path string) error {
			_, err := opensearch.Open(`{"hosts": ["localhost:9200"], "use_ssl": true, "ca_certs": "` + path + `"}`)
			return err
		},
		"the signing key": func(path string) error {
			_, err := auth.ReadKey(filepath.Dir(path))
			return err
		},
		"the credentials": func(path string) error { _, _, err := readCredentials(path); return err },
	}
}

// TestFilesOfSettings gives each setting that names a file what is none, or has no end: it must be told, at
// once, also when it is read again while a server runs.
func TestFilesOfSettings(t *testing.T) {
	folder := t.TempDir()
	fifo := filepath.Join(folder, auth.KeyFile)
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(folder, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil { // with nothing in it that takes room
		t.Fatal(err)
	}
	readers := settingFiles(t)
	for setting, read := range readers {
		for _, path := range []string{fifo, folder, "/dev/zero", "/dev/null", large} {
			if setting == "the signing key" && path != fifo || setting == "tls-key" && path == "/dev/null" {
				continue
			}
			told := make(chan error, 1)
			go func() { told <- read(path) }()
			select {
			case err := <-told:
				if err == nil || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: %s: %v", setting, path, err)
				}
			case <-time.After(20 * time.Second):
				t.Errorf("%s: %s keeps it waiting", setting, path)
			}
		}
	}
	parser := newParser(t, &cli{})
	for _, command := range parser.Model.Children {
		for _, flag := range command.AllFlags(false) {
			for _, flag := range flag {
				if _, known := readers[flag.Name]; !known && flag.Tag.Type == "path" && flag.PlaceHolder == "FILE" && !notSettings[flag.Name] {
					t.Errorf("%s --%s isn't tried", command.Name, flag.Name)
				}
			}
		}
	}
}

// notSettings are flags with files that the command writes, or that may be streams.
var notSettings = map[string]bool{"left": true, "export": true, "log": true}

// TestRulesThatBecomeNone keeps the rules that it has when their file is replaced by a FIFO.
func TestRulesThatBecomeNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "retention.json")
	if err := os.WriteFile(path, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	rules := ruleFile[wms.RetentionBook]{setting: "--retention", path: path, read: wms.ReadRetention}
	if err := rules.load(); err != nil {
		t.Fatal(err)
	}
	before := rules.book.Load()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	go func() { told <- rules.load() }()
	select {
	case err := <-told:
		if err == nil || !strings.Contains(err.Error(), path) || rules.book.Load() != before {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits")
	}
}
