package conformance

import (
	"maps"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// What making and deleting jobs promises.
var writeTests = []conformanceTest{
	{"CreateJobs", testCreateJobs},
	{"ReservedJobs", testReservedJobs},
	{"IDsAreNeverReused", testIDsAreNeverReused},
	{"Defaults", testDefaults},
	{"Values", testValues},
	{"RefusedValues", testRefusedValues},
	{"RefusedByTheDatabase", testRefusedByTheDatabase},
	{"InsertConflict", testInsertConflict},
	{"InsertUnknownJob", testInsertUnknownJob},
	{"JDLs", testJDLs},
	{"InputData", testInputData},
	{"DeleteJobs", testDeleteJobs},
	{"LongLists", testLongLists},
}

// IDs come in the order of the JDLs and ascend.
func testCreateJobs(f *fixture) {
	one, err := f.CreateJob(f.ctx, "[one]")
	f.ok(err)
	ids, err := f.CreateJobs(f.ctx, []string{"[c]", "[a]", "[b]", "[a]"})
	f.ok(err)
	if !slices.IsSorted(ids) || ids[0] <= one || len(slices.Compact(slices.Clone(ids))) != 4 {
		f.t.Errorf("IDs %v after %d don't ascend", ids, one)
	}
	texts, err := f.OriginalJDLs(f.ctx, append(ids, one))
	f.ok(err)
	f.equal("original JDLs", texts, map[jobdb.JobID]string{one: "[one]", ids[0]: "[c]", ids[1]: "[a]", ids[2]: "[b]", ids[3]: "[a]"})
	none, err := f.CreateJobs(f.ctx, nil)
	f.ok(err)
	f.equal("no JDLs", len(none), 0)
	_, err = f.CreateJob(f.ctx, "a\x00b")
	f.refused(err, jobdb.ErrInvalidValue, "OriginalJDL")
}

// Where IDs can be reserved nobody else gets them, also when they are used late or never.
func testReservedJobs(f *fixture) {
	before, err := f.CreateJob(f.ctx, "[before]")
	f.ok(err)
	ids, err := f.ReserveJobs(f.ctx, 3)
	f.ok(err)
	if ids == nil { // they come with the rows
		if f.Engine() == "sqlite" && f.Schema() == jobdb.SchemaOurs {
			f.t.Errorf("no IDs were reserved")
		}
		return
	}
	meanwhile, err := f.CreateJob(f.ctx, "[meanwhile]")
	f.ok(err)
	if slices.Contains(ids, meanwhile) || !slices.IsSorted(ids) || ids[0] <= before || len(ids) != 3 {
		f.t.Errorf("IDs %v were reserved between the jobs %d and %d", ids, before, meanwhile)
	}
	f.ok(f.CreateReservedJobs(f.ctx, []jobdb.ReservedJob{{ID: ids[0], OriginalJDL: "[a]", JDL: "[b]"}, {ID: ids[2], OriginalJDL: "[c]", JDL: "[d]"}}))
	originals, err := f.OriginalJDLs(f.ctx, ids)
	f.ok(err)
	f.equal("original JDLs", originals, map[jobdb.JobID]string{ids[0]: "[a]", ids[2]: "[c]"})
	texts, err := f.JobJDLs(f.ctx, ids)
	f.ok(err)
	f.equal("JDLs", texts, map[jobdb.JobID]string{ids[0]: "[b]", ids[2]: "[d]"})
	f.refused(f.CreateReservedJobs(f.ctx, []jobdb.ReservedJob{{ID: ids[1]}, {ID: ids[0]}}), jobdb.ErrConflict)
	f.refused(f.CreateReservedJobs(f.ctx, []jobdb.ReservedJob{{ID: ids[1], JDL: "a\x00b"}}), jobdb.ErrInvalidValue, "JDL")
	texts, err = f.OriginalJDLs(f.ctx, ids[1:2])
	f.ok(err)
	f.equal("JDLs of a job that was refused", len(texts), 0)
}

func testIDsAreNeverReused(f *fixture) {
	before, err := f.CreateJob(f.ctx, "[a]")
	f.ok(err)
	_, err = f.DeleteJobs(f.ctx, []jobdb.JobID{before})
	f.ok(err)
	after, err := f.CreateJob(f.ctx, "[b]")
	f.ok(err)
	if reused := after <= before; reused != f.traits.ReusedIDs {
		f.t.Errorf("job %d was created after job %d was deleted", after, before)
	}
}

var defaultAttributes = map[string]any{
	"JobType": "user", "JobGroup": "00000000", "Site": "ANY", "JobName": "Unknown", "Owner": "Unknown", "OwnerGroup": "Unknown",
	"SubmissionTime": nil, "RescheduleTime": nil, "LastUpdateTime": nil, "StartExecTime": nil, "HeartBeatTime": nil, "EndExecTime": nil,
	"Status": "Received", "MinorStatus": "Unknown", "ApplicationStatus": "Unknown", "UserPriority": int64(0), "RescheduleCounter": int64(0),
	"VerifiedFlag": false, "AccountedFlag": jobdb.AccountedFalse,
}

func testDefaults(f *fixture) {
	id := f.addPlainJobs(1)[0]
	want := map[string]any{"JobID": int64(id), "VO": f.vo}
	maps.Copy(want, defaultAttributes)
	f.equal("the new job", f.attributes(id), want)
}

// What is stored comes back: to the last character, and to the microsecond, in UTC.
func testValues(f *fixture) {
	text := "Ünïcode ' \" \\ \t % _ ; -- ? $1 {} \u00a0end "
	if !f.traits.Latin1 {
		text += "日本😀e\u0301"
	}
	zoned := time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.FixedZone("", 3600))
	stored := map[string]any{
		"Site": text, "JobName": strings.Repeat("é", 128), "Owner": "", "HeartBeatTime": f.stored(zoned), "UserPriority": int64(-1 << 31),
		"RescheduleCounter": int64(1<<31 - 1), "VerifiedFlag": true, "AccountedFlag": jobdb.AccountedFailed,
	}
	id := f.addJobs(jobdb.Attributes{
		"Site": text, "JobName": strings.Repeat("é", 128), "Owner": "", "HeartBeatTime": zoned, "UserPriority": int32(-1 << 31),
		"RescheduleCounter": uint64(1<<31 - 1), "VerifiedFlag": true, "AccountedFlag": jobdb.AccountedFailed,
	})[0]
	names := []string{"Site", "JobName", "Owner", "HeartBeatTime", "UserPriority", "RescheduleCounter", "VerifiedFlag", "AccountedFlag"}
	got := f.attributes(id, names...)
	f.equal("values", got, stored)
	if at, ok := got["HeartBeatTime"].(time.Time); !ok || at.Location() != time.UTC {
		f.t.Errorf("the time %v is not in UTC", got["HeartBeatTime"])
	}
	for _, edge := range []string{"1000-01-01 00:00:00", "1969-12-31 23:59:59", "2038-01-19 03:14:08", "9999-12-31 23:59:59"} {
		_, err := f.SetProperties(f.ctx, map[jobdb.JobID]jobdb.Attributes{id: {"EndExecTime": at(edge)}}, false)
		f.ok(err)
		f.equal("the time", f.attributes(id, "EndExecTime"), map[string]any{"EndExecTime": at(edge)})
	}
	// Microseconds are cut, never rounded: to the next second or year least of all.
	last := time.Date(2024, 12, 31, 23, 59, 59, 999999999, time.UTC)
	_, err := f.SetProperties(f.ctx, map[jobdb.JobID]jobdb.Attributes{id: {"EndExecTime": last}}, false)
	f.ok(err)
	f.equal("the last moment of a year", f.attributes(id, "EndExecTime"), map[string]any{"EndExecTime": f.stored(last)})
}

