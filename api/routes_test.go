package api_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
	"jobdb/jobdbtest"
)

// step is a request and what is expected of it. "…" in the body stands for any text.
type step struct {
	who                auth.Principal
	method, path, body string
	status             int
	want               string
}

func (w *testServer) steps(steps ...step) {
	w.t.Helper()
	for i, s := range steps {
		r := w.ask(s.method, "/api/"+s.path, w.token(s.who), s.body)
		if r.status != s.status || !matches(r.body, s.want) {
			w.t.Errorf("step %d, %s %s %s: %d %s\nwant %d %s", i+1, s.method, s.path, s.body, r.status, r.body, s.status, s.want)
		}
		w.clock.advance(time.Second)
	}
}

// matches compares a text with a pattern in which "…" is any text.
func matches(text, pattern string) bool {
	parts := strings.Split(pattern, "…")
	if !strings.HasPrefix(text, parts[0]) || !strings.HasSuffix(text, parts[len(parts)-1]) {
		return false
	}
	for _, part := range parts {
		_, rest, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = rest
	}
	return true
}

// unchanged is the rest of an answer of a status after its Status.
const unchanged = `"MinorStatus":null,"ApplicationStatus":null,"HeartBeatTime":null,"StartExecTime":null,"EndExecTime":null,"LastUpdateTime":`

