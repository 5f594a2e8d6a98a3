package library_test

import (
	"errors"
	"strings"
	"time"

	"jobdb"
)

// The differences in what is written, and in what is read beside searches.

func showUnknownAttributes(d *sharedDatabase) {
	id, err := d.CreateJob(d.t.Context(), "[x]")
	d.ok(err)
	attributes := map[jobdb.JobID]jobdb.Attributes{id: {"VO": d.vo, "Nope": "x"}}
	if err := d.InsertJobAttributes(d.t.Context(), attributes); !errors.Is(err, jobdb.ErrInvalidValue) {
		d.t.Errorf("we give %v", err)
	}
	d.reference.call("insert_job_attributes", args{"jobs_to_update": attributes})
}

func showTooLong(d *sharedDatabase) {
	id, err := d.CreateJob(d.t.Context(), "[x]")
	d.ok(err)
	attributes := map[jobdb.JobID]jobdb.Attributes{id: {"VO": d.vo, "JobGroup": strings.Repeat("é", 33)}}
	if err := d.InsertJobAttributes(d.t.Context(), attributes); !errors.Is(err, jobdb.ErrInvalidValue) {
		d.t.Errorf("we give %v", err)
	}
	insert := args{"jobs_to_update": attributes}
	if d.mysql {
		d.reference.refuses("DataError", "insert_job_attributes", insert)
	} else {
		d.reference.call("insert_job_attributes", insert)
	}
}

func showEmptyCalls(d *sharedDatabase) {
	ctx := d.t.Context()
	d.ok(d.InsertInputData(ctx, nil))
	d.ok(d.SetJobCommands(ctx, nil))
	d.ok(d.InsertHistory(ctx, nil))
	d.reference.refuses("Error", "insert_input_data", args{"lfns": map[string]any{}})
	d.reference.refuses("Error", "set_job_commands", args{"commands": []any{}})
	d.reference.refuses("Error", "insert_records", args{"records": []any{}})
}

func showCommandsClaimed(d *sharedDatabase) {
	ctx := d.t.Context()
	for side, take := range map[string]func(id jobdb.JobID){
		"we":            func(id jobdb.JobID) { _, err := d.TakeJobCommands(ctx, []jobdb.JobID{id}); d.ok(err) },
		"the reference": func(id jobdb.JobID) { d.reference.call("get_job_commands", args{"job_ids": []jobdb.JobID{id}}) },
	} {
		id := d.job(jobdb.Attributes{})
		d.ok(d.SetJobCommands(ctx, []jobdb.Command{{JobID: id, Command: jobdb.KillCommand}}))
		d.ok(d.ExpireJobCommands(ctx, []jobdb.JobID{id}))
		d.ok(d.SetJobCommands(ctx, []jobdb.Command{{JobID: id, Command: jobdb.KillCommand, Arguments: "now"}}))
		take(id)
		rows := d.table("JobCommands", id, "Status", "ExecutionTime")
		d.equal(side+": the expired command", rows[0][0], either[any](side == "we", "Expired", "Sent"))
		d.equal(side+": the command taken", rows[1][0], any("Sent"))
		d.equal(side+": it has an ExecutionTime", rows[1][1] != nil, side == "we")
	}
}

func showCommandsEqual(d *sharedDatabase) {
	ctx := d.t.Context()
	id := d.job(jobdb.Attributes{})
	kill := jobdb.Command{JobID: id, Command: jobdb.KillCommand}
	d.ok(d.SetJobCommands(ctx, []jobdb.Command{kill, kill}))
	d.ok(d.SetJobCommands(ctx, []jobdb.Command{kill}))
	d.equal("commands that we stored", len(d.table("JobCommands", id, "Status")), 1)
	if d.mysql && d.live {
		d.reference.refuses("IntegrityError", "set_job_commands", args{"commands": [][]any{{d.job(jobdb.Attributes{}), "Kill", ""}, {id, "Kill", ""}, {id, "Kill", ""}}})
		return
	}
	d.reference.call("set_job_commands", args{"commands": [][]any{{id, "Kill", ""}}})
	d.equal("commands with the reference's", len(d.table("JobCommands", id, "Status")), 2)
}

func showCommandsLeased(d *sharedDatabase) {
	ctx := d.t.Context()
	id := d.job(jobdb.Attributes{})
	kill := jobdb.Command{JobID: id, Command: jobdb.KillCommand}
	d.ok(d.SetJobCommands(ctx, []jobdb.Command{kill}))
	_, err := d.TakeJobCommands(ctx, []jobdb.JobID{id})
	d.ok(err)
	time.Sleep(lease + 2*time.Second) // live databases of MySQL have whole seconds
	theirs := d.reference.call("get_job_commands", args{"job_ids": []jobdb.JobID{id}})
	d.equal("commands of the reference", theirs, any([]any{}))
	ours, err := d.TakeJobCommands(ctx, []jobdb.JobID{id})
	d.ok(err)
	d.equal("commands", ours, []jobdb.Command{kill})
}

