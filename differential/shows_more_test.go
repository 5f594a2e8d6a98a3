package differential_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

func showEmptyMap(r *round) {
	r.differ(with("alice", "PATCH", "/api/jobs/status", about(r.new(), object{})), 500, 422)
}

func showFuture(r *round) {
	j := r.new()
	ahead := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{ahead.Format(time.RFC3339): object{"Status": "Checking"}})), 200, 200)
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{"Status": "Waiting"}})), 200, 200)
	theirs, ours := r.rowOf(j)
	r.wants("Status", theirs["Status"], "Checking", ours["Status"], "Waiting")
}

func showLateKill(r *round) {
	for who, status := range map[string]string{"alice": "Killed", "pilot": "Received"} {
		j := r.new()
		r.differ(with(who, "PATCH", "/api/jobs/status", about(j, object{"2024-02-29T10:00:00Z": object{"Status": "Killed"}})), 200, 200)
		theirs, ours := r.rowOf(j)
		r.wants(who, theirs["Status"], "Received", ours["Status"], status)
	}
}

func showNote(r *round) {
	j := r.new()
	x := r.differ(with("alice", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{"Status": "Done"}})), 200, 200)
	r.wants("Note", outcomeOf(x.theirs, j)["Note"], nil, outcomeOf(x.ours, j)["Note"] != nil, true)
}

func showOffset(r *round) {
	r.differ(with("alice", "PATCH", "/api/jobs/status", about(r.new(), object{"2024-02-29T10:00:00+02:00": object{"Status": "Checking"}})), 400, 200)
}

// showRounding dates two updates with the same time, whose fraction of milliseconds is rounded up.
func showRounding(r *round) {
	j := r.new()
	at := zulu(r.now().Add(600 * time.Microsecond))
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{at: object{"Status": "Checking"}})), 200, 200)
	r.differ(with("pilot", "PATCH", "/api/jobs/status", about(j, object{at: object{"Status": "Waiting"}})), 200, 200)
	theirs, ours := r.rowOf(j)
	r.wants("Status", theirs["Status"], "Checking", ours["Status"], "Waiting")
}

func jdls(texts ...string) request { return with("alice", "POST", "/api/jobs/jdl", texts) }

func showMixedList(r *round) {
	r.differ(jdls(`Executable = "x"; JobName = "n";`, `Executable = "x"; Site = "A";`), 400, 201)
	x := r.differ(jdls(`Executable = "x";`, `Executable = "x"; JobName = "n";`), 201, 201)
	second := x.ours.body.([]any)[1].(object)["JobID"]
	theirs, ours := r.rowOf(&job{id: fmt.Sprint(second)})
	r.wants("JobName", theirs["JobName"], "Unknown", ours["JobName"], "n")
}

func showNoInputData(r *round) {
	r.differ(jdls(`Executable = "x"; InputData = {};`), 400, 201)
}

func showParametric(r *round) {
	r.differ(jdls(`Executable = "x"; Parameters = {};`), 500, 400)
	r.differ(jdls(`Executable = "x"; Parameters.A = {"a", "b"}; Parameters.B = {1};`), 500, 400)
}

func showTooLong(r *round) {
	r.differ(jdls(`Executable = "x"; JobName = "`+strings.Repeat("n", 129)+`";`), 201, 400)
	j := r.new()
	long := strings.Repeat("n", 129)
	r.differ(with("alice", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{"MinorStatus": long}})), 200, 400)
	r.differ(with("alice", "PATCH", "/api/jobs/metadata", about(j, object{"Site": long})), 204, 400)
}

// withHeader counts jobs with a token of a kind.
func (r *round) withHeader(name string) request {
	return request{method: "POST", path: "/api/jobs/summary", header: r.pair.issuer.headers()[name], body: `{"grouping": ["VO"]}`}
}

func showClaims(r *round) {
	for _, name := range []string{"sub", "vo", "vo=5", "vo=", "dirac_group", "dirac_properties", "dirac_properties=NormalUser", "preferred_username"} {
		r.differ(r.withHeader(name), http.StatusInternalServerError, http.StatusUnauthorized)
	}
	r.differ(r.withHeader("preferred_username="), http.StatusOK, http.StatusUnauthorized)
	for _, name := range []string{"jti", "jti=x"} {
		r.differ(r.withHeader(name), http.StatusInternalServerError, http.StatusOK)
	}
}

func showEdDSA(r *round) { r.differ(r.withHeader("alg-EdDSA"), http.StatusUnauthorized, http.StatusOK) }

func showExp(r *round) { r.differ(r.withHeader("exp"), http.StatusOK, http.StatusUnauthorized) }

func showTokenFirst(r *round) {
	r.differ(request{method: "POST", path: "/api/jobs/search", body: "nonsense"}, http.StatusUnprocessableEntity, http.StatusUnauthorized)
}