// TestLifeOfAJob goes with one job through all routes; the clock is at 10:00:00 and moves on by a
// second with each request.
func TestLifeOfAJob(t *testing.T) {
	w := start(t)
	w.clock.set(time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC))
	w.submit(alice, "job")
	w.clock.advance(time.Second)
	w.steps(
		step{
			pilot, "PATCH", "jobs/status", `{"1":{"2024-01-01T10:00:01Z":{"Status":"Checking"},"2024-01-01T10:00:01.5Z":{"Status":"Waiting","Source":"Optimizer"}}}`, 200,
			`{"success":{"1":{"Status":"Waiting",` + unchanged + `"2024-01-01T10:00:01Z"}},"failed":{}}`,
		},
		step{
			pilot, "PATCH", "jobs/status", `{"1":{"2024-01-01T10:00:02Z":{"Status":"Matched","MinorStatus":"Assigned","ApplicationStatus":"a","Source":"Matcher"}}}`, 200,
			`{"success":{"1":{"Status":"Matched","MinorStatus":"Assigned","ApplicationStatus":"a","HeartBeatTime":null,"StartExecTime":null,"EndExecTime":null,"LastUpdateTime":"2024-01-01T10:00:02Z"}},"failed":{}}`,
		},
		step{pilot, "PATCH", "jobs/heartbeat", `{"1":{"LoadAverage":"2.5","MemoryUsed":1024.0,"Vsize":null,"StandardOutput":"hello"}}`, 200, `[]`},
		step{ // a job that runs can't wait: it stays, and that is told
			pilot, "PATCH", "jobs/status", `{"1":{"2024-01-01T10:00:04Z":{"Status":"Waiting","Source":"Job"}}}`, 200,
			`{"success":{"1":{"Status":"Running","MinorStatus":null,"ApplicationStatus":null,"HeartBeatTime":"2024-01-01T10:00:04Z",…"LastUpdateTime":"2024-01-01T10:00:04Z","Note":"…"}},"failed":{}}`,
		},
		step{
			alice, "PATCH", "jobs/status", `{"1":{"2024-01-01T10:00:05Z":{"Status":"Killed","MinorStatus":"Marked for termination"}}, "77":{"2024-01-01T10:00:05Z":{"Status":"Killed"}}}`, 200,
			`{"success":{"1":{"Status":"Killed","MinorStatus":"Marked for termination",…"EndExecTime":"2024-01-01T10:00:05Z",…}},"failed":{"77":{"detail":"Not found"}}}`,
		},
		step{pilot, "PATCH", "jobs/heartbeat", `{"1":{"LoadAverage":3}}`, 200, `[{"job_id":1,"command":"Kill","arguments":""}]`},
		step{pilot, "PATCH", "jobs/heartbeat", `{"1":{"LoadAverage":4}}`, 200, `[]`},
		step{pilot, "PATCH", "jobs/metadata", `{"1":{"Site":"LCG.CERN.cern","CPUNormalizationFactor":"10.7","Any":{"a":[1,2.5,null]}}}`, 204, ``},
		step{alice, "POST", "jobs/reschedule", `{"job_ids":[1]}`, 400, `{"detail":{"success":{},"failed":{"1":{"detail":"…"}}}}`},
		step{boss, "PATCH", "jobs/status?force=true", `{"1":{"2024-01-01T10:00:10Z":{"Status":"Failed"}}}`, 200, `{"success":{"1":{"Status":"Failed",…}},"failed":{}}`},
		step{
			alice, "POST", "jobs/reschedule", `{"job_ids":[1]}`, 200,
			`{"success":{"1":{"InputData":"[ \n…","Site":"ANY","UserPriority":0,"RescheduleTime":"2024-01-01T10:00:11Z","RescheduleCounter":1,"Status":"Received","MinorStatus":"Job Rescheduled","ApplicationStatus":"Unknown","HeartBeatTime":null,"StartExecTime":null,"EndExecTime":null,"LastUpdateTime":"2024-01-01T10:00:11Z"}},"failed":{}}`,
		},
		step{
			alice, "GET", "jobdb/jobs/1?heartbeats=2", ``, 200,
			`{"Attributes":{"JobID":1,…"Status":"Received",…},"JDL":"[…","OriginalJDL":"[Executable…","Parameters":{},"OptimizerParameters":{},` +
				`"ArchivedParameters":[{"Name":"Any","Value":"{\"a\":[1,2.5,null]}","Cycle":0},{"Name":"CPUNormalizationFactor","Value":"10","Cycle":0},{"Name":"StandardOutput","Value":"hello","Cycle":0}],` +
				`"InputData":[],"History":[{"Status":"Received","MinorStatus":"Job accepted","ApplicationStatus":"Unknown","StatusTime":"2024-01-01T10:00:00Z","Source":"JobManager"},…],` +
				`"Commands":[{"Command":"Kill","Arguments":"","Status":"Expired","ReceptionTime":"…","ExecutionTime":"2024-01-01T10:00:06Z"}],` +
				`"Heartbeats":[{"Name":"LoadAverage","Value":"4","Time":"2024-01-01T10:00:07Z"},{"Name":"LoadAverage","Value":"3","Time":"2024-01-01T10:00:06Z"}]}`,
		},
		step{alice, "PATCH", "jobs/metadata", `{"1":{"HostName":"n1","odd name?\"":[1,"<x>"]}}`, 204, ``},
		step{alice, "POST", "jobs/search", `{"parameters":["Parameters.odd name?\"","Status","HostName","GridCE","HostName"]}`, 200, `[{"JobID":1,"Status":"Received","Parameters.odd name?\"":"[1,\"\u003cx\u003e\"]","HostName":"n1","GridCE":null}]`},
		step{alice, "POST", "jobs/search", `{"parameters":["Site","Parameters"]}`, 200, `[{"JobID":1,"Site":"ANY","Parameters":{"HostName":"n1","odd name?\"":"[1,\"\u003cx\u003e\"]"}}]`},
		step{alice, "POST", "jobs/search", `{"parameters":["Parameters"]}`, 200, `[{"JobID":1,"JobType":"user",…"AccountedFlag":false,"Parameters":{"HostName":"n1",…}}]`},
		step{alice, "POST", "jobs/search", `{"parameters":["Parameters.x","Parameters","LoggingInfo"],"search":[{"parameter":"HostName","operator":"like","value":"N%"},{"not":{"parameter":"Parameters.odd name?\"","operator":"is null"}}]}`, 200, `[{"JobID":1,"Parameters.x":null,"Parameters":{…},"LoggingInfo":[…]}]`},
		step{alice, "POST", "jobs/search", `{"search":[{"or":[{"parameter":"HostName","operator":"eq","value":"n2"}]}]}`, 200, `[]`},
		step{alice, "POST", "jobs/summary", `{"grouping":["Status"],"search":[{"parameter":"HostName","operator":"in","values":["n1","n2"]}]}`, 200, `[{"Status":"Received","count":1}]`},
		step{alice, "POST", "jobs/search", `{"search":[{"parameter":"PayloadPID","operator":"gt","value":1}]}`, 400, `{"detail":"…texts…"}`},
		step{alice, "POST", "jobs/search", `{"parameters":["Hostname"]}`, 400, `{"detail":"…no such column…"}`},
		step{alice, "POST", "jobs/search", `{"sort":[{"parameter":"HostName","direction":"asc"}]}`, 400, `{"detail":"…no such column…"}`},
		step{alice, "POST", "jobs/search", `{"parameters":["Status","LoggingInfo"]}`, 200, `[{"JobID":1,"Status":"Received","LoggingInfo":[{"Status":"Received",…"Status":"Waiting",…,"Source":"Optimizer"},…]}]`},
		step{alice, "POST", "jobs/search", `{"parameters":["LoggingInfo"]}`, 200, `[{"JobID":1,"JobType":"user",…"AccountedFlag":false,"LoggingInfo":[…]}]`},
		step{alice, "POST", "jobs/search", `{"search":[{"parameter":"PilotStamp","operator":"eq","value":"x"}]}`, 200, `[]`},
		step{alice, "POST", "jobdb/facets", `{"columns":["Status","Site"],"search":[{"parameter":"HostName","operator":"eq","value":"n1"},{"parameter":"Status","operator":"eq","value":"Done"}]}`, 200, `{"Site":{"values":[],"more":false},"Status":{"values":[{"value":"Received","count":1}],"more":false}}`},
		step{alice, "POST", "jobdb/facets", `{"columns":["Status"],"search":[{"parameter":"PilotStamp","operator":"eq","value":"x"}]}`, 200, `{"Status":{"values":[],"more":false}}`},
		step{alice, "POST", "jobdb/histogram", `{"time":"SubmissionTime","from":"2024-01-01T09:59:30Z","to":"2024-01-01 10:02","bucket":60,"by":"VerifiedFlag"}`, 200, `{"from":"2024-01-01T09:59:00Z","to":"2024-01-01T10:02:00Z","bucket":60,"series":[{"value":true,"counts":[0,1,0]}],"other":[0,0,0]}`},
		step{alice, "POST", "jobdb/histogram", `{"time":"SubmissionTime","from":"2024","to":"2025","bucket":31622400,"search":[{"parameter":"HostName","operator":"eq","value":"n2"}]}`, 200, `{"from":"2023-02-10T00:00:00Z","to":"2025-02-11T00:00:00Z",…"series":[],"other":[0,0]}`},
		step{alice, "POST", "jobdb/values", `{"column":"MinorStatus","prefix":"JOB"}`, 200, `{"values":["Job Rescheduled"],"more":false}`},
		step{alice, "POST", "jobdb/series", `{"columns":["Status"],"from":"2024-01-01T09:59:00Z","to":"2024-01-01 10:02"}`, 200, `{"columns":["Status"],"from":"2024-01-01T09:55:00Z","to":"2024-01-01T10:05:00Z","bucket":300,"series":[],"other":[null,null]}`},
		step{alice, "POST", "jobdb/series", `{"columns":["Status"],"from":"2024","to":"2025","bucket":300}`, 400, `{"detail":"…buckets…"}`},
		step{alice, "POST", "jobdb/series", `{"columns":["JobName"],"from":"2024","to":"2025"}`, 400, `{"detail":"…columns…"}`},
		step{alice, "POST", "jobdb/facets", `{"columns":["JobID"]}`, 400, `{"detail":"…JobID…"}`},
		step{alice, "POST", "jobdb/facets", `{"columns":["Status"],"search":[{"parameter":"Nope","operator":"eq","value":1}]}`, 400, `{"detail":"…no such column…"}`},
		step{alice, "POST", "jobdb/histogram", `{"time":"SubmissionTime","from":"2024","to":"2025","bucket":60}`, 400, `{"detail":"…buckets…"}`},
		step{alice, "POST", "jobdb/values", `{"column":"EndExecTime"}`, 400, `{"detail":"…texts…"}`},
		step{
			alice, "POST", "jobdb/actions", `{"action":"kill","search":[{"parameter":"Status","operator":"eq","value":"Received"}],"reason":"r","dry_run":true}`, 200,
			`{"action":"kill","reason":"r","search":[{"parameter":"Status","operator":"eq","value":"Received"}],"owner":"alice","state":"preview","created":null,"updated":null,` +
				`"total":1,"done":0,"refused":0,"failed":0,"can":1,"cannot":{},"by_status":{"Received":1},"missing":0,"not_yours":0}`,
		},
		step{alice, "POST", "jobdb/actions", `{"action":"kill","ids":[1,1,7]}`, 200, `{"id":1,…"search":null,…"state":"running","created":"2024…"total":2,…"can":1,…"missing":1,…}`},
		step{alice, "GET", "jobdb/actions/1?outcomes=waiting", ``, 200, `{"id":1,…"outcomes":[{"job_id":1,"outcome":"waiting"},{"job_id":7,"outcome":"waiting"}],"next":null}`},
		step{alice, "GET", "jobdb/actions/1?outcomes=refused", ``, 200, `{"id":1,…"outcomes":[],"next":null}`},
		step{alice, "GET", "jobdb/actions/1", ``, 200, `{"id":1,…"not_yours":0}`},
		step{alice, "DELETE", "jobdb/actions/1", ``, 200, `{"id":1,…"state":"stopped",…}`},
		step{alice, "POST", "jobdb/actions", `{"action":"delete","ids":[1]}`, 200, `{"id":2,…}`},
		step{alice, "GET", "jobdb/actions?per_page=1", ``, 200, `[{"id":2,…}]`},
		step{alice, "GET", "jobdb/actions?before=2", ``, 200, `[{"id":1,…}]`},
		step{alice, "GET", "jobdb/actions/3", ``, 404, `{"detail":"no such action, or no longer"}`},
		step{alice, "DELETE", "jobdb/actions/3", ``, 404, `{"detail":"no such action, or no longer"}`},
		step{alice, "POST", "jobdb/actions", `{"action":"kill","search":[{"parameter":"Nope","operator":"eq","value":1}]}`, 400, `{"detail":"…no such column…"}`},
	)
}

