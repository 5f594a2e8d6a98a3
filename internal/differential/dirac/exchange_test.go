package dirac_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"jobdb"
	"jobdb/internal/conformance"
	"jobdb/jdl"
	"jobdb/wms"
)

func now() time.Time { return time.Now().UTC() }

var (
	alice = wms.Owner{Name: "alice", Group: "lhcb_user", VO: "lhcb"}
	lhcb  = wms.Scope{VO: "lhcb"}
)

// DIRAC reads what jobdb wrote.
func testReads(p *pair) {
	ctx := p.Context()
	submitted, err := p.Submit(ctx, alice, []string{`Executable = "x"; JobName = "é"; InputData = {"LFN:/b", "LFN:/a"};`})
	p.ok(err)
	id := submitted[0].JobID
	_, err = p.SetStatus(ctx, lhcb, map[jobdb.JobID][]wms.StatusUpdate{
		id: {{Time: now(), Status: "Checking", MinorStatus: "JobPath", Source: "test"}},
	}, wms.StatusOptions{})
	p.ok(err)
	_, err = p.Heartbeat(ctx, lhcb, map[jobdb.JobID]wms.Beat{id: {Values: map[string]float64{"Vsize": 2.5}}})
	p.ok(err)
	p.ok(p.DB.SetJobCommands(ctx, []jobdb.Command{{JobID: id, Command: "Peek", Arguments: "x"}}))
	p.ok(p.DB.SetOptimizerParameters(ctx, map[jobdb.JobID]map[string]string{id: {"p": "é"}}))

	attributes := []string{"Status", "MinorStatus", "Owner", "VO", "JobName", "Site"}
	p.equal("attributes", p.jobs("getJobAttributes", id, attributes), map[string]any{
		"Status": "Checking", "MinorStatus": "JobPath", "Owner": "alice", "VO": "lhcb", "JobName": "é", "Site": "ANY",
	})
	original, err := p.DB.OriginalJDLs(ctx, []jobdb.JobID{id})
	p.ok(err)
	plain, err := jdl.Decompress(original[id])
	p.ok(err)
	p.equal("the original JDL", p.jobs("getJobJDL", id, true), plain)
	p.equal("input data", p.jobs("getInputData", id), []any{"/a", "/b"})
	p.equal("commands", p.jobs("getJobCommand", id), map[string]any{"Peek": "x"})
	p.equal("optimizer parameters", p.jobs("getJobOptParameters", id), map[string]any{"p": "é"})
	p.equal("heartbeats", p.jobs("getHeartBeatData", id).([]any)[0].([]any)[:2], []any{"Vsize", "2.5"}) //nolint:forcetypeassert // as DIRAC has it
	p.equal("selected", p.jobs("selectJobs", map[string]any{"Status": "Checking", "VO": "lhcb"}), []any{id})
	records := p.history("getJobLoggingInfo", id).([]any) //nolint:forcetypeassert // as DIRAC has it
	p.equal("records", len(records), 2)
	p.equal("the last record", records[1].([]any)[:2], []any{"Checking", "JobPath"}) //nolint:forcetypeassert // as above
	p.jobs("removeJobFromDB", id)
	p.history("deleteJob", id)
	if _, err := p.Details(ctx, lhcb, id, wms.DetailsOptions{Heartbeats: 0}); err == nil {
		p.Errorf("the job that DIRAC removed is still there")
	}
}

