package main

import "testing"

func TestExitCodeIsTheCommands(t *testing.T) {
	// Where the engines are is of no interest here, so none is started.
	t.Setenv("JOBDB_TEST_MARIADB", "none")
	t.Setenv("JOBDB_TEST_MYSQL", "none")
	t.Setenv("JOBDB_TEST_POSTGRES", "none")
	for command, want := range map[string]int{
		"exit 0":      0,
		"exit 7":      7,
		"kill -9 $$":  1,
		"no-such-cmd": 127,
	} {
		if got := run(false, []string{"sh", "-c", command}); got != want {
			t.Errorf("%s: exit code %d, want %d", command, got, want)
		}
	}
	if got := run(false, []string{"/no/such/program"}); got != 127 {
		t.Errorf("a missing program: exit code %d, want 127", got)
	}
}
