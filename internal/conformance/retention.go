package conformance

import (
	"context"
	"fmt"
	"time"

	"jobdb"
)

// This file deletes parts of jobs that are old and leaves the jobs, and looks for what is wrong.
var retentionTests = []conformanceTest{
	{"ThinHeartbeats", testThinHeartbeats},
	{"DeleteParts", testDeleteParts},
	{"DeleteOldReplies", testDeleteOldReplies},
	{"Check", testCheck},
}

// Of heartbeats the first of each period stays; jobs that aren't named keep all.
func testThinHeartbeats(f *fixture) {
	ids := f.addPlainJobs(3)
	var times []time.Time
	for range 7 { // at 12:00, 12:25, 12:50, 13:15 …
		times = append(times, f.stored(f.clock.now()))
		f.ok(f.AddHeartbeatData(f.ctx, map[jobdb.JobID]map[string]string{
			ids[0]: {"LoadAverage": "1", "Vsize": "2"}, ids[1]: {"LoadAverage": "1"}, ids[2]: {"LoadAverage": "1"},
		}))
		f.clock.advance(25 * time.Minute)
	}
	n, err := f.ThinHeartbeats(f.ctx, ids[:2], time.Hour)
	f.ok(err)
	f.equal("values deleted", n, int64(4*3))
	again, err := f.ThinHeartbeats(f.ctx, ids[:2], time.Hour)
	f.ok(err)
	f.equal("values deleted again", again, int64(0))
	beats, err := f.Heartbeats(f.ctx, ids, 0)
	f.ok(err)
	want := func(names ...string) (list []jobdb.Heartbeat) {
		for _, at := range []time.Time{times[5], times[3], times[0]} { // 14:05, 13:15, 12:00
			for _, name := range names {
				list = append(list, jobdb.Heartbeat{Name: name, Value: map[string]string{"LoadAverage": "1", "Vsize": "2"}[name], Time: at})
			}
		}
		return list
	}
	f.equal("heartbeats of the first", beats[ids[0]], want("LoadAverage", "Vsize"))
	f.equal("heartbeats of the second", beats[ids[1]], want("LoadAverage"))
	f.equal("heartbeats of the third", len(beats[ids[2]]), 7)
}

// Heartbeats, commands and archived parameters go, and nothing else, in one transaction with others.
func testDeleteParts(f *fixture) {
	ids := f.addPlainJobs(2)
	f.ok(f.AddHeartbeatData(f.ctx, map[jobdb.JobID]map[string]string{ids[0]: {"LoadAverage": "1", "Vsize": "2"}, ids[1]: {"Vsize": "2"}}))
	f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{{JobID: ids[0], Command: "Kill"}, {JobID: ids[1], Command: "Kill"}}))
	archived := int64(0)
	if !f.traits.NoParameters {
		f.ok(f.SetJobParameters(f.ctx, named{ids[0]: {"a": "1"}, ids[1]: {"a": "1"}}))
		f.ok(f.ArchiveJobParameters(f.ctx, ids))
		archived = 1
	}
	var n [3]int64
	f.ok(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		for i, remove := range []func(context.Context, []jobdb.JobID) (int64, error){
			tx.DeleteHeartbeats, tx.DeleteJobCommands, tx.DeleteArchivedParameters,
		} {
			var err error
			if n[i], err = remove(ctx, []jobdb.JobID{ids[0], missingID}); err != nil {
				return err
			}
		}
		return nil
	}))
	f.equal("deleted", n, [3]int64{2, 1, archived})
	beats, err := f.Heartbeats(f.ctx, ids, 0)
	f.ok(err)
	commands, err := f.JobCommands(f.ctx, ids)
	f.ok(err)
	parameters, err := f.ArchivedJobParameters(f.ctx, ids)
	f.ok(err)
	f.equal("left of the first", []int{len(beats[ids[0]]), len(commands[ids[0]]), len(parameters[ids[0]])}, []int{0, 0, 0})
	f.equal("left of the second", []int{len(beats[ids[1]]), len(commands[ids[1]]), len(parameters[ids[1]])}, []int{1, 1, int(archived)})
	f.equal("the job", f.attributes(ids[0], "Status"), map[string]any{"Status": "Received"})
}

// Replies go when their time is over.
func testDeleteOldReplies(f *fixture) {
	if f.Schema() != jobdb.SchemaOurs {
		n, err := f.DeleteOldReplies(f.ctx)
		f.ok(err)
		f.equal("deleted", n, int64(0))
		return
	}
	_, err := f.DeleteOldReplies(f.ctx)
	f.ok(err)
	f.ok(f.SaveReply(f.ctx, jobdb.Reply{Request: f.vo + " old"}))
	f.clock.advance(jobdb.ReplyLifetime / 2)
	f.ok(f.SaveReply(f.ctx, jobdb.Reply{Request: f.vo + " new"}))
	f.clock.advance(jobdb.ReplyLifetime/2 + time.Minute)
	n, err := f.DeleteOldReplies(f.ctx)
	f.ok(err)
	f.equal("something was deleted", n > 0, true) // other tests may have left replies, too
	_, found, err := f.SavedReply(f.ctx, f.vo+" new")
	f.ok(err)
	f.equal("the newer one is there", found, true)
	n, err = f.DeleteOldReplies(f.ctx)
	f.ok(err)
	f.equal("deleted again", n, int64(0))
}

// A database is found to be right, and then what is wrong in it; a repair changes nothing that is right.
func testCheck(f *fixture) {
	f = f.alone(jobdb.Options{})
	ids := f.addPlainJobs(4)
	now := f.Now()
	for _, id := range ids {
		f.ok(f.InsertHistory(f.ctx, []jobdb.HistoryRecord{
			{JobID: id, Status: "Received", Time: now, Source: "x"}, {JobID: id, Status: "Running", Time: now, Source: "x"}, {JobID: id, Status: "Done", Time: now, Source: "x"},
		}))
	}
	for _, repair := range []bool{false, true} {
		var told []string
		found, err := f.CheckRows(f.ctx, repair, func(what string) { told = append(told, what) })
		f.ok(err)
		f.equal("found in what is right", found, []jobdb.Finding(nil))
		if len(told) < 10 {
			f.t.Errorf("told of %q only", told)
		}
	}
	_, err := f.SetJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{
		ids[0]: {"StartExecTime": now.Add(-time.Hour), "EndExecTime": now.Add(-2 * time.Hour)},
		ids[1]: {"StartExecTime": now.Add(-time.Hour), "EndExecTime": now.Add(-time.Hour), "HeartBeatTime": now.Add(time.Hour)},
	}, jobdb.SetOptions{})
	f.ok(err)
	want := []jobdb.Finding{
		{What: "jobs that ended before they began", Jobs: ids[:1]}, {What: "jobs with times that are still to come", Jobs: ids[1:2]},
	}
	if !f.traits.InMemory {
		f.rawHistory().exec(fmt.Sprintf(`DELETE FROM "LoggingInfo" WHERE "SeqNum" = 2 AND "JobID" = %d`, ids[2]))
		want = append([]jobdb.Finding{{What: "histories whose records are not numbered without gaps", Jobs: ids[2:3]}}, want...)
	}
	found, err := f.CheckRows(f.ctx, true, nil)
	f.ok(err)
	f.equal("found", found, want)
	before, err := f.History(f.ctx, ids)
	f.ok(err)
	f.equal("records of the first", len(before[ids[0]]), 3)
}