// jobdb reads what DIRAC wrote.
func testWrites(p *pair) {
	ctx := p.Context()
	text := `[ Executable = "x"; JobName = "é"; InputData = {"LFN:/b","LFN:/a"}; ]`
	id := p.insert(text)
	p.jobs("setJobStatus", id, "Checking", "JobPath", "é")
	p.history("addLoggingRecord", id, "Received", "Job accepted", "Unknown", nil, "test")
	p.history("addLoggingRecord", id, "Checking", "JobPath", "idem", nil, "test")
	p.jobs("setHeartBeatData", id, map[string]any{"Vsize": 2.5})
	p.jobs("setJobCommand", id, "Peek", "x")
	p.jobs("setJobOptParameter", id, "p", "é")

	d, err := p.Details(ctx, lhcb, id, wms.DetailsOptions{Heartbeats: 1})
	p.ok(err)
	p.equal("attributes", []any{
		d.Attributes["Status"], d.Attributes["MinorStatus"], d.Attributes["ApplicationStatus"], d.Attributes["Owner"], d.Attributes["JobName"],
	}, []any{"Running", "JobPath", "é", "alice", "é"}) // a heartbeat of DIRAC makes any job Running
	if !strings.Contains(d.OriginalJDL, `"LFN:/b"`) || !strings.Contains(d.JDL, fmt.Sprint("JobID = ", id)) {
		p.Errorf("JDLs: %s\n%s", d.OriginalJDL, d.JDL)
	}
	p.equal("input data", d.InputData, []jobdb.InputFile{{LFN: "LFN:/a", Status: "AprioriGood"}, {LFN: "LFN:/b", Status: "AprioriGood"}})
	p.equal("optimizer parameters", d.OptimizerParameters, map[string]string{"p": "é"})
	p.equal("a heartbeat", []any{d.Heartbeats[0].Name, d.Heartbeats[0].Value}, []any{"Vsize", "2.5"})
	p.equal("records", len(d.History), 2)
	p.equal("the last record", []any{d.History[1].Status, d.History[1].ApplicationStatus}, []any{"Checking", "Unknown"})
	report, err := p.Heartbeat(ctx, lhcb, map[jobdb.JobID]wms.Beat{id: {}})
	p.ok(err)
	p.equal("commands", report.Commands, []jobdb.Command{{JobID: id, Command: "Peek", Arguments: "x"}})
	deleted, err := p.DB.DeleteJobs(ctx, []jobdb.JobID{id})
	p.ok(err)
	p.equal("jobs deleted", deleted, 1)
	if _, err := p.dirac.Call("JobLoggingDB", "getJobLoggingInfo", id); err == nil {
		p.Errorf("the history of the job that jobdb deleted is still there")
	}
}

func (p *pair) insert(text string) jobdb.JobID {
	p.Helper()
	return jobdb.JobID(p.jobs("insertNewJobIntoDB", text, "alice", "lhcb_user", "Received", "Job accepted", "lhcb").(float64)) //nolint:forcetypeassert // as DIRAC has it
}

// Both write the same jobs at once. Of what jobdb writes nothing fails or is lost; of what DIRAC
// writes, nothing that it says it wrote.
func testBothWrite(p *pair) {
	const jobs, rounds = 10, 5
	ctx := p.Context()
	ids := make([]jobdb.JobID, jobs)
	for i := range ids {
		ids[i] = p.insert(`[ Executable = "x"; ]`)
	}
	records := make(map[jobdb.JobID]int, jobs)
	var both sync.WaitGroup
	both.Go(func() {
		for round := range rounds {
			for _, id := range ids {
				if _, err := p.dirac.Call("JobDB", "setJobAttribute", id, "UserPriority", round+1); err != nil {
					p.Errorf("DIRAC: %v", err)
				}
				if _, err := p.dirac.Call("JobLoggingDB", "addLoggingRecord", id, "Running", fmt.Sprint("dirac ", round), "idem", nil, "dirac"); err == nil {
					records[id]++ // its trigger takes a number without a lock; who comes second is refused
				}
			}
		}
	})
	both.Go(func() {
		for round := range rounds {
			changes := map[jobdb.JobID]jobdb.Attributes{}
			var history []jobdb.HistoryRecord
			for _, id := range ids {
				changes[id] = jobdb.Attributes{"JobGroup": fmt.Sprint(round)}
				history = append(history, jobdb.HistoryRecord{JobID: id, Status: "Running", MinorStatus: fmt.Sprint("jobdb ", round), Time: now(), Source: "jobdb"})
			}
			err := p.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
				if _, err := tx.SetJobAttributes(ctx, changes, jobdb.SetOptions{}); err != nil {
					return err
				}
				return tx.InsertHistory(ctx, history)
			})
			if err != nil {
				p.Errorf("jobdb: %v", err)
			}
		}
	})
	both.Wait()
	history, err := p.DB.History(ctx, ids)
	p.ok(err)
	for _, id := range ids {
		job, err := p.DB.Job(ctx, jobdb.Scope{VO: "lhcb"}, id)
		p.ok(err)
		p.equal("the last values", []any{job.UserPriority, job.JobGroup}, []any{rounds, fmt.Sprint(rounds - 1)})
		p.equal("records", len(history[id]), rounds+records[id])
		if seen := p.history("getJobLoggingInfo", id).([]any); len(seen) != len(history[id]) { //nolint:forcetypeassert // as DIRAC has it
			p.Errorf("DIRAC sees %d records of job %d, jobdb %d", len(seen), id, len(history[id]))
		}
		if records[id] == 0 {
			p.Errorf("DIRAC wrote no history of job %d", id)
		}
	}
	p.equal("jobs with gaps in their history", conformance.HistoryGaps(p.T, p.historyURL), []jobdb.JobID{})
}
