package library_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb/oracle"

	"jobdb"
)

// driver is the reference in a process of its own, oracle/driver.py. It takes seconds to start, so
// all tests share one, which ends with this process.
type driver struct {
	cmd      *exec.Cmd
	messages bytes.Buffer // to be read after its end only

	mutex    sync.Mutex
	requests io.Writer
	answers  *bufio.Reader
}

// theDriver is the one that all tests share.
var theDriver struct {
	sync.Once
	*driver
	err error
}

// needDriver skips the test without the reference; in CI it fails.
func needDriver(tb testing.TB) *driver {
	tb.Helper()
	python, program := oracle.Python(tb), oracle.Program(tb, "driver.py")
	theDriver.Do(func() { theDriver.driver, theDriver.err = startDriver(python, program) })
	if theDriver.err != nil {
		tb.Fatal(theDriver.err)
	}
	return theDriver.driver
}

func startDriver(python, program string) (*driver, error) {
	d := &driver{cmd: exec.Command(python, program)}
	d.cmd.Stderr = &d.messages
	requests, err := d.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.requests, d.answers = requests, bufio.NewReader(answers)
	return d, d.cmd.Start()
}

// ask makes one call on the database that url names. An error of the reference is an
// *referenceError.
func (d *driver) ask(url, call string, args any) (any, error) {
	request, err := json.Marshal(map[string]any{"db": url, "call": call, "args": args})
	if err != nil {
		return nil, err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if _, err = d.requests.Write(append(request, '\n')); err != nil {
		return nil, d.ended(err)
	}
	line, err := d.answers.ReadBytes('\n')
	if err != nil {
		return nil, d.ended(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var answer struct {
		Result         any
		Error, Message string
	}
	if err := decoder.Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, &referenceError{Class: answer.Error, Message: answer.Message}
	}
	return fromOracle(answer.Result), nil
}

func (d *driver) ended(err error) error {
	return fmt.Errorf("the reference's process ended: %w\n%s", errors.Join(err, d.cmd.Wait()), d.messages.String())
}

// referenceError is an exception of the reference, by the name of its class
// ("StatementError:ValueError" where one wraps another).
type referenceError struct {
	Class   string
	Message string
}

func (e *referenceError) Error() string { return e.Class + ": " + e.Message }

// reference is the reference on one database.
type reference struct {
	t      testing.TB
	driver *driver
	url    string
}

// args are the named arguments of a call.
type args map[string]any

func (r *reference) try(call string, a args) (any, error) {
	return r.driver.ask(r.url, call, toOracle(a))
}

// call makes a call that must not fail.
func (r *reference) call(call string, a args) any {
	r.t.Helper()
	result, err := r.try(call, a)
	if err != nil {
		r.t.Fatalf("the reference's %s: %v", call, err)
	}
	return result
}

// refuses makes a call that must fail with an exception of a class.
func (r *reference) refuses(class, call string, a args) {
	r.t.Helper()
	result, err := r.try(call, a)
	if e := (*referenceError)(nil); !errors.As(err, &e) || !strings.Contains(e.Class, class) {
		r.t.Errorf("the reference's %s gave %v, %v; want the error %s", call, result, err, class)
	}
}

// createJob makes a job with its attributes.
func (r *reference) createJob(jdl string, attributes jobdb.Attributes) jobdb.JobID {
	r.t.Helper()
	id := jobdb.JobID(r.call("create_job", args{"compressed_original_jdl": jdl}).(int64))
	r.call("insert_job_attributes", args{"jobs_to_update": map[jobdb.JobID]jobdb.Attributes{id: attributes}})
	return id
}

// search is the reference's answer to a query, its rows in the form of ours.
func (r *reference) search(q query) answer {
	if q.summary {
		result, err := r.try("summary", args{"group_by": q.parameters, "search": q.specs()})
		if err != nil {
			return answer{err: err}
		}
		rows := rowsOf(result, append(q.columns(), "count"))
		return answer{rows: rows, total: int64(len(rows))}
	}
	a := args{"parameters": q.parameters, "search": q.specs(), "sorts": q.sorts, "distinct": q.distinct}
	if q.page != 0 {
		a["page"], a["per_page"] = q.page, q.perPage
	}
	result, err := r.try("search", a)
	if err != nil {
		return answer{err: err}
	}
	pair := result.([]any)
	return answer{total: pair[0].(int64), rows: rowsOf(pair[1], q.columns())}
}

// rowsOf orders the values of rows by the names of their columns.
func rowsOf(list any, columns []string) [][]any {
	rows := [][]any{}
	for _, row := range list.([]any) {
		values := make([]any, len(columns))
		for i, name := range columns {
			values[i] = row.(map[string]any)[name]
			if name == "AccountedFlag" {
				values[i] = accountedFlag(values[i])
			}
		}
		rows = append(rows, values)
	}
	return rows
}

func accountedFlag(value any) any {
	switch value {
	case true:
		return jobdb.AccountedTrue
	case false:
		return jobdb.AccountedFalse
	}
	return jobdb.AccountedFailed
}

// toOracle writes times as the driver reads them.
func toOracle(value any) any {
	switch v := value.(type) {
	case time.Time:
		return map[string]string{"$time": v.UTC().Format("2006-01-02T15:04:05.999999+00:00")}
	case args:
		return mapped(v)
	case jobdb.Attributes:
		return mapped(v)
	case map[string]any:
		return mapped(v)
	case map[jobdb.JobID]jobdb.Attributes:
		return mapped(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = toOracle(v[i])
		}
		return list
	}
	return value
}

func mapped[K comparable, V any](m map[K]V) map[K]any {
	converted := make(map[K]any, len(m))
	for key, value := range m {
		converted[key] = toOracle(value)
	}
	return converted
}

// fromOracle reads integers as int64 and times as UTC times.
func fromOracle(value any) any {
	switch v := value.(type) {
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return v.String()
		}
		return n
	case []any:
		for i := range v {
			v[i] = fromOracle(v[i])
		}
	case map[string]any:
		if text, ok := v["$time"].(string); ok {
			t, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return err
			}
			return t.UTC()
		}
		for _, key := range slices.Collect(maps.Keys(v)) {
			v[key] = fromOracle(v[key])
		}
	}
	return value
}
