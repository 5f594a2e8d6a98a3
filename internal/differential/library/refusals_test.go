package library_test

import (
	"errors"

	"jobdb"
)

// exchangeRefusals: what the one refuses the other does, too.
func exchangeRefusals(d *sharedDatabase) {
	ctx := d.t.Context()
	id, _ := d.jobs()
	missing := id + 1000
	refused := func(err, class error, theirClass, call string, a args) {
		d.t.Helper()
		if !errors.Is(err, class) {
			d.t.Errorf("%s: we give %v, want %v", call, err, class)
		}
		d.reference.refuses(theirClass, call, a)
	}
	attributes := func(id jobdb.JobID, a jobdb.Attributes) map[jobdb.JobID]jobdb.Attributes {
		return map[jobdb.JobID]jobdb.Attributes{id: a}
	}
	for _, insert := range []struct {
		attributes map[jobdb.JobID]jobdb.Attributes
		class      error
		theirs     string
	}{
		{attributes(id, jobdb.Attributes{"VO": "lhcb"}), jobdb.ErrConflict, "IntegrityError"},
		{attributes(missing, jobdb.Attributes{"VO": "lhcb"}), jobdb.ErrNotFound, "IntegrityError"},
		{attributes(missing, jobdb.Attributes{"Site": "ANY"}), jobdb.ErrInvalidValue, "Error"}, // no VO
		{attributes(missing, jobdb.Attributes{"VO": "lhcb", "LastUpdateTime": "yesterday"}), jobdb.ErrInvalidValue, "StatementError"},
		{attributes(missing, jobdb.Attributes{"VO": "lhcb", "VerifiedFlag": "True"}), jobdb.ErrInvalidValue, "StatementError"},
	} {
		refused(d.InsertJobAttributes(ctx, insert.attributes), insert.class, insert.theirs, "insert_job_attributes", args{"jobs_to_update": insert.attributes})
	}
	_, err := d.SetJobAttributes(ctx, nil, jobdb.SetOptions{})
	refused(err, jobdb.ErrInvalidValue, "ValueError", "set_job_attributes", args{"job_data": map[string]any{}})
	uneven := map[jobdb.JobID]jobdb.Attributes{id: {"Site": "ANY"}, missing: {"Owner": "bob"}}
	_, err = d.SetProperties(ctx, uneven, false)
	refused(err, jobdb.ErrInvalidValue, "NotImplementedError", "set_properties", args{"properties": uneven})
	beat := map[string]string{"Nope": "1"}
	refused(d.AddHeartbeatData(ctx, map[jobdb.JobID]map[string]string{id: beat}), jobdb.ErrInvalidQuery, "InvalidQueryError",
		"add_heartbeat_data", args{"job_id": id, "dynamic_data": beat})
	beat = map[string]string{"LoadAverage": "1"}
	refused(d.AddHeartbeatData(ctx, map[jobdb.JobID]map[string]string{missing: beat}), jobdb.ErrNotFound, "IntegrityError",
		"add_heartbeat_data", args{"job_id": missing, "dynamic_data": beat})
	refused(d.InsertInputData(ctx, map[jobdb.JobID][]string{missing: {"/a"}}), jobdb.ErrNotFound, "IntegrityError",
		"insert_input_data", args{"lfns": map[jobdb.JobID][]string{missing: {"/a"}}})
	refused(d.SetJobCommands(ctx, []jobdb.Command{{JobID: missing, Command: "Kill"}}), jobdb.ErrNotFound, "IntegrityError",
		"set_job_commands", args{"commands": [][]any{{missing, "Kill", ""}}})
}
