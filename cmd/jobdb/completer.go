package main

import (
	"context"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"jobdb"
)

// candidate is a word that may complete a command line, and its description.
type candidate struct{ word, help string }

// completion is what may complete a word. files says that names of files may, too.
type completion struct {
	candidates []candidate
	files      bool
}

// completer completes the word that follows the words of a command line.
type completer struct {
	p           *program
	words       []string
	command     *kong.Node
	positionals int         // positional arguments so far
	flag        *kong.Value // the flag whose value is the next word; nil if there is none
	noFlags     bool        // after --
}

func newCompleter(p *program, app *kong.Application, words []string) *completer {
	c := &completer{p: p, words: words, command: app.Node}
	for _, word := range words {
		c.read(word)
	}
	return c
}

// read notes what a word is: a command, a flag, the value of one, or an argument.
func (c *completer) read(word string) {
	switch {
	case c.flag != nil:
		c.flag = nil
	case !c.noFlags && word == "--":
		c.noFlags = true
	case !c.noFlags && len(word) > 1 && word[0] == '-':
		if flag := c.findFlag(word); flag != nil && !flag.IsBool() && !flag.IsCounter() {
			c.flag = flag
		}
	default:
		if child := childOf(c.command, word); child != nil && c.positionals == 0 {
			c.command = child
			return
		}
		c.positionals++
	}
}

// findFlag returns the flag that a word names. It is nil if the word has the flag's value, too.
func (c *completer) findFlag(word string) *kong.Value {
	for _, group := range c.command.AllFlags(true) {
		for _, flag := range group {
			if word == "--"+flag.Name || flag.Short != 0 && word == "-"+string(flag.Short) {
				return flag.Value
			}
		}
	}
	return nil
}

// complete completes a word.
func (c *completer) complete(ctx context.Context, word string) completion {
	name, value, hasValue := strings.Cut(word, "=")
	switch {
	case c.flag != nil:
		return c.value(ctx, c.flag, word)
	case !c.noFlags && strings.HasPrefix(word, "--") && hasValue:
		flag := c.findFlag(name)
		if flag == nil {
			return completion{}
		}
		return c.value(ctx, flag, value).withPrefix(name + "=")
	case !c.noFlags && strings.HasPrefix(word, "-") && word != "-":
		return c.flags(word)
	case len(c.command.Children) > 0 && c.positionals == 0:
		return c.commands(word)
	}
	positional := c.command.Positional
	if len(positional) == 0 || c.positionals >= len(positional) && !positional[len(positional)-1].IsCumulative() {
		return completion{}
	}
	return c.value(ctx, positional[min(c.positionals, len(positional)-1)], word)
}

func (c *completer) flags(word string) (found completion) {
	for _, group := range c.command.AllFlags(true) {
		for _, flag := range group {
			names := []string{"--" + flag.Name}
			if flag.Tag.Negatable != "" {
				names = append(names, "--no-"+flag.Name)
			}
			for _, name := range names {
				if strings.HasPrefix(name, word) {
					found.candidates = append(found.candidates, candidate{name, firstSentence(flag.Help)})
				}
			}
		}
	}
	return found
}

func (c *completer) commands(word string) (found completion) {
	for _, child := range c.command.Children {
		if !child.Hidden && strings.HasPrefix(child.Name, word) {
			found.candidates = append(found.candidates, candidate{child.Name, firstSentence(child.Help)})
		}
	}
	return found
}

func firstSentence(text string) string {
	sentence, _, _ := strings.Cut(text, ". ")
	sentence, _, _ = strings.Cut(sentence, ": ")
	return strings.TrimSuffix(strings.ReplaceAll(sentence, "\t", " "), ".")
}

// withPrefix puts a prefix before each candidate.
func (found completion) withPrefix(text string) completion {
	for i := range found.candidates {
		found.candidates[i].word = text + found.candidates[i].word
	}
	return found
}

// value completes the value of a flag or an argument. Of a list it completes the last item.
func (c *completer) value(ctx context.Context, v *kong.Value, word string) completion {
	if v.IsSlice() && v.Tag.Sep != -1 {
		if at := strings.LastIndexByte(word, ','); at >= 0 && valueKinds[v.Name] != "term" {
			return c.item(ctx, v, word[at+1:]).withPrefix(word[:at+1])
		}
	}
	return c.item(ctx, v, word)
}

// valueKinds are the kinds of the values of flags and arguments, by their names.
var valueKinds = map[string]string{
	"status": "status", "site": "Site", "owner": "Owner", "group": "JobGroup", "where": "term", "jobs": "term",
	"columns": "column", "by": "column", "sort": "sort", "since": "time", "until": "time", "or": "goal",
	"file": "file", "set": "attribute", "property": "property",
}

