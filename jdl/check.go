package jdl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Finding is something in a text that was likely not meant, or that DIRAC refuses.
type Finding struct {
	Line, Column int // from 1; the column counts characters
	Severity     Severity
	Message      string // what is wrong, what becomes of it, and what was likely meant; one line
}

func (f Finding) String() string {
	return fmt.Sprintf("%d:%d: %s: %s", f.Line, f.Column, f.Severity, f.Message)
}

// Severity is how bad a [Finding] is.
type Severity string

// The severities of findings.
const (
	Mistake Severity = "error"   // DIRAC refuses the text, or would silently lose or change a part of it
	Doubt   Severity = "warning" // DIRAC takes it as it stands; likely it isn't meant so
)

// Check looks for mistakes in a submitted text, and returns them in their order in the text. Without
// a [Mistake] [ParseManifest] reads the text, or each job that [Ad.Expand] makes of it, and nothing
// of it is known to get lost. What only the rules of a VO refuse, such as a JobType, isn't found. given
// are names of attributes that are set beside the text, and aren't missed in it.
func Check(text string, given ...string) []Finding {
	c := &checker{text: text, seen: map[string]int{}, given: given}
	if !c.encoding() {
		return c.findings
	}
	c.scan()
	c.whole()
	if !HasMistake(c.findings) {
		c.read()
	}
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(c.findings)
}

// HasMistake reports whether one of the findings is a [Mistake].
func HasMistake(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Mistake })
}

// checker reads a text once more, slowly and with positions, and goes on behind a mistake where its
// author likely thought it would.
type checker struct {
	text     string
	findings []Finding
	seen     map[string]int // where the names of attributes outside of sections are
	values   []checkedValue
	given    []string
	bare     []span // texts without quotes, with what is to be said of them
}

// names reports whether the text sets an attribute.
func (c *checker) names(name string) bool {
	_, ok := c.seen[name]
	return ok
}

// has reports whether an attribute is set, in the text or beside it.
func (c *checker) has(name string) bool { return c.names(name) || slices.Contains(c.given, name) }

// checkedValue is a value with the name of its attribute.
type checkedValue struct {
	name, text string
	at         int
}

// mistake and doubt note a finding at an offset in the text.
func (c *checker) mistake(at int, format string, args ...any) { c.note(at, Mistake, format, args) }

func (c *checker) doubt(at int, format string, args ...any) { c.note(at, Doubt, format, args) }

func (c *checker) note(at int, severity Severity, format string, args []any) {
	if len(c.findings) == maxFindings {
		return
	}
	before := c.text[:min(at, len(c.text))]
	begin := strings.LastIndexByte(before, '\n') + 1
	c.findings = append(c.findings, Finding{
		Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(before[begin:]) + 1,
		Severity: severity, Message: fmt.Sprintf(format, args...),
	})
}

// maxFindings is after how many a text isn't worth more.
const maxFindings = 100

const byteOrderMark = "\ufeff"

// encoding checks that it is a text in UTF-8, and reports whether there is something in it to read.
func (c *checker) encoding() bool {
	switch {
	case strings.HasPrefix(c.text, "\xff\xfe"), strings.HasPrefix(c.text, "\xfe\xff"):
		c.mistake(0, "this is no text in UTF-8, but likely one in UTF-16; save it as UTF-8")
		return false
	case strings.ContainsRune(c.text, 0):
		c.mistake(strings.IndexByte(c.text, 0), "this is no text: it has a byte 0 here; is it a JDL file?")
		return false
	case !utf8.ValidString(c.text):
		at := 0
		for at < len(c.text) {
			r, size := utf8.DecodeRuneInString(c.text[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		c.mistake(at, "this is no text in UTF-8: it has a byte %#x here; save it as UTF-8", c.text[at])
		return false
	case strings.HasPrefix(c.text, byteOrderMark):
		c.mistake(0, "the file begins with a byte order mark, which becomes part of the first attribute's name; save it as UTF-8 without BOM")
	}
	return true
}

// whole checks what only the whole text tells.
func (c *checker) whole() {
	if len(c.seen) == 0 {
		if !HasMistake(c.findings) {
			c.mistake(0, `there is no attribute in it; a job has at least an Executable, such as Executable = "/bin/echo";`)
		}
		return
	}
	if !c.has("Executable") && !c.meansExecutable() && !HasMistake(c.findings) {
		c.doubt(0, "there is no Executable: the job has nothing to run")
	}
	c.places()
	c.withoutParameters()
	c.withoutQuotes()
}

// meansExecutable reports whether an attribute was likely meant to be the Executable, which is said there.
func (c *checker) meansExecutable() bool {
	for name := range c.seen {
		if _, meant := nearestName(name); meant == "Executable" {
			return true
		}
	}
	return false
}

// places checks that each place of a parameter has its parameter.
func (c *checker) places() {
	parametric := c.has("Parameters")
	for _, value := range c.values {
		for _, m := range parameterPlace.FindAllStringSubmatchIndex(value.text, -1) {
			place := value.text[m[0]:m[1]]
			switch {
			case m[2] >= 0: // %(X)s
				wanted := "Parameters." + value.text[m[2]:m[3]]
				if !c.has(wanted) || !parametric {
					c.doubt(value.at+m[0], "%s stands for a value of %s, which isn't set%s", place, wanted, alsoParameters(parametric))
				}
			case place == "%s" && !c.names("Parameters"):
				c.doubt(value.at+m[0], "%%s stands for the value of the parameter without a name, which isn't set: it stays as it is")
			case !parametric:
				c.doubt(value.at+m[0], "%%n stands for the number of a parametric job, but Parameters isn't set: it stays as it is")
			}
		}
	}
}

func alsoParameters(parametric bool) string {
	if parametric {
		return ""
	}
	return ", and neither is Parameters, the number of jobs"
}

// withoutParameters notes the parameters of a job that isn't parametric.
func (c *checker) withoutParameters() {
	if c.has("Parameters") {
		return
	}
	for name, at := range c.seen {
		if strings.HasPrefix(name, "Parameters.") {
			c.doubt(at, "without Parameters, the number of jobs, this is a single job, and %s isn't filled in", name)
		}
	}
}

// read reads the text as DIRAC does; its error is a mistake where the attribute is that it names.
func (c *checker) read() {
	err := readAll(c.text)
	if err == nil {
		return
	}
	at := 0
	for name, place := range c.seen {
		if strings.HasPrefix(err.Error(), quoteShort(name)) {
			at = place
		}
	}
	c.mistake(at, "%v", err)
}

// readAll reads a submitted text as a submission does.
func readAll(text string) error {
	texts, _, err := Expand(text)
	if err != nil {
		return err
	}
	for _, job := range texts {
		manifest, err := ParseManifest(job)
		if err != nil {
			return err
		}
		written, err := manifest.JDL()
		if err != nil {
			return err
		}
		if _, err := ParseAd(written); err != nil {
			return err
		}
	}
	return nil
}
