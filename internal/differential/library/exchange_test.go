package library_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"jobdb"
)

// TestDifferentialExchange lets one side write what the other reads.
func TestDifferentialExchange(t *testing.T) {
	onShared(t, func(d *sharedDatabase) {
		for _, exchange := range []struct {
			name string
			run  func(d *sharedDatabase)
		}{
			{"defaults", exchangeDefaults},
			{"JDLs", exchangeJDLs},
			{"input data", exchangeInputData},
			{"attributes", exchangeAttributes},
			{"properties", exchangeProperties},
			{"parameters", exchangeParameters},
			{"heartbeats", exchangeHeartbeats},
			{"commands", exchangeCommands},
			{"history", exchangeHistory},
			{"delete", exchangeDelete},
			{"refusals", exchangeRefusals},
		} {
			d.t.Run(exchange.name, func(t *testing.T) {
				part, r := *d, *d.reference
				part.t, r.t = t, t
				part.reference = &r
				exchange.run(&part)
			})
		}
	})
}

// jobs makes a job by the reference and one by us.
func (d *sharedDatabase) jobs() (theirs, ours jobdb.JobID) {
	d.t.Helper()
	attributes := jobdb.Attributes{"VO": "lhcb", "Owner": "alice"}
	return d.reference.createJob("[theirs]", attributes), d.createJob("[ours]", attributes)
}

// idText is a job's ID as a key in JSON.
func idText(id jobdb.JobID) string { return strconv.FormatInt(int64(id), 10) }

// attribute reads one column of one job, by both sides, which must agree.
func (d *sharedDatabase) attribute(id jobdb.JobID, name string) any {
	d.t.Helper()
	q := query{parameters: []string{name}, filters: []jobdb.FilterSpec{{Parameter: "JobID", Operator: "eq", Value: int64(id)}}}
	ours, theirs := d.search(q), d.reference.search(q)
	d.equal("both read "+name, ours.rows, theirs.rows)
	if len(ours.rows) != 1 {
		d.t.Fatalf("job %d has %d rows", id, len(ours.rows))
	}
	return ours.rows[0][0]
}

// table is what the reference reads of a table, some columns of each row.
func (d *sharedDatabase) table(name string, id jobdb.JobID, columns ...string) [][]any {
	d.t.Helper()
	rows := d.reference.call("read", args{"table": name, "job_ids": []jobdb.JobID{id}})
	return rowsOf(rows, columns)
}

// stored is a time as this database keeps it.
func (d *sharedDatabase) stored(at time.Time) time.Time {
	if d.mysql && d.live {
		return at.UTC().Truncate(time.Second)
	}
	return at.UTC().Truncate(time.Microsecond)
}

// isNow wants a time that the database was given a moment ago.
func (d *sharedDatabase) isNow(what string, value any) {
	d.t.Helper()
	at, ok := value.(time.Time)
	if age := time.Since(at); !ok || age < -2*time.Second || age > time.Minute {
		d.t.Errorf("%s is %v, want now", what, value)
	}
}

func exchangeDefaults(d *sharedDatabase) {
	theirs := d.reference.createJob("[x]", jobdb.Attributes{"VO": "lhcb"})
	ours := d.createJob("[x]", jobdb.Attributes{"VO": "lhcb"})
	for _, column := range jobdb.Columns()[1:] {
		d.equal("default of "+column.Name(), d.attribute(ours, column.Name()), d.attribute(theirs, column.Name()))
	}
}

func exchangeJDLs(d *sharedDatabase) {
	theirs, ours := d.jobs()
	ids := []jobdb.JobID{theirs, ours}
	want := map[string]string{"theirs": "[theirs]", "ours": "[ours]"}
	agree := func(original bool) {
		d.t.Helper()
		read := d.JobJDLs
		if original {
			read = d.OriginalJDLs
		}
		texts, err := read(d.t.Context(), ids)
		d.ok(err)
		asked := d.reference.call("get_job_jdls", args{"job_ids": ids, "original": original}).(map[string]any)
		named := map[string]string{}
		for name, id := range map[string]jobdb.JobID{"theirs": theirs, "ours": ours} {
			if text, ok := asked[idText(id)]; ok {
				named[name] = text.(string)
			}
			if texts[id] != named[name] {
				d.t.Errorf("JDL of %s: we read %q, the reference %q", name, texts[id], named[name])
			}
		}
		d.equal("JDLs", named, want)
	}
	agree(true)
	want = map[string]string{}
	agree(false)
	d.ok(d.UpdateJobJDLs(d.t.Context(), map[jobdb.JobID]string{theirs: "[Zoë; \"quoted\"]\n"}))
	d.reference.call("update_job_jdls", args{"jdls_to_update": map[jobdb.JobID]string{ours: `[by \ them]`}})
	want = map[string]string{"theirs": "[Zoë; \"quoted\"]\n", "ours": `[by \ them]`}
	agree(false)
}

