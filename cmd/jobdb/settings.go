package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"jobdb"
	"jobdb/auth"
)

// Settings are all of the server's. The parts that other commands need, too, are structs of their own.
type Settings struct {
	folderSettings
	databaseSettings
	historySettings
	issuerSettings

	Listen     string          `help:"Address to listen on. Without --issuer and --keys only this machine's own (loopback)." default:"127.0.0.1:8000" env:"JOBDB_LISTEN" placeholder:"HOST:PORT"`
	Keys       string          `help:"JWK set of the issuer's public keys: a file, or JSON. Default: this server's own key, in the data folder." env:"JOBDB_KEYS,DIRACX_SERVICE_AUTH_TOKEN_KEYSTORE" placeholder:"SET"`
	Visibility auth.Visibility `help:"Which jobs a normal user sees: those of the VO (vo) or their own (own)." default:"vo" enum:"vo,own" env:"JOBDB_VISIBILITY"`
	LogFormat  string          `help:"Form of the log on standard error: text or json." default:"text" enum:"text,json" env:"JOBDB_LOG_FORMAT"`
}

type historySettings struct {
	HistoryDB string `name:"history-db" help:"Database of the jobs' histories. Default: the same." env:"JOBDB_HISTORY_DB,DIRACX_DB_URL_JOBLOGGINGDB" placeholder:"URL"`
}

type folderSettings struct {
	DataDir string `help:"Data folder: the signing key, and the database unless --db is given." default:"${data_dir}" env:"JOBDB_DATA_DIR" type:"path" placeholder:"FOLDER"`
}

type databaseSettings struct {
	DB string `name:"db" help:"Database: sqlite:PATH, mysql://user:password@host:port/name, postgres://… or SQLAlchemy's form of these. Better in the environment, where others don't see the password. Default: a SQLite file in the data folder." env:"JOBDB_DB,DIRACX_DB_URL_JOBDB" placeholder:"URL"`
}

type issuerSettings struct {
	Issuer string `help:"Issuer that tokens must name. Default: this server itself." env:"JOBDB_ISSUER,DIRACX_SERVICE_AUTH_TOKEN_ISSUER" placeholder:"URL"`
}

// localIssuer is in tokens that a server signs for itself.
const localIssuer = "http://jobdb.localhost/"

func (s issuerSettings) issuer() string {
	if s.Issuer == "" {
		return localIssuer
	}
	return s.Issuer
}

// open opens the database to write. The default one's file is made if there
// is none, for its owner only: SQLite would let everyone read it.
func (s databaseSettings) open(ctx context.Context, folder folderSettings, o jobdb.Options) (*jobdb.DB, error) {
	if s.DB == "" {
		file, err := os.OpenFile(folder.database(), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
		if err := file.Close(); err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
	}
	return jobdb.Open(ctx, s.url(folder), o)
}

// url is the database's.
func (s databaseSettings) url(folder folderSettings) string {
	if s.DB == "" {
		return "sqlite:" + folder.database()
	}
	return s.DB
}

func (s folderSettings) database() string { return filepath.Join(s.DataDir, "jobs.db") }

// listen listens on the address, and refuses to let other machines in while
// the only tokens are those that this server makes.
func (s *Settings) listen(ctx context.Context) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return nil, usageError{fmt.Errorf("--listen %s: write HOST:PORT, such as 127.0.0.1:8000", s.Listen)}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port in use: something listens on %s already, perhaps another jobdb; choose another with --listen", s.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", s.Listen, err)
	}
	// What a name stands for is known only now.
	if address, ok := listener.Addr().(*net.TCPAddr); s.Keys == "" && (!ok || !address.IP.IsLoopback()) {
		return nil, errors.Join(usageError{fmt.Errorf("--listen %s: other machines could reach this server, but it has no keys of an issuer of tokens; "+
			"set --issuer and --keys (JOBDB_ISSUER, JOBDB_KEYS), or listen on 127.0.0.1", s.Listen)}, listener.Close())
	}
	return listener, nil
}

// makeFolder makes the data folder, for its owner only.
func (s folderSettings) makeFolder() error {
	if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w; set another one with --data-dir", err)
	}
	return nil
}

// readKeys reads a JWK set from a file, whose name may be a file:// URL, or
// from the setting itself. No error repeats what could be a key.
func readKeys(setting string) (*auth.KeySet, error) {
	text := []byte(setting)
	switch {
	case strings.HasPrefix(strings.TrimSpace(setting), "{"):
	case strings.HasPrefix(setting, "http://"), strings.HasPrefix(setting, "https://"):
		return nil, errors.New("--keys: URLs aren't supported yet; give a file, or the JSON itself")
	case strings.ContainsAny(setting, "{\"\n"):
		return nil, errors.New("--keys: neither a file nor a JWK set, which is a JSON object")
	default:
		var err error
		if text, err = os.ReadFile(strings.TrimPrefix(setting, "file://")); err != nil {
			return nil, fmt.Errorf("--keys: %w", err)
		}
	}
	keys, err := auth.ParseKeySet(text)
	if err != nil {
		return nil, fmt.Errorf("--keys: %w", err)
	}
	return keys, nil
}

// defaultDataDir is where XDG wants data, or a folder here where there is no home.
func defaultDataDir() string {
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "jobdb")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "jobdb")
	}
	return "jobdb-data"
}

func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "user"
}

// fileSettings are those of the --config file.
type fileSettings map[string]any

func readSettings(r io.Reader) (kong.Resolver, error) {
	settings := fileSettings{}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &settings); err != nil {
		return nil, fmt.Errorf("it must be a JSON object: %w", err)
	}
	return settings, nil
}

// Validate refuses names that no command has, which are likely misspelt.
func (s fileSettings) Validate(app *kong.Application) error {
	var known []string
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error { // no visitor fails
		if flag, ok := node.(*kong.Flag); ok {
			known = append(known, flag.Name)
		}
		return next(nil)
	})
	for name := range s {
		if !slices.Contains(known, name) {
			return fmt.Errorf("the --config file sets %q, which no flag is called", name)
		}
	}
	return nil
}

// Resolve gives a flag its value unless the environment does.
func (s fileSettings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	return s[flag.Name], nil
}