// TestBatches is about jobs of several owners in one request.
func TestBatches(t *testing.T) {
	w := start(t)
	for _, owner := range []auth.Principal{alice, bob, other, alice} {
		w.submit(owner, "job")
	}
	before := w.everything()
	at := `{"2024-01-01T10:00:01Z":{"Status":"Checking"}}`
	w.steps(
		step{alice, "PATCH", "jobs/status", `{"1":` + at + `,"2":` + at + `}`, 403, `{"detail":"…not yours"}`},
		step{alice, "PATCH", "jobs/heartbeat", `{"1":{"LoadAverage":1},"2":{}}`, 403, `{"detail":"…"}`},
		step{alice, "PATCH", "jobs/metadata", `{"1":{"Site":"x"},"2":{}}`, 403, `{"detail":"…"}`},
		step{alice, "POST", "jobs/reschedule", `{"job_ids":[1,2]}`, 403, `{"detail":"…"}`},
		step{alice, "PATCH", "jobs/metadata", `{"1":{"Site":"x"},"3":{"Site":"x"}}`, 404, `{"detail":"…3…"}`},
		step{alice, "PATCH", "jobs/metadata", `{"1":{"Site":"x"},"4":{"Owner":"x"}}`, 400, `{"detail":"…Owner…"}`},
	)
	if diff := cmp.Diff(before, w.everything()); diff != "" {
		t.Errorf("refused, and yet: %s", diff)
	}
	w.steps(
		step{alice, "PATCH", "jobs/status", `{"1":` + at + `,"3":` + at + `,"4":` + at + `}`, 200, `{"success":{"1":{"Status":"Checking",…},"4":{"Status":"Checking",…}},"failed":{"3":{"detail":"Not found"}}}`},
		step{alice, "POST", "jobs/reschedule", `{"job_ids":[1,3,4,4,99]}`, 200, `{"success":{"1":{…},"4":{…}},"failed":{"3":{"detail":"Not found"},"99":{"detail":"Not found"}}}`},
	)
	r := w.ask("PATCH", "/api/jobs/heartbeat", w.token(pilot), `{"99":{"LoadAverage":1},"2":{"LoadAverage":1},"3":{}}`)
	if r.status != 200 || r.body != "[]" || r.header.Get("Jobdb-Missing-Jobs") != "3,99" {
		t.Errorf("heartbeats, some of missing jobs: %d %s %v", r.status, r.body, r.header)
	}
	r = w.ask("PATCH", "/api/jobs/heartbeat", w.token(pilot), `{"99":{},"3":{}}`)
	if r.status != 404 || !strings.Contains(r.body, "3, 99") {
		t.Errorf("heartbeats of missing jobs: %d %s", r.status, r.body)
	}
}

