package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"jobdb/internal/files"
	"jobdb/internal/shadow"
)

type shadowCommand struct {
	folderSettings
	issuerSettings

	Ours            string        `help:"URL of the jobdb to try." required:"" placeholder:"URL"`
	Theirs          string        `help:"URL of the service to compare it with, DiracX or another jobdb." required:"" placeholder:"URL"`
	OursToken       string        `help:"Token for --ours, better in the environment, where others don't see it. Default: as for other commands (see below)." env:"JOBDB_SHADOW_OURS_TOKEN" placeholder:"TOKEN"`
	TheirsToken     string        `help:"Token for --theirs. Default: that for --ours." env:"JOBDB_SHADOW_THEIRS_TOKEN" placeholder:"TOKEN"`
	OursTokenFile   string        `help:"File with the token for --ours, alone or as DiracX's clients keep it. It is read for each request, so that a token may be renewed. Takes precedence." type:"path" placeholder:"FILE"`
	TheirsTokenFile string        `help:"The same for --theirs." type:"path" placeholder:"FILE"`
	Log             string        `help:"File of requests to replay, - for standard input (see above). Default: a mix of requests about jobs that --theirs has." type:"path" placeholder:"FILE"`
	Requests        int           `help:"How many requests of the mix." default:"200"`
	Seed            uint64        `help:"Chooses another mix." default:"1"`
	Rate            float64       `help:"Requests a second to each service; 0: as fast as they answer." default:"10"`
	Concurrency     int           `help:"Requests at the same time." default:"4"`
	Patience        time.Duration `help:"Time before a request whose answers differ is asked again, at most twice: jobs may have changed in between." default:"1s"`
	Output          string        `short:"o" help:"Format: text or json." default:"text" enum:"text,json"`
}

// Help is printed by jobdb shadow --help.
func (*shadowCommand) Help() string {
	return `Asks two services the same questions about jobs and compares the answers: status, and body as JSON, in the order of the
rows where the question has one. So it can be seen before a move whether jobdb answers users as the service does that they
have, on the same database or on one that jobdb import made.

It changes nothing: only GETs of jobs, searches and summaries are sent. Whatever else a log has is left out, and told.

Differences are reported by route and kind with their first examples. Those that are on purpose have the names of
docs/differences.md, where the requests and answers tell. The exit code is 1 when there are others, too.

A log has a JSON object a line with method, path (with its query) and body (JSON, or its text). nginx writes one with

  log_format jobdb escape=json '{"method":"$request_method","path":"$request_uri","body":"$request_body"}';

Access logs in the usual formats work as well, but have no bodies, and so no searches.

Examples:

  jobdb shadow --ours http://127.0.0.1:8000 --theirs https://diracx.example.org --theirs-token-file ~/.cache/diracx/credentials.json
  jobdb shadow --ours http://127.0.0.1:8000 --theirs http://127.0.0.1:8001 --requests 1000 --rate 50
  jobdb shadow --ours http://127.0.0.1:8000 --theirs https://diracx.example.org --log requests.ndjson --output json` + whoHelp
}

// Run replays, and prints the report.
func (c *shadowCommand) Run(ctx context.Context, p *program) error {
	o, err := c.options(ctx, p)
	if err != nil {
		return err
	}
	if err := o.Ours.Ready(ctx); err != nil {
		return fmt.Errorf("--ours %s: %w", c.Ours, err)
	}
	if err := o.Theirs.Ready(ctx); err != nil {
		return fmt.Errorf("--theirs %s: %w", c.Theirs, err)
	}
	var (
		report *shadow.Report
		left   map[string]int64
	)
	if c.Log == "" {
		report, err = c.mix(ctx, p, o)
	} else {
		report, left, err = c.log(ctx, p, o)
	}
	if report == nil {
		return err
	}
	if err := errors.Join(err, c.print(p, report, left)); err != nil {
		return err
	}
	if len(report.Differ) > 0 {
		return errReported
	}
	return nil
}

func (c *shadowCommand) mix(ctx context.Context, p *program, o shadow.Options) (*shadow.Report, error) {
	m, err := shadow.NewMix(ctx, o, c.Seed)
	if err != nil {
		return nil, fmt.Errorf("--theirs %s: %w", c.Theirs, err)
	}
	if !m.HasDetails() {
		p.say("without details of jobs and their JDLs, a route that only jobdb has")
	}
	return o.Replay(ctx, m.Reads(c.Requests))
}

