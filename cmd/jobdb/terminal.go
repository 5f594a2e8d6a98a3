package main

import (
	"cmp"
	"os"
	"strconv"

	"golang.org/x/term"
)

// terminalSize returns the columns and lines of the terminal; 0 if w is none, or it doesn't tell.
// COLUMNS and LINES take precedence.
func terminalSize(w any) (columns, lines int) {
	if !isTerminal(w) {
		return 0, 0
	}
	columns, lines, _ = term.GetSize(int(w.(*os.File).Fd())) //nolint:forcetypeassert // isTerminal says so
	return cmp.Or(numberFromEnv("COLUMNS"), columns, 80), cmp.Or(numberFromEnv("LINES"), lines, 24)
}

func numberFromEnv(variable string) int {
	n, _ := strconv.Atoi(os.Getenv(variable))
	return max(0, n)
}

// isTerminal reports whether a reader or writer is a terminal.
func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
