package oracle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"

	"jobdb/jobdbtest"
)

// MariaDB returns the URL of a new database with the tables that the reference makes of its JobDB
// and its JobLoggingDB. Without the reference it is as Python says; all else is as
// jobdbtest.MariaDBWith says.
func MariaDB(tb testing.TB, charset string) string {
	tb.Helper()
	create := createAll(tb)
	address := jobdbtest.MariaDBWith(tb, charset)
	create(address)
	return address
}

// MySQL is MariaDB on MySQL.
func MySQL(tb testing.TB, charset string) string {
	tb.Helper()
	create := createAll(tb)
	address := jobdbtest.MySQLWith(tb, charset)
	create(address)
	return address
}

// SQLite is MariaDB with a SQLite file.
func SQLite(tb testing.TB) string {
	tb.Helper()
	create := createAll(tb)
	address := jobdbtest.SQLite(tb)
	create(address)
	return address
}

// TaskQueues makes the tables of the reference's TaskQueueDB in a database that has none of them.
// Without the reference it is as Python says.
func TaskQueues(tb testing.TB, address string) {
	tb.Helper()
	createAll(tb)("TaskQueueDB " + address)
}

// Pilots makes the tables of the reference's PilotAgentsDB, as TaskQueues those of task queues.
func Pilots(tb testing.TB, address string) {
	tb.Helper()
	createAll(tb)("PilotAgentsDB " + address)
}

// createAll returns what makes the reference's tables in an empty database. It skips the test
// without the reference.
func createAll(tb testing.TB) func(address string) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: without the reference")
	}
	creator, err := theCreator()
	need(tb, err)
	return func(address string) {
		tb.Helper()
		if err := creator.create(address); err != nil {
			tb.Fatalf("the reference's create_all: %v", err)
		}
	}
}

// A creator is the reference in a process of its own. It takes seconds to start, so all tests share
// one, which ends with this process.
type creator struct {
	cmd      *exec.Cmd
	messages bytes.Buffer // to be read after its end only

	mutex   sync.Mutex
	urls    io.Writer
	answers *bufio.Scanner
	ended   error // why it can be asked no more
}

var theCreator = sync.OnceValues(startCreator)

func startCreator() (*creator, error) {
	python, err := find()
	if err != nil {
		return nil, err
	}
	script, err := program("create_all.py")
	if err != nil {
		return nil, err
	}
	c := &creator{cmd: exec.Command(python, script)}
	c.cmd.Stderr = &c.messages
	urls, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.urls, c.answers = urls, bufio.NewScanner(answers)
	return c, c.cmd.Start()
}

func (c *creator) create(address string) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended != nil {
		return c.ended
	}
	_, err := fmt.Fprintln(c.urls, address)
	if err != nil || !c.answers.Scan() {
		c.ended = fmt.Errorf("it ended: %w\n%s", errors.Join(err, c.answers.Err(), c.cmd.Wait()), c.messages.String())
		return c.ended
	}
	if answer := c.answers.Text(); answer != "done" {
		return errors.New(answer)
	}
	return nil
}
