package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

type loginCommand struct {
	serverSettings

	VO       string   `arg:"" optional:"" name:"vo" help:"Virtual organization (VO). Default: the one that the server knows, if it knows one."`
	Group    string   `help:"Group within the VO. Default: the VO's default group." placeholder:"NAME"`
	Property []string `help:"Property to have beside the group's; repeat for several." placeholder:"NAME"`
}

// Help is printed by jobdb login --help.
func (*loginCommand) Help() string {
	return `Logs you in at the issuer of the server's tokens: open the address that is printed, on any device. At a server of your own,
which signs its tokens itself, there is nothing to open.

The login is stored where the dirac command has its own: ~/.cache/diracx/credentials.json, or the file that
DIRACX_CREDENTIALS_PATH names. It is renewed when it ends, as long as the issuer lets it.

Examples:

  jobdb login
  jobdb login lhcb --group lhcb_user
  jobdb whoami`
}

// Run logs in.
func (c *loginCommand) Run(ctx context.Context, p *program) error {
	base, err := serverURL("--server", c.Server)
	if err != nil {
		return err
	}
	issuer, err := discover(ctx, base)
	if err != nil {
		return err
	}
	scope, err := c.scope(ctx, issuer)
	if err != nil {
		return err
	}
	tokens, err := c.tokens(ctx, p, issuer, scope)
	if err != nil {
		return err
	}
	saved := tokens.credentials(p.clock())
	path := credentialsPath()
	if err := writeCredentials(path, saved); err != nil {
		return fmt.Errorf("write the credentials: %w", err)
	}
	who, _ := readClaims(saved.AccessToken)
	p.say("logged in as %s of the VO %s, in the group %s: %s", printable(who.Username), printable(who.VO), printable(who.Group), path)
	return nil
}

func (c *loginCommand) tokens(ctx context.Context, p *program, issuer *issuer, scope string) (tokenAnswer, error) {
	if issuer.hasDeviceFlow() {
		return deviceFlow(ctx, p, issuer, scope)
	}
	return codeFlow(ctx, issuer, scope)
}

// scope is what to log in for.
func (c *loginCommand) scope(ctx context.Context, issuer *issuer) (string, error) {
	known, err := issuer.vos(ctx)
	if err != nil {
		return "", err
	}
	names := slices.Sorted(maps.Keys(known))
	switch {
	case c.VO == "" && len(names) == 1:
		c.VO = names[0]
	case c.VO == "":
		return "", usageError{fmt.Errorf("name a VO; this server knows %s", strings.Join(names, ", "))}
	case !slices.Contains(names, c.VO):
		return "", fmt.Errorf("this server knows no VO %s, but %s", c.VO, strings.Join(names, ", "))
	}
	scopes := []string{"vo:" + c.VO}
	if c.Group != "" {
		groups := slices.Sorted(maps.Keys(known[c.VO].Groups))
		if !slices.Contains(groups, c.Group) {
			return "", fmt.Errorf("the VO %s has no group %s, but %s", c.VO, c.Group, strings.Join(groups, ", "))
		}
		scopes = append(scopes, "group:"+c.Group)
	}
	for _, property := range c.Property {
		scopes = append(scopes, "property:"+property)
	}
	return strings.Join(scopes, " "), nil
}

type logoutCommand struct {
	serverSettings
}

// Help is printed by jobdb logout --help.
func (*logoutCommand) Help() string {
	return `Removes the login that jobdb login, jobdb token --login or dirac login stored, and has the issuer end it. The token itself is
good until its end, 20 minutes at most with DiracX.

Examples:

  jobdb logout`
}

// Run logs out.
func (c *logoutCommand) Run(ctx context.Context, p *program) error {
	base, err := serverURL("--server", c.Server)
	if err != nil {
		return err
	}
	path := credentialsPath()
	saved, found, err := readCredentials(path)
	if !found && err == nil {
		p.say("you are not logged in: there is no %s", path)
		return nil
	}
	if err == nil && saved.RefreshToken != nil {
		if err := revoke(ctx, base, saved); err != nil {
			p.say("jobdb: the issuer was not told, and keeps the login until it ends: %v", err)
		}
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the login: %w", err)
	}
	p.say("logged out: %s is gone", path)
	return nil
}

type whoamiCommand struct {
	clientSettings

	Output string `short:"o" help:"Format: text or json." default:"text" enum:"text,json"`
}

// Help is printed by jobdb whoami --help.
func (*whoamiCommand) Help() string {
	return `Asks the server who it takes you for, and says how long your token is good.

Examples:

  jobdb whoami
  jobdb whoami -o json` + whoHelp
}

// identity is the user that the server sees, and what the token itself says.
type identity struct {
	User       string    `json:"preferred_username"`
	VO         string    `json:"vo"`
	Group      string    `json:"dirac_group"`
	Properties []string  `json:"properties"`
	Server     string    `json:"server"`
	Origin     string    `json:"token_from"`
	End        time.Time `json:"token_ends,omitzero"`
}

// Run prints who you are.
func (c *whoamiCommand) Run(ctx context.Context, p *program) error {
	server, err := c.client(ctx, p)
	if err != nil {
		return err
	}
	a, err := server.ask(ctx, http.MethodGet, "/api/auth/userinfo", nil)
	if err != nil {
		return err
	}
	who := identity{Server: server.base, Origin: server.origin}
	if err := json.Unmarshal(a.body, &who); err != nil {
		return fmt.Errorf("the server's answer can't be read: %w", err)
	}
	if claims, ok := readClaims(server.token); ok && claims.ExpiresAt != nil {
		who.End = claims.ExpiresAt.Time
	}
	if c.Output == "json" {
		return writeJSON(p.stdout, who)
	}
	_, err = fmt.Fprintf(p.stdout, "%s of the VO %s, in the group %s\nproperties: %s\nserver: %s\ntoken: from %s, good until %s\n",
		printable(who.User), printable(who.VO), printable(who.Group), printable(strings.Join(who.Properties, ", ")), who.Server, who.Origin,
		who.End.In(p.clock().Location()).Format(time.DateTime+" MST"))
	return err
}

// serverSettings name the server, of commands that need no token.
type serverSettings struct {
	Server string `help:"URL of the server. Default: ${default}." default:"http://127.0.0.1:8000" env:"JOBDB_URL,DIRACX_URL" placeholder:"URL"`
}