// What can't be stored is a typed error that names job and column, and nothing is written, of other
// jobs neither.
func testRefusedValues(f *fixture) {
	ids, err := f.CreateJobs(f.ctx, []string{"[good]", "[bad]"})
	f.ok(err)
	existing := f.addPlainJobs(2)
	before := f.readState(f.DB, slices.Concat(ids, existing))
	for _, c := range []struct {
		column string
		value  any
	}{
		{"Nope", "x"},
		{"site", "x"},
		{"JobID", 5},
		{"Site", 5},
		{"Site", nil},
		{"Site", strings.Repeat("x", 101)},
		{"Site", strings.Repeat("é", 101)},
		{"Site", "a\x00b"},
		{"Site", "a\xffb"},
		{"UserPriority", "5"},
		{"UserPriority", 5.0},
		{"UserPriority", true},
		{"UserPriority", uint64(1 << 63)},
		{"SubmissionTime", "2024-01-01"},
		{"SubmissionTime", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"SubmissionTime", time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"VerifiedFlag", "True"},
		{"VerifiedFlag", 1},
		{"VerifiedFlag", nil},
		{"AccountedFlag", "Failed"},
		{"AccountedFlag", jobdb.AccountedFlag("Maybe")},
	} {
		good, bad := jobdb.Attributes{"VO": f.vo, "Site": "x"}, jobdb.Attributes{"VO": f.vo, c.column: c.value}
		err := f.InsertJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: good, ids[1]: bad})
		f.refused(err, jobdb.ErrInvalidValue, "job "+asJSON(ids[1]), c.column)
		delete(bad, "VO")
		_, err = f.SetJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{existing[0]: {"Site": "x"}, existing[1]: bad}, jobdb.SetOptions{})
		f.refused(err, jobdb.ErrInvalidValue, "job "+asJSON(existing[1]), c.column)
		_, err = f.SetProperties(f.ctx, map[jobdb.JobID]jobdb.Attributes{existing[1]: bad}, false)
		f.refused(err, jobdb.ErrInvalidValue, "job "+asJSON(existing[1]), c.column)
	}
	err = f.InsertJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Site": "x"}})
	f.refused(err, jobdb.ErrInvalidValue, "job "+asJSON(ids[0]), "VO")
	f.equal("what is stored", f.readState(f.DB, slices.Concat(ids, existing)), before)
}

