package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// publish prints tables under a heading or, with -write, puts them between the markers of the
// document of that name, under a line that says where, when and with what they were measured. What
// can't be written is printed, not lost.
func (s settings) publish(name, heading, text string) error {
	return s.publishIn(name, name, heading, text)
}

// publishIn is publish for a document that has several tables.
func (s settings) publishIn(document, name, heading, text string) error {
	if s.write == "" {
		_, err := os.Stdout.WriteString(heading + text)
		return err
	}
	err := rewriteFile(filepath.Join(s.write, document+".md"), name, s.provenance()+"\n\n"+text)
	if err != nil {
		fmt.Print(heading + text)
	}
	return err
}

func rewriteFile(path, name, text string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed, err := replaceSection(document, name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, changed, 0o600)
}

// replaceSection replaces what stands between <!-- bench: NAME --> and the next <!-- end -->.
func replaceSection(document []byte, name, text string) ([]byte, error) {
	begin := []byte("<!-- bench: " + name + " -->\n")
	before, rest, found := bytes.Cut(document, begin)
	if !found {
		return nil, errors.New("there is no line " + strings.TrimSpace(string(begin)))
	}
	end := bytes.Index(rest, []byte("<!-- end -->"))
	if next := bytes.Index(rest, []byte("<!-- bench: ")); end < 0 || next >= 0 && next < end {
		return nil, errors.New("no <!-- end --> after " + strings.TrimSpace(string(begin)))
	}
	return slices.Concat(before, begin, []byte("\n"+strings.TrimSpace(text)+"\n\n"), rest[end:]), nil
}

// provenance says where, when and with what was measured.
func (s settings) provenance() string {
	parts := []string{
		now().Format(time.DateOnly),
		fmt.Sprintf("%d cores of %s", runtime.NumCPU(), lineOf("/proc/cpuinfo", "model name")),
		memory() + " of memory", runtime.Version(),
	}
	parts = append(parts, drivers()...)
	for _, engine := range []string{"sqlite", "mariadb", "mysql", "postgres"} {
		if version := s.versions[engine]; version != "" {
			parts = append(parts, engineNames[engine]+" "+version)
		}
	}
	return "Measured on " + strings.Join(parts, ", ") + "."
}

// memory is how much the machine has; Linux tells it in kB.
func memory() string {
	text := lineOf("/proc/meminfo", "MemTotal")
	kB, err := strconv.ParseFloat(strings.TrimSuffix(text, " kB"), 64)
	if err != nil {
		return text
	}
	return fmt.Sprintf("%.1f GiB", kB/(1<<20))
}

// lineOf is the value of the first line with that name in a file of /proc.
func lineOf(path, name string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(content)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// drivers are the drivers of the engines with their versions; of the two for SQLite, the one that
// is used.
func drivers() []string {
	var all []string
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return nil
	}
	for _, module := range info.Deps {
		switch module.Path {
		case sqliteModule, "github.com/go-sql-driver/mysql", "github.com/jackc/pgx/v5":
			all = append(all, strings.TrimPrefix(module.Path, "github.com/")+" "+module.Version)
		}
	}
	return all
}

// recordVersion keeps the engine's version for the provenance.
func (d *database) recordVersion(ctx context.Context, s settings) error {
	text := map[string]string{"sqlite": "SELECT sqlite_version()", "mariadb": "SELECT version()", "mysql": "SELECT version()", "postgres": "SHOW server_version"}[d.engine]
	var version string
	err := d.unmeasured.reader.QueryRowContext(ctx, text).Scan(&version)
	if s.versions != nil {
		s.versions[d.engine] = version
	}
	return err
}
