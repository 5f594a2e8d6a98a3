package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"jobdb"
	"jobdb/auth"
)

// aboutCommands is what a request's line in the log says of commands.
var aboutCommands = regexp.MustCompile(`("(?:sent|confirmed) [A-Z][a-z]+"|killed|rescheduled)=\S+`)

// TestLogOfCommands follows commands through the log: who set them, to which job each was handed
// out, and which report confirmed them, or whose reschedule ended them.
func TestLogOfCommands(t *testing.T) {
	w := start(t)
	w.clock.set(time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC))
	for range 4 {
		w.submit(alice, "job")
	}
	if err := w.db.SetJobCommands(t.Context(), []jobdb.Command{{JobID: 3, Command: jobdb.PeekCommand}}); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		who                      auth.Principal
		method, path, body, want string
	}{
		{alice, "PATCH", "status", `{"2":{"2024-01-01T10:00:05Z":{"Status":"Killed","Source":"User"}},"1":{"2024-01-01T10:00:05Z":{"Status":"Killed","Source":"User"}}}`, "killed=1,2"},
		{pilot, "PATCH", "heartbeat", `{"2":{},"1":{},"3":{},"4":{}}`, `"sent Kill"=1,2 "sent Peek"=3`},
		{pilot, "PATCH", "heartbeat", `{"2":{},"1":{},"3":{}}`, ""},
		{boss, "PATCH", "status", `{"1":{"2024-01-01T10:00:06Z":{"Status":"Killed","Source":"User"}}}`, "killed=1"},
		{pilot, "PATCH", "heartbeat", `{"2":{},"1":{},"3":{"StandardOutput":"x"},"4":{"StandardOutput":"x"}}`, `"sent Kill"=1 "confirmed Peek"=3`},
		{pilot, "PATCH", "status", `{"1":{"2024-01-01T10:00:07Z":{"Status":"Killed","Source":"JobWrapper"}}}`, `"confirmed Kill"=1`},
		{pilot, "PATCH", "status", `{"1":{"2024-01-01T10:00:08Z":{"Status":"Killed","Source":"JobWrapper"}}}`, ""},
		{boss, "PATCH", "status?force=true", `{"2":{"2024-01-01T10:00:09Z":{"Status":"Failed","Source":"x"}}}`, ""},
		{alice, "POST", "reschedule", `{"job_ids":[2]}`, "rescheduled=2"},
	} {
		w.log.Reset()
		w.clock.advance(10 * time.Second)
		r := w.ask(step.method, "/api/jobs/"+step.path, w.token(step.who), step.body)
		got := strings.Join(aboutCommands.FindAllString(w.log.String(), -1), " ")
		if r.status != http.StatusOK || got != step.want || !strings.Contains(w.log.String(), "user="+step.who.Username+" ") {
			t.Errorf("step %d: %d %s; the log says %q of commands, want %q:\n%s", i, r.status, r.body, got, step.want, w.log)
		}
	}
}
