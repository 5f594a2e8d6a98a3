package service_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"jobdb/internal/shadow"
)

// generator makes random requests.
type generator struct {
	*rand.Rand
	sent instants
	last time.Time
}

func choose[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

// now is a time that no other was given, and that both services' clocks have passed when they hear
// of it. It is in whole milliseconds: the reference compares it with times that it rounded to
// these.
func (g *generator) now() time.Time {
	time.Sleep(time.Until(g.last.Add(2 * time.Millisecond)))
	g.last = time.Now().Truncate(time.Millisecond)
	if g.last.Nanosecond() == 0 { // it could be the reference's own
		return g.now()
	}
	g.sent.add(g.last)
	return g.last
}

// junk is a value of a type that is wanted in few places.
func (g *generator) junk() any {
	return choose[any](g, nil, true, false, 0, 1, -1, 1.5, 7e300, 1<<40, "", "x", "5", "true", " 1 ", "2024-02-29T10:00:00Z",
		[]any{}, []any{1}, []any{"a"}, []any{nil}, object{}, object{"a": 1}, object{"1": object{}})
}

// spoil changes one thing in a JSON value: another value, a key that is missing, a key too many.
func (g *generator) spoil(value any) any {
	switch v := value.(type) {
	case object:
		return g.spoilObject(v)
	case []any:
		if len(v) > 0 && !g.chance(4) {
			v = slices.Clone(v)
			i := g.IntN(len(v))
			v[i] = g.spoil(v[i])
			return v
		}
	}
	return g.junk()
}

func (g *generator) spoilObject(o object) any {
	o = maps.Clone(o)
	keys := slices.Sorted(maps.Keys(o))
	switch {
	case g.chance(6):
		return g.junk()
	case g.chance(6) || len(keys) == 0:
		o[choose(g, "x", "1", "Status", "0x1", "1.0", " 2", "", "-1")] = g.junk()
	case g.chance(6):
		delete(o, choose(g, keys...))
	default:
		key := choose(g, keys...)
		o[key] = g.spoil(o[key])
	}
	return o
}

// spoilBody makes a request whose body is not as it should be.
func (g *generator) spoilBody(q *request) {
	body, err := shadow.Decode(q.body)
	if err != nil || g.chance(8) {
		q.body = g.broken(q.body)
		return
	}
	q.body = string(marshal(g.spoil(body)))
}

// broken is text that is no JSON, or hardly.
func (g *generator) broken(body string) string {
	return choose(g, "", " ", "null", "{", "[", "]", `"`, "nonsense", "{\"a\":}", body+"x", body+body, "\ufeff"+body, strings.Repeat("[", 50),
		"[1,]", "{'a': 1}", "NaN", "-Infinity", "01", "\"\x01\"", body[:len(body)/2], "18446744073709551615", "{\"1\": NaN}", "[\"\\ud800\"]", "\xff", "{\"\xc3", body+"\xe2\x82")
}
