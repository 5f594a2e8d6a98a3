// Package dirac_test holds jobdb against DIRAC's own database classes, JobDB and JobLoggingDB of
// release 9.1.22, on the databases that this release ships: each reads what the other wrote, and
// both write the same jobs at once.
package dirac_test

import (
	"fmt"
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
	dirac      *oracle.DIRACClasses
}

// TestDIRAC runs the tests on each server that DIRAC runs on. DIRAC takes seconds to start, so they
// share one.
func TestDIRAC(t *testing.T) {
	for name, server := range map[string]oracle.Server{"MariaDB": jobdbtest.MariaDBWith, "MySQL": jobdbtest.MySQLWith} {
		t.Run(name, func(t *testing.T) {
			jobs, history := oracle.DIRACApart(t, "9.1.22", server, "utf8mb4")
			db := jobdbtest.Open(t, jobs, jobdb.Options{HistoryURL: history})
			manager := &wms.JobManager{DB: db, Rules: wms.DefaultRules, Clock: now}
			shared := pair{t, manager, history, oracle.StartDIRAC(t, jobs, history)}
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

// jobs is a call of JobDB that must not fail, history one of JobLoggingDB.
func (p *pair) jobs(method string, args ...any) any { p.Helper(); return p.must("JobDB", method, args) }

func (p *pair) history(method string, args ...any) any {
	p.Helper()
	return p.must("JobLoggingDB", method, args)
}

func (p *pair) must(database, method string, args []any) any {
	p.Helper()
	value, err := p.dirac.Call(database, method, args...)
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
