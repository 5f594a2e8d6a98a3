package wms_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/wms"
)

// startAction previews an action on jobs and starts it.
func startAction(t *testing.T, m *wms.JobManager, scope wms.Scope, kind wms.ActionKind, ids ...jobdb.JobID) (jobdb.Action, wms.Preview) {
	t.Helper()
	ids, preview, err := m.PreviewJobs(t.Context(), scope, kind, ids)
	if err != nil {
		t.Fatal(err)
	}
	action, err := m.StartAction(t.Context(), jobdb.Action{
		VO: scope.VO, Owner: scope.Owner, Hidden: scope.Hidden, Username: "alice", Kind: string(kind), Reason: "test",
	}, ids)
	if err != nil {
		t.Fatal(err)
	}
	return action, preview
}

// runActions works on actions until this one has ended, and returns it with its outcomes.
func runActions(t *testing.T, m *wms.JobManager, id int64) (action jobdb.Action, refused map[string][]jobdb.JobID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.RunActions(ctx, slog.New(slog.DiscardHandler))
	}()
	for action.State != jobdb.ActionDone {
		var err error
		if action, err = m.DB.Action(ctx, jobdb.ActionScope{VO: "lhcb"}, id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-ended
	parts, err := m.DB.ActionParts(t.Context(), id, 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	refused = map[string][]jobdb.JobID{}
	for _, part := range parts {
		for reason, ids := range part.Outcomes.Refused {
			refused[reason] = append(refused[reason], ids...)
		}
		for reason, ids := range part.Outcomes.Failed {
			refused["failed: "+reason] = append(refused["failed: "+reason], ids...)
		}
	}
	return action, refused
}

// TestActions does each kind of action to jobs of all statuses, which must end as by the requests for
// single ones; what is refused stays untouched.
func TestActions(t *testing.T) {
	for name, url := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			address := url(t)
			for _, kind := range wms.ActionKinds {
				testAction(t, open(t, address), kind)
			}
		})
	}
}

func testAction(t *testing.T, m *wms.JobManager, kind wms.ActionKind) {
	t.Helper()
	statuses := make([]string, len(jobdb.Statuses))
	for i, status := range jobdb.Statuses {
		statuses[i] = string(status)
	}
	ids := submitIn(t, m, `Executable = "x";`, statuses...)
	twins := submitIn(t, m, `Executable = "x";`, statuses...)
	before := everything(t, m, ids...)
	action, preview := startAction(t, m, lhcb, kind, slices.Concat(ids, ids[:1])...)
	action, refused := runActions(t, m, action.ID)
	reasons := map[jobdb.JobID]string{}
	for reason, ids := range refused {
		for _, id := range ids {
			reasons[id] = reason
		}
	}
	want := wms.Preview{Total: int64(len(ids)), ByStatus: map[jobdb.Status]int64{}, Cannot: map[jobdb.Status]wms.PreviewCannot{}}
	for i, status := range jobdb.Statuses {
		after, twin := everything(t, m, ids[i])[0], everyOther(t, m, kind, twins[i])
		want.ByStatus[status]++
		if reason := reasons[ids[i]]; reason != "" {
			want.Cannot[status] = wms.PreviewCannot{Count: 1, Reason: reason}
			if diff := cmp.Diff(before[i], after); diff != "" {
				t.Errorf("%s of %s was refused, and yet: %s", kind, status, diff)
			}
			if twin.Attributes["Status"] != string(status) && status != jobdb.StatusStalled {
				t.Errorf("%s of %s is refused (%s), by itself it becomes %v", kind, status, reason, twin.Attributes["Status"])
			}
			continue
		}
		want.Can++
		for _, name := range []string{"Status", "MinorStatus", "EndExecTime", "StartExecTime", "RescheduleCounter", "LastUpdateTime"} {
			if diff := cmp.Diff(twin.Attributes[name], after.Attributes[name]); diff != "" {
				t.Errorf("%s of %s, %s: - by itself, + by an action: %s", kind, status, name, diff)
			}
		}
		if len(twin.Commands) != len(after.Commands) || len(twin.History) != len(after.History) {
			t.Errorf("%s of %s: %v and %v by itself, %v and %v by an action", kind, status, twin.Commands, records(twin), after.Commands, records(after))
		}
		if source := after.History[len(after.History)-1].Source; source != "action "+idText(action.ID)+" by alice" {
			t.Errorf("the history tells of %q", source)
		}
	}
	if diff := cmp.Diff(want, preview); diff != "" {
		t.Errorf("%s: - outcome, + preview: %s", kind, diff)
	}
	if action.Done != want.Can || action.Refused != want.Total-want.Can || action.Failed != 0 || want.Can == 0 || want.Can == want.Total {
		t.Errorf("%+v", action)
	}
}

