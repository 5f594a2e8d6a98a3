package service_test

import (
	"fmt"
	"strings"
)

func jdls(texts ...string) request { return with("alice", "POST", "/api/jobs/jdl", texts) }

func showMixedList(r *round) {
	r.differ(jdls(`Executable = "x"; JobName = "n";`, `Executable = "x"; Site = "A";`), 400, 201)
	x := r.differ(jdls(`Executable = "x";`, `Executable = "x"; JobName = "n";`), 201, 201)
	second := x.ours.Body.([]any)[1].(object)["JobID"]
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
	r.differ(with("alice", "PATCH", "/api/jobs/status", about(j, object{zulu(r.now()): object{"MinorStatus": long}})), 200, 200)
	r.differ(with("alice", "PATCH", "/api/jobs/metadata", about(j, object{"Site": long})), 204, 400)
}

func showNoSite(r *round) {
	x := r.differ(with("alice", "POST", "/api/jobs/jdl", []string{`Executable = "x"; Site = {"", ""};`}), 201, 201)
	theirs, ours := r.rowOf(&job{id: fmt.Sprint(x.ours.Body.([]any)[0].(object)["JobID"])})
	r.wants("Site", theirs["Site"], "Multiple", ours["Site"], "ANY")
}
