package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"jobdb/auth"
)

// operatingSettings are those that operators of a server need: how it is reached, watched and
// bounded.
type operatingSettings struct {
	TLSCert        string   `name:"tls-cert" help:"Certificate chain in PEM, to serve https. It is read again on SIGHUP and when the file changes. Default: http." env:"JOBDB_TLS_CERT" type:"path" placeholder:"FILE"`
	TLSKey         string   `name:"tls-key" help:"Private key of --tls-cert, in PEM." env:"JOBDB_TLS_KEY" type:"path" placeholder:"FILE"`
	PublicURL      string   `name:"public-url" help:"URL by which clients reach the server, such as https://jobdb.example.org. Default: as each request says." env:"JOBDB_PUBLIC_URL" placeholder:"URL"`
	TrustedProxies []string `help:"Addresses or networks of proxies that say in X-Forwarded-For who a client is, for the log. Default: none." env:"JOBDB_TRUSTED_PROXIES" placeholder:"ADDRESS"`
	Connections    int      `help:"Connections to the database at most; 0: 32 to a server, 8 or one a core to a SQLite file." default:"0" env:"JOBDB_CONNECTIONS"`

	UserRate  float64  `help:"Requests a second that a user may send, pilots excepted; ten seconds' worth at once. 0: any number." default:"0" env:"JOBDB_USER_RATE"`
	VORate    float64  `name:"vo-rate" help:"Requests a second that all users of a VO may send together, pilots excepted; ten seconds' worth at once. 0: any number." default:"0" env:"JOBDB_VO_RATE"`
	Operators []string `help:"Who may read the jobs of all VOs, and change none by that: VO/GROUP, or a property of tokens. Default: nobody." env:"JOBDB_OPERATORS" placeholder:"WHO"`

	MetricsListen    string `help:"Address of a listener of its own for metrics (docs/operating.md), to keep from strangers by a firewall. Default: none." env:"JOBDB_METRICS_LISTEN" placeholder:"HOST:PORT"`
	MetricsTokenFile string `help:"File with a token; who sends it as a bearer may read /metrics at --listen. Default: nobody may." env:"JOBDB_METRICS_TOKEN_FILE" type:"path" placeholder:"FILE"`
	LogLevel         string `help:"The least that is logged: debug, info, warn or error." default:"info" enum:"debug,info,warn,error" env:"JOBDB_LOG_LEVEL"`
}

// check refuses invalid settings.
func (s *operatingSettings) check() error {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key: set both, or none")
	case s.Connections < 0:
		return errors.New("--connections can't be negative")
	case s.UserRate < 0 || s.VORate < 0:
		return errors.New("--user-rate and --vo-rate can't be negative")
	}
	if s.PublicURL != "" {
		u, err := url.Parse(s.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || s.publicURL() != u.Scheme+"://"+u.Host {
			return errors.New("--public-url: write https://HOST or http://HOST, perhaps with a port, without a path")
		}
	}
	if s.MetricsListen != "" {
		if _, _, err := net.SplitHostPort(s.MetricsListen); err != nil {
			return fmt.Errorf("--metrics-listen %s: write HOST:PORT, such as 127.0.0.1:9100", hidden(s.MetricsListen))
		}
	}
	for _, who := range s.Operators {
		if _, err := auth.ParseOperator(who); err != nil {
			return fmt.Errorf("--operators: %w", err)
		}
	}
	_, err := s.proxies()
	return err
}

func (s *operatingSettings) publicURL() string { return strings.TrimSuffix(s.PublicURL, "/") }

// proxies are the networks of --trusted-proxies.
func (s *operatingSettings) proxies() (networks []netip.Prefix, err error) {
	for _, text := range s.TrustedProxies {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("--trusted-proxies: %q is neither an address nor a network such as 10.0.0.0/8", hidden(text))
			}
			network = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// operators are who may read all VOs.
func (s *operatingSettings) operators() (operators []auth.Operator) {
	for _, who := range s.Operators {
		operator, _ := auth.ParseOperator(who) // check has refused invalid ones
		operators = append(operators, operator)
	}
	return operators
}

// newLogger logs to standard error.
func newLogger(p *program, format, level string) *slog.Logger {
	var least slog.Level
	_ = least.UnmarshalText([]byte(level)) // one of its names; else info
	options := &slog.HandlerOptions{Level: least}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, options))
	}
	return slog.New(slog.NewTextHandler(p.stderr, options))
}