// everyOther does to a job by itself what an action does.
func everyOther(t *testing.T, m *wms.JobManager, kind wms.ActionKind, id jobdb.JobID) wms.Details {
	t.Helper()
	switch kind {
	case wms.ActionReschedule:
		reschedule(t, m, false, id)
	case wms.ActionKill:
		setStatus(t, m, id, wms.StatusOptions{}, wms.StatusUpdate{Time: now, Status: jobdb.StatusKilled, MinorStatus: "Marked for termination", Source: "x"})
	case wms.ActionDelete:
		setStatus(t, m, id, wms.StatusOptions{}, wms.StatusUpdate{Time: now, Status: jobdb.StatusDeleted, MinorStatus: "Checking accounting", Source: "x"})
	}
	return everything(t, m, id)[0]
}

// TestActionScope names jobs of others and some that don't exist, and finds jobs by a search.
func TestActionScope(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	ids := jobsIn(t, m, "Waiting", "Waiting", "Waiting", "Done")
	setAttribute(t, m, ids[1], jobdb.Attributes{"Owner": "bob"})
	setAttribute(t, m, ids[2], jobdb.Attributes{"VO": "belle"})
	mine := wms.Scope{VO: "lhcb", Owner: "alice"}
	for _, test := range []struct {
		scope     wms.Scope
		want      wms.Preview
		notFound  []jobdb.JobID
		notMine   []jobdb.JobID
		bySearch  []jobdb.JobID
		notYours  int64
		forbidden bool
	}{
		{scope: mine, want: wms.Preview{Total: 5, Can: 1, Missing: 2, NotYours: 1}, notFound: []jobdb.JobID{ids[2], 99}, notMine: ids[1:2], bySearch: ids[:1], notYours: 1},
		{scope: wms.Scope{VO: "lhcb", Owner: "alice", Hidden: true}, want: wms.Preview{Total: 5, Missing: 3}, notFound: []jobdb.JobID{ids[1], ids[2], 99}},
		{scope: wms.Scope{VO: "belle"}, want: wms.Preview{Total: 5, Can: 1, Missing: 4}, notFound: []jobdb.JobID{ids[0], ids[1], ids[3], 99}, bySearch: ids[2:3]},
	} {
		found, preview, err := m.PreviewSearch(t.Context(), test.scope, wms.ActionKill, waiting(t, m))
		if err != nil || !slices.Equal(found, test.bySearch) || preview.NotYours != test.notYours || preview.Can != int64(len(found)) {
			t.Errorf("%+v: by a search %v, %+v, %v", test.scope, found, preview, err)
		}
		action, preview := startAction(t, m, test.scope, wms.ActionKill, append(slices.Clone(ids), 99)...)
		preview.ByStatus, preview.Cannot = nil, nil
		if diff := cmp.Diff(test.want, preview); diff != "" {
			t.Errorf("%+v: %s", test.scope, diff)
		}
		action.VO = "lhcb"
		if test.scope.VO != "lhcb" {
			continue
		}
		_, refused := runActions(t, m, action.ID)
		if !slices.Equal(refused["Not found"], test.notFound) || !slices.Equal(refused["it belongs to another owner"], test.notMine) {
			t.Errorf("%+v: %v", test.scope, refused)
		}
	}
	if _, _, err := m.PreviewJobs(t.Context(), wms.Scope{}, wms.ActionKill, ids); !errors.Is(err, jobdb.ErrNoScope) {
		t.Error(err)
	}
	if _, _, err := m.PreviewSearch(t.Context(), wms.Scope{}, wms.ActionKill, jobdb.Filter{}); !errors.Is(err, jobdb.ErrNoScope) {
		t.Error(err)
	}
	if _, err := m.StartAction(t.Context(), jobdb.Action{VO: "lhcb", Kind: "explode"}, ids); !errors.Is(err, jobdb.ErrInvalidValue) {
		t.Error(err)
	}
}

// waiting finds jobs that wait.
func waiting(t *testing.T, m *wms.JobManager) jobdb.Filter {
	t.Helper()
	filter, err := jobdb.ParseFilters([]jobdb.FilterSpec{{Parameter: "Status", Operator: "eq", Value: "Waiting"}}, m.DB.Limits())
	if err != nil {
		t.Fatal(err)
	}
	return filter
}