// running is a valid update of a status.
const running = `"2024-01-01T10:00:00Z":{"Status":"Running"}`

// malformed are requests that DiracX refuses with 422, with the types and locations of its faults; the
// last ones are of our own routes.
var malformed = []struct{ method, path, body, want string }{
	{"PATCH", "status", ``, `missing [body]`},
	{"PATCH", "status", `[]`, `dict_type [body]`},
	{"PATCH", "status", `{"1":5}`, `dict_type [body 1]`},
	{"PATCH", "status", `{"1":{}}`, `too_short [body 1]`},
	{"PATCH", "status", `{"1":{"2024-01-01T00:00:00Z":5}}`, `model_attributes_type [body 1 2024-01-01T00:00:00Z]`},
	{"PATCH", "status", `{"1":{"bad":{}}}`, `datetime_from_date_parsing [body 1 bad [key]]`},
	{"PATCH", "status", `{"x":{` + running + `},"1.5":{` + running + `},"1.0":{` + running + `}}`, `int_parsing [body x [key]], int_parsing [body 1.5 [key]]`},
	{"PATCH", "status", `{"1":{"2024-01-01T00:00:00Z":{"Status":"Nope","MinorStatus":5,"Source":null}}}`, `enum [body 1 2024-01-01T00:00:00Z Status], string_type [body 1 2024-01-01T00:00:00Z MinorStatus], string_type [body 1 2024-01-01T00:00:00Z Source]`},
	{"PATCH", "status?force=maybe", `{"1":{` + running + `}}`, `bool_parsing [query force]`},
	{"PATCH", "heartbeat", `{"1":null}`, `model_attributes_type [body 1]`},
	{"PATCH", "heartbeat", `{"1":{"LoadAverage":"x","Vsize":NaN,"CPUConsumed":1e999,"StandardOutput":5,"MemoryUsed":true,"Nope":1}}`, `float_parsing [body 1 LoadAverage], finite_number [body 1 Vsize], finite_number [body 1 CPUConsumed], string_type [body 1 StandardOutput], extra_forbidden [body 1 Nope]`},
	{"PATCH", "heartbeat", `{"99999999999999999999":{}}`, `int_parsing_size [body 99999999999999999999 [key]]`},
	{"POST", "reschedule", `{}`, `missing [body job_ids]`},
	{"POST", "reschedule", `[1]`, `missing [body job_ids]`},
	{"POST", "reschedule", ``, `missing [body job_ids]`},
	{"POST", "reschedule", `{"job_ids":null}`, `missing [body job_ids]`},
	{"POST", "reschedule", ` `, `json_invalid [body 1]`},
	{"POST", "search", ` `, `json_invalid [body 1]`},
	{"POST", "search?page=true", `{"sort":["a"]}`, `int_parsing [query page], dict_type [body sort 0]`},
	{"PATCH", "status?force=2", `null`, `bool_parsing [query force], missing [body]`},
	{"POST", "reschedule?reset_jobs=2", ``, `bool_parsing [query reset_jobs], missing [body job_ids]`},
	{"POST", "search", `{"search":null,"sort":null,"distinct":null,"parameters":null}`, `list_type [body search], list_type [body sort], bool_type [body distinct]`},
	{"POST", "search", `{"distinct":1.5}`, `bool_type [body distinct]`},
	{"POST", "reschedule", `{"job_ids":["1","x",1.0,1.5,true,null]}`, `int_parsing [body job_ids 1], int_from_float [body job_ids 3], int_type [body job_ids 5]`},
	{"POST", "reschedule?reset_jobs=5", `{"job_ids":5}`, `bool_parsing [query reset_jobs], list_type [body job_ids]`},
	{"PATCH", "metadata", `{"1":5}`, `model_attributes_type [body 1]`},
	{"PATCH", "metadata", `{"1":{"timestamp":"z","HostName":5,"PayloadPID":1.5,"Site":5,"owner":7,"SubmissionTime":"2024-01-01T00:00:00","UserPriority":"a","VerifiedFlag":"b","AccountedFlag":5}}`, `datetime_from_date_parsing [body 1 timestamp], string_type [body 1 HostName], int_from_float [body 1 PayloadPID], string_type [body 1 Site], string_type [body 1 owner], timezone_aware [body 1 SubmissionTime], int_parsing [body 1 UserPriority], bool_parsing [body 1 VerifiedFlag], bool_parsing [body 1 AccountedFlag bool], string_type [body 1 AccountedFlag str]`},
	{"PATCH", "metadata", `{"1":{"CPUNormalizationFactor":"x"}}`, `value_error [body 1 CPUNormalizationFactor]`},
	{"PATCH", "metadata", `{"1":{"X":{"a":[Infinity]}}}`, `value_error [body 1]`},
	{"POST", "search", `{"search":["a"]}`, `dict_type [body search 0 ScalarSearchSpec], dict_type [body search 0 VectorSearchSpec]`},
	{"POST", "search", `{"search":{}}`, `list_type [body search]`},
	{"POST", "search", `{"search":[{"parameter":"Status","operator":"in","value":"x"}]}`, `enum [body search 0 ScalarSearchSpec operator], missing [body search 0 VectorSearchSpec values]`},
	{"POST", "search", `{"search":[{"parameter":"Status","operator":"eq","value":1.5}]}`, `string_type [body search 0 ScalarSearchSpec value str], int_from_float [body search 0 ScalarSearchSpec value int], enum [body search 0 VectorSearchSpec operator], missing [body search 0 VectorSearchSpec values]`},
	{"POST", "search", `{"sort":[{"parameter":"Status","direction":"up"},{"parameter":"Status"},"a"]}`, `enum [body sort 0 direction], missing [body sort 1 direction], dict_type [body sort 2]`},
	{"POST", "search", `{"distinct":"maybe","parameters":[1]}`, `string_type [body parameters 0], bool_parsing [body distinct]`},
	{"POST", "search", `{"search":[{"or":[{"not":5}]}]}`, `dict_type [body search 0 or 0 not ScalarSearchSpec], dict_type [body search 0 or 0 not VectorSearchSpec]`},
	{"POST", "summary", `{"grouping":null}`, `list_type [body grouping]`},
	{"GET", "details", ``, `int_parsing [path job_id]`},
	{"POST", "facets", ``, `missing [body]`},
	{"POST", "facets", `[]`, `model_attributes_type [body]`},
	{"POST", "facets", `{"column":["Status"],"search":5,"top":0}`, `extra_forbidden [body column], missing [body columns], list_type [body search], greater_than_equal [body top]`},
	{"POST", "facets", `{"columns":["Status",5],"top":1001}`, `string_type [body columns 1], less_than_equal [body top]`},
	{"POST", "histogram", `{"by":5,"bucket":60.5,"top":"x","Search":[]}`, `extra_forbidden [body Search], missing [body time], missing [body from], missing [body to], int_from_float [body bucket], string_type [body by], int_parsing [body top]`},
	{"POST", "histogram", `{"time":1,"from":2024,"to":null,"bucket":60,"top":51}`, `string_type [body time], string_type [body from], string_type [body to], less_than_equal [body top]`},
	{"POST", "actions", ``, `missing [body]`},
	{"POST", "actions", `{"action":"explode","reason":5,"dry_run":7,"jobs":1}`, `extra_forbidden [body jobs], enum [body action], value_error [body], string_type [body reason], bool_parsing [body dry_run]`},
	{"POST", "actions", `{"ids":[],"search":[]}`, `missing [body action], value_error [body]`},
	{"POST", "actions", `{"action":"kill","ids":[]}`, `too_short [body ids]`},
	{"POST", "actions", `{"action":"kill","ids":[0,"x"],"reason":"` + strings.Repeat("é", 1001) + `"}`, `greater_than_equal [body ids 0], int_parsing [body ids 1], string_too_long [body reason]`},
	{"POST", "actions", `{"action":"kill","search":{}}`, `list_type [body search]`},
	{"GET", "actions/x?outcomes=some&from=0", ``, `int_parsing [path action_id], enum [query outcomes], greater_than_equal [query from]`},
	{"DELETE", "actions/x", ``, `int_parsing [path action_id]`},
	{"GET", "actions?before=0&per_page=201", ``, `greater_than_equal [query before], less_than_equal [query per_page]`},
	{"POST", "series", `{"columns":"Status","from":5,"bucket":60.5,"ended":"x","top":51,"by":1}`, `extra_forbidden [body by], list_type [body columns], string_type [body from], missing [body to], int_from_float [body bucket], bool_parsing [body ended], less_than_equal [body top]`},
	{"POST", "values", `{"prefix":null,"limit":1.5}`, `missing [body column], string_type [body prefix], int_from_float [body limit]`},
}

