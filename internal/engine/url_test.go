package engine

import (
	"slices"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]Target{
		"sqlite:/var/lib/jobs.db":                        {engine: "sqlite", path: "/var/lib/jobs.db"},
		"sqlite:jobs.db":                                 {engine: "sqlite", path: "jobs.db"},
		"sqlite+aiosqlite:////var/lib/jobs.db":           {engine: "sqlite", path: "/var/lib/jobs.db"},
		"sqlite::memory:":                                {engine: "sqlite", path: ":memory:"},
		"sqlite+aiosqlite:///:memory:":                   {engine: "sqlite", path: ":memory:"},
		"sqlite:///jobs.db":                              {engine: "sqlite", path: "jobs.db"},
		"mysql://u:p@h:3307/n":                           {engine: "mysql", user: "u", password: "p", hosts: []string{"h:3307"}, Name: "n"},
		"mysql+aiomysql://u:p%40%2F@h/n?charset=utf8mb4": {engine: "mysql", user: "u", password: "p@/", hosts: []string{"h"}, Name: "n"},
		"mariadb://u:a@b@h1:1,h2:2/n":                    {engine: "mysql", user: "u", password: "a@b", hosts: []string{"h1:1", "h2:2"}, Name: "n"},
		"postgresql+asyncpg://u@[::1]:5432/n":            {engine: "postgres", user: "u", hosts: []string{"[::1]:5432"}, Name: "n"},
		"POSTGRES://u@h/n":                               {engine: "postgres", user: "u", hosts: []string{"h"}, Name: "n"},
	} {
		got, err := ParseURL(text)
		if err != nil || got.engine != want.engine || got.path != want.path || got.user != want.user ||
			got.password != want.password || got.Name != want.Name || !slices.Equal(got.hosts, want.hosts) {
			t.Errorf("ParseURL(%q) = %+v, %v", text, got, err)
		}
	}
}

func TestParseURLRefusals(t *testing.T) {
	for _, text := range []string{
		"", "jobs.db", "oracle://u:secret@h/n", "mysql:u:secret@h/n", "mysql://u:secret@h", "mysql://u:secret@h/",
		"mysql://u:secret%zz@h/n", "sqlite:", "sqlite:file::memory:", "sqlite://x", "mysql://u:se/cret@h/n", "postgres://u:secret/@h:1/n", "mysql://u:s?secret@h/n", "mysql://u@h/n?secret@h/n", "mysql://u/secret:p@h/n", "postgres://u:secret@h/n?%zz",
	} {
		_, err := ParseURL(text)
		if err == nil {
			t.Errorf("ParseURL(%q) was accepted", text)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseURL(%q) tells the password: %v", text, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, text := range []string{"sqlite:x", "mysql://u:p@h:1,h:2/n?tls=true", "postgresql+asyncpg://u:p%40@[::1]/n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseURL(text)
		if err == nil && (got.engine == "" || got.engine == "sqlite" && got.path == "" || got.engine != "sqlite" && (got.Name == "" || len(got.hosts) == 0)) {
			t.Fatalf("%q was accepted as %+v", text, got)
		}
	})
}
