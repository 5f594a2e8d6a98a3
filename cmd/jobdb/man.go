package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type manCommand struct {
	Words []string `arg:"" optional:"" name:"command" help:"Command whose page is printed. Default: jobdb itself."`
	Dir   string   `help:"Write the pages of all commands into this folder, such as /usr/local/share/man/man1." type:"path" placeholder:"FOLDER"`
}

// Help is printed by jobdb man --help.
func (*manCommand) Help() string {
	return `Prints the manual page of a command, made of its help, in the form that man reads.

Examples:

  jobdb man search
  jobdb man jdl check
  jobdb man --dir man1

To read one of these files: man -l man1/jobdb-search.1`
}

// Run prints a page, or writes all.
func (c *manCommand) Run(p *program) error {
	app, err := documentedModel()
	if err != nil {
		return err
	}
	all := pages(app)
	if c.Dir != "" {
		return writeManual(c.Dir, app, all)
	}
	if len(c.Words) == 0 {
		_, err := io.WriteString(p.stdout, overviewPage(app, all))
		return err
	}
	for _, found := range all {
		if slices.Equal(found.words[1:], c.Words) {
			_, err := io.WriteString(p.stdout, manPage(found))
			return err
		}
	}
	return usageError{fmt.Errorf("there is no command %q with a page; jobdb man prints a list", strings.Join(c.Words, " "))}
}

func writeManual(folder string, app *kong.Application, all []page) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // for all to read
		return err
	}
	files := map[string]string{"jobdb.1": overviewPage(app, all)}
	for _, p := range all {
		files[strings.Join(p.words, "-")+".1"] = manPage(p)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil { //nolint:gosec // for all to read
			return err
		}
	}
	return nil
}

// overviewPage is the page of jobdb itself.
func overviewPage(app *kong.Application, all []page) string {
	b := manHead([]string{"jobdb"}, "the job database of the DIRAC grid")
	b.WriteString(".SH SYNOPSIS\n.B jobdb\n.I COMMAND\n[flags] [arguments]\n.SH DESCRIPTION\n")
	writeMan(b, blocks(app.Help))
	b.WriteString(".SH COMMANDS\n")
	for _, p := range all {
		fmt.Fprintf(b, ".TP\n.BR %s (1)\n%s\n", roff(strings.Join(p.words, "-")), roff(p.about))
	}
	b.WriteString(".SH FILES\n.TP\n.I ~/.cache/diracx/credentials.json\nThe login, which the dirac command uses, too.\n" +
		".TP\n.I ~/.local/share/jobdb\nThe data folder of a server of one's own.\n")
	return b.String()
}

// manPage is the page of a command.
func manPage(p page) string {
	b := manHead(p.words, p.about)
	fmt.Fprintf(b, ".SH SYNOPSIS\n.B %s\n.SH DESCRIPTION\n", roff(p.usage))
	writeMan(b, p.text)
	b.WriteString(".SH OPTIONS\n")
	for _, i := range p.items {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(i.name), roff(i.help))
	}
	b.WriteString(".TP\n.B \\-\\-help\nPrint the same on the terminal.\n.SH SEE ALSO\n.BR jobdb (1)\n")
	return b.String()
}

func manHead(words []string, about string) *strings.Builder {
	b := &strings.Builder{}
	name := strings.Join(words, "-")
	fmt.Fprintf(b, ".TH %s 1 \"\" \"jobdb\" \"jobdb\"\n.SH NAME\n%s \\- %s\n", roff(strings.ToUpper(name)), roff(name),
		roff(strings.TrimSuffix(about, ".")))
	return b
}

func writeMan(b *strings.Builder, list []block) {
	for i, part := range list {
		if part.asItIs {
			fmt.Fprintf(b, ".RS 2\n.nf\n%s\n.fi\n.RE\n", roff(part.text))
			continue
		}
		if i > 0 {
			b.WriteString(".PP\n")
		}
		b.WriteString(roff(part.text) + "\n")
	}
}

// roff escapes a text. A line that begins with a point or a quote would be a command, and so would
// an empty line.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`, "…", `\.\.\.`, "–", `\(en`, "×", `\(mu`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
		lines[i] = cmp.Or(lines[i], ".sp")
	}
	return strings.Join(lines, "\n")
}