// TestMalformed sends what DiracX refuses, and compares types and locations of the faults.
func TestMalformed(t *testing.T) {
	w := start(t)
	w.submit(alice, "job")
	before := w.everything()
	for _, test := range malformed {
		path := "/api/jobs/" + test.path
		switch {
		case test.path == "details":
			path = "/api/jobdb/jobs/x"
		case slices.Contains([]string{"facets", "histogram", "series", "values"}, test.path), strings.HasPrefix(test.path, "actions"):
			path = "/api/jobdb/" + test.path
		}
		r := w.ask(test.method, path, w.token(alice), test.body)
		var answer struct {
			Detail []struct {
				Type string `json:"type"`
				Loc  []any  `json:"loc"`
				Msg  string `json:"msg"`
			} `json:"detail"`
		}
		err := json.Unmarshal([]byte(r.body), &answer)
		faults := make([]string, len(answer.Detail))
		for i, f := range answer.Detail {
			faults[i] = fmt.Sprintf("%s %v", f.Type, f.Loc)
			if f.Msg == "" {
				t.Errorf("%s: no message", test.body)
			}
		}
		if got := strings.Join(faults, ", "); r.status != 422 || err != nil || got != test.want {
			t.Errorf("%s %s: %d %s\nwant %s", test.path, test.body, r.status, got, test.want)
		}
		if strings.Contains(test.body, "Infinity") != strings.Contains(r.body, "non-finite") && !strings.Contains(test.body, "NaN") {
			t.Errorf("%s: %s", test.body, r.body)
		}
	}
	if r := w.ask("PATCH", "/api/jobs/status", w.token(alice), `{"1":{"2024-01-01T00:00:00":{}}}`); r.status != 400 || !strings.Contains(r.body, "2024-01-01T00:00:00Z if it is UTC") {
		t.Errorf("a time without an offset: %d %s", r.status, r.body)
	}
	if diff := cmp.Diff(before, w.everything()); diff != "" {
		t.Errorf("refused, and yet: %s", diff)
	}
}

