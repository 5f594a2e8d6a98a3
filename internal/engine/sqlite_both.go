package engine

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// walPages is how many pages the write-ahead log has before a writer itself copies it into the file,
// so that the log can begin anew. It is more than copyPages: by then [sqliteLog] has copied most.
const walPages = "16000"

// logKept is how many bytes of the log's file are kept when the log begins anew: more than walPages
// take.
const logKept = "67108864"

// pageCache is how many KiB of pages each connection keeps. There are ten or more, and a server that
// sends all jobs fills one while another folds counts: when there were five, with 32 MiB each, it
// took up to 123 MB, with 8 MiB 58 MB.
const pageCache = "4096"

// writerCache is the same of the one connection that writes. A change of 1,000 jobs changes more than
// 4,000 pages, those of indexes several times: with few in memory they are written to the log and
// read again within the transaction.
const writerCache = "16384"

func cacheOf(writer bool) string {
	if writer {
		return writerCache
	}
	return pageCache
}

// lockWait is how many milliseconds SQLite itself waits for another's lock. A writer tries again by
// [turns].
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

// newMatcher makes the function behind SQLite's REGEXP operator, for one connection at a time. It
// keeps the last pattern compiled, because a query uses one pattern for all rows.
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
