// Package oracle asks the reference, DiracX as it comes from PyPI, for tests that compare with it:
// it finds the Python that has it, runs programs with it, and makes databases as DiracX and DIRAC
// make them.
package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Python returns the Python that has the reference, DiracX: that of JOBDB_ORACLE_PYTHON, by default what
// "make oracle" installed. Without it the test is skipped, and fails when CI is set. With -short the test is skipped always.
func Python(tb testing.TB) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: without the reference")
	}
	python, err := find()
	need(tb, err)
	return python
}

// DIRACPython returns the Python that has DIRAC's own database classes, which "make oracle"
// installed. All else is as [Python] says.
func DIRACPython(tb testing.TB) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: without DIRAC")
	}
	root, err := moduleRoot()
	python := filepath.Join(root, ".cache", "dirac-venv", "bin", "python")
	if err == nil {
		if _, missing := os.Stat(python); missing != nil {
			err = fmt.Errorf("%w: %w\nto install it: make oracle", errMissing, missing)
		}
	}
	need(tb, err)
	return python
}

// Ask runs a program with the Python of Python. The program reads what is asked from its standard
// input and writes its answer, both as JSON.
func Ask(tb testing.TB, program string, asked, answer any) {
	tb.Helper()
	input, err := json.Marshal(asked)
	if err != nil {
		tb.Fatal(err)
	}
	var messages strings.Builder
	command := exec.CommandContext(tb.Context(), Python(tb), program)
	command.Stdin, command.Stderr = bytes.NewReader(input), &messages
	output, err := command.Output()
	if err == nil {
		err = json.Unmarshal(output, answer)
	}
	if err != nil {
		tb.Fatalf("%s: %v\n%s", program, err, messages.String())
	}
}

// errMissing means that the reference is not installed, which is no fault of what is tested.
var errMissing = errors.New("no reference")

func find() (string, error) {
	python := os.Getenv("JOBDB_ORACLE_PYTHON")
	if python == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		python = filepath.Join(root, ".cache", "oracle-venv", "bin", "python")
	}
	if _, err := os.Stat(python); err != nil {
		return "", fmt.Errorf("%w: %w\nto install it: make oracle, or set JOBDB_ORACLE_PYTHON to its Python", errMissing, err)
	}
	return python, nil
}

// need ends a test that the reference could not be had for.
func need(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case errors.Is(err, errMissing) && os.Getenv("CI") == "":
		tb.Skipf("\n\n!!! NOT TESTED: %v\n", err)
	case err != nil:
		tb.Fatalf("\n\n!!! CANNOT BE TESTED: %v\n", err)
	}
}

// moduleRoot is the folder of go.mod: tests run in the folder of their package.
func moduleRoot() (string, error) {
	file, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(file))), err
}

// Program returns the path of one of the Python programs that lie beside this package.
func Program(tb testing.TB, name string) string {
	tb.Helper()
	path, err := program(name)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func program(name string) (string, error) {
	root, err := moduleRoot()
	return filepath.Join(root, "oracle", name), err
}