// Requests that DiracX accepts although they are not quite right are accepted, too.
func TestLenientSearch(t *testing.T) {
	w := start(t)
	w.submit(alice, "job")
	for _, body := range []string{
		"\ufeff{}", `{"distinct":"yes"}`, `{"distinct":0}`, `{"search":[{"parameter":"JobID","operator":"in","values":["1"]}]}`,
		`{"search":[{"parameter":"JobID","operator":"eq","value":1.0}]}`, `{"parameters":null}`, `{"unknown":1}`,
		`{"search":[{"parameter":"VerifiedFlag","operator":"eq","value":true}]}`,
	} {
		if r := w.post(alice, "search", body); r.status != 200 || !strings.Contains(r.body, `"JobID":1,`) {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}

// Jobs are found by the stamps of the pilots that ran them, within the VO.
func TestPilotStamps(t *testing.T) {
	address := filepath.Join(t.TempDir(), "pilots.db")
	if _, err := jobdbtest.Raw(t, "sqlite:"+address).ExecContext(t.Context(), `CREATE TABLE PilotAgents (PilotID INTEGER, PilotStamp TEXT); CREATE TABLE JobToPilotMapping (PilotID INTEGER, JobID INTEGER);
		INSERT INTO PilotAgents VALUES (1, 'abc'), (2, 'def'), (3, 'none'); INSERT INTO JobToPilotMapping VALUES (1, 1), (1, 3), (2, 2);`); err != nil {
		t.Fatal(err)
	}
	pilots, err := jobdb.OpenPilots(t.Context(), "sqlite:"+address, jobdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pilots.Close()
	w := start(t, func(c *api.Config) { c.Pilots = pilots })
	for _, owner := range []auth.Principal{alice, bob, other} {
		w.submit(owner, "job")
	}
	filter := func(more string) string { return `{"parameters":["JobID"],"search":[` + more + `]}` }
	w.steps(
		step{alice, "POST", "jobs/search", filter(`{"parameter":"PilotStamp","operator":"eq","value":"abc"}`), 200, `[{"JobID":1}]`},
		step{other, "POST", "jobs/search", filter(`{"parameter":"PilotStamp","operator":"eq","value":"abc"}`), 200, `[{"JobID":3}]`},
		step{alice, "POST", "jobs/search", filter(`{"parameter":"PilotStamp","operator":"in","values":["abc","def"]}`), 200, `[{"JobID":1},{"JobID":2}]`},
		step{alice, "POST", "jobs/search", filter(`{"parameter":"PilotStamp","operator":"in","values":["abc","def"]},{"parameter":"Owner","operator":"eq","value":"bob"}`), 200, `[{"JobID":2}]`},
		step{alice, "POST", "jobs/search", filter(`{"parameter":"PilotStamp","operator":"eq","value":"none"}`), 200, `[]`},
		step{alice, "POST", "jobs/search", filter(`{"parameter":"PilotStamp","operator":"eq","value":"ABC"}`), 200, `[]`},
		step{alice, "POST", "jobs/search", filter(`{"parameter":"PilotStamp","operator":"like","value":"a%"}`), 400, `{"detail":"…eq and in only…"}`},
		step{alice, "POST", "jobs/search", filter(`{"parameter":"PilotStamp","operator":"eq","value":"abc"},{"parameter":"JobID","operator":"eq","value":1}`), 400, `{"detail":"…JobID…"}`},
	)
}

// A submission that comes again with its key makes no job again.
func TestIdempotencyKey(t *testing.T) {
	w := start(t)
	submit := func(who auth.Principal, key, body string) reply {
		return w.ask("POST", "/api/jobs/jdl", w.token(who), body, "Idempotency-Key", key)
	}
	first := submit(alice, "k1", `["Executable=\"x\"","Executable=\"y\""]`)
	w.clock.advance(time.Hour)
	again := submit(alice, "k1", `[ "Executable=\"x\"", "Executable=\"y\"" ]`)
	if first.status != 201 || again.status != 201 || first.body != again.body || !strings.Contains(first.body, `"JobID":2`) {
		t.Errorf("%d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
	if r := submit(alice, "k1", `["Executable=\"z\""]`); r.status != 422 || !strings.Contains(r.body, `["header","Idempotency-Key"]`) {
		t.Errorf("another body: %d %s", r.status, r.body)
	}
	for i, who := range []auth.Principal{bob, other} {
		if r := submit(who, "k1", `["Executable=\"x\""]`); r.status != 201 || !strings.Contains(r.body, fmt.Sprintf(`"JobID":%d`, i+3)) {
			t.Errorf("the same key of %s: %d %s", who.Subject, r.status, r.body)
		}
	}
	for _, key := range []string{"", strings.Repeat("k", 256)} {
		if r := submit(alice, key, `["Executable=\"x\""]`); r.status != 400 {
			t.Errorf("%q: %d %s", key, r.status, r.body)
		}
	}
	if r := submit(boss, "k2", `["Executable=\"x\""]`); r.status != 403 {
		t.Errorf("boss: %d %s", r.status, r.body)
	}
	w.clock.advance(24 * time.Hour)
	if r := submit(alice, "k1", `["Executable=\"z\""]`); r.status != 201 || !strings.Contains(r.body, `"JobID":5`) {
		t.Errorf("the next day: %d %s", r.status, r.body)
	}
}

func TestCompression(t *testing.T) {
	w := start(t)
	for range 30 {
		w.submit(alice, "job")
	}
	plain := w.post(alice, "search?per_page=20", "")
	for accepted, zipped := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "": false, "br": false, "gzip;q=0": false, "x-gzip": false} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/jobs/search?per_page=20", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", w.token(alice))
		request.Header.Set("Accept-Encoding", accepted) // now it's ours to decompress
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body := io.Reader(response.Body)
		if zipped {
			if body, err = gzip.NewReader(response.Body); err != nil {
				t.Fatalf("%q: %v", accepted, err)
			}
		}
		text, err := io.ReadAll(body)
		if err != nil || string(text) != plain.body || response.StatusCode != 206 || response.Header.Get("Content-Range") != "jobs 0-19/30" {
			t.Errorf("%q: %v, %d, %v", accepted, err, response.StatusCode, response.Header)
		}
		if got := response.Header.Get("Content-Encoding") == "gzip"; got != zipped || response.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", accepted, response.Header)
		}
	}
}

func TestOrigins(t *testing.T) {
	w := start(t, func(c *api.Config) { c.Origins = []string{"http://localhost:3000"} })
	for origin, allowed := range map[string]bool{"http://localhost:3000": true, "http://evil.example": false, "http://localhost:3001": false} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, w.url+"/api/jobs/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", origin)
		request.Header.Set("Access-Control-Request-Method", "PATCH")
		request.Header.Set("Access-Control-Request-Headers", "authorization,diracx-client-version")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if got := response.Header.Get("Access-Control-Allow-Origin"); (got == origin) != allowed {
			t.Errorf("%s: %d %v", origin, response.StatusCode, response.Header)
		}
		if allowed && (response.StatusCode >= 300 || !strings.Contains(response.Header.Get("Access-Control-Allow-Headers"), "authorization")) {
			t.Errorf("%s: %d %v", origin, response.StatusCode, response.Header)
		}
	}
}

