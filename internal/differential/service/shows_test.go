package service_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"jobdb/internal/shadow"
)

// shown shows each row of docs/differences.md, section Service.
var shown = map[difference]func(r *round){
	"access.missing":           showMissing,
	"access.none":              showNone,
	"access.vo":                showVO,
	"access.large":             showAccessLarge,
	"body.content-type":        showContentType,
	"body.json-position":       showJSONPosition,
	"body.surrogate":           showSurrogate,
	"body.encoding":            showUTF16,
	"client.version":           showClientVersion,
	"heartbeat.missing":        showHeartbeatMissing,
	"history.idem":             showIdem,
	"metadata.bounds":          showMetadataBounds,
	"metadata.job-id":          showMetadataJobID,
	"metadata.missing":         showMetadataMissing,
	"metadata.too-large":       showMetadataTooLarge,
	"pilots.unchecked":         showPilotsUnchecked,
	"query.boolean":            showBoolean,
	"query.malformed":          showMalformedQuery,
	"query.nul":                showNUL,
	"reschedule.commands":      showRescheduleCommands,
	"reschedule.exhausted":     showRescheduleExhausted,
	"reschedule.final":         showRescheduleFinal,
	"reschedule.missing":       showRescheduleMissing,
	"reschedule.no-attributes": showNoAttributes,
	"reschedule.placeholder":   showReschedulePlaceholder,
	"reschedule.status":        showRescheduleStatus,
	"reschedule.times":         showRescheduleTimes,
	"routes.metadata":          showIssuerMetadata,
	"routes.others":            showOtherRoutes,
	"routes.slash":             showSlash,
	"search.parameters":        showSearchParameters,
	"status.empty-map":         showEmptyMap,
	"status.empty-text":        showEmptyText,
	"status.kill-confirmed":    showKillConfirmed,
	"status.exec-times":        showExecTimes,
	"status.future":            showFuture,
	"status.heartbeat-time":    showHeartBeatTime,
	"status.late-kill":         showLateKill,
	"status.note":              showNote,
	"status.offset":            showOffset,
	"status.rounding":          showRounding,
	"status.slow-clock":        showSlowClock,
	"status.unset-clock":       showUnsetClock,
	"submit.mixed-list":        showMixedList,
	"submit.no-input-data":     showNoInputData,
	"submit.no-site":           showNoSite,
	"submit.parametric":        showParametric,
	"submit.too-long":          showTooLong,
	"token.claims":             showClaims,
	"token.eddsa":              showEdDSA,
	"token.exp":                showExp,
	"token.first":              showTokenFirst,
	"token.iat":                showIat,
}

// differ makes a request, and wants a status of each service.
func (r *round) differ(q request, theirs, ours int) exchange {
	r.Helper()
	x := r.pair.ask(r.T, q)
	if x.theirs.Status != theirs || x.ours.Status != ours {
		r.Errorf("%s\ntheirs %s, not %d\nours   %s, not %d", x, x.theirs, theirs, x.ours, ours)
	}
	if q.route() == "POST /api/jobs/jdl" && theirs != ours {
		r.level(x)
	}
	return x
}

// new submits a job.
func (r *round) new() *job {
	r.Helper()
	r.submit("alice", `Executable = "x"; JobName = "job %j";`)
	return r.jobs[len(r.jobs)-1]
}

// to takes a job through statuses.
func (r *round) to(j *job, statuses ...string) {
	r.Helper()
	for _, status := range statuses {
		q := with("pilot", "PATCH", "/api/jobs/status", object{j.id: object{zulu(r.now()): object{"Status": status}}})
		q.jobs = []*job{j}
		r.playChange(q)
	}
}

func zulu(t time.Time) string { return t.UTC().Format(instantForm) + "Z" }

var ways = map[string][]string{
	"Running": {"Checking", "Waiting", "Matched", "Running"},
	"Failed":  {"Checking", "Waiting", "Matched", "Running", "Failed"},
	"Done":    {"Checking", "Waiting", "Matched", "Running", "Done"},
}

func about(j any, change any) object { return object{fmt.Sprint(j): change} }

const nobody = "999999" // the ID of no job

// wants holds a value of both answers, which differ, against what each should be.
func (r *round) wants(what string, theirs, wantTheirs, ours, wantOurs any) {
	r.Helper()
	if fmt.Sprint(theirs) != fmt.Sprint(wantTheirs) || fmt.Sprint(ours) != fmt.Sprint(wantOurs) {
		r.Errorf("%s: theirs %v, want %v; ours %v, want %v", what, theirs, wantTheirs, ours, wantOurs)
	}
}