func (c *shadowCommand) log(ctx context.Context, p *program, o shadow.Options) (*shadow.Report, map[string]int64, error) {
	in := io.NopCloser(p.stdin)
	if c.Log != "-" {
		file, err := os.Open(c.Log)
		if err != nil {
			return nil, nil, usageError{fmt.Errorf("--log: %w", err)}
		}
		in = file
	}
	defer in.Close()
	log := shadow.NewLog(in)
	report, err := o.Replay(ctx, log.Reads())
	if readErr := log.Err(); readErr != nil {
		err = errors.Join(err, fmt.Errorf("--log %s: %w", c.Log, readErr))
	}
	return report, log.Left(), err
}

func (c *shadowCommand) options(ctx context.Context, p *program) (o shadow.Options, err error) {
	switch {
	case c.Concurrency < 1 || c.Requests < 1:
		return o, usageError{errors.New("--concurrency and --requests must be at least 1")}
	case c.Rate < 0 || c.Patience < 0:
		return o, usageError{errors.New("--rate and --patience can't be negative")}
	}
	if c.Ours, err = serverURL("--ours", c.Ours); err != nil {
		return o, err
	}
	if c.Theirs, err = serverURL("--theirs", c.Theirs); err != nil {
		return o, err
	}
	o.Ours = c.service(ctx, p, c.Ours, c.OursToken, c.OursTokenFile)
	o.Theirs = shadow.Service{URL: c.Theirs, Token: o.Ours.Token}
	if c.TheirsToken != "" || c.TheirsTokenFile != "" {
		o.Theirs = c.service(ctx, p, c.Theirs, c.TheirsToken, c.TheirsTokenFile)
	}
	token, err := o.Theirs.Token()
	o.Rate, o.Concurrency, o.Patience, o.VO = c.Rate, c.Concurrency, c.Patience, voOf(token)
	return o, err
}

// service finds the token in the file, else the one given, else where all commands look.
func (c *shadowCommand) service(ctx context.Context, p *program, url, token, file string) shadow.Service {
	s := shadow.Service{URL: url, Token: func() (string, error) { return token, nil }}
	switch {
	case file != "":
		s.Token = func() (string, error) { return readToken(file) }
	case token == "":
		s.Token = func() (string, error) {
			token, _, err := clientSettings{folderSettings: c.folderSettings, issuerSettings: c.issuerSettings}.findToken(ctx, p, url)
			return token, err
		}
	}
	return s
}

// readToken reads a file with a token alone, or with the login of DiracX's clients.
func readToken(file string) (string, error) {
	text, err := files.Read(file)
	if err != nil {
		return "", err
	}
	var login credentials
	if json.Unmarshal(text, &login) == nil && login.AccessToken != "" {
		return login.AccessToken, nil
	}
	return strings.TrimSpace(string(text)), nil
}

// voOf returns the VO that a token names; "" if it can't be read. It is unverified, and only serves
// to name differences.
func voOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		VO string `json:"vo"`
	}
	_ = json.Unmarshal(text, &claims) // then it has none
	return claims.VO
}

func (c *shadowCommand) print(p *program, r *shadow.Report, left map[string]int64) error {
	if c.Output == "json" {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(struct {
			*shadow.Report

			LeftOut map[string]int64 `json:"left_out"`
		}{r, left})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests, %d answered alike, %d different on purpose, %d different\n", r.Requests, r.Alike, total(r.OnPurpose), total(r.Differ))
	for _, what := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(&b, "left out: %d × %s\n", left[what], printable(what))
	}
	for _, k := range r.OnPurpose {
		fmt.Fprintf(&b, "on purpose: %d × %s: %s\n", k.Count, k.Route, k.What)
	}
	for _, k := range r.Differ {
		fmt.Fprintf(&b, "\ndifferent: %d × %s: %s\n", k.Count, k.Route, printable(k.What))
		for _, e := range k.Examples {
			fmt.Fprintf(&b, "  %s\n", printable(e.Request))
			for line := range strings.SplitSeq(e.Differs, "\n") {
				fmt.Fprintf(&b, "    %s\n", printable(line))
			}
		}
	}
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

func total(kinds []*shadow.Kind) (n int64) {
	for _, k := range kinds {
		n += k.Count
	}
	return n
}
