package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
)

type configCommand struct {
	Settings

	JSON bool `name:"json" help:"Print JSON."`
}

// Help is printed by jobdb config --help.
func (*configCommand) Help() string {
	return `Prints each setting with its value and where it comes from: the command line, a variable of the environment, the --config
file, or the default. Passwords are left out. Give it the flags that jobdb serve is started with.

Examples:

  jobdb config
  jobdb config --config /etc/jobdb.json
  JOBDB_DB=postgres://jobdb:secret@localhost/jobdb jobdb config --json`
}

// settingShown is a setting as jobdb config prints it.
type settingShown struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // --NAME, a variable, the file, or default
}

// Run prints the settings.
func (c *configCommand) Run(p *program, command *kong.Context) error {
	var shown []settingShown
	for _, flag := range command.Selected().Flags {
		if flag.Name == "json" {
			continue
		}
		value := fmt.Sprint(command.FlagValue(flag))
		if list, ok := command.FlagValue(flag).([]string); ok {
			value = strings.Join(list, ",")
		}
		if flag.Tag.Type != "path" {
			value = hidden(value)
		}
		shown = append(shown, settingShown{flag.Name, value, sourceOf(command, flag)})
	}
	if c.JSON {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(shown); err != nil {
			return err
		}
	} else {
		table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		for _, s := range shown {
			fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Value, s.Source) //nolint:errcheck // Flush tells
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return c.checkAll()
}

// checkAll returns why the server wouldn't start, as far as that is known without starting it.
func (c *configCommand) checkAll() error {
	_, rules := c.rules()
	_, taskRules := c.openTaskRules()
	_, certificate := c.openCertificate()
	return cmp.Or(c.check(), rules, taskRules, certificate)
}

// sourceOf says where a setting's value comes from.
func sourceOf(command *kong.Context, flag *kong.Flag) string {
	fromFile := false
	for _, part := range command.Path {
		switch {
		case part.Flag != flag:
		case part.Resolved:
			fromFile = true
		default:
			return "--" + flag.Name
		}
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return name
		}
	}
	if fromFile {
		return "--config"
	}
	return "default"
}

// secretOption is NAME=VALUE in an address, of a name that tells of a secret or is written so that it can't be read, and
// what comes behind it without a space. A value with spaces has quotes or backslashes.
var secretOption = regexp.MustCompile(`(?i)([^?&;#,\s=]*(?:pass|pwd|secret|token|key|%)[^?&;#,\s=]*\s*=\s*)` +
	`(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?:\\.|\S)*)`)

// hiddenAddress is an address of any form without the password in it.
func hiddenAddress(address string) string {
	return secretOption.ReplaceAllString(withoutPassword(address), "$1…")
}

var hostV6 = regexp.MustCompile(`^\[[0-9a-fA-F:.]+]`)

// hidden is the value of a setting without the password of an address. Of JSON, which may have one
// anywhere, nothing is shown but the hosts.
func hidden(value string) string {
	if text := strings.TrimSpace(value); text == "" || !strings.Contains("{[", text[:1]) || hostV6.MatchString(text) {
		return hiddenAddress(value)
	}
	var parts struct {
		Hosts any `json:"hosts"`
	}
	if json.Unmarshal([]byte(value), &parts) != nil || parts.Hosts == nil {
		return "{…}"
	}
	list, isList := parts.Hosts.([]any)
	if !isList {
		list = []any{parts.Hosts}
	}
	hosts := make([]string, len(list))
	for i, host := range list {
		switch h := host.(type) {
		case string:
			hosts[i] = hiddenAddress(h)
		case map[string]any:
			name, _ := h["host"].(string)
			hosts[i] = hiddenAddress(name)
		}
	}
	shown := strings.Join(hosts, ", ")
	if isList {
		shown = "[" + shown + "]"
	}
	return `{"hosts": ` + shown + `, …}`
}

// withoutPassword is an address, with a scheme or without, without the password in it.
func withoutPassword(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	begin := 0
	if i := strings.Index(address, "://"); i >= 0 && i < at {
		begin = i + len("://")
	}
	user, _, both := strings.Cut(address[begin:at], ":")
	if both {
		user += ":…"
	}
	return address[:begin] + user + address[at:]
}
