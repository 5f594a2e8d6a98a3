package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"jobdb"
	"jobdb/auth"
	"jobdb/internal/files"
	"jobdb/wms"
)

// Settings are all settings of the server. The parts that other commands share are structs of their
// own.
type Settings struct {
	folderSettings
	databaseSettings
	historySettings
	pilotsSettings
	issuerSettings
	operatingSettings

	Listen      string          `help:"Address to listen on, or unix:PATH for a unix socket. Without --issuer it must be loopback or a socket. Default: ${default}." default:"127.0.0.1:8000" env:"JOBDB_LISTEN" placeholder:"HOST:PORT"`
	Keys        string          `help:"Public keys of the issuer (a JWK set): a file, a URL, or JSON. Default: from the issuer's discovery document." env:"JOBDB_KEYS,DIRACX_SERVICE_AUTH_TOKEN_KEYSTORE" placeholder:"SET"`
	KeysRefresh time.Duration   `help:"Fetch keys from a URL this often, at least 10s. Files are read again when they change." default:"15m" env:"JOBDB_KEYS_REFRESH"`
	Visibility  auth.Visibility `help:"Jobs that normal users see: all of their VO (vo) or only their own (own)." default:"vo" enum:"vo,own" env:"JOBDB_VISIBILITY"`

	Rules             string        `help:"JSON file of rules for new jobs, such as the number of jobs in a submission (docs/rules.md). Default: DiracX's rules." env:"JOBDB_RULES" type:"path" placeholder:"FILE"`
	TaskQueueDB       string        `name:"task-queue-db" help:"Database of task queues (TaskQueueDB), which killed, deleted and rescheduled jobs leave. Default: none; beside DiracX or DIRAC, pilots may then still get such jobs." env:"JOBDB_TASK_QUEUE_DB,DIRACX_DB_URL_TASKQUEUEDB" placeholder:"URL"`
	ParametersDB      string        `name:"parameters-db" help:"OpenSearch of job parameters (JobParametersDB): JSON such as {\"hosts\": [\"host:9200\"], \"use_ssl\": true, \"http_auth\": [\"user\", \"password\"]}. Default: only the table JobParameters." env:"JOBDB_PARAMETERS_DB,DIRACX_OS_DB_JOBPARAMETERSDB" placeholder:"JSON"`
	CommandRedelivery time.Duration `help:"Send a command again with a heartbeat this long after it was sent, if nothing the job reports confirms it; 0 disables." default:"10m" env:"JOBDB_COMMAND_REDELIVERY"`
	CommandExpiry     time.Duration `help:"But not this long after it was set, unless it is a Kill; 0 disables." default:"6h" env:"JOBDB_COMMAND_EXPIRY"`
	QueryTimeout      time.Duration `name:"query-time" help:"Time limit of a search or summary; 0 disables." default:"1m" env:"JOBDB_QUERY_TIME"`
	MaxBody           int64         `help:"Maximum size of a request body, in bytes." default:"10485760" env:"JOBDB_MAX_BODY"`
	CORSOrigins       []string      `name:"cors-origins" help:"Origins of web pages that may use this server, such as https://dirac.example.org; * allows all. Default: none." env:"JOBDB_CORS_ORIGINS" placeholder:"ORIGIN"`
	Web               string        `help:"Folder of a web interface to serve at /, such as the build of diracx-web (docs/diracx-web.md); jobdb's own page is then at /jobdb/ only. Default: none." env:"JOBDB_WEB" type:"path" placeholder:"FOLDER"`
	Retention         string        `help:"JSON file that says how long what is known of jobs is kept (docs/retention.md). Default: for ever." env:"JOBDB_RETENTION" type:"path" placeholder:"FILE"`
	Stalled           string        `help:"JSON file that says when jobs that aren't heard of become Stalled and Failed (docs/retention.md). Default: never." env:"JOBDB_STALLED" type:"path" placeholder:"FILE"`
	Live              bool          `help:"Let --retention and --stalled change the database of a DiracX or DIRAC installation. Then set them on one server only." env:"JOBDB_LIVE"`
	Series            bool          `help:"Note the counts of jobs every 5 minutes, for plots over time; on databases of jobdb's own only." default:"true" negatable:"" env:"JOBDB_SERIES"`
	LogFormat         string        `help:"Format of the log on standard error: text or json." default:"text" enum:"text,json" env:"JOBDB_LOG_FORMAT"`
}

// check refuses invalid settings.
func (s *Settings) check() error {
	switch {
	case s.Keys != "" && s.Issuer == "":
		return usageError{errors.New("--keys: whose keys are these? Set --issuer (JOBDB_ISSUER), too")}
	case hidden(s.Issuer) != s.Issuer:
		return usageError{errors.New("--issuer: an issuer has neither a user nor a password")}
	case s.KeysRefresh < 10*time.Second:
		return usageError{errors.New("--keys-refresh must be at least 10s")}
	case s.CommandRedelivery < 0:
		return usageError{errors.New("--command-redelivery can't be negative")}
	case s.CommandExpiry < 0:
		return usageError{errors.New("--command-expiry can't be negative")}
	case s.QueryTimeout < 0:
		return usageError{errors.New("--query-time can't be negative")}
	case s.MaxBody < 1:
		return usageError{errors.New("--max-body must be more than 0")}
	}
	if err := s.operatingSettings.check(); err != nil {
		return usageError{err}
	}
	for _, origin := range s.CORSOrigins {
		if strings.Contains(origin, "@") {
			return usageError{errors.New("--cors-origins: an origin has neither a user nor a password")}
		}
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host) {
			return usageError{fmt.Errorf("--cors-origins: %q is no origin; write it as browsers do, such as https://dirac.example.org, without a path", origin)}
		}
	}
	return nil
}