// What only the database at hand can't hold is a typed error too, and never cut.
func testRefusedByTheDatabase(f *fixture) {
	ids := f.addPlainJobs(2)
	set := func(column string, value any) (string, error) {
		_, err := f.SetJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {column: value}, ids[1]: {column: value}}, jobdb.SetOptions{})
		return column, err
	}
	const big, foreign = int64(1) << 40, "日本"
	huge := strings.Repeat("x", 70_000)
	for _, c := range []struct {
		what    string
		column  string
		refused bool
		write   func() error
		read    func() any
		want    any
	}{
		{
			"a large integer", "UserPriority", f.traits.SmallNumbers,
			func() error { _, err := set("UserPriority", big); return err },
			func() any { return f.attributes(ids[1], "UserPriority")["UserPriority"] }, big,
		},
		{
			"a text in Chinese", "Site", f.traits.Latin1,
			func() error { _, err := set("Site", foreign); return err },
			func() any { return f.attributes(ids[1], "Site")["Site"] }, foreign,
		},
		{
			"a long value", "Value", f.traits.SmallTexts,
			func() error { return f.SetJobParameters(f.ctx, map[jobdb.JobID]map[string]string{ids[1]: {"p": huge}}) },
			func() any { return f.readState(f.DB, ids)[ids[1]].Parameters["p"] }, huge,
		},
		{
			"a long JDL", "JDL", f.traits.SmallTexts && f.Schema() == jobdb.SchemaDiracX,
			func() error { return f.UpdateJobJDLs(f.ctx, map[jobdb.JobID]string{ids[1]: huge}) },
			func() any { return f.readState(f.DB, ids)[ids[1]].JDL }, huge,
		},
	} {
		if c.what == "a long value" && f.traits.NoParameters {
			continue
		}
		before := f.readState(f.DB, ids)
		err := c.write()
		if c.refused {
			f.refused(err, jobdb.ErrInvalidValue, "job ", c.column)
			f.equal(c.what, f.readState(f.DB, ids), before)
			continue
		}
		f.ok(err)
		f.equal(c.what, c.read(), c.want)
	}
}

func testInsertConflict(f *fixture) {
	existing := f.addPlainJobs(1)
	ids, err := f.CreateJobs(f.ctx, []string{"[new]"})
	f.ok(err)
	before := f.readState(f.DB, slices.Concat(ids, existing))
	row := jobdb.Attributes{"VO": f.vo, "Site": "again"}
	err = f.InsertJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{existing[0]: row})
	f.refused(err, jobdb.ErrConflict, "job "+asJSON(existing[0]))
	err = f.InsertJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{existing[0]: row, ids[0]: row})
	f.refused(err, jobdb.ErrConflict, "job "+asJSON(existing[0]))
	f.equal("what is stored", f.readState(f.DB, slices.Concat(ids, existing)), before)
}

