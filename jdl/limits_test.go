package jdl_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"jobdb/jdl"
)

// readAll does all that is done to a submitted text, and a little more.
func readAll(text string) {
	text = jdl.Enclose(text)
	if ad, err := jdl.ParseAd(text); err == nil {
		inspect(ad)
		if n, err := ad.CountJobs(); err == nil && n <= 20 {
			_, _ = ad.Expand()
		}
	}
	if m, err := jdl.ParseManifest(text); err == nil {
		if written, err := m.JDL(); err == nil {
			if ad, err := jdl.ParseAd(written); err == nil {
				inspect(ad)
			}
		}
	}
}

func inspect(ad *jdl.Ad) {
	for _, name := range ad.Names() {
		_, _ = ad.List(name)
		_, _ = ad.Text(name), ad.Has(name)
		_, _ = ad.Int(name)
	}
	_, _ = ad.JDL()
}

// A text of very many attributes is refused before they take memory.
func TestManyAttributes(t *testing.T) {
	for n, ok := range map[int]bool{10_000: true, 10_001: false} {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "a%d = %d;", i, i)
		}
		if _, err := jdl.ParseAd("[" + text.String() + "]"); (err == nil) != ok {
			t.Errorf("an ad of %d attributes: %v", n, err)
		}
		if _, err := jdl.ParseManifest(text.String()); (err == nil) != ok {
			t.Errorf("a manifest of %d attributes: %v", n, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`[ Executable = "echo"; List = {"a", {"b"}, 1}; ]`, `a=[b=[c=1;];];d="e`, `A/B=1;/=2;`, `{`, `[[`, `]`, "=;=", "\x00", `a={`, `a="{"`, `[a=];b=[]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		readAll(text)
		ad, err := jdl.ParseAd(text)
		if err == nil && len(ad.Names()) == 0 {
			t.Error("an ad without attributes is no error")
		}
		if err != nil {
			return
		}
		// What we write DIRAC must be able to read, and reading it again must change nothing.
		written, err := ad.JDL()
		if err != nil {
			return
		}
		again, err := jdl.ParseAd(written)
		if errors.Is(err, jdl.ErrEndless) {
			t.Fatalf("%q became endless: %v\n%s", text, err, written)
		}
		if err != nil {
			return
		}
		if twice, err := again.JDL(); err != nil || twice != written {
			t.Errorf("%q: %v\n%s\n%s", text, err, written, twice)
		}
	})
}

func FuzzExpand(f *testing.F) {
	for _, text := range []string{
		`A="%s %n";Parameters=3;`, `Parameters={{1,2},"%(B)s"};Parameters.B={x,y};A={%s};`, `Parameters=2;ParameterStart=1e308;ParameterFactor=-1.5;ParameterStep.X=9;`,
		`Parameters={a;`, `Parameters=2;Parameters.={1,%s};B=[c="%()s";];`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ad, err := jdl.ParseAd(jdl.Enclose(text))
		if err != nil {
			return
		}
		n, err := ad.CountJobs()
		if n < 0 || err != nil && n != 0 {
			t.Fatalf("%d jobs, %v", n, err)
		}
		if n == 0 || n > 20 {
			return
		}
		if jobs, err := ad.Expand(); err == nil && int64(len(jobs)) != n {
			t.Errorf("%d jobs, not %d", len(jobs), n)
		}
	})
}

func FuzzDecompress(f *testing.F) {
	for _, text := range []string{"", "[a]", "eJyLTrQ1tI4FAAZnAcM=", jdl.Compress("x")} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = jdl.Decompress(text)
		if got, err := jdl.Decompress(jdl.Compress("[" + strings.ToValidUTF8(text, ""))); err != nil || got[1:] != strings.ToValidUTF8(text, "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	})
}

// nasty are shapes that cost a careless reader the square of their length.
var nasty = map[string]func(n int) string{
	"opening brackets":  repeat("["),
	"closing brackets":  repeat("]"),
	"ads in ads":        repeat("a=["),
	"empty ads":         repeat("a=[];"),
	"ads":               repeat("a=[b=1;];"),
	"unbalanced ads":    repeat("a=[[];"),
	"attributes":        repeat("a=1;"),
	"equals signs":      repeat("="),
	"semicolons":        repeat(";"),
	"quotes":            repeat(`"`),
	"open texts":        repeat(`a="`),
	"braces":            repeat("{"),
	"closed braces":     repeat("{}"),
	"nested lists":      func(n int) string { return "Parameters={" + strings.Repeat("{1},", n/4) + "};" },
	"open lists":        repeat(`a={"b",`),
	"commas":            repeat(","),
	"a list of nothing": func(n int) string { return "a={" + strings.Repeat(",", n) + "};" },
	"slashes":           repeat("/"),
	"paths":             repeat("a/b=1;"),
	"a long path":       func(n int) string { return "a=[b=1;];" + strings.Repeat("a/", n/2) + "=1;" },
	"blanks":            repeat(" "),
	"lines":             repeat("\n"),
	"a long name":       func(n int) string { return strings.Repeat("x", n) + "=1;" },
	"a long number":     func(n int) string { return "CPUTime=" + strings.Repeat("9", n) + ";" },
	"names":             func(n int) string { return distinct(n, "a", "=1;") },
	"names of sections": func(n int) string { return distinct(n, "a", "=[b=1;];") },
	"counts":            func(n int) string { return "Parameters=2;" + distinct(n, "ParameterStart", "=1;") },
	"many parameters":   func(n int) string { return "Parameters=2;" + distinct(n, "ParameterStart.", "=1;") },
	"hundred parameters": func(n int) string {
		return named(99) + `;A="` + strings.Repeat("%(P", n/3) + `";`
	},
	"places":   func(n int) string { return "Parameters=20;A=\"" + strings.Repeat("%s", n/2) + "\";" },
	"numbered": func(n int) string { return "Parameters=20;A=\"" + strings.Repeat("%n", n/2) + "\";" },
	"places and values": func(n int) string {
		return "Parameters={" + strings.Repeat("x", n/2) + "};A=\"" + strings.Repeat("%s", n/4) + "\";"
	},
	"attributes to remove": func(n int) string { return named(90) + ";" + distinct(n, "a", "=%s;") },
}

func repeat(piece string) func(int) string {
	return func(n int) string { return strings.Repeat(piece, n/len(piece)) }
}

// distinct are attributes of different names, n bytes of them.
func distinct(n int, before, after string) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(before)
		for rest := i; ; rest /= 26 {
			b.WriteByte(byte('a' + rest%26))
			if rest < 26 {
				break
			}
		}
		b.WriteString(after)
	}
	return b.String()
}

