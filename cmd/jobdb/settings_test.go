package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"jobdb"
)

// parse reads a command line as the program does.
func parse(t *testing.T, args ...string) (*cli, error) {
	t.Helper()
	c := &cli{}
	_, err := newParser(t, c).Parse(args)
	return c, err
}

func newParser(t *testing.T, c *cli) *kong.Kong {
	t.Helper()
	parser, err := kong.New(c, kong.Vars{"data_dir": "/default", "user": "me"}, kong.Configuration(readSettings))
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

// settingValues are, for each setting of the server, a value in the file, in the environment and on
// the command line.
var settingValues = map[string]struct{ file, env, flag any }{
	"data-dir":           {"/file", "/env", "/flag"},
	"db":                 {"sqlite:file", "sqlite:env", "sqlite:flag"},
	"history-db":         {"sqlite:file", "sqlite:env", "sqlite:flag"},
	"issuer":             {"https://file/", "https://env/", "https://flag/"},
	"listen":             {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"},
	"keys":               {"file.json", "env.json", "flag.json"},
	"keys-refresh":       {"1m", "2m", "3m"},
	"visibility":         {"own", "vo", "own"},
	"rules":              {"/file.json", "/env.json", "/flag.json"},
	"pilots-db":          {"sqlite:file", "sqlite:env", "sqlite:flag"},
	"task-queue-db":      {"sqlite:file", "sqlite:env", "sqlite:flag"},
	"parameters-db":      {"file", "env", "flag"},
	"command-redelivery": {"1m", "0", "3m"},
	"command-expiry":     {"1m", "0", "3m"},
	"query-time":         {"1m30s", "2m", "0"},
	"max-body":           {1000.0, "2000", "3000"},
	"cors-origins":       {[]any{"https://a", "https://b"}, "https://c,https://d", "https://e"},
	"log-format":         {"json", "text", "json"},
	"web":                {"/usr", "/etc", "/tmp"},
	"tls-cert":           {"/file", "/env", "/flag"},
	"tls-key":            {"/file", "/env", "/flag"},
	"public-url":         {"https://a", "https://b", "https://c"},
	"trusted-proxies":    {[]any{"10.0.0.1", "10.0.0.0/8"}, "10.0.0.2,10.0.0.3", "10.0.0.4"},
	"connections":        {10.0, "20", "30"},
	"user-rate":          {1.5, "2.5", "3.5"},
	"vo-rate":            {1.5, "2.5", "3.5"},
	"operators":          {[]any{"a/b", "C"}, "d/e,F", "G"},
	"metrics-listen":     {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"},
	"metrics-token-file": {"/file", "/env", "/flag"},
	"log-level":          {"debug", "warn", "error"},
	"retention":          {"/file.json", "/env.json", "/flag.json"},
	"stalled":            {"/file.json", "/env.json", "/flag.json"},
	"live":               {true, "false", "true"},
	"series":             {false, "true", "false"},
}

// TestSettings sets each setting of the server in the file, then also in the environment, and then
// also on the command line. A setting that isn't in settingValues fails.
func TestSettings(t *testing.T) {
	for _, flag := range serveFlags(t) {
		v, known := settingValues[flag.Name]
		if !known {
			t.Errorf("--%s isn't tested here", flag.Name)
			continue
		}
		variable := "JOBDB_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if len(flag.Envs) == 0 || flag.Envs[0] != variable {
			t.Errorf("--%s is %v in the environment, not %s", flag.Name, flag.Envs, variable)
		}
		file := filepath.Join(t.TempDir(), "settings.json")
		text, err := json.Marshal(map[string]any{flag.Name: v.file})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		check := func(want any, args ...string) {
			t.Helper()
			c, err := parse(t, append([]string{"serve", "--config", file}, args...)...)
			if err != nil {
				t.Errorf("--%s: %v", flag.Name, err)
			} else if diff := cmp.Diff(plain(want), plain(setting(t, c, flag.Name))); diff != "" {
				t.Errorf("--%s: %s", flag.Name, diff)
			}
		}
		check(v.file)
		t.Setenv(variable, v.env.(string))
		check(v.env)
		check(v.flag, "--"+flag.Name+"="+v.flag.(string))
		if err := os.Unsetenv(variable); err != nil { // t.Setenv puts it back
			t.Fatal(err)
		}
	}
}

// serveFlags are the settings of jobdb serve.
func serveFlags(t *testing.T) (flags []*kong.Flag) {
	t.Helper()
	for _, command := range newParser(t, &cli{}).Model.Children {
		if command.Name == "serve" {
			flags = slices.DeleteFunc(slices.Clone(command.Flags), func(f *kong.Flag) bool { return f.Name == "help" })
		}
	}
	if len(flags) == 0 {
		t.Fatal("no flags")
	}
	return flags
}

// setting is the value of a flag after parsing.
func setting(t *testing.T, c *cli, name string) any {
	t.Helper()
	s := c.Serve.Settings
	values := map[string]any{
		"data-dir": s.DataDir, "db": s.DB, "history-db": s.HistoryDB, "issuer": s.Issuer, "listen": s.Listen, "keys": s.Keys,
		"keys-refresh": s.KeysRefresh, "visibility": string(s.Visibility), "pilots-db": s.PilotsDB,
		"task-queue-db": s.TaskQueueDB, "parameters-db": s.ParametersDB,
		"command-redelivery": s.CommandRedelivery, "command-expiry": s.CommandExpiry, "query-time": s.QueryTimeout, "max-body": s.MaxBody,
		"tls-cert": s.TLSCert, "tls-key": s.TLSKey, "public-url": s.PublicURL, "trusted-proxies": s.TrustedProxies, "connections": s.Connections,
		"user-rate": s.UserRate, "vo-rate": s.VORate, "operators": s.Operators,
		"metrics-listen": s.MetricsListen, "metrics-token-file": s.MetricsTokenFile, "log-level": s.LogLevel,
		"rules": s.Rules, "cors-origins": s.CORSOrigins, "log-format": s.LogFormat, "web": s.Web,
		"retention": s.Retention, "stalled": s.Stalled, "live": s.Live, "series": s.Series,
	}
	value, ok := values[name]
	if !ok {
		t.Fatalf("no setting %s", name)
	}
	return value
}

// plain makes texts of values that are meant to be the same: "1m" and a minute, 1000 and "1000".
func plain(value any) string {
	switch v := value.(type) {
	case time.Duration:
		return plain(v.String())
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return d.String()
		}
		return v
	case []any, []string:
		text, _ := json.Marshal(v)
		return strings.NewReplacer("[", "", "]", "", `"`, "").Replace(string(text))
	}
	text, _ := json.Marshal(value)
	return string(text)
}

// The environment of a DiracX deployment is understood; our own variables take precedence.
func TestDiracXSettings(t *testing.T) {
	for name, variable := range map[string]string{
		"db":            "DIRACX_DB_URL_JOBDB",
		"history-db":    "DIRACX_DB_URL_JOBLOGGINGDB",
		"pilots-db":     "DIRACX_DB_URL_PILOTAGENTSDB",
		"task-queue-db": "DIRACX_DB_URL_TASKQUEUEDB",
		"parameters-db": "DIRACX_OS_DB_JOBPARAMETERSDB",
		"issuer":        "DIRACX_SERVICE_AUTH_TOKEN_ISSUER",
		"keys":          "DIRACX_SERVICE_AUTH_TOKEN_KEYSTORE",
	} {
		t.Setenv(variable, "theirs")
		check := func(want string) {
			t.Helper()
			c, err := parse(t, "serve")
			if err != nil {
				t.Fatal(err)
			}
			if got := setting(t, c, name); got != want {
				t.Errorf("%s: --%s is %v, not %s", variable, name, got, want)
			}
		}
		check("theirs")
		t.Setenv("JOBDB_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_")), "ours")
		check("ours")
	}
}