func testInsertUnknownJob(f *fixture) {
	ids, err := f.CreateJobs(f.ctx, []string{"[new]"})
	f.ok(err)
	row := jobdb.Attributes{"VO": f.vo}
	err = f.InsertJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: row, missingID: row})
	f.refused(err, jobdb.ErrNotFound, asJSON(missingID))
	err = f.InsertInputData(f.ctx, map[jobdb.JobID][]string{missingID: {"/a"}})
	f.refused(err, jobdb.ErrNotFound, asJSON(missingID))
	err = f.InsertJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{0: row})
	f.refused(err, jobdb.ErrInvalidValue, "JobID")
	f.equal("jobs", f.search(jobdb.SearchRequest{}, 0, 0).Total, int64(0))
	f.ok(f.InsertJobAttributes(f.ctx, nil))
}

// JDLs are stored and returned as given, compressed or not.
func testJDLs(f *fixture) {
	ids := f.addPlainJobs(3)
	compressed := "eJyLVvBKLErMK0ktUrBVUEorSszLTMoHAFm9B0M="
	long := "[" + strings.Repeat(`Executable = "x\n";`, 3000) + "]"
	f.ok(f.UpdateJobJDLs(f.ctx, map[jobdb.JobID]string{ids[0]: compressed, ids[1]: long, missingID: "x"}))
	got, err := f.JobJDLs(f.ctx, append(ids, missingID))
	f.ok(err)
	f.equal("JDLs", got, map[jobdb.JobID]string{ids[0]: compressed, ids[1]: long})
	originals, err := f.OriginalJDLs(f.ctx, ids[:1])
	f.ok(err)
	f.equal("the original", originals, map[jobdb.JobID]string{ids[0]: "[job 0]"})
	f.refused(f.UpdateJobJDLs(f.ctx, map[jobdb.JobID]string{ids[2]: "\x00"}), jobdb.ErrInvalidValue, "job "+asJSON(ids[2]), "JDL")
	f.refused(f.UpdateJobJDLs(f.ctx, map[jobdb.JobID]string{ids[2]: strings.Repeat("x", 16<<20)}), jobdb.ErrInvalidValue, "JDL")
	f.ok(f.UpdateJobJDLs(f.ctx, nil))
}

func testInputData(f *fixture) {
	ids := f.addPlainJobs(3)
	f.ok(f.InsertInputData(f.ctx, map[jobdb.JobID][]string{ids[0]: {"/b", "/a", "/Z", "/é"}, ids[1]: {"/a"}, ids[2]: nil}))
	want := map[jobdb.JobID][]jobdb.InputFile{
		ids[0]: {{LFN: "/Z", Status: "AprioriGood"}, {LFN: "/a", Status: "AprioriGood"}, {LFN: "/b", Status: "AprioriGood"}, {LFN: "/é", Status: "AprioriGood"}},
		ids[1]: {{LFN: "/a", Status: "AprioriGood"}},
	}
	for what, lfns := range map[string][]string{"again": {"/c", "/a"}, "twice": {"/d", "/d"}} {
		err := f.InsertInputData(f.ctx, map[jobdb.JobID][]string{ids[1]: lfns})
		f.refused(err, jobdb.ErrConflict, "job "+asJSON(ids[1]))
		f.t.Logf("%s: %v", what, err)
	}
	err := f.InsertInputData(f.ctx, map[jobdb.JobID][]string{ids[1]: {"/c", strings.Repeat("x", 256)}})
	f.refused(err, jobdb.ErrInvalidValue, "job "+asJSON(ids[1]), "LFN")
	got, err := f.InputData(f.ctx, ids)
	f.ok(err)
	f.equal("input data", got, want)
	f.equalKeys(f.InsertInputData(f.ctx, map[jobdb.JobID][]string{ids[2]: {"/x", "/X", "/x "}}))
}

// equalKeys is the outcome of writing keys that only a live collation holds equal.
func (f *fixture) equalKeys(err error) {
	f.t.Helper()
	if f.traits.EqualKeys {
		f.refused(err, jobdb.ErrConflict)
	} else {
		f.ok(err)
	}
}

