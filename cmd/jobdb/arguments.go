package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// arguments translates what kong doesn't know: jobdb alone and jobdb help [COMMAND] become --help,
// jobdb --version becomes jobdb version.
func arguments(model *kong.Application, args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && args[0] == "--version":
		return []string{"version"}
	case args[0] == completeName:
		return args // those of another command line
	}
	return argumentsLast(model, args)
}

// argumentsLast puts the flags of a command before its arguments: kong takes no argument after a
// flag that comes amid them.
func argumentsLast(model *kong.Application, args []string) []string {
	var words, flags, rest []string
	node := model.Node
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--":
			rest = append(rest, args[i+1:]...)
			i = len(args)
		case strings.HasPrefix(arg, "-") && arg != "-":
			flags = append(flags, arg)
			if takesNext(node, arg) && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		default:
			child := childOf(node, arg)
			if child == nil || len(rest) > 0 {
				rest = append(rest, arg)
				continue
			}
			node, words = child, append(words, arg)
		}
	}
	if len(node.Positional) == 0 || len(rest) == 0 {
		return args
	}
	return slices.Concat(words, flags, []string{"--"}, rest)
}

func childOf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name || slices.Contains(child.Aliases, name) {
			return child
		}
	}
	return nil
}

// takesNext reports whether the next argument is the value of this flag, or of the last of several
// short ones: -yo takes one if -o does.
func takesNext(node *kong.Node, arg string) bool {
	if name, isLong := strings.CutPrefix(arg, "--"); isLong {
		flag := flagOf(node, func(f *kong.Flag) bool { return f.Name == name })
		return flag != nil && takesValue(flag)
	}
	for i, letter := range arg[1:] {
		flag := flagOf(node, func(f *kong.Flag) bool { return f.Short == letter })
		if flag == nil || takesValue(flag) {
			return flag != nil && i == len(arg)-2
		}
	}
	return false
}

func takesValue(flag *kong.Flag) bool { return !flag.IsBool() && !flag.IsCounter() }

func flagOf(node *kong.Node, is func(*kong.Flag) bool) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		if i := slices.IndexFunc(group, is); i >= 0 {
			return group[i]
		}
	}
	return nil
}