// What a page of another origin may see of an answer.
func TestExposedHeaders(t *testing.T) {
	w := start(t, func(c *api.Config) { c.Origins = []string{"*"} })
	w.submit(alice, "one", "two")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/jobs/search?per_page=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", w.token(alice))
	request.Header.Set("Origin", "https://page.example")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if exposed := response.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "Content-Range") || !strings.Contains(exposed, "Jobdb-Missing-Jobs") {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
}

// TestSeries notes counts over time and asks for them.
func TestSeries(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.submit(alice, "job")
	w.submit(bob, "job")
	w.note()
	w.clock.advance(10 * time.Minute)
	w.submit(alice, "job")
	w.note()
	w.steps(
		step{alice, "POST", "jobdb/series", `{"columns":["Status","Owner"],"from":"2024-01-01 10","to":"2024-01-01 10:15"}`, 200, `{"columns":["Status","Owner"],"from":"2024-01-01T10:00:00Z","to":"2024-01-01T10:15:00Z","bucket":300,"series":[{"values":["Received","alice"],"counts":[1,null,2]},{"values":["Received","bob"],"counts":[1,null,1]}],"other":[0,null,0]}`},
		step{alice, "POST", "jobdb/series", `{"columns":["Status"],"from":"2024-01-01 10","to":"2024-01-01 11","bucket":3600,"search":[{"parameter":"Owner","operator":"eq","value":"alice"}]}`, 200, `{…"series":[{"values":["Received"],"counts":[1.5]}],"other":[0]}`},
		step{bob, "POST", "jobdb/series", `{"columns":["Site"],"from":"2024-01-01 10","to":"2024-01-01 11","ended":true}`, 200, `{…"series":[],"other":[0,null,0,null…]}`},
	)
}

