package faults_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

const mega = 1 << 20

// maxBody is what the server takes without a setting.
const maxBody = 10 * mega

// filled repeats what item makes of numbers until a body is as long as the server takes.
func filled(begin, end string, item func(n int) string) string {
	var b strings.Builder
	b.WriteString(begin)
	for n := 1; ; n++ {
		next := item(n)
		if b.Len()+len(next)+1+len(end) > maxBody {
			break
		}
		if n > 1 {
			b.WriteByte(',')
		}
		b.WriteString(next)
	}
	return b.String() + end
}

func always(text string) func(int) string { return func(int) string { return text } }

// some repeats what item makes of the numbers from 1 to n.
func some(n int, begin, end string, item func(n int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i + 1)
	}
	return begin + strings.Join(items, ",") + end
}

// heavyBodies are those that took the most memory of all that were tried: 0.4 to 2.5 GB each, when
// nothing but their length was bounded.
var heavyBodies = []struct{ name, method, path, body string }{
	{"empty filters", "POST", "/api/jobs/search", filled(`{"search":[`, `]}`, always(`{}`))},
	{"lists in lists", "POST", "/api/jobs/search", strings.Repeat("[", maxBody)},
	{"numbers in a list", "POST", "/api/jobs/search", filled(`{"search":[{"parameter":"JobID","operator":"in","values":[`, `]}]}`, always("1"))},
	{"one long text", "POST", "/api/jobs/search", filled(`{"search":[{"parameter":"JobName","operator":"eq","value":"`, `"}]}`, always("xxxxxxxxx"))},
	{"statuses of unknown jobs", "PATCH", "/api/jobs/status", filled("{", "}", func(n int) string { return fmt.Sprintf(`"%d":{"2":{}}`, n) })},
	{"statuses", "PATCH", "/api/jobs/status", filled("{", "}", func(n int) string {
		return fmt.Sprintf(`"%d":{"2026-01-01T00:00:00Z":{"Status":"Running","MinorStatus":"%0100d"}}`, n, n)
	})},
	{"parameters of one job", "PATCH", "/api/jobs/metadata", filled(`{"1":{`, "}}", func(n int) string { return fmt.Sprintf(`"p%d":1`, n) })},
	{"long parameters of one job", "PATCH", "/api/jobs/metadata", filled(`{"1":{`, "}}", func(n int) string { return fmt.Sprintf(`"p%d":"%0200d"`, n, n) })},
	{"parameters of many jobs", "PATCH", "/api/jobs/metadata", filled("{", "}", func(n int) string { return fmt.Sprintf(`"%d":{"p":"%050d"}`, n, n) })},
	{"heartbeats", "PATCH", "/api/jobs/heartbeat", filled("{", "}", func(n int) string { return fmt.Sprintf(`"%d":{"LoadAverage":1,"MemoryUsed":2}`, n) })},
	{"heartbeats with outputs", "PATCH", "/api/jobs/heartbeat", filled("{", "}", func(n int) string { return fmt.Sprintf(`"%d":{"StandardOutput":"%0100d"}`, n, n) })},
	{"a JDL of many attributes", "POST", "/api/jobs/jdl", filled(`["`, `"]`, func(n int) string { return fmt.Sprintf("a%d = %d;", n, n) })},
	{"a JDL of a long list", "POST", "/api/jobs/jdl", filled(`["InputData = {`, `};"]`, func(n int) string { return fmt.Sprintf(`\"/lhcb/%d\"`, n) })},
	{"many JDLs", "POST", "/api/jobs/jdl", filled("[", "]", always(`"Executable = 'x';"`))},
	{"JDLs", "POST", "/api/jobs/jdl", filled("[", "]", always(`"Executable = 'x'; Comment = '`+strings.Repeat("x", 1000)+`';"`))},
	{"jobs to reschedule", "POST", "/api/jobs/reschedule", filled(`{"job_ids":[`, `]}`, func(n int) string { return fmt.Sprint(n) })},
	{"as many statuses as may be", "PATCH", "/api/jobs/status", some(19_000, "{", "}", func(n int) string {
		return fmt.Sprintf(`"%d":{"2026-01-01T00:00:00Z":{"Status":"Running"}}`, n+1000)
	})},
	{"as many heartbeats as may be", "PATCH", "/api/jobs/heartbeat", some(24_000, "{", "}", func(n int) string { return fmt.Sprintf(`"%d":{"LoadAverage":1}`, n+1000) })},
	{"as many parameters as may be", "PATCH", "/api/jobs/metadata", some(49_000, `{"1":{`, "}}", func(n int) string { return fmt.Sprintf(`"p%d":"%050d"`, n, n) })},
	{"groups of a summary", "POST", "/api/jobs/summary", filled(`{"grouping":[`, `]}`, always(`"Status"`))},
}

