package conformance

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"jobdb"
)

// One kind of fault is one class of error, whatever the method and the engine.
var errorTests = []conformanceTest{
	{"ReadOnly", testReadOnly},
	{"Closed", testClosed},
	{"ContextEnded", testContextEnded},
	{"BusyIsUnavailable", testBusyIsUnavailable},
	{"Full", testFull},
	{"NoTextOfAnyColumn", testNoTextOfAnyColumn},
	{"NoJobHasThisID", testNoJobHasThisID},
}

var classes = []error{
	jobdb.ErrInvalidQuery, jobdb.ErrInvalidValue, jobdb.ErrNotFound, jobdb.ErrConflict, jobdb.ErrUnavailable, jobdb.ErrSchema, jobdb.ErrInTx,
	jobdb.ErrClosed, context.Canceled, context.DeadlineExceeded,
}

// only wants an error of one class and of no other; nil is none.
func (f *fixture) only(what string, err, class error) {
	f.t.Helper()
	if class == nil && err != nil {
		f.t.Errorf("%s: %v", what, err)
	}
	for _, c := range classes {
		if errors.Is(err, c) != errors.Is(class, c) {
			f.t.Errorf("%s: got the error %v, want: %v", what, err, class)
			return
		}
	}
}

// calls are every method of the access layer that does something on this database, and those that
// only a DB has.
func (f *fixture) calls(ids []jobdb.JobID) []methodCall {
	return append(f.everyMethod(),
		methodCall{"Tx", true, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
			return m.(*jobdb.DB).Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
				return tx.UpdateJobJDLs(ctx, map[jobdb.JobID]string{ids[0]: "[x]"})
			})
		}},
		methodCall{"Ping", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error { return m.(*jobdb.DB).Ping(ctx) }},
		methodCall{"CheckSchema", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
			return result(m.(*jobdb.DB).CheckSchema(ctx))
		}},
	)
}

// Nothing is written by a DB that was opened to read, not even in a transaction, which may read.
func testReadOnly(f *fixture) {
	if f.traits.InMemory {
		f.test.Skip("nobody but the DB itself can read a database in memory")
	}
	ids := f.filled()
	before := f.readState(f.DB, ids)
	options := jobdb.Options{ReadOnly: true}
	if f.historyAddress != f.address {
		options.HistoryURL = f.historyAddress
	}
	reader := f.suite.opened(f.test, f.address, options)
	for _, method := range f.calls(ids) {
		err := method.call(f.ctx, reader, ids)
		if !method.writes && !slices.Contains([]string{"LockJobs", "LockJobsOf", "ThinHeartbeats"}, method.name) { // which lock rows
			f.ok(err)
			continue
		}
		f.only(method.name, err, jobdb.ErrUnavailable)
	}
	f.ok(reader.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error { return result(tx.JobJDLs(ctx, ids)) }))
	if f.Schema() == jobdb.SchemaOurs { // others are never migrated
		f.ok(result(reader.Migrate(f.ctx)))
	}
	f.equal("what is stored", f.readState(f.DB, ids), before)
}

func testClosed(f *fixture) {
	own := f.alone(jobdb.Options{})
	ids := own.filled()
	f.ok(own.Close())
	f.ok(own.Close())
	for _, method := range f.calls(ids) {
		f.only(method.name, method.call(f.ctx, own.DB, ids), jobdb.ErrClosed)
	}
	f.only("Migrate", result(own.Migrate(f.ctx)), jobdb.ErrClosed)
}

// The end of a context is told as what it is, however it ended.
func testContextEnded(f *fixture) {
	ids := f.filled()
	cancelled, cancel := context.WithCancelCause(f.ctx)
	cancel(errors.New("a cause of the caller's"))
	late, end := context.WithTimeout(f.ctx, -time.Second)
	defer end()
	for _, method := range f.calls(ids) {
		f.only(method.name, method.call(cancelled, f.DB, ids), context.Canceled)
		f.only(method.name, method.call(late, f.DB, ids), context.DeadlineExceeded)
	}
	f.only("Migrate", result(f.Migrate(cancelled)), context.Canceled)
	f.only("Open", result(jobdb.Open(cancelled, f.address, jobdb.Options{})), context.Canceled)
}