// rowOf is a job's row in both services.
func (r *round) rowOf(j *job) (theirs, ours object) {
	r.Helper()
	x := r.differ(with("admin", "POST", "/api/jobs/search", object{
		"search": []any{object{"parameter": "JobID", "operator": "eq", "value": j.id}},
	}), http.StatusOK, http.StatusOK)
	return x.theirs.Body.([]any)[0].(object), x.ours.Body.([]any)[0].(object)
}

func showMissing(r *round) {
	own := r.new()
	update := func() object { return object{zulu(r.now()): object{"MinorStatus": "x"}} }
	r.differ(with("alice", "PATCH", "/api/jobs/status", about(nobody, update())), 403, 404)
	r.differ(with("alice", "PATCH", "/api/jobs/heartbeat", about(nobody, object{})), 403, 404)
	r.differ(with("alice", "PATCH", "/api/jobs/metadata", about(nobody, object{"Site": "A"})), 403, 404)
	r.differ(with("alice", "POST", "/api/jobs/reschedule", object{"job_ids": []string{nobody}}), 403, 400)
	r.differ(with("alice", "PATCH", "/api/jobs/status", object{own.id: update(), nobody: update()}), 403, 200)
}

func showNone(r *round) {
	r.differ(with("alice", "PATCH", "/api/jobs/status", object{}), 403, 404)
	r.differ(with("alice", "PATCH", "/api/jobs/heartbeat", object{}), 403, 200)
	r.differ(with("alice", "PATCH", "/api/jobs/metadata", object{}), 403, 204)
	r.differ(with("alice", "POST", "/api/jobs/reschedule", object{"job_ids": []any{}}), 403, 400)
	r.play(with("admin", "PATCH", "/api/jobs/status", object{}))
	r.play(with("admin", "PATCH", "/api/jobs/heartbeat", object{}))
	r.play(with("admin", "PATCH", "/api/jobs/metadata", object{}))
}

func showVO(r *round) {
	j := r.new()
	byID := object{"search": []any{object{"parameter": "JobID", "operator": "eq", "value": j.id}}, "parameters": []string{"JobID"}}
	for _, who := range []string{"foreigner", "foreadmin"} {
		x := r.differ(with(who, "POST", "/api/jobs/search", byID), 200, 200)
		r.wants("what is found of another VO", x.theirs.Text, `[{"JobID":`+j.id+`}]`, x.ours.Text, "[]")
		byID["grouping"] = []string{"VO"}
		x = r.differ(with(who, "POST", "/api/jobs/summary", byID), 200, 200)
		r.wants("what is counted of another VO", x.theirs.Text, `[{"VO":"lhcb","count":1}]`, x.ours.Text, "[]")
	}
	r.differ(with("foreigner", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{}})), 403, 404)
	r.differ(with("foreadmin", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{}})), 200, 404)
	r.differ(with("foreadmin", "PATCH", "/api/jobs/heartbeat", about(j, object{})), 200, 404)
	r.differ(with("foreadmin", "PATCH", "/api/jobs/metadata", about(j, object{"Site": "A"})), 204, 404)
	r.differ(with("foreadmin", "POST", "/api/jobs/reschedule", object{"job_ids": []string{j.id}}), 200, 400)
}

func showContentType(r *round) {
	q := with("alice", "POST", "/api/jobs/summary", object{"grouping": []string{"VO"}})
	q.header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	r.differ(q, 422, 200)
}

func showSurrogate(r *round) {
	q := with("alice", "POST", "/api/jobs/summary", nil)
	q.body = `["\ud800"]`
	r.differ(q, 500, 422)
}

// showAccessLarge has a pilot, who may not search, send much that is no JSON.
func showAccessLarge(r *round) {
	q := with("pilot", "POST", "/api/jobs/summary", nil)
	q.body = strings.Repeat("x", 20_000)
	r.differ(q, 422, 403)
}

// showUTF16 sends UTF-16 with a mark of its byte order and without.
func showUTF16(r *round) {
	q := with("alice", "POST", "/api/jobs/summary", nil)
	text := "{\x00\"\x00g\x00r\x00o\x00u\x00p\x00i\x00n\x00g\x00\"\x00:\x00[\x00\"\x00S\x00i\x00t\x00e\x00\"\x00]\x00}\x00"
	q.body = text
	r.differ(q, 200, 422)
	q.body = "\xff\xfe" + text
	r.differ(q, 200, 400)
}

