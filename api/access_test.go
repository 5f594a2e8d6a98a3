package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
)

// accessMatrix says for each caller and route what becomes of a request about alice's job, bob's of
// the same VO, and that of another alice in another VO: the status, for searches with the number of
// rows, and for facets, histograms, values and series with the number of owners. Where all three are the
// same, or all routes, one stands for all. The last lines are of a server that shows normal users
// their own jobs only. An operator's setting names a property, or a group of alice's VO. For an
// action it is the number of jobs that can be killed, and for a list of actions that of actions.
const accessMatrix = `
caller           submit search               summary             status      force       heartbeat   metadata    reschedule  details        facets               histogram            values               series       action               actions              act                  stop

no token         401
basic            400
empty            400
garbage          401
unsigned         401
other key        401
other issuer     401
expired          401
no property      403

alice            201    200/1,200/1,200/0    200/1,200/1,200/0   200,403,404 403,403,403 200,403,404 204,403,404 200,403,400 200,200,404    200/1,200/1,200/0    200/1,200/1,200/0    200/2                200/2        200/1,200/0,200/0    200/1                200,404,404          200,404,404
other alice      201    200/0,200/0,200/1    200/0,200/0,200/1   404,404,200 403,403,403 404,404,200 404,404,204 400,400,200 404,404,200    200/0,200/0,200/1    200/0,200/0,200/1    200/1                200/1        200/0,200/0,200/1    200/1                404,404,200          404,404,200
boss             403    200/1,200/1,200/0    200/1,200/1,200/0   200,200,404 200,200,404 200,200,404 204,204,404 200,200,400 200,200,404    200/1,200/1,200/0    200/1,200/1,200/0    200/2                200/2        200/1,200/1,200/0    200/2                200,200,404          200,200,404
other boss       403    200/0,200/0,200/1    200/0,200/0,200/1   404,404,200 404,404,200 404,404,200 404,404,204 400,400,200 404,404,200    200/0,200/0,200/1    200/0,200/0,200/1    200/1                200/1        200/0,200/0,200/1    200/1                404,404,200          404,404,200
pilot            403    403,403,403          403,403,403         200,200,404 403,403,403 200,200,404 204,204,404 200,200,400 403,403,403    403,403,403          403,403,403          403                  403          200/1,200/1,200/0    200/2                200,200,404          200,200,404
boss and user    201    200/1,200/1,200/0    200/1,200/1,200/0   200,200,404 200,200,404 200,200,404 204,204,404 200,200,400 200,200,404    200/1,200/1,200/0    200/1,200/1,200/0    200/2                200/2        200/1,200/1,200/0    200/2                200,200,404          200,200,404
operator         403    200/1,200/1,200/1    200/1,200/1,200/1   403,403,403 403,403,403 403,403,403 403,403,403 403,403,403 200,200,200    200/1,200/1,200/1    200/1,200/1,200/1    200/2                200/2        403                  403                  403                  403
operator, pilot  403    200/1,200/1,200/1    200/1,200/1,200/1   200,200,404 403,403,403 200,200,404 204,204,404 200,200,400 200,200,200    200/1,200/1,200/1    200/1,200/1,200/1    200/2                200/2        200/1,200/1,200/0    200/2                200,200,404          200,200,404
group of alice   201    200/1,200/1,200/1    200/1,200/1,200/1   200,403,404 403,403,403 200,403,404 204,403,404 200,403,400 200,200,200    200/1,200/1,200/1    200/1,200/1,200/1    200/2                200/2        200/1,200/0,200/0    200/1                200,404,404          200,404,404

own: operator    403    200/1,200/1,200/1    200/1,200/1,200/1   403,403,403 403,403,403 403,403,403 403,403,403 403,403,403 200,200,200    200/1,200/1,200/1    200/1,200/1,200/1    200/2                200/2        403                  403                  403                  403
own: alice       201    200/1,200/0,200/0    200/1,200/0,200/0   200,404,404 403,403,403 200,404,404 204,404,404 200,400,400 200,404,404    200/1,200/0,200/0    200/1,200/0,200/0    200/1                200/1        200/1,200/0,200/0    200/1                200,404,404          200,404,404
own: boss        403    200/1,200/1,200/0    200/1,200/1,200/0   200,200,404 200,200,404 200,200,404 204,204,404 200,200,400 200,200,404    200/1,200/1,200/0    200/1,200/1,200/0    200/2                200/2        200/1,200/1,200/0    200/2                200,200,404          200,200,404
own: pilot       403    403,403,403          403,403,403         200,200,404 403,403,403 200,200,404 204,204,404 200,200,400 403,403,403    403,403,403          403,403,403          403                  403          200/1,200/1,200/0    200/2                200,200,404          200,200,404
`

