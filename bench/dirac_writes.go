package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"jobdb"
	"jobdb/jdl"
	"jobdb/wms"
)

// diracUser is who submits jobs: DIRAC has to know the group.
var diracUser = wms.Owner{Name: "alice", Group: "lhcb_user", VO: "lhcb"}

const diracJDL = `[ Executable = "/bin/echo"; Arguments = "hello"; JobName = "bench"; CPUTime = 3600; ` +
	`StdOutput = "std.out"; StdError = "std.err"; OutputSandbox = {"std.out","std.err"}; InputData = {"LFN:/lhcb/a","LFN:/lhcb/b"}; ]`

func (d *diracDatabase) diracWrites() []diracCase {
	var cases []diracCase
	for _, n := range []int{1, 100} {
		ids := d.jobsToWrite(n)
		cases = append(cases, d.diracSetAttributes(ids), d.diracSetStatus(ids), d.diracAddRecords(ids), d.diracRemove(n))
	}
	id := d.jobsToWrite(1)[0]
	return append(cases, d.diracSetAttribute(id), d.diracHeartbeat(id), d.diracCommand(id), d.diracSetJDL(id),
		d.diracSetOptParameter(id), d.diracSubmit(), d.diracReschedule())
}

// listed are the IDs of jobs as a condition.
func listed(ids ...jobdb.JobID) string {
	return `"JobID" IN (` + strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ", "), "[]") + ")"
}

// executing returns what runs statements before or after a call.
func (d *diracDatabase) executing(statements ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, statement := range statements {
			if err := d.exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}
}

// historyTable is that of the other database, in statements on this one.
func (d *diracDatabase) historyTable() string {
	return d.historyURL[strings.LastIndex(d.historyURL, "/")+1:] + `."LoggingInfo"`
}

func (d *diracDatabase) diracSetAttribute(id jobdb.JobID) diracCase {
	return diracCase{
		method: "setJobAttribute", size: 1,
		before: d.executing(`UPDATE "Jobs" SET "UserPriority" = 0 WHERE ` + listed(id)),
		theirs: func(call diracCall) ([]string, error) {
			_, err := call(jobDB, "setJobAttribute", []any{id, "UserPriority", 7}, nil)
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			_, err := d.db.SetJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"UserPriority": 7}}, jobdb.SetOptions{})
			return nil, err
		},
		effect: `SELECT "UserPriority" FROM "Jobs" WHERE ` + listed(id),
	}
}

func (d *diracDatabase) diracSetAttributes(ids []jobdb.JobID) diracCase {
	return diracCase{
		method: "setJobAttributes", size: len(ids),
		before: d.executing(`UPDATE "Jobs" SET "UserPriority" = 0, "JobGroup" = 'g', "LastUpdateTime" = '2026-01-01' WHERE ` + listed(ids...)),
		theirs: func(call diracCall) ([]string, error) {
			_, err := call(jobDB, "setJobAttributes", []any{ids, []string{"UserPriority", "JobGroup"}, []any{7, "h"}}, map[string]any{"update": true})
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			properties := make(map[jobdb.JobID]jobdb.Attributes, len(ids))
			for _, id := range ids {
				properties[id] = jobdb.Attributes{"UserPriority": 7, "JobGroup": "h"}
			}
			_, err := d.db.SetProperties(ctx, properties, true)
			return nil, err
		},
		effect: `SELECT "JobID", "UserPriority", "JobGroup", year("LastUpdateTime") FROM "Jobs" WHERE ` + listed(ids...),
	}
}

// diracSetStatus keeps what is final, as DIRAC's state machine does.
func (d *diracDatabase) diracSetStatus(ids []jobdb.JobID) diracCase {
	return diracCase{
		method: "setJobStatus", size: len(ids),
		before: d.executing(`UPDATE "Jobs" SET "Status" = 'Matched', "MinorStatus" = 'Assigned', "ApplicationStatus" = 'Unknown' WHERE ` + listed(ids...)),
		theirs: func(call diracCall) ([]string, error) {
			_, err := call(jobDB, "setJobStatus", []any{ids, "Running", "Application", "Events 7"}, nil)
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			attributes := make(map[jobdb.JobID]jobdb.Attributes, len(ids))
			for _, id := range ids {
				attributes[id] = jobdb.Attributes{"Status": "Running", "MinorStatus": "Application", "ApplicationStatus": "Events 7"}
			}
			_, err := d.db.SetJobAttributes(ctx, attributes, jobdb.SetOptions{KeepFinal: true})
			return nil, err
		},
		effect: `SELECT "JobID", "Status", "MinorStatus", "ApplicationStatus" FROM "Jobs" WHERE ` + listed(ids...),
	}
}