func exchangeInputData(d *sharedDatabase) {
	theirs, ours := d.jobs()
	lfns := []string{"/lhcb/a", "/lhcb/b", "/lhcb/Zoë"}
	d.reference.call("insert_input_data", args{"lfns": map[jobdb.JobID][]string{theirs: lfns}})
	d.ok(d.InsertInputData(d.t.Context(), map[jobdb.JobID][]string{ours: lfns}))
	files, err := d.InputData(d.t.Context(), []jobdb.JobID{theirs, ours})
	d.ok(err)
	d.equal("input data as we read it", files[theirs], files[ours])
	d.equal("input data as the reference reads it", d.table("InputData", ours, "LFN", "Status"), d.table("InputData", theirs, "LFN", "Status"))
	d.equal("the first file", files[theirs][0], jobdb.InputFile{LFN: "/lhcb/Zoë", Status: "AprioriGood"})
}

func exchangeAttributes(d *sharedDatabase) {
	theirs, ours := d.jobs()
	at := time.Date(2024, 5, 17, 12, 0, 0, 123456000, time.UTC)
	set := map[jobdb.JobID]jobdb.Attributes{
		theirs: {"Status": "Running", "StartExecTime": at},
		ours:   {"Status": "Failed", "AccountedFlag": jobdb.AccountedFailed, "VerifiedFlag": true},
	}
	write := map[string]func(){
		"we": func() {
			changed, err := d.SetJobAttributes(d.t.Context(), set, jobdb.SetOptions{})
			d.ok(err)
			d.equal("jobs changed", changed, int64(2))
		},
		"the reference": func() { d.reference.call("set_job_attributes", args{"job_data": set}) },
	}
	for _, name := range []string{"we", "the reference"} {
		before := map[jobdb.JobID]jobdb.Attributes{
			theirs: {"Status": "Received", "StartExecTime": nil, "LastUpdateTime": nil},
			ours:   {"Status": "Received", "AccountedFlag": jobdb.AccountedFalse, "VerifiedFlag": false, "LastUpdateTime": nil},
		}
		_, err := d.SetProperties(d.t.Context(), map[jobdb.JobID]jobdb.Attributes{theirs: before[theirs]}, false)
		d.ok(err)
		_, err = d.SetProperties(d.t.Context(), map[jobdb.JobID]jobdb.Attributes{ours: before[ours]}, false)
		d.ok(err)
		write[name]()
		d.equal(name+" set Status", d.attribute(theirs, "Status"), any("Running"))
		d.equal(name+" set StartExecTime", d.attribute(theirs, "StartExecTime"), any(d.stored(at)))
		d.equal(name+" left VerifiedFlag", d.attribute(theirs, "VerifiedFlag"), any(false))
		d.equal(name+" set AccountedFlag", d.attribute(ours, "AccountedFlag"), any(jobdb.AccountedFailed))
		d.equal(name+" set VerifiedFlag", d.attribute(ours, "VerifiedFlag"), any(true))
		d.equal(name+" left StartExecTime", d.attribute(ours, "StartExecTime"), any(nil))
		d.isNow(name+": LastUpdateTime", d.attribute(theirs, "LastUpdateTime"))
	}
	// The reference's own "now", which it uses for heartbeats, has no fraction in SQLite.
	d.reference.call("set_job_attributes", args{"job_data": map[jobdb.JobID]any{theirs: map[string]any{"HeartBeatTime": map[string]bool{"$now": true}}}})
	d.isNow("HeartBeatTime", d.attribute(theirs, "HeartBeatTime"))
}

func exchangeProperties(d *sharedDatabase) {
	theirs, ours := d.jobs()
	missing := ours + 1000
	byUs, err := d.SetProperties(d.t.Context(), map[jobdb.JobID]jobdb.Attributes{
		theirs: {"UserPriority": 3, "Site": "ANY"}, ours: {"UserPriority": 4, "Site": "LCG.CERN.cern"}, missing: {"UserPriority": 5, "Site": "ANY"},
	}, true)
	d.ok(err)
	d.equal("UserPriority by us", d.attribute(theirs, "UserPriority"), any(int64(3)))
	// The same values again: rows that match are counted, whether they change or not.
	byThem := d.reference.call("set_properties", args{"properties": map[jobdb.JobID]jobdb.Attributes{
		theirs: {"UserPriority": 3, "Site": "ANY"}, ours: {"UserPriority": 4, "Site": "LCG.PIC.es"}, missing: {"UserPriority": 5, "Site": "ANY"},
	}, "update_timestamp": false})
	d.equal("rows matched", byThem, any(byUs))
	d.equal("Site by the reference", d.attribute(ours, "Site"), any("LCG.PIC.es"))
	d.isNow("LastUpdateTime", d.attribute(ours, "LastUpdateTime"))
}

