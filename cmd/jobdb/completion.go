package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// The scripts that shells run to complete a command line. They ask completeCommand for candidates.
var (
	//go:embed completion/jobdb.bash
	bashCompletion string
	//go:embed completion/jobdb.zsh
	zshCompletion string
	//go:embed completion/jobdb.fish
	fishCompletion string
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is printed by jobdb completion --help.
func (*completionCommand) Help() string {
	return `Prints a script with which the shell completes commands, flags and values: columns, operators and statuses, and the sites,
owners and groups that the server knows, which are kept for five minutes. The server is waited for 0.2 s.

    bash   echo 'source <(jobdb completion bash)' >>~/.bashrc
    zsh    echo 'source <(jobdb completion zsh)' >>~/.zshrc, behind compinit
    fish   jobdb completion fish >~/.config/fish/completions/jobdb.fish

Examples:

  jobdb completion bash
  jobdb completion zsh
  jobdb completion fish`
}

// Run prints the script.
func (c *completionCommand) Run(p *program) error {
	script := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	_, err := io.WriteString(p.stdout, script)
	return err
}

// completeName is the name of completeCommand.
const completeName = "__complete"

// completeCommand is what the scripts call.
type completeCommand struct {
	Shell string   `arg:""`
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run prints candidates, one a line: the word, and behind a tab what it is. The line ":files"
// stands for names of files. bash gives its line and the place in it, the others their words up to
// there.
func (c *completeCommand) Run(ctx context.Context, k *kong.Context, p *program) error {
	words, line := c.Words, bashLine{}
	if c.Shell == "bash" {
		if len(c.Words) != 2 {
			return usageError{fmt.Errorf("usage: jobdb __complete bash LINE PLACE")}
		}
		place, err := strconv.Atoi(c.Words[1])
		if err != nil || place < 0 || place > len(c.Words[0]) {
			place = len(c.Words[0])
		}
		line = readBashLine(c.Words[0][:place])
		words = line.words
	}
	if len(words) == 0 {
		words = []string{""}
	}
	found := newCompleter(p, k.Model, words[:len(words)-1]).complete(ctx, words[len(words)-1])
	for _, candidate := range found.candidates {
		word := candidate.word
		if c.Shell == "bash" {
			word = line.insert(word)
		}
		if candidate.help != "" && c.Shell != "bash" {
			word += "\t" + candidate.help
		}
		if _, err := fmt.Fprintln(p.stdout, word); err != nil {
			return err
		}
	}
	if found.files {
		_, err := fmt.Fprintln(p.stdout, ":files")
		return err
	}
	return nil
}

// bashLine is a command line of bash up to the cursor.
type bashLine struct {
	words    []string // without the program
	inQuotes bool     // the last word is in quotes that are open
}

// readBashLine splits a line into words as bash does.
func readBashLine(text string) (line bashLine) {
	var word strings.Builder
	quote, escaped, inWord := rune(0), false, false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				line.words = append(line.words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	line.words = append(line.words, word.String())
	line.words = line.words[1:] // the program; with a cursor in its name nothing is asked
	line.inQuotes = quote != 0
	return line
}

// insert is what bash is to put in place of what it takes for the word: it begins one behind each =
// and :, unless they are in quotes.
func (l bashLine) insert(word string) string {
	if l.inQuotes || len(l.words) == 0 {
		return word
	}
	current := l.words[len(l.words)-1]
	if begin := strings.LastIndexAny(current, "=:") + 1; len(word) >= begin {
		word = word[begin:]
	}
	var escaped strings.Builder
	for _, r := range word {
		if strings.ContainsRune(" \t\"'`$&|;<>()*?[]{}!#~\\", r) {
			escaped.WriteByte('\\')
		}
		escaped.WriteRune(r)
	}
	return escaped.String()
}