// TestActionJudgesAnew changes jobs between the preview and their turn, and stops the server in the
// middle: each job is rescheduled once.
func TestActionJudgesAnew(t *testing.T) {
	at := now
	m := openWith(t, jobdbtest.SQLite(t), jobdb.Options{Clock: func() time.Time { return at }})
	ids := submitIn(t, m, `Executable = "x";`, slices.Repeat([]string{"Failed"}, 450)...)
	action, preview := startAction(t, m, lhcb, wms.ActionReschedule, ids...)
	if preview.Can != 450 {
		t.Fatalf("%+v", preview)
	}
	setAttribute(t, m, ids[10], jobdb.Attributes{"Status": "Done"})
	turn, found, err := m.DB.TakeActionTurn(t.Context(), "a server that dies")
	if err != nil || !found || turn.ID != action.ID {
		t.Fatal(turn, found, err)
	}
	at = at.Add(time.Minute) // its turn is over
	ended, refused := runActions(t, m, action.ID)
	if ended.Done != 449 || ended.Refused != 1 || len(refused["a job in Done is not rescheduled; submit it anew"]) != 1 {
		t.Errorf("%+v, %v", ended, refused)
	}
	jobs, err := m.DB.JobAttributes(t.Context(), ids, "RescheduleCounter")
	if err != nil {
		t.Fatal(err)
	}
	for id, job := range jobs {
		if once := id != ids[10]; (job["RescheduleCounter"] == int64(1)) != once {
			t.Errorf("job %d: %v", id, job)
		}
	}
}

// TestActionLargeJDLs reschedules jobs whose JDLs are prepared before the transaction.
func TestActionLargeJDLs(t *testing.T) {
	m := open(t, jobdbtest.SQLite(t))
	large := make([]byte, 100_000)
	for i := range large {
		large[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[(i*i*i+i/7)%36]
	}
	ids := submitIn(t, m, `Executable = "x"; Arguments = "`+string(large)+`";`, "Failed", "Failed", "Failed")
	action, _ := startAction(t, m, lhcb, wms.ActionReschedule, ids...)
	if ended, refused := runActions(t, m, action.ID); ended.Done != 3 {
		t.Errorf("%+v, %v", ended, refused)
	}
}

// TestActionFails breaks the database for one kind of change: the jobs are told to have failed, and
// other actions go on.
func TestActionFails(t *testing.T) {
	address := jobdbtest.SQLite(t)
	m := open(t, address)
	ids := jobsIn(t, m, "Waiting", "Waiting")
	if _, err := jobdbtest.Raw(t, address).ExecContext(t.Context(),
		`CREATE TRIGGER "Break" BEFORE INSERT ON "JobCommands" BEGIN SELECT RAISE(ABORT, 'broken'); END`); err != nil {
		t.Fatal(err)
	}
	action, _ := startAction(t, m, lhcb, wms.ActionKill, ids...)
	ended, refused := runActions(t, m, action.ID)
	if ended.Failed != 2 || len(refused["failed: invalid value: column unknown: the database can't hold the value"]) != 2 {
		t.Errorf("%+v, %v", ended, refused)
	}
	for _, d := range everything(t, m, ids...) {
		if d.Attributes["Status"] != "Waiting" || len(d.History) != 1 {
			t.Errorf("%v", d)
		}
	}
}

func idText(id int64) string { return strconv.FormatInt(id, 10) }

// TestStartActionOnce starts an action again with the same key, with another, as another user, for
// something else, and many times at once.
func TestStartActionOnce(t *testing.T) {
	for name, url := range jobdbtest.Engines {
		t.Run(name, func(t *testing.T) {
			m := open(t, url(t))
			ids := submitIn(t, m, `Executable = "x";`, "Failed")
			begin := func(user, key, asked string) (jobdb.Action, error) {
				return m.StartActionOnce(t.Context(), jobdb.Action{VO: "lhcb", Username: user, Kind: "reschedule"}, ids, key, asked)
			}
			first, err := begin("alice", "key", "this")
			if err != nil || first.ID == 0 {
				t.Fatal(first, err)
			}
			runActions(t, m, first.ID)
			again, err := begin("alice", "key", "this")
			if err != nil || again.ID != first.ID || again.State != jobdb.ActionDone || again.Done != 1 {
				t.Errorf("again: %+v, %v", again, err)
			}
			if action, err := begin("alice", "key", "that"); !errors.Is(err, wms.ErrOtherAction) {
				t.Errorf("another action: %+v, %v", action, err)
			}
			for i, other := range [][2]string{{"bob", "key"}, {"alice", "key2"}} {
				if action, err := begin(other[0], other[1], "this"); err != nil || action.ID != first.ID+int64(i)+1 {
					t.Errorf("%s: %+v, %v", other, action, err)
				}
			}
			begun := make(chan int64, 4)
			for range cap(begun) {
				go func() {
					action, err := begin("alice", "at once", "this")
					if err != nil {
						t.Error(err)
					}
					begun <- action.ID
				}()
			}
			for range cap(begun) {
				if id := <-begun; id != first.ID+3 {
					t.Errorf("at once: action %d", id)
				}
			}
		})
	}
}