// showJSONPosition has a letter of two bytes before the place where the text ends to be JSON.
func showJSONPosition(r *round) {
	q := with("alice", "POST", "/api/jobs/summary", nil)
	q.body = `{"é": x}`
	x := r.differ(q, 422, 422)
	at := func(answer shadow.Answer) any {
		return shadow.Detail(answer.Body).([]any)[0].(object)["loc"].([]any)[1]
	}
	r.wants("place", at(x.theirs), 6, at(x.ours), 7)
}

func showClientVersion(r *round) {
	q := with("alice", "POST", "/api/jobs/summary", object{"grouping": []string{"VO"}})
	q.header = http.Header{"DiracX-Client-Version": {"0.0.0"}}
	r.differ(q, 400, 200)
}

func showHeartbeatMissing(r *round) {
	j := r.new()
	x := r.differ(with("pilot", "PATCH", "/api/jobs/heartbeat", object{j.id: object{"Vsize": 1}, nobody: object{}}), 404, 200)
	r.wants("missing", x.theirs.Header.Get("Jobdb-Missing-Jobs"), "", x.ours.Header.Get("Jobdb-Missing-Jobs"), nobody)
}

func showIdem(r *round) {
	j := r.new()
	r.differ(with("alice", "PATCH", "/api/jobs/status", about(j, object{"2024-02-29T10:00:00Z": object{"MinorStatus": "x"}})), 200, 200)
	r.differ(with("alice", "POST", "/api/jobs/search", object{
		"parameters": []string{"LoggingInfo"}, "search": []any{object{"parameter": "JobID", "operator": "eq", "value": j.id}},
	}), 500, 200)
}

func showMetadataJobID(r *round) {
	r.differ(with("alice", "PATCH", "/api/jobs/metadata", about(r.new(), object{"JobID": 5})), 204, 400)
}

func showMetadataMissing(r *round) {
	j := r.new()
	r.differ(with("admin", "PATCH", "/api/jobs/metadata", object{j.id: object{"Site": "A"}, nobody: object{"Site": "A"}}), 204, 404)
	theirs, ours := r.rowOf(j)
	r.wants("Site", theirs["Site"], "A", ours["Site"], "ANY")
}

func showMetadataTooLarge(r *round) {
	r.differ(with("alice", "PATCH", "/api/jobs/metadata", about(r.new(), object{"CPUNormalizationFactor": 7e300})), 500, 422)
}

func search(filter object) request {
	return with("alice", "POST", "/api/jobs/search", object{"parameters": []string{"JobID"}, "search": []any{filter}})
}

func showPilotsUnchecked(r *round) {
	r.differ(with("alice", "POST", "/api/jobs/search", object{"parameters": []string{"NoSuchColumn"}, "search": []any{
		object{"parameter": "PilotStamp", "operator": "eq", "value": "none"},
	}}), 200, 400)
}

func showBoolean(r *round) {
	r.differ(search(object{"parameter": "UserPriority", "operator": "eq", "value": true}), 200, 400)
	r.differ(search(object{"parameter": "Owner", "operator": "eq", "value": false}), 200, 400)
}

func showNUL(r *round) {
	r.differ(search(object{"parameter": "Owner", "operator": "eq", "value": "a\x00"}), 200, 400)
}

func showMetadataBounds(r *round) {
	values := object{}
	for i := range 1001 {
		values[fmt.Sprint("Name", i)] = "x"
	}
	r.differ(with("alice", "PATCH", "/api/jobs/metadata", about(r.new(), values)), 204, 400)
}

func showMalformedQuery(r *round) {
	q := search(object{"parameter": "Owner", "operator": "eq", "value": "none"})
	q.path += "?cursor=%"
	r.differ(q, 200, 422)
}

// Parameters of jobs are no columns to DiracX.
func showSearchParameters(r *round) {
	for _, name := range []string{"Parameters", "HostName", "Parameters.x"} {
		r.differ(with("alice", "POST", "/api/jobs/search", object{"parameters": []string{name}}), 400, 200)
		if name != "Parameters" {
			r.differ(search(object{"parameter": name, "operator": "eq", "value": "none has it"}), 400, 200)
		}
	}
}

func showOtherRoutes(r *round) {
	for path, theirs := range map[string]int{"/api/config/": 200, "/api/jobs/1/sandbox": 200} {
		r.differ(request{method: "GET", path: path, who: "alice"}, theirs, 404)
	}
}

func showIssuerMetadata(r *round) { // of an issuer that isn't there
	r.differ(request{method: "GET", path: "/.well-known/dirac-metadata", who: "alice"}, 200, 503)
}

func showSlash(r *round) {
	r.differ(request{method: "POST", path: "/api/jobs/search/", who: "alice"}, 307, 404)
}