// Everything that belongs to a job goes with it, and nothing of another one.
func testDeleteJobs(f *fixture) {
	ids := f.addPlainJobs(3)
	f.fill(ids)
	kept := f.readState(f.DB, ids[2:])
	deleted, err := f.DeleteJobs(f.ctx, []jobdb.JobID{ids[1], ids[0], missingID, ids[0]})
	f.ok(err)
	f.equal("jobs deleted", deleted, int64(2))
	raw := f.raw()
	for _, table := range []string{
		"Jobs", "JobJDLs", "InputData", "JobParameters", "OptimizerParameters", "AtticJobParameters", "HeartBeatLoggingInfo", "JobCommands", "LoggingInfo",
	} {
		if table == "JobParameters" && f.traits.NoParameters {
			continue
		}
		raw := raw
		if table == "LoggingInfo" {
			raw = f.rawHistory()
		}
		left := raw.number(`SELECT count(*) FROM "` + table + `" WHERE "JobID" IN (` + asJSON(ids[0]) + `, ` + asJSON(ids[1]) + `)`)
		f.equal("rows left in "+table, left, int64(0))
	}
	f.equal("the other job", f.readState(f.DB, ids), kept)
	deleted, err = f.DeleteJobs(f.ctx, ids[:2])
	f.ok(err)
	f.equal("jobs deleted again", deleted, int64(0))
}

// fill gives jobs rows in all tables.
func (f *fixture) fill(ids []jobdb.JobID) {
	f.t.Helper()
	for _, id := range ids {
		f.ok(f.UpdateJobJDLs(f.ctx, map[jobdb.JobID]string{id: "[jdl]"}))
		f.ok(f.InsertInputData(f.ctx, map[jobdb.JobID][]string{id: {"/a"}}))
		if !f.traits.NoParameters {
			f.ok(f.SetJobParameters(f.ctx, map[jobdb.JobID]map[string]string{id: {"old": "1"}}))
			f.ok(f.ArchiveJobParameters(f.ctx, []jobdb.JobID{id}))
			f.ok(f.SetJobParameters(f.ctx, map[jobdb.JobID]map[string]string{id: {"new": "2"}}))
		}
		f.ok(f.SetOptimizerParameters(f.ctx, map[jobdb.JobID]map[string]string{id: {"opt": "3"}}))
		f.ok(f.AddHeartbeatData(f.ctx, map[jobdb.JobID]map[string]string{id: {"Vsize": "4"}}))
		f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(id, "Stop", "")}))
		f.equal("commands taken", len(f.take(id)), 1)
		f.ok(f.SetJobCommands(f.ctx, []jobdb.Command{command(id, "Peek", "5")}))
		f.ok(f.InsertHistory(f.ctx, []jobdb.HistoryRecord{{JobID: id, Status: "Received", MinorStatus: "6", ApplicationStatus: "7", Time: noon, Source: "test"}}))
	}
}

// Lists of any length work, in one transaction.
func testLongLists(f *fixture) {
	const n = 6000 // more than one statement takes
	ids := f.addPlainJobs(n)
	many := make([]jobdb.JobID, 0, 70_000) // more than any engine's placeholders
	many = append(many, ids...)
	for id := missingID - 64_000; len(many) < cap(many); id++ {
		many = append(many, id)
	}
	originals, err := f.OriginalJDLs(f.ctx, many)
	f.ok(err)
	f.equal("JDLs", len(originals), n)
	f.equal("the last JDL", originals[ids[n-1]], "[job 5999]")
	changes := make(map[jobdb.JobID]jobdb.Attributes, len(many))
	for i, id := range many {
		changes[id] = jobdb.Attributes{"UserPriority": i}
	}
	matched, err := f.SetProperties(f.ctx, changes, false)
	f.ok(err)
	f.equal("jobs matched", matched, int64(n))
	f.equal("the last job", f.attributes(ids[n-1], "UserPriority"), map[string]any{"UserPriority": int64(n - 1)})
	conflict := map[jobdb.JobID]jobdb.Attributes{ids[0]: {"VO": f.vo}}
	fresh, err := f.CreateJobs(f.ctx, make([]string, n))
	f.ok(err)
	for _, id := range fresh {
		conflict[id] = jobdb.Attributes{"VO": f.vo}
	}
	f.refused(f.InsertJobAttributes(f.ctx, conflict), jobdb.ErrConflict)
	f.equal("jobs after a failed insert", f.search(jobdb.SearchRequest{}, 1, 1).Total, int64(n))
	deleted, err := f.DeleteJobs(f.ctx, many)
	f.ok(err)
	f.equal("jobs deleted", deleted, int64(n))
	_, err = f.DeleteJobs(f.ctx, fresh)
	f.ok(err)
}