// What no column can hold is refused where it would be stored, and found nowhere.
func testNoTextOfAnyColumn(f *fixture) {
	ids := f.filled()
	for _, text := range []string{"\x00", "a\xff"} {
		for what, err := range map[string]error{
			"CreateJob":              result(f.CreateJob(f.ctx, text)),
			"InsertJobAttributes":    f.InsertJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{ids[2]: {"VO": text}}),
			"InsertInputData":        f.InsertInputData(f.ctx, map[jobdb.JobID][]string{ids[0]: {text}}),
			"UpdateJobJDLs":          f.UpdateJobJDLs(f.ctx, map[jobdb.JobID]string{ids[0]: text}),
			"SetJobAttributes":       result(f.SetJobAttributes(f.ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Site": text}}, jobdb.SetOptions{})),
			"SetProperties":          result(f.SetProperties(f.ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Site": text}}, true)),
			"SetJobParameters":       f.SetJobParameters(f.ctx, named{ids[0]: {text: "x"}}),
			"SetOptimizerParameters": f.SetOptimizerParameters(f.ctx, named{ids[0]: {"x": text}}),
			"AddHeartbeatData":       f.AddHeartbeatData(f.ctx, named{ids[0]: {"MemoryUsed": text}}),
			"SetJobCommands":         f.SetJobCommands(f.ctx, []jobdb.Command{command(ids[0], text, "")}),
			"InsertHistory":          f.InsertHistory(f.ctx, []jobdb.HistoryRecord{record(ids[0], "x", text, "x", noon)}),
		} {
			if what == "SetJobParameters" && f.traits.NoParameters {
				continue // testNoParameters
			}
			f.only(what, err, jobdb.ErrInvalidValue)
		}
		page, err := f.Search(f.ctx, jobdb.Search{Scope: jobdb.Scope{VO: text, Owner: text}, Page: 1})
		f.ok(err)
		f.equal("jobs", page.Total, int64(0))
		rows, err := f.Summary(f.ctx, jobdb.Summary{Scope: jobdb.Scope{VO: text}, GroupBy: jobdb.Columns()[:2]})
		f.ok(err)
		f.equal("groups", len(rows.Rows), 0)
		if f.Schema() == jobdb.SchemaOurs {
			_, found, err := f.SavedReply(f.ctx, text)
			f.ok(err)
			f.equal("a reply was found", found, false)
			f.only("SaveReply", f.SaveReply(f.ctx, jobdb.Reply{Request: "r", Content: "c", Text: text}), jobdb.ErrInvalidValue)
		}
	}
}

// An ID that no job can have is one of a job that isn't there.
func testNoJobHasThisID(f *fixture) {
	for _, id := range []jobdb.JobID{missingID, 0, -1, math.MaxInt64, math.MinInt64} {
		ids := []jobdb.JobID{id, id, id}
		for _, method := range f.everyMethod() {
			err := method.call(f.ctx, f.DB, ids)
			switch method.name {
			case "Job", "InsertInputData", "SetJobParameters", "SetJobParameterValues", "ArchiveParameters", "SetOptimizerParameters",
				"AddHeartbeatData", "SetJobCommands":
				f.only(method.name+" "+asJSON(id), err, jobdb.ErrNotFound)
			case "CreateReservedJobs", "InsertJobAttributes", "InsertHistory": // IDs are stored
			default:
				f.only(method.name+" "+asJSON(id), err, nil)
			}
		}
	}
}

// A query that gets no connection in its time isn't one that takes too long.
func testBusyIsUnavailable(f *fixture) {
	own := f.alone(jobdb.Options{Connections: 1, Limits: jobdb.Limits{QueryTimeout: 300 * time.Millisecond}})
	if own.Connections() != 1 || f.traits.InMemory {
		f.test.Skip("whoever reads a stream doesn't hold the only connection")
	}
	own.addPlainJobs(2)
	rows := 0
	for _, err := range own.Stream(f.ctx, jobdb.Search{Scope: jobdb.Scope{VO: f.vo}}) {
		f.ok(err)
		rows++
		_, err = own.trySearch(jobdb.SearchRequest{}, 1, 10)
		f.only("Search", err, jobdb.ErrUnavailable)
		_, err = own.Summary(f.ctx, jobdb.Summary{Scope: jobdb.Scope{VO: f.vo}, GroupBy: jobdb.Columns()[:2]})
		f.only("Summary", err, jobdb.ErrUnavailable)
	}
	f.equal("rows", rows, 2)
	own.search(jobdb.SearchRequest{}, 1, 10)
}

// outOfSpace makes each new job fail as on a full disk.
var outOfSpace = map[string]string{
	"mysql": `CREATE TRIGGER "NoSpace" BEFORE INSERT ON "JobJDLs" FOR EACH ROW
		SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'Disk full'`,
	"postgres": `CREATE FUNCTION "NoSpace"() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
		CREATE TRIGGER "NoSpace" BEFORE INSERT ON "JobJDLs" FOR EACH ROW EXECUTE FUNCTION "NoSpace"()`,
}

// A database without room says so, goes on to be read, and forgets it with the next change. (SQLite
// on a disk that is really full is in internal/faults.)
func testFull(f *fixture) {
	statement, fakes := outOfSpace[f.Engine()]
	if !fakes {
		f.test.Skip("SQLite's triggers can't raise this error")
	}
	own := f.alone(jobdb.Options{})
	ids := own.addPlainJobs(2)
	raw := own.raw()
	raw.exec(statement)
	f.equal("full before", own.Full(), false)
	_, err := own.CreateJob(f.ctx, "[x]")
	f.only("CreateJob", err, jobdb.ErrUnavailable)
	f.refused(err, jobdb.ErrFull, "full")
	f.equal("full", own.Full(), true)
	f.ok(result(own.JobJDLs(f.ctx, ids)))
	f.equal("full after reading", own.Full(), true)
	f.ok(own.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error { return result(tx.LockJobs(ctx, ids)) }))
	f.equal("full after a change of nothing", own.Full(), true)
	drop := `DROP TRIGGER "NoSpace"`
	if f.Engine() == "postgres" {
		drop += ` ON "JobJDLs"`
	}
	raw.exec(drop)
	f.ok(result(own.CreateJob(f.ctx, "[x]")))
	f.equal("full afterwards", own.Full(), false)
}