func TestSettingsDefaults(t *testing.T) {
	c, err := parse(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		folderSettings: folderSettings{DataDir: "/default"},
		Listen:         "127.0.0.1:8000", KeysRefresh: 15 * time.Minute, Visibility: "vo", CommandRedelivery: 10 * time.Minute, CommandExpiry: 6 * time.Hour,
		QueryTimeout: time.Minute, MaxBody: 10 << 20, Series: true, LogFormat: "text",
		operatingSettings: operatingSettings{LogLevel: "info"},
	}
	if diff := cmp.Diff(want, c.Serve.Settings, cmp.AllowUnexported(Settings{})); diff != "" {
		t.Error(diff)
	}
	if err := c.Serve.check(); err != nil {
		t.Error(err)
	}
}

func TestSettingsCheck(t *testing.T) {
	for args, why := range map[string]string{
		"--keys k.json":                                      "--keys: whose keys",
		"--keys k.json --issuer x":                           "",
		"--keys-refresh 9s":                                  "--keys-refresh must",
		"--keys-refresh 10s":                                 "",
		"--command-redelivery=-1s":                           "--command-redelivery can't",
		"--command-redelivery 0":                             "",
		"--command-expiry=-1s":                               "--command-expiry can't",
		"--query-time=-1s":                                   "--query-time can't",
		"--max-body 0":                                       "--max-body must",
		"--cors-origins *":                                   "",
		"--cors-origins http://localhost:3000":               "",
		"--cors-origins https://a --cors-origins https://b":  "",
		"--cors-origins https://a,https://b/":                `"https://b/" is no origin`,
		"--cors-origins https://a/path":                      "is no origin",
		"--cors-origins a.example.org":                       "is no origin",
		"--cors-origins null":                                "is no origin",
		"--tls-cert a":                                       "set both",
		"--tls-cert a --tls-key b":                           "",
		"--connections=-1":                                   "--connections can't",
		"--vo-rate=-1":                                       "can't be negative",
		"--public-url https://a.example:8443/":               "",
		"--public-url https://a.example/jobdb":               "--public-url: write",
		"--public-url a.example":                             "--public-url: write",
		"--metrics-listen 9100":                              "--metrics-listen 9100: write",
		"--metrics-listen :9100":                             "",
		"--trusted-proxies 10.0.0.0/8,::1":                   "",
		"--trusted-proxies proxy.example":                    "neither an address nor a network",
		"--operators dirac/dirac_admin,ServiceAdministrator": "",
		"--operators NormalUser":                             "everybody",
		"--operators a/b/c":                                  "write VO/GROUP",
	} {
		c, err := parse(t, append([]string{"serve"}, strings.Fields(args)...)...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		err = c.Serve.check()
		if (why == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v; want %q", args, err, why)
		}
	}
}

func TestQueryTimeout(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: -1, time.Second: time.Second} {
		if got := (&Settings{QueryTimeout: given}).limits(); got != (jobdb.Limits{QueryTimeout: want}) {
			t.Errorf("%v: %+v", given, got)
		}
	}
}