// rules reads the rules that new jobs are checked against.
func (s *Settings) rules() (wms.RuleBook, error) {
	if s.Rules == "" {
		return wms.DefaultRules, nil
	}
	return readSettingsFile("--rules", s.Rules, wms.ReadRules)
}

// limits are the limits of queries.
func (s *Settings) limits() jobdb.Limits {
	if s.QueryTimeout == 0 {
		return jobdb.Limits{QueryTimeout: -1} // none
	}
	return jobdb.Limits{QueryTimeout: s.QueryTimeout}
}

type historySettings struct {
	HistoryDB string `name:"history-db" help:"Database of the job histories (JobLoggingDB), where it is another one. Default: the same." env:"JOBDB_HISTORY_DB,DIRACX_DB_URL_JOBLOGGINGDB" placeholder:"URL"`
}

type pilotsSettings struct {
	PilotsDB string `name:"pilots-db" help:"Database of pilots (PilotAgentsDB), for searches by PilotStamp, and for stalled jobs whose pilots have ended. Default: none; such searches find nothing." env:"JOBDB_PILOTS_DB,DIRACX_DB_URL_PILOTAGENTSDB" placeholder:"URL"`
}

type folderSettings struct {
	DataDir string `help:"Data folder, for the signing key and, without --db, the SQLite database. Default: ${default}." default:"${data_dir}" env:"JOBDB_DATA_DIR" type:"path" placeholder:"FOLDER"`
}

type databaseSettings struct {
	DB string `name:"db" help:"Database: sqlite:PATH, mysql://user:password@host:port/name, postgres://… or an SQLAlchemy URL. Set passwords in the environment, where other users can't see them. Default: a SQLite file in the data folder." env:"JOBDB_DB,DIRACX_DB_URL_JOBDB" placeholder:"URL"`
}

type issuerSettings struct {
	Issuer string `help:"Issuer of tokens, exactly as tokens name it, with or without a final slash. Default: the server itself." env:"JOBDB_ISSUER,DIRACX_SERVICE_AUTH_TOKEN_ISSUER" placeholder:"URL"`
}

// localIssuer is the issuer in tokens that a server signs itself.
const localIssuer = "http://jobdb.localhost/"

func (s issuerSettings) issuer() string {
	if s.Issuer == "" {
		return localIssuer
	}
	return s.Issuer
}

// open opens the database for writing. The file of the default one is created if need be, readable
// by its owner only: SQLite would let everyone read it.
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

// url is the URL of the database.
func (s databaseSettings) url(folder folderSettings) string {
	if s.DB == "" {
		return "sqlite:" + folder.database()
	}
	return s.DB
}

func (s folderSettings) database() string { return filepath.Join(s.DataDir, "jobs.db") }

// makeFolder creates the data folder, readable by its owner only.
func (s folderSettings) makeFolder() error {
	if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w; set another one with --data-dir", err)
	}
	return nil
}

// defaultDataDir follows the XDG specification. Without a home it is a folder in the current one.
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
type fileSettings struct {
	file   string // what errors call it
	values map[string]any
}

// configFile is the path of the --config file.
type configFile string

// BeforeResolve has kong take settings from the file.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(configFile)
	text, err := files.Read(string(path))
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	settings, err := readSettings(string(path), text)
	if err == nil {
		ctx.AddResolver(settings)
	}
	return err
}

func readSettings(path string, text []byte) (kong.Resolver, error) {
	settings := fileSettings{file: "the --config file " + path}
	if err := json.Unmarshal(text, &settings.values); err != nil {
		return nil, fmt.Errorf("%s must be a JSON object: %w", settings.file, err)
	}
	return settings, nil
}

// Validate refuses names that are no command's flag: they are likely misspelt.
func (s fileSettings) Validate(app *kong.Application) error {
	var known []string
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error { // no visitor fails
		if flag, ok := node.(*kong.Flag); ok {
			known = append(known, flag.Name)
		}
		return next(nil)
	})
	for name := range s.values {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s sets %q, which no flag is called", s.file, name)
		}
	}
	return nil
}

// Resolve returns the value of a flag that the environment doesn't set.
func (s fileSettings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	if flag.Tag.Has("notconfigured") {
		return nil, nil
	}
	value := s.values[flag.Name]
	list, isList := value.([]any)
	if isList && flag.Target.Kind() != reflect.Slice || slices.ContainsFunc(append(list, value), isObject) {
		return nil, fmt.Errorf("%s: %s is a list or an object, and must be a text as for --%s", s.file, flag.Name, flag.Name) // kong would show what is in it
	}
	return value, nil
}

func isObject(value any) bool {
	_, is := value.(map[string]any)
	return is
}