func (d *diracDatabase) diracAddRecords(ids []jobdb.JobID) diracCase {
	return diracCase{
		method: "addLoggingRecord", size: len(ids),
		before: d.executing(`DELETE FROM ` + d.historyTable() + ` WHERE "StatusSource" = 'bench' AND ` + listed(ids...)),
		theirs: func(call diracCall) ([]string, error) {
			_, err := call(loggingDB, "addLoggingRecord", []any{ids, "Running", "Application", "idem"}, map[string]any{"source": "bench"})
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			records := make([]jobdb.HistoryRecord, len(ids))
			for i, id := range ids {
				records[i] = jobdb.HistoryRecord{
					JobID: id, Status: jobdb.StatusRunning, MinorStatus: "Application", ApplicationStatus: jobdb.Idem, Time: now(), Source: "bench",
				}
			}
			return nil, d.db.InsertHistory(ctx, records)
		},
		effect: `SELECT "JobID", "Status", "MinorStatus", "ApplicationStatus", "SeqNum" FROM ` + d.historyTable() +
			` WHERE "StatusSource" = 'bench' AND ` + listed(ids...),
	}
}

// diracRemove removes jobs that were just submitted, with their histories.
func (d *diracDatabase) diracRemove(n int) diracCase {
	var ids []jobdb.JobID
	return diracCase{
		method: "removeJobFromDB, deleteJob", size: n,
		before: func(ctx context.Context) (err error) {
			ids, err = d.submit(ctx, n)
			return err
		},
		theirs: func(call diracCall) ([]string, error) {
			if _, err := call(jobDB, "removeJobFromDB", []any{ids}, nil); err != nil {
				return nil, err
			}
			_, err := call(loggingDB, "deleteJob", []any{ids}, nil)
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			_, err := d.db.DeleteJobs(ctx, ids)
			return nil, err
		},
		effect: `SELECT count(*) FROM "JobJDLs"`,
	}
}

// submit makes jobs, as many at a time as the rules let.
func (d *diracDatabase) submit(ctx context.Context, n int) ([]jobdb.JobID, error) {
	var ids []jobdb.JobID
	for texts := range slices.Chunk(repeat(diracJDL, n), d.manager.Rules.Default.MaxJobs) {
		submitted, err := d.manager.Submit(ctx, diracUser, texts)
		if err != nil {
			return ids, err
		}
		for _, job := range submitted {
			ids = append(ids, job.JobID)
		}
	}
	return ids, nil
}

func (d *diracDatabase) diracHeartbeat(id jobdb.JobID) diracCase {
	return diracCase{
		method: "setHeartBeatData", size: 1,
		before: d.executing(
			`UPDATE "Jobs" SET "Status" = 'Matched', "HeartBeatTime" = '2026-01-01' WHERE `+listed(id),
			`DELETE FROM "HeartBeatLoggingInfo" WHERE `+listed(id)),
		theirs: func(call diracCall) ([]string, error) {
			_, err := call(jobDB, "setHeartBeatData", []any{id, map[string]any{"Vsize": "2.5", "LoadAverage": "1"}}, nil)
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			return nil, d.db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
				_, err := tx.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"Status": "Running", "HeartBeatTime": now()}}, false)
				return errors.Join(err, tx.AddHeartbeatData(ctx, map[jobdb.JobID]map[string]string{id: {"Vsize": "2.5", "LoadAverage": "1"}}))
			})
		},
		effect: `SELECT "Status", "Name", "Value", "Jobs"."HeartBeatTime" > '2026-01-01' FROM "Jobs" JOIN "HeartBeatLoggingInfo" USING ("JobID") WHERE ` +
			listed(id),
	}
}

func (d *diracDatabase) diracCommand(id jobdb.JobID) diracCase {
	return diracCase{
		method: "setJobCommand", size: 1,
		before: d.executing(`DELETE FROM "JobCommands" WHERE ` + listed(id)),
		theirs: func(call diracCall) ([]string, error) {
			_, err := call(jobDB, "setJobCommand", []any{id, "Peek", "x"}, nil)
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			return nil, d.db.SetJobCommands(ctx, []jobdb.Command{{JobID: id, Command: "Peek", Arguments: "x"}})
		},
		effect: `SELECT "Command", "Arguments", "Status" FROM "JobCommands" WHERE ` + listed(id),
	}
}

