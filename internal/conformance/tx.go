package conformance

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"jobdb"
)

// What transactions promise, by every method: on the DB, and in a transaction that is rolled back.
var txTests = []conformanceTest{
	{"EveryMethodIsCovered", testEveryMethodIsCovered},
	{"EveryMethodOnDB", testEveryMethodOnDB},
	{"EveryMethodRolledBack", testEveryMethodRolledBack},
	{"EveryMethodCommitted", testEveryMethodCommitted},
	{"EveryMethodCancelled", testEveryMethodCancelled},
	{"TxSeesItsWrites", testTxSeesItsWrites},
	{"FailedTx", testFailedTx},
	{"MissingInTx", testMissingInTx},
	{"PanicInTx", testPanicInTx},
	{"DBInItsTx", testDBInItsTx},
	{"ConflictInTx", testConflictInTx},
}

var errRollBack = errors.New("roll back")

// methodCall is one method of the access layer, called on jobs that have rows in all tables.
type methodCall struct {
	name   string
	writes bool
	call   func(ctx context.Context, m methods, ids []jobdb.JobID) error
}

// result drops what a method returns beside its error.
func result[T any](_ T, err error) error { return err }

// streamError is the error with which a search ends, if it does.
func streamError(rows iter.Seq2[[]any, error]) error {
	for _, err := range rows {
		if err != nil {
			return err
		}
	}
	return nil
}

var allVOs = jobdb.Scope{AllVOs: true}

