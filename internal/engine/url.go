package engine

import (
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Target is a database URL taken apart.
type Target struct {
	Name     string // of the database on its server
	engine   string // "sqlite", "mysql" or "postgres"
	path     string // of a SQLite file, or :memory:
	hosts    []string
	user     string
	password string
	options  url.Values
}

// Path returns the path of a SQLite file, "" for any other database.
func (t Target) Path() string {
	if t.path == inMemory {
		return ""
	}
	return t.path
}

// SameServer reports whether a transaction on one of the targets reaches the other, too: two
// databases of one MariaDB or MySQL server, entered as one user.
func SameServer(a, b Target) bool {
	return a.engine == "mysql" && b.engine == "mysql" && a.user == b.user && slices.Equal(a.hosts, b.hosts)
}

// SameDatabase reports whether both targets are one database.
func SameDatabase(a, b Target) bool {
	if a.engine != "sqlite" || b.engine != "sqlite" {
		return a.engine != "" && a.engine == b.engine && a.user == b.user && slices.Equal(a.hosts, b.hosts) && a.Name == b.Name
	}
	file, err := os.Stat(a.path)
	other, otherErr := os.Stat(b.path)
	return err == nil && otherErr == nil && os.SameFile(file, other)
}

// engineOf maps the schemes that are understood, without the driver that SQLAlchemy's form adds
// ("mysql+aiomysql").
var engineOf = map[string]string{
	"sqlite": "sqlite", "mysql": "mysql", "mariadb": "mysql", "postgres": "postgres", "postgresql": "postgres",
}

const urlForms = `write sqlite:PATH, sqlite::memory:, mysql://user:password@host:port/name or postgres://user:password@host:port/name`

// ParseURL takes apart a database URL: sqlite:PATH, sqlite::memory:, mysql:// (mariadb://),
// postgres:// (postgresql://), several hosts separated by commas, and SQLAlchemy's forms of all.
// Its errors never repeat the URL, which may hold a password.
func ParseURL(text string) (Target, error) {
	scheme, rest, found := strings.Cut(text, ":")
	scheme, driver, _ := strings.Cut(strings.ToLower(scheme), "+")
	engine, known := engineOf[scheme]
	if !found || !known {
		return Target{}, errors.New("database URL: unknown kind of database; " + urlForms)
	}
	if engine == "sqlite" {
		return sqliteTarget(rest, driver != "")
	}
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return Target{}, errors.New("database URL: // is missing after " + scheme + ":; " + urlForms)
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, name, _ := strings.Cut(rest, "/")
	if strings.ContainsRune(name, '@') || strings.ContainsRune(query, '@') {
		return Target{}, errors.New("database URL: an @ after the host; write a / in user or password as %2F, a ? as %3F, and an @ elsewhere as %40")
	}
	options, err := url.ParseQuery(query)
	if err != nil {
		return Target{}, errors.New("database URL: the options after ? can't be read")
	}
	t := Target{engine: engine, options: options}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		authority = authority[at+1:]
		if t.user, err = url.PathUnescape(user); err == nil {
			t.password, err = url.PathUnescape(password)
		}
	}
	if err == nil {
		t.Name, err = url.PathUnescape(name)
	}
	if err != nil {
		return Target{}, errors.New("database URL: a % that begins no escape; write a % in user, password or name as %25")
	}
	if t.Name == "" || strings.ContainsRune(t.Name, 0) {
		return Target{}, errors.New("database URL: the name of the database is missing; " + urlForms)
	}
	t.hosts = strings.Split(authority, ",")
	return t, nil
}

// inMemory is SQLite's name for a database that is no file.
const inMemory = ":memory:"

// sqliteTarget reads sqlite:PATH; with slashes, "sqlite:///relative" and "sqlite:////absolute" are
// SQLAlchemy's.
func sqliteTarget(rest string, sqlalchemy bool) (Target, error) {
	path, _, _ := strings.Cut(rest, "?")
	if after, ok := strings.CutPrefix(path, "///"); ok {
		path = after
	} else if strings.HasPrefix(path, "//") || sqlalchemy {
		return Target{}, errors.New("database URL: SQLAlchemy's form of a SQLite file has " +
			"three slashes before a relative path, four before an absolute one")
	}
	switch {
	case path == "":
		return Target{}, errors.New("database URL: the path of the SQLite file is missing; " + urlForms)
	case path != inMemory && strings.Contains(path, inMemory):
		return Target{}, errors.New("database URL: a SQLite database in memory is written sqlite::memory:, and has no options")
	case strings.ContainsRune(path, 0):
		return Target{}, errors.New("database URL: a path can't hold U+0000")
	}
	return Target{engine: "sqlite", path: path}, nil
}