// accessRoutes are the requests of the matrix; %d is the job, and the action of its owner.
var accessRoutes = map[string]struct {
	method, path, body string
	changes            bool // where it is allowed
}{
	"submit":     {http.MethodPost, "/api/jobs/jdl", `["Executable=\"x\""]`, true},
	"search":     {http.MethodPost, "/api/jobs/search", `{"search":[{"parameter":"JobID","operator":"eq","value":%d}]}`, false},
	"summary":    {http.MethodPost, "/api/jobs/summary", `{"grouping":["Status"],"search":[{"parameter":"JobID","operator":"eq","value":%d}]}`, false},
	"status":     {http.MethodPatch, "/api/jobs/status", `{"%d":{"2024-01-01T10:00:00.2Z":{"Status":"Checking"}}}`, true},
	"force":      {http.MethodPatch, "/api/jobs/status?force=true", `{"%d":{"2024-01-01T10:00:00.2Z":{"Status":"Done"}}}`, true},
	"heartbeat":  {http.MethodPatch, "/api/jobs/heartbeat", `{"%d":{"LoadAverage":1}}`, true},
	"metadata":   {http.MethodPatch, "/api/jobs/metadata", `{"%d":{"Site":"LCG.CERN.cern","Pilot_Reference":"p"}}`, true},
	"reschedule": {http.MethodPost, "/api/jobs/reschedule", `{"job_ids":[%d]}`, true},
	"details":    {http.MethodGet, "/api/jobdb/jobs/%d", ``, false},
	"facets":     {http.MethodPost, "/api/jobdb/facets", `{"columns":["Owner"],"search":[{"parameter":"JobID","operator":"eq","value":%d}]}`, false},
	"histogram": {
		http.MethodPost, "/api/jobdb/histogram",
		`{"time":"SubmissionTime","from":"1970","to":"2100","bucket":31622400,"by":"Owner","search":[{"parameter":"JobID","operator":"eq","value":%d}]}`, false,
	},
	"series":  {http.MethodPost, "/api/jobdb/series", `{"columns":["Owner"],"from":"2024-01-01","to":"2024-01-02"}`, false},
	"values":  {http.MethodPost, "/api/jobdb/values", `{"column":"Owner"}`, false},
	"action":  {http.MethodPost, "/api/jobdb/actions", `{"action":"kill","ids":[%d]}`, true},
	"actions": {http.MethodGet, "/api/jobdb/actions", ``, false},
	"act":     {http.MethodGet, "/api/jobdb/actions/%d", ``, false},
	"stop":    {http.MethodDelete, "/api/jobdb/actions/%d", ``, true},
}

// TestMatrixHasAllRoutes wants every route that needs a token in the matrix; only who one is shows
// no job.
func TestMatrixHasAllRoutes(t *testing.T) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var description struct {
		Paths map[string]map[string]struct{ Security []any }
	}
	if err := json.Unmarshal(text, &description); err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{"GET /api/auth/userinfo": true, "GET /api/jobdb/changes": true} // TestChangesAccess has the latter, which doesn't end
	for _, r := range accessRoutes {
		path, _, _ := strings.Cut(r.path, "?")
		tested[r.method+" "+strings.NewReplacer("actions/%d", "actions/{action_id}", "%d", "{job_id}").Replace(path)] = true
	}
	for path, operations := range description.Paths {
		for method, operation := range operations {
			if route := strings.ToUpper(method) + " " + path; len(operation.Security) > 0 && !tested[route] {
				t.Errorf("the matrix lacks %s: add a request to accessRoutes and its column", route)
			}
		}
	}
}