var everyMethod = []methodCall{
	{"Search", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
		return result(m.Search(ctx, jobdb.Search{Scope: allVOs, Page: 1}))
	}},
	{"SearchEach", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
		return result(m.SearchEach(ctx, jobdb.Search{Scope: allVOs, Page: 1}, func([]any) error { return nil }))
	}},
	{"Stream", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
		return streamError(m.Stream(ctx, jobdb.Search{Scope: allVOs, Page: 1}))
	}},
	{"Job", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.Job(ctx, allVOs, ids[0]))
	}},
	{"Summary", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
		return result(m.Summary(ctx, jobdb.Summary{Scope: allVOs, GroupBy: jobdb.Columns()[:2]}))
	}},
	{"EachSummaryRow", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
		return m.EachSummaryRow(ctx, jobdb.Summary{Scope: allVOs, GroupBy: jobdb.Columns()[:2]}, func([]any) error { return nil })
	}},
	{"Facets", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
		return result(m.Facets(ctx, jobdb.Facets{Scope: allVOs, Columns: jobdb.Columns()[1:2]}))
	}},
	{"Histogram", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		submitted, err := jobdb.ParseColumn("SubmissionTime")
		if err != nil {
			return err
		}
		return result(m.Histogram(ctx, jobdb.Histogram{Scope: allVOs, Time: submitted, Bucket: time.Hour, From: from, To: from.AddDate(0, 0, 1)}))
	}},
	{"Values", false, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
		return result(m.Values(ctx, jobdb.Values{Scope: allVOs, Column: jobdb.Columns()[1]}))
	}},
	{"CreateJob", true, func(ctx context.Context, m methods, _ []jobdb.JobID) error { return result(m.CreateJob(ctx, "[x]")) }},
	{"CreateJobs", true, func(ctx context.Context, m methods, _ []jobdb.JobID) error {
		return result(m.CreateJobs(ctx, []string{"[x]"}))
	}},
	{"CreateReservedJobs", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.CreateReservedJobs(ctx, []jobdb.ReservedJob{{ID: ids[2]%1_000_000 + 1000}})
	}},
	{"InsertJobAttributes", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{ids[2]: {"VO": "x"}})
	}},
	{"InsertInputData", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.InsertInputData(ctx, map[jobdb.JobID][]string{ids[0]: {"/x"}})
	}},
	{"InputData", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error { return result(m.InputData(ctx, ids)) }},
	{"UpdateJobJDLs", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.UpdateJobJDLs(ctx, map[jobdb.JobID]string{ids[0]: "[x]"})
	}},
	{"JobJDLs", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error { return result(m.JobJDLs(ctx, ids)) }},
	{"OriginalJDLs", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error { return result(m.OriginalJDLs(ctx, ids)) }},
	{"EachOriginalJDL", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.EachOriginalJDL(ctx, ids, func(jobdb.JobID, string) {})
	}},
	{"SetJobAttributes", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.SetJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Site": "x"}}, jobdb.SetOptions{}))
	}},
	{"SetProperties", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"Site": "x"}}, true))
	}},
	{"DeleteJobs", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.DeleteJobs(ctx, ids[:1]))
	}},
	{"SetJobParameters", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.SetJobParameters(ctx, named{ids[0]: {"x": "x"}})
	}},
	{"SetJobParameterValues", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.SetJobParameterValues(ctx, map[jobdb.JobID]map[string]any{ids[0]: {"x": true}})
	}},
	{"JobParameters", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.JobParameters(ctx, ids))
	}},
	{"JobParametersNamed", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.JobParametersNamed(ctx, ids, []string{"x"}))
	}},
	{"SetOptimizerParameters", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.SetOptimizerParameters(ctx, named{ids[0]: {"x": "x"}})
	}},
	{"OptimizerParameters", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.OptimizerParameters(ctx, ids))
	}},
	{"ArchiveJobParameters", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error { return m.ArchiveJobParameters(ctx, ids) }},
	{"ArchiveParameters", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.ArchiveParameters(ctx, named{ids[0]: {"x": "x"}})
	}},
	{"ArchivedJobParameters", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.ArchivedJobParameters(ctx, ids))
	}},
	{"AddHeartbeatData", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.AddHeartbeatData(ctx, named{ids[0]: {"MemoryUsed": "x"}})
	}},
	{"Heartbeats", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.Heartbeats(ctx, ids, 1))
	}},
	{"SetJobCommands", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.SetJobCommands(ctx, []jobdb.Command{command(ids[0], "x", "x")})
	}},
	{"TakeJobCommands", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.TakeJobCommands(ctx, ids))
	}},
	{"ExpireJobCommands", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error { return m.ExpireJobCommands(ctx, ids) }},
	{"ConfirmJobCommands", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.ConfirmJobCommands(ctx, ids, "Stop"))
	}},
	{"JobCommands", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error { return result(m.JobCommands(ctx, ids)) }},
	{"InsertHistory", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return m.InsertHistory(ctx, []jobdb.HistoryRecord{record(ids[0], "x", "x", "x", noon)})
	}},
	{"History", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error { return result(m.History(ctx, ids)) }},
	{"DeleteHistory", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error { return m.DeleteHistory(ctx, ids) }},
	{"DeleteHeartbeats", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.DeleteHeartbeats(ctx, ids))
	}},
	{"ThinHeartbeats", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error { // there is one
		return result(m.ThinHeartbeats(ctx, ids, time.Hour))
	}},
	{"DeleteJobCommands", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.DeleteJobCommands(ctx, ids))
	}},
	{"DeleteArchivedParameters", true, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.DeleteArchivedParameters(ctx, ids))
	}},
	{"LockJobs", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.LockJobs(ctx, ids, "Status"))
	}},
	{"LockJobsOf", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.LockJobsOf(ctx, "x", "", ids, "Status"))
	}},
	{"JobAttributes", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.JobAttributes(ctx, ids, "Status"))
	}},
	{"RecentHistory", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.RecentHistory(ctx, ids, 5))
	}},
	{"RecentStatusTimes", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error {
		return result(m.RecentStatusTimes(ctx, ids))
	}},
	{"StatusTimes", false, func(ctx context.Context, m methods, ids []jobdb.JobID) error { return result(m.StatusTimes(ctx, ids)) }},
}

// A method that is added to the access layer must be added here. Those of replies, actions and counts over
// time are none of jobs, and fail on a live database; testReplies, testActions and testSeries call them.
func testEveryMethodIsCovered(f *fixture) {
	for method := range reflect.TypeFor[*jobdb.Tx]().Methods() {
		name := method.Name
		elsewhere := slices.ContainsFunc([]string{"Reply", "Replies", "Action", "Series"}, func(of string) bool { return strings.Contains(name, of) })
		if !elsewhere && !slices.ContainsFunc(everyMethod, func(c methodCall) bool { return c.name == name }) {
			f.t.Errorf("the suite doesn't call the method %s", name)
		}
	}
}

// filled makes two jobs with rows in all tables and one of which there is only the JDL.
func (f *fixture) filled() []jobdb.JobID {
	f.t.Helper()
	ids := f.addPlainJobs(2)
	f.fill(ids)
	bare, err := f.CreateJob(f.ctx, "[bare]")
	f.ok(err)
	return append(ids, bare)
}

