package engine

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// walPages is how far the write-ahead log grows before it is copied into the file: large, since
// pages that many transactions change are copied once.
const walPages = "10000"

// logKept is how many bytes of the log stay on disk when it begins anew: more than it has until it
// is copied.
const logKept = "67108864"

// pageCache is how many KiB of pages each connection keeps. There are ten or more, and a server that
// sends all jobs fills one while another folds counts: when there were five, with 32 MiB each, it
// took up to 123 MB, with 8 MiB 58 MB.
const pageCache = "4096"

// lockWait is for how many milliseconds a connection waits by itself for another's lock. One that
// writes is asked again, see [turns].
func lockWait(writer bool) string {
	if writer {
		return strconv.Itoa(lockStep)
	}
	return strconv.FormatInt(busyTimeout.Milliseconds(), 10)
}

// sqliteFile is a file's name as SQLite reads it in a URI.
func sqliteFile(path string) string {
	return "file:" + strings.ReplaceAll(url.PathEscape(path), "%2F", "/")
}

// newMatcher makes the function behind SQLite's REGEXP operator for one connection at a time; it
// keeps the last pattern compiled, since one query asks for one row after row.
func newMatcher() func(pattern string, text any) (any, error) {
	var last *regexp.Regexp
	return func(pattern string, text any) (any, error) {
		if last == nil || last.String() != pattern {
			expression, err := regexp.Compile(pattern)
			if err != nil {
				return nil, err
			}
			last = expression
		}
		switch t := text.(type) {
		case string:
			return matched(last.MatchString(t)), nil
		case []byte:
			return matched(last.Match(t)), nil
		}
		return nil, nil //nolint:nilnil // NULL matches nothing and doesn't not match either
	}
}

func matched(ok bool) int64 {
	if ok {
		return 1
	}
	return 0
}
