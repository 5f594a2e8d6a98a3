package conformance

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

// What histories promise: they are numbered without a gap and read by time.
var historyTests = []conformanceTest{
	{"History", testHistory},
	{"Idem", testIdem},
	{"HistoryNumbers", testHistoryNumbers},
	{"RefusedHistory", testRefusedHistory},
	{"DeleteHistory", testDeleteHistory},
	{"StatusTimes", testStatusTimes},
	{"RecentHistory", testRecentHistory},
	{"LongHistory", testLongHistory},
	{"HistoryBound", testHistoryBound},
}

func record(id jobdb.JobID, status jobdb.Status, minor, application string, at time.Time) jobdb.HistoryRecord {
	return jobdb.HistoryRecord{JobID: id, Status: status, MinorStatus: minor, ApplicationStatus: application, Time: at, Source: "test"}
}

func (f *fixture) insertHistory(records ...jobdb.HistoryRecord) {
	f.t.Helper()
	f.ok(f.InsertHistory(f.ctx, records))
}

func (f *fixture) history(ids ...jobdb.JobID) map[jobdb.JobID][]jobdb.HistoryRecord {
	f.t.Helper()
	history, err := f.History(f.ctx, ids)
	f.ok(err)
	return history
}

// withTimes are records as they come back.
func (f *fixture) withTimes(records ...jobdb.HistoryRecord) []jobdb.HistoryRecord {
	for i := range records {
		records[i].Time = f.stored(records[i].Time)
	}
	return records
}

// A history is read in the order of its times, and of equal times in the order in which it was
// written. It needs no job.
func testHistory(f *fixture) {
	id := f.addPlainJobs(1)[0]
	orphan := missingID - 1
	late, early := record(id, "Done", "m", "a", noon.Add(time.Second)), record(id, "Received", "m", "a", noon)
	same := record(id, "Running", "", "é", noon.Add(time.Second))
	other := record(orphan, "Received", "m", "a", noon)
	f.insertHistory(late, early, other)
	f.insertHistory(same)
	f.insertHistory()
	f.equal("history", f.history(id, orphan, missingID), map[jobdb.JobID][]jobdb.HistoryRecord{
		id: f.withTimes(early, late, same), orphan: f.withTimes(other),
	})
	f.ok(f.DeleteHistory(f.ctx, []jobdb.JobID{orphan}))
}

// idem stands for what was before, by time; an application status that never was another is
// Unknown.
func testIdem(f *fixture) {
	id := f.addPlainJobs(1)[0]
	second := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	f.insertHistory(
		record(id, jobdb.Idem, "m1", jobdb.Idem, second(1)),
		record(id, "Running", jobdb.Idem, "a3", second(3)),
		record(id, jobdb.Idem, "", jobdb.Idem, second(4)),
		record(id, "Received", jobdb.Idem, jobdb.Idem, second(2)), // written late
		record(id, jobdb.Idem, jobdb.Idem, jobdb.Idem, second(5)),
	)
	f.equal("history", f.history(id)[id], f.withTimes(
		record(id, jobdb.Idem, "m1", "Unknown", second(1)),
		record(id, "Received", "m1", "Unknown", second(2)),
		record(id, "Running", "m1", "a3", second(3)),
		record(id, "Running", "", "a3", second(4)),
		record(id, "Running", "", "a3", second(5)),
	))
}

// Each job's records are numbered from 1 without a gap, and have the seconds since 1270000000 to
// three places beside their time.
func testHistoryNumbers(f *fixture) {
	ids := f.addPlainJobs(2)
	at := time.Unix(1270000000+86400, 123456789).UTC()
	f.insertHistory(record(ids[0], "a", "", "", at), record(ids[1], "a", "", "", at), record(ids[0], "b", "", "", at))
	f.insertHistory(record(ids[0], "c", "", "", at))
	raw := f.rawHistory()
	f.checkNumbers(raw, ids[0], 3)
	f.checkNumbers(raw, ids[1], 1)
	f.equal("StatusTimeOrder in milliseconds", raw.number(`SELECT CAST(ROUND("StatusTimeOrder" * 1000) AS `+raw.integer()+`) FROM "LoggingInfo" WHERE "Status" = 'b' AND "JobID" = `+asJSON(ids[0])),
		int64(86400123))
}

// integer is the name of the type of 64 bits in a CAST.
func (r *rawDB) integer() string {
	return map[string]string{"sqlite": "INTEGER", "mysql": "SIGNED", "postgres": "BIGINT"}[r.f.Engine()]
}