// everyMethod has those that do something on this database.
func (f *fixture) everyMethod() []methodCall {
	return slices.DeleteFunc(slices.Clone(everyMethod), func(c methodCall) bool {
		if c.name == "CreateReservedJobs" { // elsewhere no IDs are reserved, and the database gives those that a test takes to others
			return f.Engine() != "sqlite" || f.Schema() != jobdb.SchemaOurs
		}
		return f.traits.NoParameters && slices.Contains([]string{"SetJobParameters", "SetJobParameterValues", "JobParameters", "JobParametersNamed", "ArchiveJobParameters", "DeleteArchivedParameters"}, c.name)
	})
}

// everything is what is stored of the jobs, and how many JDLs there are at all.
func (f *fixture) everything(raw *rawDB, ids []jobdb.JobID) any {
	f.t.Helper()
	return []any{f.readState(f.DB, ids), raw.number(`SELECT count(*) FROM "JobJDLs"`)}
}

func testEveryMethodOnDB(f *fixture) {
	raw := f.raw()
	for _, method := range f.everyMethod() {
		ids := f.filled()
		before := f.everything(raw, ids)
		f.ok(method.call(f.ctx, f.DB, ids))
		f.changed(method, f.everything(raw, ids), before, method.writes)
	}
}

func (f *fixture) changed(method methodCall, after, before any, want bool) {
	f.t.Helper()
	if changed := !reflect.DeepEqual(after, before); changed != want {
		f.t.Errorf("%s: changed the database: %t, want %t", method.name, changed, want)
	}
}

func testEveryMethodRolledBack(f *fixture) {
	raw := f.raw()
	ids := f.filled()
	before := f.everything(raw, ids)
	for _, method := range f.everyMethod() {
		err := f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			f.ok(method.call(ctx, tx, ids))
			return errRollBack
		})
		if !errors.Is(err, errRollBack) {
			f.t.Errorf("%s: the transaction returned %v", method.name, err)
		}
		f.changed(method, f.everything(raw, ids), before, false)
	}
}

func testEveryMethodCommitted(f *fixture) {
	raw := f.raw()
	for _, method := range f.everyMethod() {
		ids := f.filled()
		before := f.everything(raw, ids)
		f.ok(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error { return method.call(ctx, tx, ids) }))
		f.changed(method, f.everything(raw, ids), before, method.writes)
	}
}

// A context that ended before changes nothing, and the error says that it ended.
func testEveryMethodCancelled(f *fixture) {
	raw := f.raw()
	ids := f.filled()
	before := f.everything(raw, ids)
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	for _, method := range f.everyMethod() {
		if err := method.call(ctx, f.DB, ids); !errors.Is(err, context.Canceled) {
			f.t.Errorf("%s: got %v, want: %v", method.name, err, context.Canceled)
		}
		err := f.Tx(f.ctx, func(_ context.Context, tx *jobdb.Tx) error { return method.call(ctx, tx, ids) })
		if !errors.Is(err, context.Canceled) {
			f.t.Errorf("%s in a transaction: got %v, want: %v", method.name, err, context.Canceled)
		}
	}
	f.changed(methodCall{name: "a cancelled method"}, f.everything(raw, ids), before, false)
}

// A transaction sees what it wrote, and others don't before it is committed.
func testTxSeesItsWrites(f *fixture) {
	id := f.addPlainJobs(1)[0]
	before := f.readState(f.DB, []jobdb.JobID{id})
	f.ok(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		_, err := tx.SetJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{id: {"Site": "mine"}}, jobdb.SetOptions{})
		f.ok(err)
		f.ok(tx.SetOptimizerParameters(ctx, named{id: {"p": "mine"}}))
		mine := f.readState(tx, []jobdb.JobID{id})[id]
		f.equal("in the transaction", []any{mine.Attributes["Site"], mine.Optimizer["p"]}, []any{"mine", "mine"})
		if !f.traits.InMemory {
			f.equal("outside of it", f.readState(f.DB, []jobdb.JobID{id}), before)
		}
		return nil
	}))
	f.equal("after it", f.attributes(id, "Site"), map[string]any{"Site": "mine"})
}

// What the database refused fails the transaction, even when the caller goes on.
func testFailedTx(f *fixture) {
	ids := f.addPlainJobs(2)
	before := f.readState(f.DB, ids)
	for _, fail := range []struct {
		class error
		call  func(ctx context.Context, tx *jobdb.Tx) error
	}{
		{jobdb.ErrConflict, func(ctx context.Context, tx *jobdb.Tx) error {
			return tx.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{ids[0]: {"VO": f.vo}})
		}},
		{jobdb.ErrNotFound, func(ctx context.Context, tx *jobdb.Tx) error {
			return tx.SetOptimizerParameters(ctx, named{missingID: {"p": "x"}})
		}},
	} {
		err := f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			_, err := tx.SetProperties(ctx, map[jobdb.JobID]jobdb.Attributes{ids[1]: {"Site": "lost"}}, false)
			f.ok(err)
			f.refused(fail.call(ctx, tx), fail.class)
			if _, err := tx.JobJDLs(ctx, ids); err == nil {
				f.t.Errorf("a method after one that failed had no error")
			}
			return nil
		})
		if err == nil {
			f.t.Errorf("the transaction had no error")
		}
		err = f.Tx(f.ctx, fail.call)
		f.refused(err, fail.class)
	}
	f.equal("what is stored", f.readState(f.DB, ids), before)
}

