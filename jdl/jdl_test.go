package jdl_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

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
	if got, err := m.JDL(); err != nil || got != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
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
	if got, err := ad.JDL(); err != nil || got != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	for name, want := range map[string][]string{"A": {"1", "2"}, "F": {"a", "b"}, "missing": nil} {
		if got, err := ad.List(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if n, ok := ad.Int("E"); !ok || n.String() != "10" {
		t.Errorf("E is %d, %v", n, ok)
	}
	if _, ok := ad.Int("B"); ok {
		t.Error("x is a number")
	}
	if n, err := ad.CountJobs(); n != 0 || err != nil {
		t.Errorf("%d jobs, %v: nothing here is parametric", n, err)
	}
}

func TestAdErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "it is not in brackets",
		"[":                         "it is not in brackets",
		"a=1":                       "it is not in brackets",
		"[]":                        "it has no attributes",
		"[a=;]":                     `"a": no value`,
		"[a=[b=1;]":                 `"a": a [ that isn't closed`,
		"[a=" + brackets(11) + ";]": `"a": more than ten [ in each other`,
	} {
		if ad, err := jdl.ParseAd(text); err == nil || err.Error() != want {
			t.Errorf("%.40q: got %v, %v; want the error %s", text, ad, err, want)
		}
	}
}

func brackets(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// Texts that make DIRAC loop forever or fail must be told from others, or its services would hang
// on what we stored.
func TestEndless(t *testing.T) {
	for _, text := range []string{
		`[A = "[1]";]`, `[A = "a["]`, `[A = [a=1;]]`, `[A = [a=1;] ;]`, `[A = [b=1;]`, `[A = "x[1]";]`, `[A = [b=1;] c=2;]`, `[A=1;B=[]`,
		"[A=" + brackets(11) + ";]",
	} {
		if ad, err := jdl.ParseAd(text); !errors.Is(err, jdl.ErrEndless) {
			t.Errorf("%s: %v, %v", text, ad, err)
		}
	}
	for _, text := range []string{"[A=" + brackets(10) + ";]", `[A = "a]";]`, "", "[]", "[A=;]"} {
		if _, err := jdl.ParseAd(text); errors.Is(err, jdl.ErrEndless) {
			t.Errorf("%s: %v", text, err)
		}
	}
	ad, err := jdl.ParseAd(`[A = [B = [C = 1] D = 2;]; E = {{"a", "b"};]`)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := ad.JDL(); !errors.Is(err, jdl.ErrEndless) {
		t.Errorf("%s, %v", text, err)
	}
	if items, err := ad.List("E"); !errors.Is(err, jdl.ErrEndless) {
		t.Errorf("%q, %v", items, err)
	}
	if n, err := ad.CountJobs(); n != 0 || err != nil {
		t.Errorf("%d jobs, %v", n, err)
	}
}
