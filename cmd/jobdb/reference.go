package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// documentedModel is the command line with defaults that are the same on all machines.
func documentedModel() (*kong.Application, error) {
	parser, err := kong.New(&cli{}, kong.Name("jobdb"), kong.Description(description),
		kong.Vars{"data_dir": "~/.local/share/jobdb", "user": "your own name"})
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}

// page is the description of one command in its manual page and in docs/commands.md.
type page struct {
	words []string // of its name: jobdb, search
	usage string
	about string // in one line
	text  []block
	items []item
}

// item is an argument or a flag, and what it does.
type item struct{ name, help string }

func (p page) name() string { return strings.Join(p.words, " ") }

// block is a paragraph, or lines that are shown as they are.
type block struct {
	text   string
	asItIs bool
}

// pages returns the pages of all commands, in the order of the help.
func pages(app *kong.Application) (all []page) {
	for _, node := range app.Leaves(true) {
		p := page{usage: usageOf(node), about: node.Help, text: blocks(node.Detail)}
		for n := node; n != nil; n = n.Parent {
			p.words = append([]string{n.Name}, p.words...)
		}
		for _, arg := range node.Positional {
			p.items = append(p.items, item{"<" + arg.Name + ">", arg.Help})
		}
		for _, flag := range node.Flags {
			if !flag.Hidden && flag.Name != "help" {
				p.items = append(p.items, item{flagNames(flag), flagHelp(flag)})
			}
		}
		all = append(all, p)
	}
	return all
}

// usageOf returns the usage line of a command: its name, its arguments and [flags].
func usageOf(node *kong.Node) string {
	name := ""
	for n := node; n != nil; n = n.Parent {
		name = n.Name + " " + name
	}
	for _, arg := range node.Positional {
		name += arg.Summary() + " "
	}
	return name + "[flags]"
}

// blocks splits a help text into paragraphs and indented examples.
func blocks(text string) (list []block) {
	for part := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		asItIs := strings.HasPrefix(part, "  ")
		if last := len(list) - 1; asItIs && last >= 0 && list[last].asItIs {
			list[last].text += "\n\n" + part
			continue
		}
		if part != "" {
			list = append(list, block{part, asItIs})
		}
	}
	return list
}

// flagNames returns how a flag is written, such as -n, --dry-run.
func flagNames(flag *kong.Flag) string {
	name := "--" + flag.Name
	if flag.Tag.Negatable != "" {
		name = "--[no-]" + flag.Name
	}
	if !flag.IsBool() {
		name += "=" + flag.FormatPlaceHolder()
	}
	if flag.Short != 0 {
		name = "-" + string(flag.Short) + ", " + name
	}
	return name
}

// flagHelp says what a flag does, and which variables of the environment set it.
func flagHelp(flag *kong.Flag) string {
	if len(flag.Envs) == 0 {
		return flag.Help
	}
	return flag.Help + " (" + strings.Join(flag.Envs, ", ") + ")"
}

// referenceShared are texts that many commands have in common. docs/commands.md has them once.
var referenceShared = []struct{ title, text string }{{"Choosing jobs", chooseHelp}, {"The token", whoHelp}}

// reference is docs/commands.md.
func reference(app *kong.Application) string {
	var b strings.Builder
	b.WriteString("# The commands\n\nMade of the commands' own help by `go test ./cmd/jobdb -run TestReference -update`; `jobdb man` makes manual pages of it.\n" +
		"How they are used together is in [command-line.md](command-line.md).\n")
	all := pages(app)
	b.WriteString("\n| command | |\n| --- | --- |\n")
	for _, p := range all {
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", p.name(), strings.ReplaceAll(p.name(), " ", "-"), cell(p.about))
	}
	b.WriteString("\nAll commands have `--help`, and `--config=FILE`: " + flagHelp(app.Flags[slices.IndexFunc(app.Flags, isConfig)]) + "\n")
	for _, s := range referenceShared {
		fmt.Fprintf(&b, "\n## %s\n", s.title)
		writeMarkdown(&b, blocks(s.text))
	}
	for _, p := range all {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n    %s\n", p.name(), p.about, p.usage)
		writeMarkdown(&b, withoutShared(&b, p))
		writeItems(&b, p.items)
	}
	return b.String()
}

func isConfig(flag *kong.Flag) bool { return flag.Name == "config" }

// withoutShared returns the text of a page without the shared texts, and writes links to them
// instead.
func withoutShared(b *strings.Builder, p page) []block {
	text := p.text
	var links []string
	for _, s := range referenceShared {
		common := blocks(s.text)
		for i := range text {
			if len(text)-i >= len(common) && slices.Equal(text[i:i+len(common)], common) {
				text = slices.Delete(slices.Clone(text), i, i+len(common))
				links = append(links, fmt.Sprintf("[%s](#%s)", strings.ToLower(s.title), strings.ReplaceAll(strings.ToLower(s.title), " ", "-")))
				break
			}
		}
	}
	if len(links) > 0 {
		fmt.Fprintf(b, "\nSee also: %s.\n", strings.Join(links, ", "))
	}
	return text
}

func writeMarkdown(b *strings.Builder, list []block) {
	for _, part := range list {
		b.WriteByte('\n')
		for line := range strings.Lines(part.text + "\n") {
			switch {
			case !part.asItIs:
				b.WriteString(strings.NewReplacer("<", "&lt;", "*", `\*`).Replace(line))
			case strings.TrimSpace(line) == "":
				b.WriteString("\n")
			default:
				b.WriteString("    " + strings.TrimPrefix(line, "  "))
			}
		}
	}
}

func writeItems(b *strings.Builder, items []item) {
	if len(items) == 0 {
		return
	}
	b.WriteString("\n| argument, flag | |\n| --- | --- |\n")
	for _, i := range items {
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(i.name, "|", `\|`), cell(i.help))
	}
}

// cell escapes a text for a cell of a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "\n", " ").Replace(text)
}