// An action that comes again with its key begins once, whatever became of its jobs meanwhile.
func TestActionIdempotencyKey(t *testing.T) {
	w := start(t)
	w.ask("POST", "/api/jobs/jdl", w.token(alice), `["Executable=\"x\""]`)
	begin := func(who auth.Principal, key, body string) reply {
		return w.ask("POST", "/api/jobdb/actions", w.token(who), body, "Idempotency-Key", key)
	}
	const kill = `{"action":"kill","search":[{"parameter":"Status","operator":"eq","value":"Received"}]}`
	first := begin(alice, "k1", kill)
	if first.status != 200 || !strings.Contains(first.body, `{"id":1,`) {
		t.Fatalf("%d %s", first.status, first.body)
	}
	w.ask("POST", "/api/jobs/jdl", w.token(alice), `["Executable=\"y\""]`)
	if again := begin(alice, "k1", kill); again.status != 200 || again.body != first.body {
		t.Errorf("%d %s, then %s", again.status, first.body, again.body)
	}
	for key, body := range map[string]string{"k1": `{"action":"delete","ids":[1]}`, "": kill, strings.Repeat("k", 256): kill} {
		if r := begin(alice, key, body); r.status != 422 && key == "k1" || r.status != 400 && key != "k1" {
			t.Errorf("%q: %d %s", key, r.status, r.body)
		}
	}
	if r := begin(bob, "k1", kill); r.status != 200 || !strings.Contains(r.body, `{"id":2,`) {
		t.Errorf("the same key of another user: %d %s", r.status, r.body)
	}
	if r := w.ask("GET", "/api/jobdb/actions", w.token(alice), ""); strings.Count(r.body, `"id":`) != 1 {
		t.Errorf("actions: %s", r.body)
	}
}
