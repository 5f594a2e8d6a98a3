// Withengines runs a command with throw-away database servers for the tests of jobdb:
//
//	go run ./jobdbtest/withengines [-durable] -- go test ./...
//
// It starts the servers once, says where they are in JOBDB_TEST_MARIADB, JOBDB_TEST_MYSQL and
// JOBDB_TEST_POSTGRES, runs the command, stops the servers and exits as the command did. A variable
// that is set already is left alone. Without an engine it goes on, and the tests decide what that
// means.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"

	"jobdb/jobdbtest/internal/engine"
)

func main() {
	durable := flag.Bool("durable", os.Getenv("JOBDB_TEST_DURABLE") == "1",
		"settings of a production server instead of fast, forgetful ones (JOBDB_TEST_DURABLE=1)")
	flag.Usage = func() {
		_, _ = fmt.Fprintln(flag.CommandLine.Output(), "usage: withengines [-durable] -- command [argument…]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	os.Exit(run(*durable, flag.Args()))
}

// run starts the engines, runs the command with them and returns its exit code.
func run(durable bool, command []string) int {
	var wait sync.WaitGroup
	servers := make([]*engine.Server, len(engine.All))
	for i, e := range engine.All {
		if os.Getenv(e.Env) != "" {
			continue
		}
		wait.Go(func() {
			server, err := e.Start(context.Background(), durable)
			if err != nil {
				fmt.Fprintf(os.Stderr, "\n!!! WITHOUT %s: %v\n\n", e.Name, err)
				return
			}
			servers[i] = server
		})
	}
	wait.Wait()

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	for i, server := range servers {
		if server != nil {
			defer server.Stop()
			cmd.Env = append(cmd.Env, engine.All[i].Env+"="+server.URL)
		}
	}
	return runForwarding(cmd)
}

// runForwarding runs the command, passes SIGINT and SIGTERM on to it, and returns its exit code.
func runForwarding(cmd *exec.Cmd) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "withengines:", err)
		return 127
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	default: // ended by a signal
		fmt.Fprintln(os.Stderr, "withengines:", err)
		return 1
	}
}
