package jobdbtest

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

	"jobdb/jobdbtest/internal/engine"
)

// OraclePython returns the Python that has the reference, DiracX: that of JOBDB_ORACLE_PYTHON, by default what
// "make oracle" installed. Without it the test is skipped, and fails when CI is set. With -short the test is skipped always.
func OraclePython(tb testing.TB) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: without the reference")
	}
	python, err := findOraclePython()
	needOracle(tb, err)
	return python
}

// AskOracle runs a program with the Python of OraclePython. The program reads what is asked from its standard
// input and writes its answer, both as JSON.
func AskOracle(tb testing.TB, program string, asked, answer any) {
	tb.Helper()
	input, err := json.Marshal(asked)
	if err != nil {
		tb.Fatal(err)
	}
	var messages strings.Builder
	command := exec.CommandContext(tb.Context(), OraclePython(tb), program)
	command.Stdin, command.Stderr = bytes.NewReader(input), &messages
	output, err := command.Output()
	if err == nil {
		err = json.Unmarshal(output, answer)
	}
	if err != nil {
		tb.Fatalf("%s: %v\n%s", program, err, messages.String())
	}
}

// errNoOracle means that the reference is not installed, which is no fault of what is tested.
var errNoOracle = errors.New("no reference")

func findOraclePython() (string, error) {
	python := os.Getenv("JOBDB_ORACLE_PYTHON")
	if python == "" {
		root, err := engine.ModuleRoot()
		if err != nil {
			return "", err
		}
		python = filepath.Join(root, ".cache", "oracle-venv", "bin", "python")
	}
	if _, err := os.Stat(python); err != nil {
		return "", fmt.Errorf("%w: %w\nto install it: make oracle, or set JOBDB_ORACLE_PYTHON to its Python", errNoOracle, err)
	}
	return python, nil
}

// needOracle ends a test that the reference could not be had for.
func needOracle(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case errors.Is(err, errNoOracle) && os.Getenv("CI") == "":
		tb.Skipf("\n\n!!! NOT TESTED: %v\n", err)
	case err != nil:
		tb.Fatalf("\n\n!!! CANNOT BE TESTED: %v\n", err)
	}
}
