// Package dirac_test holds jobdb against DIRAC's own database classes, JobDB and JobLoggingDB of
// release 9.1.22, on the databases that this release ships: each reads what the other wrote, and
// both write the same jobs at once.
package dirac_test

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

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
	"jobdb/wms"
)

// pair is jobdb and DIRAC on the same two databases.
type pair struct {
	*testing.T
	*wms.JobManager
	historyURL string
	dirac      *dirac
}

// TestDIRAC runs the tests on each server that DIRAC runs on. DIRAC takes seconds to start, so they
// share one.
func TestDIRAC(t *testing.T) {
	python, program := oracle.DIRACPython(t), oracle.Program(t, "dirac.py")
	for name, server := range map[string]oracle.Server{"MariaDB": jobdbtest.MariaDBWith, "MySQL": jobdbtest.MySQLWith} {
		t.Run(name, func(t *testing.T) {
			jobs, history := oracle.DIRACApart(t, "9.1.22", server, "utf8mb4")
			db := jobdbtest.Open(t, jobs, jobdb.Options{HistoryURL: history})
			manager := &wms.JobManager{DB: db, Rules: wms.DefaultRules, Clock: now}
			shared := pair{t, manager, history, startDIRAC(t, python, program, jobs, history)}
			for name, test := range map[string]func(p *pair){"reads": testReads, "writes": testWrites, "both write": testBothWrite} {
				t.Run(name, func(t *testing.T) {
					p := shared
					p.T = t
					test(&p)
				})
			}
		})
	}
}

// dirac is DIRAC's classes in a process of their own.
type dirac struct {
	mutex    sync.Mutex
	calls    io.Writer
	answers  *bufio.Reader
	messages *bytes.Buffer // to be read after its end only
}

func startDIRAC(t *testing.T, python, program, jobs, history string) *dirac {
	t.Helper()
	jobsURL, err := url.Parse(jobs)
	if err != nil {
		t.Fatal(err)
	}
	historyURL, err := url.Parse(history)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := jobsURL.User.Password()
	d := &dirac{messages: &bytes.Buffer{}}
	command := exec.Command(python, program, jobsURL.Hostname(), jobsURL.Port(), jobsURL.User.Username(), password,
		strings.TrimPrefix(jobsURL.Path, "/"), strings.TrimPrefix(historyURL.Path, "/"))
	command.Stderr = d.messages
	calls, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = calls.Close()
		_ = command.Process.Kill() // its threads don't end by themselves
		_ = command.Wait()
	})
	d.calls, d.answers = calls, bufio.NewReader(answers)
	return d
}

// call is one call of a method of JobDB or JobLoggingDB; the error is what DIRAC tells.
func (d *dirac) call(database, method string, args ...any) (any, error) {
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

// jobs is a call of JobDB that must not fail, history one of JobLoggingDB.
func (p *pair) jobs(method string, args ...any) any { p.Helper(); return p.must("JobDB", method, args) }

func (p *pair) history(method string, args ...any) any {
	p.Helper()
	return p.must("JobLoggingDB", method, args)
}

func (p *pair) must(database, method string, args []any) any {
	p.Helper()
	value, err := p.dirac.call(database, method, args...)
	if err != nil {
		p.Fatal(err)
	}
	return value
}

// ok ends the test when there is an error.
func (p *pair) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// equal compares by what both are as text, which is what a language has in common with another.
func (p *pair) equal(what string, got, want any) {
	p.Helper()
	if got, want := fmt.Sprint(got), fmt.Sprint(want); got != want {
		p.Errorf("%s: %s, want %s", what, got, want)
	}
}