// exchangeParameters: the reference has the tables, but no methods for them.
func exchangeParameters(d *sharedDatabase) {
	theirs, _ := d.jobs()
	values := map[jobdb.JobID]map[string]string{theirs: {"CPUNormalizationFactor": "12.5", "Zoë": "\t☃ \"\\"}}
	want := [][]any{{"CPUNormalizationFactor", "12.5"}, {"Zoë", "\t☃ \"\\"}}
	d.ok(d.SetJobParameters(d.t.Context(), values))
	d.ok(d.SetOptimizerParameters(d.t.Context(), values))
	d.equal("JobParameters", d.table("JobParameters", theirs, "Name", "Value"), want)
	d.equal("OptimizerParameters", d.table("OptimizerParameters", theirs, "Name", "Value"), want)
	d.ok(d.ArchiveJobParameters(d.t.Context(), []jobdb.JobID{theirs}))
	d.equal("AtticJobParameters", d.table("AtticJobParameters", theirs, "Name", "Value"), want)
}

func exchangeHeartbeats(d *sharedDatabase) {
	theirs, ours := d.jobs()
	data := map[string]string{"LoadAverage": "2.5", "MemoryUsed": "1024"}
	d.reference.call("add_heartbeat_data", args{"job_id": theirs, "dynamic_data": data})
	d.ok(d.AddHeartbeatData(d.t.Context(), map[jobdb.JobID]map[string]string{ours: data}))
	beats, err := d.Heartbeats(d.t.Context(), []jobdb.JobID{theirs, ours}, 0)
	d.ok(err)
	for name, id := range map[string]jobdb.JobID{"of theirs": theirs, "of ours": ours} {
		d.equal("heartbeats "+name, d.table("HeartBeatLoggingInfo", id, "Name", "Value"), [][]any{{"LoadAverage", "2.5"}, {"MemoryUsed", "1024"}})
		times := d.table("HeartBeatLoggingInfo", id, "HeartBeatTime")
		for i, beat := range beats[id] {
			d.equal("heartbeat "+name, beat.Value, data[beat.Name])
			d.isNow("its time", beat.Time)
			d.equal("its time as the reference reads it", times[i][0], any(beat.Time))
		}
	}
}

func exchangeCommands(d *sharedDatabase) {
	ctx := d.t.Context()
	theirs, ours := d.jobs()
	both := []jobdb.JobID{theirs, ours}
	commands := []jobdb.Command{
		{JobID: theirs, Command: "Kill", Arguments: "now"},
		{JobID: ours, Command: "Kill"},
		{JobID: ours, Command: "Kill", Arguments: "again"},
	}
	d.ok(d.SetJobCommands(ctx, commands))
	taken := d.reference.call("get_job_commands", args{"job_ids": both})
	want := [][]any{{int64(theirs), "Kill", "now"}, {int64(ours), "Kill", ""}, {int64(ours), "Kill", "again"}}
	d.equal("the reference takes what we set", rowsOf(taken, []string{"job_id", "command", "arguments"}), want)
	again, err := d.TakeJobCommands(ctx, both)
	d.ok(err)
	d.equal("what the reference has taken", again, []jobdb.Command(nil))

	// The reference must not set two for one job in one second, and none in the second of one that is
	// there.
	theirs, ours = d.jobs()
	both = []jobdb.JobID{theirs, ours}
	commands = []jobdb.Command{{JobID: theirs, Command: "Kill"}, {JobID: ours, Command: "Peek", Arguments: "é"}}
	d.reference.call("set_job_commands", args{"commands": [][]any{{theirs, "Kill", ""}, {ours, "Peek", "é"}}})
	last := jobdb.Command{JobID: ours, Command: "Kill"}
	d.ok(d.SetJobCommands(ctx, []jobdb.Command{last}))
	got, err := d.TakeJobCommands(ctx, both)
	d.ok(err)
	d.equal("we take what both set", got, append(commands, last))
	d.equal("what we have taken", d.reference.call("get_job_commands", args{"job_ids": both}), any([]any{}))
	for _, row := range d.table("JobCommands", ours, "Status", "ExecutionTime") {
		d.equal("its status", row[0], any("Sent"))
		d.isNow("its ExecutionTime", row[1])
	}
}