// checkNumbers wants n records with the numbers 1 to n.
func (f *fixture) checkNumbers(raw *rawDB, id jobdb.JobID, n int64) {
	f.t.Helper()
	of := ` FROM "LoggingInfo" WHERE "JobID" = ` + asJSON(id)
	f.equal("records", raw.number(`SELECT count(*)`+of), n)
	f.equal("different numbers", raw.number(`SELECT count(DISTINCT "SeqNum")`+of), n)
	f.equal("the first number", raw.number(`SELECT min("SeqNum")`+of), int64(1))
	f.equal("the last number", raw.number(`SELECT max("SeqNum")`+of), n)
}

func testRefusedHistory(f *fixture) {
	id := f.addPlainJobs(1)[0]
	good := record(id, "Received", "m", "a", noon)
	for column, bad := range map[string]jobdb.HistoryRecord{
		"Status":            record(id, jobdb.Status(strings.Repeat("x", 33)), "m", "a", noon),
		"MinorStatus":       record(id, "s", strings.Repeat("x", 129), "a", noon),
		"ApplicationStatus": record(id, "s", "m", strings.Repeat("x", 256), noon),
		"StatusSource":      {JobID: id, Status: "s", Time: noon, Source: strings.Repeat("x", 33)},
		"StatusTime":        {JobID: id, Status: "s", Source: "x"},
	} {
		f.refused(f.InsertHistory(f.ctx, []jobdb.HistoryRecord{good, bad}), jobdb.ErrInvalidValue, "job "+asJSON(id), column)
	}
	f.refused(f.InsertHistory(f.ctx, []jobdb.HistoryRecord{good, record(id, "a\x00", "", "", noon)}), jobdb.ErrInvalidValue, "Status")
	f.equal("history", len(f.history(id)), 0)
}

func testDeleteHistory(f *fixture) {
	ids := f.addPlainJobs(2)
	f.insertHistory(record(ids[0], "Received", "", "", noon), record(ids[1], "Received", "", "", noon))
	f.ok(f.DeleteHistory(f.ctx, []jobdb.JobID{ids[0], missingID}))
	f.equal("jobs with a history", len(f.history(ids...)), 1)
	f.equal("jobs", f.search(jobdb.SearchRequest{}, 0, 0).Total, int64(2))
	f.insertHistory(record(ids[0], "Received", "", "", noon))
	f.checkNumbers(f.rawHistory(), ids[0], 1)
}

// The time of a status is the latest, not that of the row written last.
func testStatusTimes(f *fixture) {
	ids := f.addPlainJobs(2)
	millisecond := noon.Truncate(time.Millisecond)
	f.insertHistory(
		record(ids[0], "Running", "", "", millisecond.Add(time.Hour)),
		record(ids[0], "Running", "", "", millisecond),
		record(ids[0], "running", "", "", millisecond.Add(time.Minute)),
		record(ids[0], "Running ", "", "", millisecond.Add(time.Second)),
		record(ids[0], "Done", "", "", millisecond.Add(time.Millisecond)),
		record(ids[1], "Done", "", "", millisecond),
	)
	got, err := f.StatusTimes(f.ctx, append(ids, missingID))
	f.ok(err)
	f.equal("status times", got, map[jobdb.JobID]map[jobdb.Status]time.Time{
		ids[0]: {
			"Running": millisecond.Add(time.Hour), "running": millisecond.Add(time.Minute),
			"Running ": millisecond.Add(time.Second), "Done": millisecond.Add(time.Millisecond),
		},
		ids[1]: {"Done": millisecond},
	})
}