// What we could write but not read again must not be written. Lists grow the most: each item gets a
// line of its own, and each level of nesting indents it further.
func TestTooLong(t *testing.T) {
	const tooLong = "it would be stored as more than 64 MiB"
	for _, text := range []string{
		"[a={" + strings.Repeat(",", 5<<20) + "};]",
		"[a=[a=[a={" + strings.Repeat(",", 5<<19) + "};];];]", // short enough until it is indented again
	} {
		ad, err := jdl.ParseAd(text)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := ad.JDL(); err == nil || err.Error() != tooLong {
			t.Errorf("an ad of %d bytes, %v", len(text), err)
		}
	}
	const deepest = 10
	m, err := jdl.ParseManifest("[" + strings.Repeat("a=[", deepest) + "a={" + strings.Repeat("1,", 5<<19) + "};" + strings.Repeat("];", deepest) + "]")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := m.JDL(); err == nil || err.Error() != tooLong {
		t.Errorf("a manifest of %d bytes, %v", len(text), err)
	}
}

// A text of ten times the length takes about ten times as long, whatever is in it.
func TestLinear(t *testing.T) {
	const tooLittle = 2 * time.Millisecond
	length := 30_000
	if testing.Short() { // enough to see a square, but not a small one
		length = 10_000
	}
	for name, text := range nasty {
		short, long := text(length), text(10*length)
		var tries []time.Duration
		for range 3 { // garbage may be collected just then
			before, after := took(short), took(long)
			tries = append(tries, after)
			if after < 30*max(before, tooLittle) {
				tries = nil
				break
			}
		}
		if tries != nil {
			t.Errorf("%s: %d bytes take %v each time, more than 30 times what a tenth takes", name, 10*length, tries)
		}
	}
}

// took is processor time: what other programs take meanwhile doesn't count.
func took(text string) time.Duration {
	start := processorTime()
	readAll(text)
	return processorTime() - start
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