func exchangeHistory(d *sharedDatabase) {
	ctx := d.t.Context()
	id, _ := d.jobs()
	at := time.Date(2024, 5, 17, 12, 0, 0, 123456000, time.UTC)
	next := func() time.Time { at = at.Add(1500 * time.Millisecond); return at }
	byUs := func(status jobdb.Status, minor, application string) {
		d.ok(d.InsertHistory(ctx, []jobdb.HistoryRecord{
			{JobID: id, Status: status, MinorStatus: minor, ApplicationStatus: application, Time: next(), Source: "jobdb"},
		}))
	}
	byThem := func(status, minor, application string) {
		d.reference.call("insert_records", args{"records": []any{map[string]any{
			"job_id": int64(id), "status": status, "minor_status": minor, "application_status": application, "date": next(), "source": "DiracX",
		}}})
	}
	byUs("Received", "Job accepted", jobdb.Idem)
	byThem("Waiting", jobdb.Idem, jobdb.Idem)
	byUs(jobdb.Idem, "Pilot Agent Submission", "Zoë")
	byThem("Running", "Application", jobdb.Idem)
	byUs(jobdb.Idem, jobdb.Idem, "100%")
	d.equal("sequence numbers", d.table("LoggingInfo", id, "SeqNum"), [][]any{{int64(1)}, {int64(2)}, {int64(3)}, {int64(4)}, {int64(5)}})

	ids := []jobdb.JobID{id}
	history, err := d.History(ctx, ids)
	d.ok(err)
	ours := [][]any{}
	for _, r := range history[id] {
		ours = append(ours, []any{string(r.Status), r.MinorStatus, r.ApplicationStatus, r.Time, r.Source})
	}
	records := d.reference.call("get_records", args{"job_ids": ids}).(map[string]any)[idText(id)]
	d.equal("history", ours, rowsOf(records, []string{"status", "minor_status", "application_status", "status_time", "source"}))
	d.equal("the last record", ours[4], []any{"Running", "Application", "100%", d.stored(at), "jobdb"})

	times, err := d.StatusTimes(ctx, ids)
	d.ok(err)
	stamps := d.reference.call("get_wms_time_stamps", args{"job_ids": ids}).(map[string]any)[idText(id)].(map[string]any)
	for _, status := range []string{"Received", "Waiting", "Running"} {
		d.equal("time of "+status, any(times[id][jobdb.Status(status)]), stamps[status])
	}
	d.reference.call("delete_records", args{"job_ids": ids})
	history, err = d.History(ctx, ids)
	d.ok(err)
	d.equal("history after the reference deleted it", history, map[jobdb.JobID][]jobdb.HistoryRecord{})
	byUs("Done", "", "")
	d.ok(d.DeleteHistory(ctx, ids))
	d.equal("history after we deleted it", d.table("LoggingInfo", id, "SeqNum"), [][]any{})
}

// tablesOfJobs are those whose rows go with their job.
var tablesOfJobs = []string{"JobJDLs", "Jobs", "InputData", "JobParameters", "OptimizerParameters", "AtticJobParameters", "HeartBeatLoggingInfo", "JobCommands"}

func exchangeDelete(d *sharedDatabase) {
	ctx := d.t.Context()
	theirs, ours := d.jobs()
	for _, id := range []jobdb.JobID{theirs, ours} {
		values := map[jobdb.JobID]map[string]string{id: {"LoadAverage": "1"}}
		d.ok(d.InsertInputData(ctx, map[jobdb.JobID][]string{id: {"/lhcb/a"}}))
		d.ok(d.SetJobParameters(ctx, values))
		d.ok(d.ArchiveJobParameters(ctx, []jobdb.JobID{id}))
		d.ok(d.SetJobParameters(ctx, values))
		d.ok(d.SetOptimizerParameters(ctx, values))
		d.ok(d.AddHeartbeatData(ctx, values))
		d.ok(d.SetJobCommands(ctx, []jobdb.Command{{JobID: id, Command: "Kill"}}))
		for _, table := range tablesOfJobs {
			d.equal("rows of "+table, len(d.table(table, id, "JobID")), 1)
		}
	}
	d.reference.call("delete_jobs", args{"job_ids": []jobdb.JobID{ours}})
	deleted, err := d.DeleteJobs(ctx, []jobdb.JobID{theirs, ours})
	d.ok(err)
	d.equal("jobs that were left to delete", deleted, int64(1))
	for _, table := range tablesOfJobs {
		d.equal("rows of "+table, len(slices.Concat(d.table(table, theirs, "JobID"), d.table(table, ours, "JobID"))), 0)
	}
}