func (c *completer) item(ctx context.Context, v *kong.Value, word string) completion {
	if v.Enum != "" {
		return matching(word, v.EnumSlice())
	}
	kind := valueKinds[v.Name]
	if v.Name == "until" && c.command.Name == "wait" {
		kind = "goal"
	}
	if v.Name == "group" && c.command.Name != "login" && c.command.Name != "token" || v.Name != "group" && kind != "" {
		return c.kind(ctx, kind, word)
	}
	return completion{files: slices.Contains([]string{"path", "existingfile"}, v.Tag.Type)}
}

func (c *completer) kind(ctx context.Context, kind, word string) completion {
	switch kind {
	case "status":
		return matching(word, statusNames())
	case "column":
		return matching(word, columnNames())
	case "sort":
		if name, _, ok := strings.Cut(word, ":"); ok {
			return matching(word, []string{name + ":asc", name + ":desc"})
		}
		return matching(word, columnNames())
	case "time":
		return matching(word, []string{"today", "yesterday", "1h", "1d", "7d", "now-2h"})
	case "goal":
		return c.goal(word)
	case "property":
		return matching(word, []string{"NormalUser", "JobAdministrator", "GenericPilot"})
	case "attribute":
		return matching(word, attributeNames())
	case "file":
		return completion{files: true}
	case "term":
		return c.term(ctx, word)
	}
	return matching(word, c.knownValuesOf(ctx, kind))
}

// goal completes a goal of jobdb wait: all or any, a colon, and statuses.
func (*completer) goal(word string) completion {
	at := strings.LastIndexAny(word, ":,") + 1
	if at == 0 {
		return matching(word, []string{"all:", "any:"})
	}
	return matching(word[at:], append(statusNames(), "ended")).withPrefix(word[:at])
}

// operators are those that a condition may have.
var operators = []string{"!=", "<=", ">=", "=", "<", ">", "~"}

// term completes a condition: its column, then its value.
func (c *completer) term(ctx context.Context, word string) completion {
	if strings.HasPrefix(word, "@") {
		return completion{files: true}
	}
	at := strings.IndexAny(word, "=!<>~")
	if at < 0 {
		found := matching(word, []string{"mine", "since=", "until="})
		for _, name := range columnNames() {
			if strings.HasPrefix(name, word) {
				for _, operator := range columnOperators(name, word) {
					found.candidates = append(found.candidates, candidate{word: name + operator})
				}
			}
		}
		return found
	}
	name, rest := word[:at], word[at:]
	for _, operator := range operators {
		value, ok := strings.CutPrefix(rest, operator)
		if !ok {
			continue
		}
		head := name + operator
		if comma := strings.LastIndexByte(value, ','); comma >= 0 {
			head, value = head+value[:comma+1], value[comma+1:]
		}
		return c.termValue(ctx, name, value).withPrefix(head)
	}
	return completion{}
}

// columnOperators are what may follow a column: all operators once its name is complete.
func columnOperators(name, word string) []string {
	if name == word {
		return []string{"=", "!=", "~"}
	}
	return []string{"="}
}

func (c *completer) termValue(ctx context.Context, name, value string) completion {
	switch column, err := jobdb.ParseColumn(name); {
	case name == "since" || name == "until" || err == nil && column.Kind() == jobdb.KindTime:
		return c.kind(ctx, "time", value)
	case name == "Status":
		return c.kind(ctx, "status", value)
	case err == nil && column.Kind() == jobdb.KindText:
		return matching(value, c.knownValuesOf(ctx, name))
	}
	return completion{}
}

// matching returns the words that begin with a prefix.
func matching(prefix string, words []string) (found completion) {
	for _, word := range words {
		if word != "" && strings.HasPrefix(word, prefix) {
			found.candidates = append(found.candidates, candidate{word: word})
		}
	}
	return found
}

func statusNames() (names []string) {
	for _, status := range jobdb.Statuses {
		names = append(names, string(status))
	}
	return names
}

func columnNames() (names []string) {
	for _, column := range jobdb.Columns() {
		names = append(names, column.Name())
	}
	return names
}

// option returns the value of a flag in the words, or else a default.
func (c *completer) option(name, standard string) string {
	for i, word := range c.words {
		if value, ok := strings.CutPrefix(word, "--"+name+"="); ok {
			return value
		}
		if word == "--"+name && i+1 < len(c.words) {
			return c.words[i+1]
		}
	}
	return standard
}