// Of long histories the last records can be read alone; of short ones these are all.
func testRecentHistory(f *fixture) {
	ids := f.addPlainJobs(3)
	records := []jobdb.HistoryRecord{record(ids[0], "Done", "first", "a", noon.Add(time.Hour)), record(ids[1], "Received", "m", "a", noon)}
	for i := range jobdb.RecentRecords {
		records = append(records, record(ids[0], []jobdb.Status{"Running", jobdb.Idem}[i%2], "m", "a", noon.Add(time.Duration(i)*time.Second)))
	}
	f.insertHistory(records...)
	for _, of := range [][]jobdb.JobID{ids, ids[:1], ids[1:2], {missingID}, nil} {
		recent, err := f.RecentHistory(f.ctx, of, 0)
		f.ok(err)
		want := f.history(of...)
		if long := want[ids[0]]; long != nil {
			f.equal("the first record is the latest", long[len(long)-1].MinorStatus, "first")
			want[ids[0]] = long[:len(long)-1]
		}
		f.equal("recent history", recent, want)
		three, err := f.RecentHistory(f.ctx, of, 3)
		f.ok(err)
		if long := want[ids[0]]; long != nil {
			want[ids[0]] = long[len(long)-3:]
			want[ids[0]][0].Status = three[ids[0]][0].Status // what idem stood for may be out of sight
		}
		f.equal("three records", three, want)
		times, err := f.RecentStatusTimes(f.ctx, of)
		f.ok(err)
		all, err := f.StatusTimes(f.ctx, of)
		f.ok(err)
		delete(all[ids[0]], "Done")
		f.equal("times", times, all)
	}
}

// What is done at the end of a long history takes no longer than with a short one.
func testLongHistory(f *fixture) {
	ids := f.addPlainJobs(3)
	long, short := ids[:2], ids[1:]
	f.makeLong(ids[0], jobdb.MaxHistory)
	add := func(insert func(context.Context, []jobdb.HistoryRecord) error, ids []jobdb.JobID) error {
		var records []jobdb.HistoryRecord
		for _, id := range ids {
			records = append(records, record(id, "x", "", "", noon))
		}
		return insert(f.ctx, records)
	}
	for what, call := range map[string]func(ids []jobdb.JobID) error{
		"add a record": func(ids []jobdb.JobID) error { return add(f.InsertHistory, ids[:1]) },
		"add records":  func(ids []jobdb.JobID) error { return add(f.InsertHistory, ids) },
		"add records in a transaction": func(ids []jobdb.JobID) error {
			return f.Tx(f.ctx, func(_ context.Context, tx *jobdb.Tx) error { return add(tx.InsertHistory, ids) })
		},
		"read": func(ids []jobdb.JobID) error { _, err := f.RecentHistory(f.ctx, ids, 1); return err },
	} {
		ofLong, ofShort := time.Hour, time.Hour // the least of many
		for range 20 {
			ofLong, ofShort = min(ofLong, f.took(func() error { return call(long) })), min(ofShort, f.took(func() error { return call(short) }))
		}
		if ofLong > 3*ofShort {
			f.t.Errorf("to %s takes %v with a long history, %v with a short one", what, ofLong, ofShort)
		}
	}
}

// makeLong adds so many records to a job's history, which have their numbers as minor statuses.
func (f *fixture) makeLong(id jobdb.JobID, n int) {
	f.t.Helper()
	records := make([]jobdb.HistoryRecord, n)
	for i := range records {
		records[i] = record(id, "Running", strconv.Itoa(i+1), "a", noon.Add(time.Duration(i)*time.Second))
	}
	for some := range slices.Chunk(records, 1000) {
		f.insertHistory(some...)
	}
}

// A job keeps the first and the last records of its history.
func testHistoryBound(f *fixture) {
	ids := f.addPlainJobs(2)
	f.insertHistory(record(ids[1], "Running", "m", "a", noon))
	const all = jobdb.MaxHistory + 3000
	f.makeLong(ids[0], all)
	history := f.history(ids...)
	f.equal("the other history", history[ids[1]], f.withTimes(record(ids[1], "Running", "m", "a", noon)))
	kept := history[ids[0]]
	if f.Schema() != jobdb.SchemaOurs {
		f.equal("records of a live database", len(kept), all)
		return
	}
	if len(kept) < jobdb.MaxHistory || len(kept) > jobdb.MaxHistory+1000 {
		f.t.Fatalf("%d records are kept of %d", len(kept), all)
	}
	dropped := all - len(kept)
	for i, r := range kept {
		want := i + 1
		if i >= 100 {
			want += dropped
		}
		if r.MinorStatus != strconv.Itoa(want) {
			f.t.Fatalf("record %d of those kept is number %s, not %d", i, r.MinorStatus, want)
		}
	}
	raw := f.rawHistory()
	f.insertHistory(record(ids[0], "Done", "", "", noon.Add(time.Hour)))
	f.equal("the last number", raw.number(`SELECT MAX("SeqNum") FROM "LoggingInfo" WHERE "JobID" = `+asJSON(ids[0])), int64(all+1))
}

func (f *fixture) took(call func() error) time.Duration {
	f.t.Helper()
	began := time.Now()
	f.ok(call())
	return time.Since(began)
}
