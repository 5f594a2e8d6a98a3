package jdl_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb/jdl"
)

func TestCompress(t *testing.T) {
	for _, text := range []string{"", "[]", "[ Executable = \"é\"; ]", strings.Repeat("[a=1;]", 100_000)} {
		got, err := jdl.Decompress(jdl.Compress(text))
		if err != nil || got != text {
			t.Errorf("of %d bytes came back %d: %v", len(text), len(got), err)
		}
	}
}

func TestDecompress(t *testing.T) {
	const old = "[ never = compressed; ]"
	if got, err := jdl.Decompress(old); err != nil || got != old {
		t.Errorf("old text: %q, %v", got, err)
	}
	// What Python's zlib.compress and b64encode make of "[a=1;]".
	if got, err := jdl.Decompress("eJyLTrQ1tI4FAAZnAcM="); err != nil || got != "[a=1;]" {
		t.Errorf("DIRAC's own: %q, %v", got, err)
	}
	whole := jdl.Compress("[a=1;]")
	for _, bad := range []string{"", "?", "eJw=", whole[:len(whole)-8], "AAAA" + whole} {
		if got, err := jdl.Decompress(bad); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

func TestManifest(t *testing.T) {
	m, err := jdl.ParseManifest(` Executable = "echo"; Arguments = "a, b"; N = 5;
		List = {"x", y, 3}; One = {"x"}; Two = "a", "b"; Sub = [ Inner = 1; ]; Empty = {}; Odd=a=b`)
	if err != nil {
		t.Fatal(err)
	}
	want := `[
  Executable = "echo";
  Arguments = "a, b";
  N = 5;
  List =
  {
    "x",
    "y",
    3
  };
  One = "x";
  Two =
  {
    "a",
    "b"
  };
  Sub =
  [
    Inner = 1;
  ];
  Empty = "";
  Odd = "a=b";
]`
	if diff := cmp.Diff(want, m.String()); diff != "" {
		t.Error(diff)
	}
	if v, ok := m.Get("List"); !ok || v != "x, y, 3" {
		t.Errorf("List is %q, %v", v, ok)
	}
	if _, ok := m.Get("Sub"); ok || !m.Has("Sub") {
		t.Error("a section is not a value, but it is there")
	}
}

func TestManifestErrors(t *testing.T) {
	for text, want := range map[string]string{
		`Executable "echo"`:            `"Executable \"echo\"": no value`,
		`A = `:                         `"A": no value`,
		`A = ; B = 1;`:                 `"A": no value`,
		`A = {1, 2;`:                   `"A": a list that doesn't end in }`,
		`A = "b" "c";`:                 `"A": texts in quotes with no comma between them`,
		`A = {"b,c"};`:                 `"A": a " that isn't closed; a " within a text can't be written`,
		`[ = [a=1]; ]`:                 `an attribute without a name`,
		`A = 1 [ B = 2; ];`:            `"A" has both a value and a section; is a quote or a semicolon missing?`,
		`A = [b=1;]; A = [b=2;];`:      `"A" is there twice`,
		`A = 1; A/B = 2;`:              `"A" is a value, not a section`,
		strings.Repeat("a=[", 10_000):  `sections nested too deeply`,
		`A = 1;` + "\n" + `B = {"a"; `: `"B": a list that doesn't end in }`,
	} {
		m, err := jdl.ParseManifest(text)
		if err == nil || err.Error() != want {
			t.Errorf("%.40q: got %v, %v; want the error %s", text, m, err, want)
		}
	}
}

func TestAd(t *testing.T) {
	ad, err := jdl.ParseAd("[ B = \"x\";\n A = {\"1\", \"2\"}; C = [ D = 5; ]; E = 1_0; F = \" a , b\" ]")
	if err != nil {
		t.Fatal(err)
	}
	want := `[ 
    A = 
        {
            "1",
            "2"
        };
    B = "x";
    C = 
        [ 
            D = 5;
        ];
    E = 1_0;
    F = " a , b";
]`
	if diff := cmp.Diff(want, ad.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1", "2"}, ad.List("A")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, ad.List("F")); diff != "" {
		t.Error(diff)
	}
	if n, ok := ad.Int("E"); !ok || n != 10 {
		t.Errorf("E is %d, %v", n, ok)
	}
	if _, ok := ad.Int("B"); ok {
		t.Error("x is a number")
	}
	if ad.IsParametric() {
		t.Error("nothing here is parametric")
	}
}

func TestAdErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "it is not in brackets",
		"[":                          "it is not in brackets",
		"a=1":                        "it is not in brackets",
		"[]":                         "it has no attributes",
		"[a=;]":                      `"a": no value`,
		"[a=[b=1;]":                  `"a": a [ that isn't closed`,
		"[a=" + brackets(101) + ";]": `"a": ads nested too deeply`,
	} {
		if ad, err := jdl.ParseAd(text); err == nil || err.Error() != want {
			t.Errorf("%.40q: got %v, %v; want the error %s", text, ad, err, want)
		}
	}
}

func brackets(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// Texts that make DIRAC loop forever must be read here.
func TestWhereDIRACHangs(t *testing.T) {
	for text, want := range map[string]string{
		`[Arguments = "[1]";]`: `"[1]"`,
		`[Arguments = "a["]`:   `"a["`,
		`[Arguments = [a=1;]]`: `[a=1;]`,
		`[Arguments = {"{"};]`: `{"{"}`,
	} {
		ad, err := jdl.ParseAd(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := ad.Text("Arguments"); got != strings.ReplaceAll(want, `"`, "") {
			t.Errorf("%s: Arguments is %s", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`[ Executable = "echo"; List = {"a", {"b"}, 1}; ]`, `a=[b=[c=1;];];d="e`, `A/B=1;/=2;`, `{`, `[[`, `]`, "=;=", "\x00", `a={`, `a="{"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := jdl.ParseManifest(text); err == nil {
			if ad, err := jdl.ParseAd(m.String()); err == nil {
				_ = ad.IsParametric()
				for _, name := range ad.Names() {
					_, _ = ad.List(name), ad.IsList(name)
					_, _ = ad.Int(name)
				}
				_ = ad.String()
			}
		}
		if ad, err := jdl.ParseAd(text); err == nil {
			if len(ad.Names()) == 0 {
				t.Error("an ad without attributes is no error")
			}
			_ = ad.String()
		}
		_, _ = jdl.Decompress(text)
	})
}

// A text of ten times the length takes about ten times as long, whatever is in it.
func TestLinear(t *testing.T) {
	const n = 1 << 20
	for _, piece := range []string{"[", "]", "a=[", "=", ";", "a=1;", `"`, `a="`, "{", `a={"b",`, "a=[b=1;];", ",", "/", "a/b=1;", "a=[[];"} {
		text := "[" + strings.Repeat(piece, n/len(piece)) + "]"
		start := time.Now()
		if m, err := jdl.ParseManifest(text); err == nil {
			_ = m.String()
		}
		if ad, err := jdl.ParseAd(text); err == nil {
			for _, name := range ad.Names() {
				_ = ad.List(name)
			}
			_ = ad.String()
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("1 MiB of %q took %v", piece, took)
		}
	}
}
