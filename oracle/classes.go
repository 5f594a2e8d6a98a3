package oracle

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// DIRACClasses are DIRAC's own JobDB and JobLoggingDB, of release 9.1.22, in a process of their own.
type DIRACClasses struct {
	mutex    sync.Mutex
	calls    io.Writer
	answers  *bufio.Reader
	messages *bytes.Buffer // to be read after its end only
}

// StartDIRAC starts the classes on two databases of one server, until the test ends. Without them
// it is as [Python] says.
func StartDIRAC(tb testing.TB, jobs, history string) *DIRACClasses {
	tb.Helper()
	python, program := DIRACPython(tb), Program(tb, "dirac.py")
	jobsURL, err := url.Parse(jobs)
	if err != nil {
		tb.Fatal(err)
	}
	historyURL, err := url.Parse(history)
	if err != nil {
		tb.Fatal(err)
	}
	password, _ := jobsURL.User.Password()
	d := &DIRACClasses{messages: &bytes.Buffer{}}
	command := exec.Command(python, program, jobsURL.Hostname(), jobsURL.Port(), jobsURL.User.Username(), password,
		strings.TrimPrefix(jobsURL.Path, "/"), strings.TrimPrefix(historyURL.Path, "/"))
	command.Stderr = d.messages
	calls, err := command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = calls.Close()
		_ = command.Process.Kill() // its threads don't end by themselves
		_ = command.Wait()
	})
	d.calls, d.answers = calls, bufio.NewReader(answers)
	return d
}

// Call is one call of a method of JobDB or JobLoggingDB; the error is what DIRAC tells.
func (d *DIRACClasses) Call(database, method string, args ...any) (any, error) {
	request, err := json.Marshal(map[string]any{"db": database, "call": method, "args": args})
	if err != nil {
		return nil, err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if _, err := d.calls.Write(append(request, '\n')); err != nil {
		return nil, fmt.Errorf("DIRAC ended: %w", err)
	}
	line, err := d.answers.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("DIRAC ended: %w", err)
	}
	var answer struct {
		OK      bool
		Value   any
		Message string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, err
	}
	if !answer.OK {
		return nil, fmt.Errorf("%s of DIRAC: %s", method, answer.Message)
	}
	return answer.Value, nil
}