// Which jobs are missing is said as the transaction sees it: it may have made or deleted jobs
// itself.
func testMissingInTx(f *fixture) {
	id := f.addPlainJobs(1)[0]
	err := f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		made, err := tx.CreateJob(ctx, "[new]")
		f.ok(err)
		f.ok(tx.InsertJobAttributes(ctx, map[jobdb.JobID]jobdb.Attributes{made: {"VO": f.vo}}))
		return tx.SetOptimizerParameters(ctx, named{id: {"p": "x"}, made: {"p": "x"}, missingID: {"p": "x"}})
	})
	f.refused(err, jobdb.ErrNotFound)
	if missing := (*jobdb.NotFoundError)(nil); errors.As(err, &missing) {
		f.equal("jobs missing", missing.Jobs, []jobdb.JobID{missingID})
	}
	err = f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		_, err := tx.DeleteJobs(ctx, []jobdb.JobID{id})
		f.ok(err)
		return tx.SetOptimizerParameters(ctx, named{id: {"p": "x"}})
	})
	f.refused(err, jobdb.ErrNotFound, asJSON(id))
	f.equal("jobs", f.search(jobdb.SearchRequest{}, 0, 0).Total, int64(1))
}

func testPanicInTx(f *fixture) {
	id := f.addPlainJobs(1)[0]
	before := f.readState(f.DB, []jobdb.JobID{id})
	func() {
		defer func() { f.equal("the panic", recover(), any("on purpose")) }()
		_ = f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
			f.ok(tx.SetOptimizerParameters(ctx, named{id: {"p": "x"}}))
			panic("on purpose")
		})
	}()
	f.equal("what is stored", f.readState(f.DB, []jobdb.JobID{id}), before)
	f.ok(f.SetOptimizerParameters(f.ctx, named{id: {"p": "x"}}))
}

// A method of the DB that is called with a transaction's context is refused at once, and the
// transaction goes on.
func testDBInItsTx(f *fixture) {
	ids := f.filled()
	other := f.alone(jobdb.Options{})
	f.ok(f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		for _, method := range f.everyMethod() {
			if err := method.call(ctx, f.DB, ids); !errors.Is(err, jobdb.ErrInTx) {
				f.t.Errorf("%s: got %v, want: %v", method.name, err, jobdb.ErrInTx)
			}
		}
		f.refused(f.Tx(ctx, func(context.Context, *jobdb.Tx) error { panic("a transaction in itself") }), jobdb.ErrInTx)
		f.refused(f.Ping(ctx), jobdb.ErrInTx)
		f.refused(result(f.CheckSchema(ctx)), jobdb.ErrInTx)
		f.refused(result(f.Migrate(ctx)), jobdb.ErrInTx)
		f.ok(other.Tx(ctx, func(ctx context.Context, _ *jobdb.Tx) error {
			f.refused(f.Ping(ctx), jobdb.ErrInTx)
			f.refused(other.Ping(ctx), jobdb.ErrInTx)
			return nil
		}))
		return tx.SetOptimizerParameters(ctx, named{ids[0]: {"p": "kept"}})
	}))
	f.equal("parameters", f.readState(f.DB, ids)[ids[0]].Optimizer["p"], "kept")
}

// A repeated key among several doesn't have the transaction wait for itself.
func testConflictInTx(f *fixture) {
	ids := f.filled()
	again := map[jobdb.JobID]jobdb.Attributes{ids[0]: {"VO": f.vo}, ids[2]: {"VO": f.vo}}
	err := f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error { return tx.InsertJobAttributes(ctx, again) })
	f.refused(err, jobdb.ErrConflict, "attributes")
	if conflict := (*jobdb.ConflictError)(nil); errors.As(err, &conflict) && conflict.Job != 0 {
		f.equal("the job", conflict.Job, ids[0])
	}
	f.equal("jobs", f.search(jobdb.SearchRequest{}, 0, 0).Total, int64(2))
}