// accessServers starts servers on which every request of the matrix finds the same: job 1 is
// alice's, 2 bob's, and 3 that of the other alice.
type accessServers struct {
	t         *testing.T
	database  []byte
	stranger  *auth.Key // which no server knows
	unchanged map[auth.Visibility]*accessServer
}

type accessServer struct {
	*testServer

	stranger *auth.Key
	stored   any // before the next request
}

func newAccessServers(t *testing.T) *accessServers {
	t.Helper()
	w := start(t)
	for _, owner := range []auth.Principal{alice, bob, other} {
		w.submit(owner, "job")
		if _, err := w.db.CreateAction(t.Context(), jobdb.Action{
			VO: owner.VO, Username: owner.Username, Owner: owner.Username, Kind: "kill", Preview: `{"cannot":{},"by_status":{}}`, Question: "null",
		}, []jobdb.JobID{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	w.note()
	stranger, err := auth.OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &accessServers{t: t, database: w.database(), stranger: stranger, unchanged: map[auth.Visibility]*accessServer{}}
}

// get returns a server whose database no request has changed yet.
func (s *accessServers) get(visibility auth.Visibility) *accessServer {
	s.t.Helper()
	if s.unchanged[visibility] == nil {
		w := startOn(s.t, s.database, func(c *api.Config) {
			c.Visibility = visibility
			c.Operators = []auth.Operator{{Property: "Watcher"}, {VO: "lhcb", Group: "lhcb_watchers"}}
		})
		s.unchanged[visibility] = &accessServer{w, s.stranger, w.everything()}
	}
	return s.unchanged[visibility]
}

func (w *accessServer) accessToken(caller string) string {
	w.t.Helper()
	mint := func(key *auth.Key, issuer string, at time.Time) string {
		token, err := key.Mint(issuer, alice, at, time.Hour)
		if err != nil {
			w.t.Fatal(err)
		}
		return "Bearer " + token
	}
	unsigned := func(token string) string {
		parts := strings.Split(token, ".")
		return "Bearer " + base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	}
	switch caller {
	case "no token":
		return ""
	case "basic":
		return "Basic YWxpY2U6eA=="
	case "empty":
		return "Bearer "
	case "garbage":
		return "Bearer a.b.c"
	case "unsigned":
		return unsigned(mint(w.key, issuer, w.clock.now()))
	case "other key":
		return mint(w.stranger, issuer, w.clock.now())
	case "other issuer":
		return mint(w.key, "https://other.example/", w.clock.now())
	case "expired":
		return mint(w.key, issuer, w.clock.now().Add(-2*time.Hour))
	}
	watcher := alice
	watcher.Group = "lhcb_watchers"
	return w.token(map[string]auth.Principal{
		"operator": person("belle", "carol", "Watcher"), "operator, pilot": person("lhcb", "carol", "Watcher", auth.GenericPilot), "group of alice": watcher,
		"no property": person("lhcb", "alice"), "alice": alice, "other alice": other, "boss": boss, "pilot": pilot,
		"other boss":    person("belle", "boss", auth.JobAdministrator),
		"boss and user": person("lhcb", "boss", auth.JobAdministrator, auth.NormalUser),
	}[caller])
}

// everything is all that is stored.
func (w *testServer) everything() any {
	w.t.Helper()
	page, err := w.db.Search(w.t.Context(), jobdb.Search{Scope: jobdb.Scope{AllVOs: true}})
	if err != nil {
		w.t.Fatal(err)
	}
	ids := make([]jobdb.JobID, len(page.Rows)+5)
	for i := range ids {
		ids[i] = jobdb.JobID(i + 1)
	}
	parts := []any{page.Rows}
	add := func(part any, err error) {
		if err != nil {
			w.t.Fatal(err)
		}
		parts = append(parts, part)
	}
	ctx := w.t.Context()
	jdls, err := w.db.JobJDLs(ctx, ids)
	add(jdls, err)
	originals, err := w.db.OriginalJDLs(ctx, ids)
	add(originals, err)
	parameters, err := w.db.JobParameters(ctx, ids)
	add(parameters, err)
	archived, err := w.db.ArchivedJobParameters(ctx, ids)
	add(archived, err)
	history, err := w.db.History(ctx, ids)
	add(history, err)
	commands, err := w.db.JobCommands(ctx, ids)
	add(commands, err)
	beats, err := w.db.Heartbeats(ctx, ids, 0)
	add(beats, err)
	for _, vo := range []string{"lhcb", "belle"} {
		actions, err := w.db.Actions(ctx, jobdb.ActionScope{VO: vo}, 0, 100)
		add(actions, err)
	}
	return parts
}

// TestAccess asks every route in every caller's name about every kind of job,
// and looks at what changed: nothing where the answer is an error.
func TestAccess(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(accessMatrix), "\n")
	routes := strings.Fields(lines[0])[1:]
	if missing := slices.DeleteFunc(slices.Collect(maps.Keys(accessRoutes)), func(r string) bool { return slices.Contains(routes, r) }); len(missing) > 0 {
		t.Fatalf("the matrix lacks %v", missing)
	}
	servers := newAccessServers(t)
	asked := 0
	for _, line := range lines[1:] {
		if line == "" {
			continue
		}
		caller, answers := strings.TrimSpace(line[:17]), strings.Fields(line[17:])
		visibility := auth.VisibleVO
		if rest, own := strings.CutPrefix(caller, "own: "); own {
			caller, visibility = rest, auth.VisibleOwn
		}
		for i, route := range routes {
			wants := strings.Split(answers[min(i, len(answers)-1)], ",")
			for j := range 3 {
				if route == "submit" && j > 0 {
					break
				}
				if changed := servers.get(visibility).tryAccess(caller, route, j+1, wants[min(j, len(wants)-1)]); changed {
					servers.unchanged[visibility] = nil
				}
				asked++
			}
		}
	}
	if asked < 400 {
		t.Errorf("only %d requests were made", asked)
	}
}

// tryAccess makes one request and reports whether it changed anything.
func (w *accessServer) tryAccess(caller, route string, job int, want string) (changed bool) {
	w.t.Helper()
	r := accessRoutes[route]
	path, body := r.path, r.body
	if strings.Contains(path, "%d") {
		path = fmt.Sprintf(path, job)
	}
	if strings.Contains(body, "%d") {
		body = fmt.Sprintf(body, job)
	}
	answer := w.ask(r.method, path, w.accessToken(caller), body)
	got := fmt.Sprint(answer.status)
	if answer.status == http.StatusOK {
		switch route {
		case "search", "summary":
			got += fmt.Sprint("/", strings.Count(answer.body, "{"))
		case "action":
			got += "/" + regexp.MustCompile(`"can":(\d+)`).FindStringSubmatch(answer.body)[1]
		case "actions":
			got += fmt.Sprint("/", strings.Count(answer.body, `"id":`))
		case "facets", "histogram":
			got += fmt.Sprint("/", strings.Count(answer.body, `"value":`))
		case "series":
			got += fmt.Sprint("/", strings.Count(answer.body, `"values":`))
		case "values":
			got += fmt.Sprint("/", strings.Count(answer.body, `"`)/2-2) // beside two keys
		}
	}
	if got != want {
		w.t.Errorf("%s, %s of job %d: %s, want %s: %s", caller, route, job, got, want, answer.body)
	}
	stored := w.everything()
	diff := ""
	if !reflect.DeepEqual(w.stored, stored) { // which takes less time
		diff = cmp.Diff(w.stored, stored)
	}
	w.stored = stored
	allowed := answer.status < 300
	if (diff != "") != (allowed && r.changes) {
		w.t.Errorf("%s, %s of job %d: %s, and this changed: %s", caller, route, job, got, diff)
	}
	operator := strings.HasPrefix(caller, "operator") || caller == "group of alice"
	if theirs := map[bool]string{false: "belle", true: "lhcb"}[strings.HasPrefix(caller, "other")]; !operator && strings.Contains(answer.body, theirs) {
		w.t.Errorf("%s, %s of job %d: %s", caller, route, job, answer.body)
	}
	return diff != ""
}