// The heaviest bodies, several at once of several users, leave the memory of the server below 256 MB
// over what it takes when it does nothing, and light requests go on beside them.
func TestMemoryOfBodies(t *testing.T) {
	needLinux(t)
	s := startServer(t)
	users := []string{s.token("alice", "NormalUser"), s.token("bob", "NormalUser", "JobAdministrator"), s.token("root", "JobAdministrator", "NormalUser")}
	for _, token := range users {
		if r := s.send(token, "POST", "/api/jobs/jdl", `["Executable = 'x';"]`); r.status != http.StatusCreated {
			t.Fatalf("submit: %+v", r)
		}
	}
	expected := []int{
		http.StatusOK, http.StatusCreated, http.StatusNoContent, http.StatusMultiStatus, http.StatusBadRequest, http.StatusNotFound,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable,
	}
	idle := s.peakMemory()
	for _, heavy := range heavyBodies {
		t.Run(heavy.name, func(t *testing.T) {
			s.forgetPeak()
			var all sync.WaitGroup
			statuses := make([]int, 8)
			for i := range statuses {
				all.Go(func() {
					r := s.send(users[i%len(users)], heavy.method, heavy.path, heavy.body)
					if statuses[i] = r.status; r.err != nil || !slices.Contains(expected, r.status) {
						t.Errorf("%+v", r)
					}
				})
			}
			if r := s.send(users[0], "PATCH", "/api/jobs/heartbeat", `{"1":{"LoadAverage":1}}`); r.status != http.StatusOK {
				t.Errorf("a heartbeat beside it: %+v", r)
			}
			all.Wait()
			more := s.peakMemory() - idle
			t.Logf("%d bytes, answers %v, %d MB over idle (%d MB)", len(heavy.body), statuses, more/mega, idle/mega)
			if more > 256*mega {
				t.Errorf("%d MB over idle", more/mega)
			}
		})
	}
}

// Searches that show more than columns, several at once of several users, leave the memory of the
// server where other answers do.
func TestMemoryOfAdditions(t *testing.T) {
	needLinux(t)
	address := jobdbtest.PostgreSQL(t)
	db := jobdbtest.Open(t, address, jobdb.Options{})
	s := startServer(t, "--db", address)
	users := []string{s.token("alice", "NormalUser"), s.token("bob", "NormalUser"), s.token("carol", "NormalUser")}
	const jobs, long = 300, 100
	for range jobs / 20 {
		if r := s.send(users[0], "POST", "/api/jobs/jdl", some(20, "[", "]", always(`"Executable = 'x';"`))); r.status != http.StatusCreated {
			t.Fatalf("submit: %+v", r)
		}
	}
	records := make([]jobdb.HistoryRecord, 900*long)
	for i := range records {
		records[i] = jobdb.HistoryRecord{JobID: jobdb.JobID(1 + i%long), Status: "Running", MinorStatus: strings.Repeat("m", 100), Time: time.Now(), Source: "x"}
	}
	if err := db.InsertHistory(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	idle := s.peakMemory()
	for _, heavy := range []struct{ name, body string }{
		{"parameters by name", some(1000, `{"parameters":[`, `]}`, func(n int) string { return fmt.Sprintf(`"Parameters.%d"`, n) })},
		{"more than may be", some(30_000, `{"parameters":[`, `]}`, func(n int) string { return fmt.Sprintf(`"Parameters.%d"`, n) })},
		{"parameters by long names", some(1000, `{"parameters":[`, `]}`, func(n int) string { return fmt.Sprintf(`"Parameters.%s%d"`, strings.Repeat(`\u0001`, 90), n) })},
		{"histories", `{"parameters":["LoggingInfo"]}`},
	} {
		t.Run(heavy.name, func(t *testing.T) {
			s.forgetPeak()
			var all sync.WaitGroup
			statuses := make([]int, 24)
			for i := range statuses {
				all.Go(func() {
					r := s.send(users[i%len(users)], "POST", "/api/jobs/search?per_page=300", heavy.body)
					if statuses[i] = r.status; r.err != nil || r.status == http.StatusInternalServerError {
						t.Errorf("%+v", r)
					}
				})
			}
			all.Wait()
			more := s.peakMemory() - idle
			t.Logf("answers %v, %d MB over idle (%d MB)", statuses, more/mega, idle/mega)
			if more > 256*mega {
				t.Errorf("%d MB over idle", more/mega)
			}
		})
	}
}

// Reschedules of jobs with long JDLs, which take little of the database, leave the memory of the server
// where it is, however many come at once.
func TestMemoryOfReschedules(t *testing.T) {
	needLinux(t)
	s := startServer(t, "--db", jobdbtest.PostgreSQL(t))
	alice, idle := s.token("alice", "NormalUser"), s.peakMemory()
	const jobs = 32
	text := `["Executable = \"x\"; Arguments = \"` + strings.Repeat("long ", 9*mega/5) + `\";"]`
	for range jobs {
		if r := s.send(alice, "POST", "/api/jobs/jdl", text); r.status != http.StatusCreated {
			t.Fatalf("submit: %+v", r)
		}
	}
	for _, of := range []int{1, 2, 4} {
		s.forgetPeak()
		var all sync.WaitGroup
		statuses := make([]int, 2*jobs/of)
		for i := range statuses {
			all.Go(func() {
				ids := some(of, `{"job_ids":[`, `]}`, func(n int) string { return fmt.Sprint((of*i+n)%jobs + 1) })
				r := s.send(alice, "POST", "/api/jobs/reschedule?reset_jobs=true", ids)
				if statuses[i] = r.status; r.err != nil || !slices.Contains([]int{200, 429, 503}, r.status) {
					t.Errorf("%d at a time: %d, %v, %.200q", of, r.status, r.err, r.body)
				}
			})
		}
		all.Wait()
		more := s.peakMemory() - idle
		t.Logf("%d at a time: answers %v, %d MB over idle (%d MB)", of, statuses, more/mega, idle/mega)
		if more > 256*mega {
			t.Errorf("%d at a time: %d MB over idle", of, more/mega)
		}
	}
}
