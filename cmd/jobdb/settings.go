package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"jobdb"
	"jobdb/auth"
	"jobdb/wms"
)

// Settings are all of the server's. The parts that other commands need, too, are structs of their own.
type Settings struct {
	folderSettings
	databaseSettings
	historySettings
	issuerSettings

	Listen      string          `help:"Address to listen on, without --issuer one that only this machine reaches (loopback). Default: ${default}." default:"127.0.0.1:8000" env:"JOBDB_LISTEN" placeholder:"HOST:PORT"`
	Keys        string          `help:"The issuer's public keys, a JWK set: a file, a URL, or JSON. Default: what the issuer's discovery document names; without --issuer this server's own key, in the data folder." env:"JOBDB_KEYS,DIRACX_SERVICE_AUTH_TOKEN_KEYSTORE" placeholder:"SET"`
	KeysRefresh time.Duration   `help:"How often keys at a URL are fetched, at least 10s. Files are read again when they change." default:"15m" env:"JOBDB_KEYS_REFRESH"`
	Visibility  auth.Visibility `help:"Which jobs a normal user sees: those of the VO (vo) or their own (own)." default:"vo" enum:"vo,own" env:"JOBDB_VISIBILITY"`

	Rules             string        `help:"File with rules for jobs, also of single VOs: how many a submission makes, which types, … Default: DiracX's." env:"JOBDB_RULES" type:"path" placeholder:"FILE"`
	PilotsDB          string        `name:"pilots-db" help:"Database of the pilots, which knows their stamps. Default: no stamp is known." env:"JOBDB_PILOTS_DB,DIRACX_DB_URL_PILOTAGENTSDB" placeholder:"URL"`
	CommandRedelivery time.Duration `help:"A Kill whose job beats on this long after it was sent is sent once more; 0: never." default:"10m" env:"JOBDB_COMMAND_REDELIVERY"`
	QueryTime         time.Duration `help:"How long a search or summary may take; 0: as long as it takes." default:"1m" env:"JOBDB_QUERY_TIME"`
	MaxBody           int64         `help:"How long the body of a request may be, in bytes." default:"10485760" env:"JOBDB_MAX_BODY"`
	CORSOrigins       []string      `name:"cors-origins" help:"Origins of web pages that may ask this server, such as https://dirac.example.org, or * for all; separated by commas, or the flag given again. Default: none." env:"JOBDB_CORS_ORIGINS" placeholder:"ORIGIN"`
	LogFormat         string        `help:"Form of the log on standard error: text or json." default:"text" enum:"text,json" env:"JOBDB_LOG_FORMAT"`
}

// check refuses settings that can't be meant.
func (s *Settings) check() error {
	switch {
	case s.Keys != "" && s.Issuer == "":
		return usageError{errors.New("--keys: whose keys are these? Set --issuer (JOBDB_ISSUER), too")}
	case s.KeysRefresh < 10*time.Second:
		return usageError{errors.New("--keys-refresh must be at least 10s")}
	case s.CommandRedelivery < 0:
		return usageError{errors.New("--command-redelivery can't be negative")}
	case s.QueryTime < 0:
		return usageError{errors.New("--query-time can't be negative")}
	case s.MaxBody < 1:
		return usageError{errors.New("--max-body must be more than 0")}
	}
	for _, origin := range s.CORSOrigins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host) {
			return usageError{fmt.Errorf("--cors-origins: %q is no origin; write it as browsers do, such as https://dirac.example.org, without a path", origin)}
		}
	}
	return nil
}

// rules are those that jobs are held against.
func (s *Settings) rules() (wms.RuleBook, error) {
	if s.Rules == "" {
		return wms.DefaultRules, nil
	}
	text, err := os.ReadFile(s.Rules)
	if err != nil {
		return wms.RuleBook{}, fmt.Errorf("--rules: %w", err)
	}
	rules, err := wms.ReadRules(bytes.NewReader(text))
	if err != nil {
		err = fmt.Errorf("--rules %s: %w", s.Rules, err)
	}
	return rules, err
}

// limits are those of queries.
func (s *Settings) limits() jobdb.Limits {
	if s.QueryTime == 0 {
		return jobdb.Limits{QueryTimeout: -1} // none
	}
	return jobdb.Limits{QueryTimeout: s.QueryTime}
}

type historySettings struct {
	HistoryDB string `name:"history-db" help:"Database of the jobs' histories. Default: the same." env:"JOBDB_HISTORY_DB,DIRACX_DB_URL_JOBLOGGINGDB" placeholder:"URL"`
}

type folderSettings struct {
	DataDir string `help:"Data folder: the signing key, and the database unless --db is given. Default: ${default}." default:"${data_dir}" env:"JOBDB_DATA_DIR" type:"path" placeholder:"FOLDER"`
}

type databaseSettings struct {
	DB string `name:"db" help:"Database: sqlite:PATH, mysql://user:password@host:port/name, postgres://… or SQLAlchemy's form of these. Better in the environment, where others don't see the password. Default: a SQLite file in the data folder." env:"JOBDB_DB,DIRACX_DB_URL_JOBDB" placeholder:"URL"`
}

type issuerSettings struct {
	Issuer string `help:"Issuer that tokens must name, to the letter: a final slash counts. Default: this server itself." env:"JOBDB_ISSUER,DIRACX_SERVICE_AUTH_TOKEN_ISSUER" placeholder:"URL"`
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
	if address, ok := listener.Addr().(*net.TCPAddr); s.Issuer == "" && (!ok || !address.IP.IsLoopback()) {
		return nil, errors.Join(usageError{fmt.Errorf("--listen %s: other machines could reach this server, but no issuer of tokens is known; "+
			"set --issuer, and --keys where its keys can't be discovered (JOBDB_ISSUER, JOBDB_KEYS), or listen on 127.0.0.1", s.Listen)}, listener.Close())
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