func (d *diracDatabase) diracSetJDL(id jobdb.JobID) diracCase {
	return diracCase{
		method: "setJobJDL", size: 1,
		before: d.executing(`UPDATE "JobJDLs" SET "JDL" = '' WHERE ` + listed(id)),
		theirs: func(call diracCall) ([]string, error) {
			_, err := call(jobDB, "setJobJDL", []any{id, diracJDL}, nil)
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			return nil, d.db.UpdateJobJDLs(ctx, map[jobdb.JobID]string{id: jdl.Compress(diracJDL)})
		},
		effect: `SELECT "JDL" <> '' FROM "JobJDLs" WHERE ` + listed(id),
	}
}

func (d *diracDatabase) diracSetOptParameter(id jobdb.JobID) diracCase {
	return diracCase{
		method: "setJobOptParameter", size: 1,
		before: d.executing(`DELETE FROM "OptimizerParameters" WHERE "Name" = 'p' AND ` + listed(id)),
		theirs: func(call diracCall) ([]string, error) {
			_, err := call(jobDB, "setJobOptParameter", []any{id, "p", "v"}, nil)
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			return nil, d.db.SetOptimizerParameters(ctx, map[jobdb.JobID]map[string]string{id: {"p": "v"}})
		},
		effect: `SELECT "Value" FROM "OptimizerParameters" WHERE "Name" = 'p' AND ` + listed(id),
	}
}

// diracSubmit has the first record of the history, which DIRAC's service adds.
func (d *diracDatabase) diracSubmit() diracCase {
	const newest = `(SELECT max("JobID") FROM "JobJDLs")`
	return diracCase{
		method: "insertNewJobIntoDB, addLoggingRecord", size: 1,
		theirs: func(call diracCall) ([]string, error) {
			named := map[string]any{"vo": diracUser.VO}
			id, err := call(jobDB, "insertNewJobIntoDB", []any{diracJDL, diracUser.Name, diracUser.Group}, named)
			if err != nil {
				return nil, err
			}
			_, err = call(loggingDB, "addLoggingRecord", []any{id, "Received", "Job accepted"}, map[string]any{"source": "JobManager"})
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			_, err := d.submit(ctx, 1)
			return nil, err
		},
		effect: `SELECT "Status", "MinorStatus", "Owner", "VO", "JobName", "JDL" <> '', (SELECT count(*) FROM "InputData" WHERE "JobID" = ` + newest + `)
			FROM "Jobs" JOIN "JobJDLs" USING ("JobID") WHERE "JobID" = ` + newest,
	}
}

func (d *diracDatabase) diracReschedule() diracCase {
	var ids []jobdb.JobID
	return diracCase{
		method: "rescheduleJob, addLoggingRecord", size: 1,
		before: func(ctx context.Context) (err error) {
			if ids, err = d.submit(ctx, 1); err != nil {
				return err
			}
			return d.exec(ctx, `UPDATE "Jobs" SET "Status" = 'Failed', "VerifiedFlag" = 'True' WHERE `+listed(ids...))
		},
		theirs: func(call diracCall) ([]string, error) {
			if _, err := call(jobDB, "rescheduleJob", []any{ids[0]}, nil); err != nil {
				return nil, err
			}
			_, err := call(loggingDB, "addLoggingRecord", []any{ids[0], "Received", "Job Rescheduled"}, map[string]any{"source": "JobManager"})
			return nil, err
		},
		ours: func(ctx context.Context) (func() []string, error) {
			report, err := d.manager.Reschedule(ctx, wms.Scope{VO: diracUser.VO}, ids, false)
			if err == nil && len(report.Success) != 1 {
				err = fmt.Errorf("not rescheduled: %v", report.Failed)
			}
			return nil, err
		},
		effect: `SELECT "Status", "MinorStatus", "RescheduleCounter", "Site" FROM "Jobs" ORDER BY "JobID" DESC LIMIT 1`,
		after:  func(ctx context.Context) error { _, err := d.db.DeleteJobs(ctx, ids); return err },
	}
}
