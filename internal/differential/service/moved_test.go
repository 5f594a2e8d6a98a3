package service_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jobdb/internal/shadow"
	"jobdb/jobdbtest"
	"jobdb/oracle"
)

// TestMoved moves a database of DIRAC 9 that its own classes wrote into jobdb's own on another
// engine. Then jobdb serve on the new one gives the reference's client, and whoever else reads, the
// answers that the reference's service gives on the old.
func TestMoved(t *testing.T) {
	for name, test := range map[string]struct {
		from oracle.Server
		to   func(testing.TB) string
	}{
		"MariaDB to PostgreSQL": {jobdbtest.MariaDBWith, jobdbtest.PostgreSQL},
		"MySQL to SQLite":       {jobdbtest.MySQLWith, jobdbtest.SQLite},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			binary := buildServer(t, folder)
			t.Setenv("JOBDB_BINARY", binary)
			jobs, history := oracle.DIRACApart(t, "9.1.22", test.from, "utf8mb4")
			ids := writeByDIRAC(t, jobs, history)
			to := test.to(t)
			imported := []string{"import", "--from", jobs, "--from-history", history, "--to", to}
			for _, args := range [][]string{imported, append(slices.Clone(imported), "--verify")} {
				if out, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", args[len(args)-1], err, out)
				}
			}
			p := startPairOn(t, folder, []string{"--as-they-are", "--jobdb", sqlalchemy(t, jobs), "--loggingdb", sqlalchemy(t, history)}, "--db", to)
			o := p.shadow("alice")
			mix, err := shadow.NewMix(t.Context(), o, 1)
			if err != nil {
				t.Fatal(err)
			}
			wantAlike(t, o, slices.Collect(mix.Reads(200)))
			p.askByClient(t, folder, ids)
		})
	}
}

// sqlalchemy is a URL in the reference's words.
func sqlalchemy(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Scheme = "mysql+aiomysql"
	return u.String()
}

// writeByDIRAC makes jobs with all that DIRAC's classes write, and rows as years of releases left
// them behind.
func writeByDIRAC(t *testing.T, jobs, history string) (ids []int64) {
	t.Helper()
	classes := oracle.StartDIRAC(t, jobs, history)
	call := func(database, method string, args ...any) any {
		value, err := classes.Call(database, method, args...)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	ways := []string{"Received", "Checking", "Waiting", "Matched", "Running", "Done"}
	for i := range 30 {
		owner := []string{"alice", "bob", "carol"}[i%3]
		jdl := fmt.Sprintf(`[ Executable = "x"; JobName = "é %d"; JobGroup = "g%d"; Site = "LCG.Site%d.ch"; Priority = %d; InputData = {"LFN:/lhcb/%d"}; ]`, i, i%4, i%5, i%7, i)
		id := int64(call("JobDB", "insertNewJobIntoDB", jdl, owner, "lhcb_user", "Received", "Job accepted", "lhcb").(float64))
		for n, status := range ways[:i%len(ways)+1] {
			call("JobDB", "setJobStatus", id, status, fmt.Sprint("minor ", n), "Unknown")
			at := time.Date(2024, 2, 1, 10, i, n, 0, time.UTC).Format(time.DateTime)
			call("JobLoggingDB", "addLoggingRecord", id, status, fmt.Sprint("minor ", n), "idem", at, "test")
		}
		call("JobDB", "setJobAttribute", id, "JobName", fmt.Sprint("job ", i))
		call("JobDB", "setJobOptParameter", id, "o", "é")
		call("JobDB", "setJobCommand", id, "Peek", "x")
		ids = append(ids, id)
	}
	odd := fmt.Sprint(ids[len(ids)-1])
	conn, err := jobdbtest.Raw(t, jobs).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range []string{
		"SET SESSION sql_mode = 'ANSI_QUOTES', foreign_key_checks = 0",
		`UPDATE Jobs SET RescheduleCounter = -1, JobName = '' WHERE JobID = ` + odd,
		`INSERT INTO InputData (JobID, LFN) VALUES (99999, '/of/no/job')`,
		`UPDATE JobJDLs SET JDL = 'no JDL at all' WHERE JobID = ` + odd,
	} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	return ids
}

// askByClient asks both with diracx-client.
func (p *pair) askByClient(t *testing.T, folder string, ids []int64) {
	t.Helper()
	byID := []object{{"parameter": "JobID", "direction": "asc"}}
	calls := []any{
		[]any{"search", object{"sort": byID, "per_page": 100}},
		[]any{"search", object{"parameters": []string{"JobID", "LoggingInfo"}, "sort": byID, "page": 2, "per_page": 7}},
		[]any{"search", object{"search": []object{{"parameter": "Status", "operator": "in", "values": []string{"Done", "Running"}}}, "sort": byID}},
		[]any{"search", object{"search": []object{{"parameter": "JobID", "operator": "eq", "value": ids[3]}}}},
		[]any{"summary", object{"grouping": []string{"Owner", "Status"}}},
	}
	answers := map[string]string{}
	for name, service := range map[string]string{"theirs": p.reference, "ours": p.ours} {
		credentials := filepath.Join(folder, name+".json")
		login := object{"access_token": p.issuer.token("alice", nil), "expires_on": time.Now().Add(time.Hour).Unix(), "refresh_token": nil}
		if err := os.WriteFile(credentials, marshal(login), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, messages bytes.Buffer
		command := exec.Command(oracle.Python(t), oracle.Program(t, "client.py"), service, credentials)
		command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(marshal(calls)), &out, &messages
		if err := command.Run(); err != nil {
			t.Fatalf("diracx-client on %s: %v\n%s", name, err, messages.String())
		}
		answers[name] = out.String()
	}
	theirs, ours := answersOf(t, answers["theirs"]), answersOf(t, answers["ours"])
	if len(theirs) != len(calls) || len(theirs[0]) != len(ids) || len(theirs[1]) != 7 {
		t.Fatalf("the reference's answers: %s", answers["theirs"])
	}
	for i := range calls {
		if a, b := marshal(theirs[i]), marshal(ours[i]); !bytes.Equal(a, b) {
			t.Errorf("%s\ntheirs %s\nours   %s", marshal(calls[i]), a, b)
		}
	}
}

// answersOf are lists of rows; those of a summary, the last, have no order.
func answersOf(t *testing.T, text string) (answers [][]object) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &answers); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	slices.SortFunc(answers[len(answers)-1], func(a, b object) int { return strings.Compare(key(a), key(b)) })
	return answers
}

func key(row object) (text string) {
	for _, name := range slices.Sorted(maps.Keys(row)) {
		text += fmt.Sprint(name, "=", row[name], " ")
	}
	return text
}
