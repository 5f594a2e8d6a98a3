package shadow

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"regexp"
	"strings"
)

// Log reads requests out of a server's log. A line is a JSON object with method, path (the query
// included) and body, which is JSON itself or its text; or one of the usual access logs, which have
// no bodies.
type Log struct {
	lines *bufio.Scanner
	left  map[string]int64
}

const maxLine = 16 << 20

// NewLog reads from r.
func NewLog(r io.Reader) *Log {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	return &Log{lines, map[string]int64{}}
}

// Reads are the requests that change nothing.
func (l *Log) Reads() iter.Seq[Read] {
	return func(yield func(Read) bool) {
		for l.lines.Scan() {
			line := bytes.TrimSpace(l.lines.Bytes())
			if len(line) == 0 {
				continue
			}
			r, why := readLine(line)
			if why != "" {
				l.left[why]++
			} else if !yield(r) {
				return
			}
		}
	}
}

// Left is what was left out and why, how often; it is to be called when all is read.
func (l *Log) Left() map[string]int64 { return l.left }

// Err is why the log could not be read to its end.
func (l *Log) Err() error { return l.lines.Err() }

// accessLine is a request in the formats common and combined.
var accessLine = regexp.MustCompile(`"([A-Z]+) (\S+) HTTP/[0-9.]+"`)

// readLine reads a request, or says why it is left out.
func readLine(line []byte) (Read, string) {
	var entry struct {
		Method, Path string
		Body         json.RawMessage
	}
	if line[0] == '{' {
		if json.Unmarshal(line, &entry) != nil || entry.Method == "" || entry.Path == "" {
			return Read{}, "a line that isn't JSON with method and path"
		}
	} else {
		m := accessLine.FindSubmatch(line)
		if m == nil {
			return Read{}, "a line that names no request"
		}
		entry.Method, entry.Path = string(m[1]), string(m[2])
	}
	body := string(entry.Body)
	var text string
	if json.Unmarshal(entry.Body, &text) == nil { // nginx logs bodies as texts
		body = text
	}
	r, err := NewRead(entry.Method, entry.Path, body)
	switch {
	case errors.Is(err, ErrChanges):
		return Read{}, routeOf(entry.Method, entry.Path) + ": could change something"
	case err != nil:
		return Read{}, "a path that can't be read"
	case entry.Method == "POST" && body == "":
		return Read{}, r.Route() + ": the log has no body"
	case strings.Contains(entry.Path, "cursor="):
		return Read{}, r.Route() + ": a cursor, which only the server that gave it takes"
	}
	return r, ""
}
