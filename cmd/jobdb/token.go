package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jobdb/auth"
	"jobdb/internal/files"
)

type tokenCommand struct {
	folderSettings
	issuerSettings

	User     string   `help:"User name, the owner of submitted jobs. Default: ${default}." default:"${user}" placeholder:"NAME"`
	Group    string   `help:"Group of the user. Default: ${default}." default:"user" placeholder:"NAME"`
	VO       string   `name:"vo" help:"Virtual organization (VO); only its jobs are visible. Default: ${default}." default:"local" placeholder:"NAME"`
	Property []string `help:"NormalUser, JobAdministrator or GenericPilot; repeat for several. Default: ${default}." default:"NormalUser" placeholder:"NAME"`
	Hours    float64  `help:"Lifetime in hours." default:"24"`
	Login    bool     `help:"Store the token for the dirac and jobdb commands instead of printing it."`
}

// Help is printed by jobdb token --help.
func (*tokenCommand) Help() string {
	return `The token is signed with the key in the data folder. Servers that use this folder and no --issuer accept it.

With --login it is stored where the dirac and jobdb commands look for it: ~/.cache/diracx/credentials.json, or the file
that DIRACX_CREDENTIALS_PATH names. It isn't renewed. When it has expired, the dirac command asks you to run dirac login;
run jobdb token --login again instead.

Examples:

  jobdb token
  export JOBDB_TOKEN=$(jobdb token --user alice --vo lhcb --property NormalUser --property JobAdministrator)
  jobdb token --login && DIRACX_URL=http://127.0.0.1:8000 dirac jobs search`
}

// minRemaining is the remaining lifetime below which DiracX's clients treat a token as expired.
const minRemaining = 5 * time.Minute

// tokenDefaults are the defaults of the flags.
func tokenDefaults() *tokenCommand {
	return &tokenCommand{User: userName(), Group: "user", VO: "local", Property: []string{auth.NormalUser}, Hours: 24}
}

func (c *tokenCommand) principal() auth.Principal {
	return auth.Principal{Subject: c.VO + ":" + c.User, Username: c.User, Group: c.Group, VO: c.VO, Properties: c.Property}
}

// flags returns the flags of jobdb token for the same principal.
func (c *tokenCommand) flags() string {
	flags := []string{"--user", c.User, "--group", c.Group, "--vo", c.VO}
	for _, property := range c.Property {
		flags = append(flags, "--property", property)
	}
	return strings.Join(flags, " ")
}

// Run prints or stores a token.
func (c *tokenCommand) Run(p *program) error {
	lifetime := time.Duration(c.Hours * float64(time.Hour))
	switch {
	case lifetime <= 0:
		return usageError{errors.New("--hours must be more than 0")}
	case c.Login && lifetime <= minRemaining:
		return usageError{fmt.Errorf("--hours must be more than %.3g for a login: the dirac command takes a token that ends within %v for ended",
			minRemaining.Hours(), minRemaining)}
	case c.User == "" || c.Group == "" || c.VO == "":
		return usageError{errors.New("--user, --group and --vo can't be empty")}
	}
	if err := c.makeFolder(); err != nil {
		return err
	}
	key, err := auth.OpenKey(c.DataDir)
	if err != nil {
		return err
	}
	now := p.clock()
	token, err := key.Mint(c.issuer(), c.principal(), now, lifetime)
	if err != nil {
		return err
	}
	if !c.Login {
		_, err := fmt.Fprintln(p.stdout, token)
		return err
	}
	path := credentialsPath()
	if err := writeCredentials(path, credentials{AccessToken: token, ExpiresOn: now.Add(lifetime).Unix()}); err != nil {
		return fmt.Errorf("write the credentials: %w", err)
	}
	p.say("logged in as %s of the VO %s until %s: %s", c.User, c.VO, now.Add(lifetime).Format(time.DateTime), path)
	return nil
}

// credentials are a login as DiracX's clients store it. They want all three keys.
type credentials struct {
	AccessToken  string  `json:"access_token"`
	ExpiresOn    int64   `json:"expires_on"`    // Unix time, seconds
	RefreshToken *string `json:"refresh_token"` // a JWT, or null: then nobody asks for a new token
}

// credentialsPath is where DiracX's clients look.
func credentialsPath() string {
	if path := os.Getenv("DIRACX_CREDENTIALS_PATH"); path != "" {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	return filepath.Join(home, ".cache", "diracx", "credentials.json")
}

func writeCredentials(path string, c credentials) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(c) //nolint:gosec // the secret belongs into this file
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), ".credentials") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name()) //nolint:errcheck // it is gone when all went well
	_, err = draft.Write(text)
	if err = errors.Join(err, draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}

// readCredentials reads a login; found is false where there is none.
func readCredentials(path string) (c credentials, found bool, err error) {
	text, err := files.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, false, nil
	case err != nil:
		return c, false, fmt.Errorf("read the credentials: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, false, fmt.Errorf("%s holds no credentials; log in again", path)
	}
	return c, true, nil
}