func showCommandsAll(d *sharedDatabase) {
	ctx := d.t.Context()
	id := d.job(jobdb.Attributes{})
	peek := jobdb.Command{JobID: id, Command: "Peek", Arguments: "log"}
	d.ok(d.SetJobCommands(ctx, []jobdb.Command{peek}))
	d.reference.refuses("ValidationError", "get_job_commands", args{"job_ids": []jobdb.JobID{id}})
	got, err := d.TakeJobCommands(ctx, []jobdb.JobID{id})
	d.ok(err)
	d.equal("commands", got, []jobdb.Command{peek})
}

func showHeartbeatAgain(d *sharedDatabase) {
	id := d.job(jobdb.Attributes{})
	for range 3 {
		d.ok(d.AddHeartbeatData(d.t.Context(), map[jobdb.JobID]map[string]string{id: {"Vsize": "1"}}))
	}
	beat := args{"job_id": d.job(jobdb.Attributes{}), "dynamic_data": map[string]string{"Vsize": "1"}}
	failed := 0
	for range 5 { // takes a few milliseconds, and there may be one turn of a second in them
		if _, err := d.reference.try("add_heartbeat_data", beat); err != nil {
			failed++
		}
	}
	if failed == 0 {
		d.t.Error("the reference accepted five heartbeats in a row")
	}
}

func showHistoryLength(d *sharedDatabase) {
	id := d.job(jobdb.Attributes{})
	long := strings.Repeat("x", 256)
	at := time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)
	err := d.InsertHistory(d.t.Context(), []jobdb.HistoryRecord{{JobID: id, Status: "Running", ApplicationStatus: long, Time: at}})
	if !errors.Is(err, jobdb.ErrInvalidValue) {
		d.t.Errorf("we give %v", err)
	}
	d.theirRecord(id, long, at)
	d.equal("what the reference stored", d.table("LoggingInfo", id, "ApplicationStatus"), [][]any{{long[:255]}})
}

func (d *sharedDatabase) theirRecord(id jobdb.JobID, application string, at time.Time) {
	d.t.Helper()
	d.reference.call("insert_records", args{"records": []any{map[string]any{
		"job_id": int64(id), "status": "Running", "minor_status": "", "application_status": application, "date": at, "source": "DiracX",
	}}})
}

func showHistoryOrder(d *sharedDatabase) {
	id := d.job(jobdb.Attributes{})
	at := time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)
	want := []string{"c", "a", "d", "b"}
	for _, application := range want {
		d.theirRecord(id, application, at)
	}
	history, err := d.History(d.t.Context(), []jobdb.JobID{id})
	d.ok(err)
	got := []string{}
	for _, r := range history[id] {
		got = append(got, r.ApplicationStatus)
	}
	d.equal("records of one time", got, want)
	records := d.reference.call("get_records", args{"job_ids": []jobdb.JobID{id}}).(map[string]any)[idText(id)]
	d.equal("the reference's", unordered(rowsOf(records, []string{"application_status"})), [][]any{{"a"}, {"b"}, {"c"}, {"d"}})
}

func showHistoryDelete(d *sharedDatabase) {
	ids := []jobdb.JobID{d.job(jobdb.Attributes{}), d.job(jobdb.Attributes{})}
	for _, id := range ids {
		d.theirRecord(id, "", time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC))
	}
	d.reference.call("delete_jobs", args{"job_ids": ids[:1]})
	d.equal("records that the reference leaves", len(d.table("LoggingInfo", ids[0], "SeqNum")), 1)
	_, err := d.DeleteJobs(d.t.Context(), ids)
	d.ok(err)
	d.equal("records that we leave", len(d.table("LoggingInfo", ids[0], "SeqNum"))+len(d.table("LoggingInfo", ids[1], "SeqNum")), 0)
}

func showStatusTimes(d *sharedDatabase) {
	id := d.job(jobdb.Attributes{})
	at := time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)
	d.theirRecord(id, "", at.Add(time.Hour))
	d.theirRecord(id, "", at)
	times, err := d.StatusTimes(d.t.Context(), []jobdb.JobID{id})
	d.ok(err)
	d.equal("our time of Running", times[id]["Running"], at.Add(time.Hour))
	stamps := d.reference.call("get_wms_time_stamps", args{"job_ids": []jobdb.JobID{id}}).(map[string]any)
	d.equal("the reference's", stamps[idText(id)].(map[string]any)["Running"], any(at))
}