// TestHidden has no password in what jobdb config shows, however an address is written.
func TestHidden(t *testing.T) {
	for value, want := range map[string]string{
		"":          "",
		"keys.json": "keys.json",
		"mysql+aiomysql://me:s3@c/ret@host:3306/db?tls=x":        "mysql+aiomysql://me:…@host:3306/db?tls=x",
		"postgres://me@host/db?sslpassword=s3cret&x=1":           "postgres://me@host/db?sslpassword=…&x=1",
		"me:s3cret@tcp(host)/db":                                 "me:…@tcp(host)/db",
		"host=h password=s3cret user=me":                         "host=h password=… user=me",
		`{"hosts": ["me:s3cret@a:9200", "https://me:s3cret@b"]}`: `{"hosts": [me:…@a:9200, https://me:…@b], …}`,
		`{"hosts": "a:9200", "http_auth": ["me", "s3cret"]}`:     `{"hosts": a:9200, …}`,
		`{"hosts": [{"host": "a", "http_auth": "me:s3cret"}]}`:   `{"hosts": [a], …}`,
		`["https://me:s3cret@a"]`:                                "{…}",
		`{"keys": [{"d": "s3cret"}]}`:                            "{…}",
	} {
		if got := hidden(value); got != want {
			t.Errorf("%s is shown as %s, want %s", value, got, want)
		}
	}
}
