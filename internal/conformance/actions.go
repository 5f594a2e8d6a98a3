package conformance

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"jobdb"
)

// This file acts on many jobs.
var actionTests = []conformanceTest{
	{"Actions", testActions},
	{"ActionTurns", testActionTurns},
	{"ActionTurnsByUser", testActionTurnsByUser},
	{"ActionsBounded", testActionsBounded},
	{"ActionPartOnce", testActionPartOnce},
}

// ofOwn skips a test where no actions are kept, which testActions shows.
func (f *fixture) ofOwn() *fixture {
	f.t.Helper()
	if !f.HasActions() {
		f.test.Skip("only a database of jobdb's own keeps actions")
	}
	return f.alone(jobdb.Options{Clock: f.suite.clock.now, FoldInterval: -1})
}

// firstIDs are so many.
func firstIDs(n jobdb.JobID) (ids []jobdb.JobID) {
	for id := jobdb.JobID(1); id <= n; id++ {
		ids = append(ids, id)
	}
	return ids
}

// part does the next part of an action, if there is one.
func (f *fixture) part(id int64, holder string, outcomes jobdb.ActionOutcomes) (part jobdb.ActionPart, err error) {
	err = f.Tx(f.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		if part, err = tx.NextActionPart(ctx, id, holder); err != nil {
			return err
		}
		return tx.EndActionPart(ctx, id, part, outcomes)
	})
	return part, err
}

// An action is kept as it was given, and comes back to those whose it is only; its parts have each
// job once.
func testActions(f *fixture) {
	given := jobdb.Action{
		VO: f.vo, Username: "alice", Kind: "kill", Reason: "too long ‘é’", Question: `{"search":[]}`, Preview: `{"total":3}`, Owner: "alice", Hidden: true,
	}
	if f.Schema() != jobdb.SchemaOurs {
		_, err := f.CreateAction(f.ctx, given, nil)
		f.refused(err, jobdb.ErrSchema, "no tables for actions")
		_, err = f.Actions(f.ctx, jobdb.ActionScope{VO: f.vo}, 0, 10)
		f.refused(err, jobdb.ErrSchema, "no tables for actions")
		f.refused(f.LeaveActions(f.ctx, "x"), jobdb.ErrSchema, "no tables for actions")
		_, _, err = f.TakeActionTurn(f.ctx, "x")
		f.refused(err, jobdb.ErrSchema, "no tables for actions")
		f.equal("has actions", f.HasActions(), false)
		return
	}
	jobs := slices.Concat(firstIDs(450), []jobdb.JobID{460, 462, math.MaxInt64})
	created, err := f.CreateAction(f.ctx, given, jobs)
	f.ok(err)
	want := given
	want.ID, want.State, want.Total = created.ID, jobdb.ActionRunning, 453
	want.CreateTime, want.TurnTime = f.stored(noon), f.stored(noon)
	f.equal("the action", created, want)
	mine, all := jobdb.ActionScope{VO: f.vo, Username: "alice"}, jobdb.ActionScope{VO: f.vo}
	found, err := f.Action(f.ctx, mine, created.ID)
	f.ok(err)
	f.equal("read again", found, want)
	for _, scope := range []jobdb.ActionScope{{VO: f.vo, Username: "Alice"}, {VO: "x" + f.vo}, {}} {
		_, err := f.Action(f.ctx, scope, created.ID)
		f.refused(err, jobdb.ErrNoAction)
		_, err = f.StopAction(f.ctx, scope, created.ID)
		f.refused(err, jobdb.ErrNoAction)
	}
	other, err := f.CreateAction(f.ctx, jobdb.Action{VO: f.vo, Username: "bob", Kind: "delete"}, nil)
	f.ok(err)
	f.equal("one without jobs", other.State, jobdb.ActionDone)
	ids := func(scope jobdb.ActionScope, before int64, limit int) (ids []int64) {
		list, err := f.Actions(f.ctx, scope, before, limit)
		f.ok(err)
		for _, action := range list {
			ids = append(ids, action.ID)
		}
		return ids
	}
	f.equal("all", ids(all, 0, 10), []int64{other.ID, created.ID})
	f.equal("the newest", ids(all, 0, 1), []int64{other.ID})
	f.equal("before it", ids(all, other.ID, 10), []int64{created.ID})
	f.equal("mine", ids(mine, 0, 10), []int64{created.ID})
	list, err := f.Actions(f.ctx, mine, 0, 10)
	f.ok(err)
	want.Question = "" // which may be long
	f.equal("in a list", list, []jobdb.Action{want})
	parts, err := f.ActionParts(f.ctx, created.ID, 1, 100)
	f.ok(err)
	var again []jobdb.JobID
	for i, part := range parts {
		f.equal("its number", part.Number, int64(i+1))
		if part.Outcomes != nil {
			f.t.Errorf("outcomes before it was done: %v", part)
		}
		again = append(again, part.Jobs...)
	}
	f.equal("the jobs", again, jobs)
	f.equal("parts", len(parts), 3)
	parts, err = f.ActionParts(f.ctx, created.ID, 2, 1)
	f.ok(err)
	f.equal("one part", len(parts) == 1 && parts[0].Number == 2, true)
	stopped, err := f.StopAction(f.ctx, mine, created.ID)
	f.ok(err)
	f.equal("stopped", stopped.State, jobdb.ActionStopped)
}

// Who has the turn does part after part; a stopped action, a turn that ended and one of somebody else
// are refused, and the turns of who dies go to others.
func testActionTurns(f *fixture) {
	own := f.ofOwn()
	one, err := own.CreateAction(own.ctx, jobdb.Action{VO: "a", Username: "alice", Kind: "kill"}, firstIDs(401))
	own.ok(err)
	f.suite.clock.advance(time.Second)
	two, err := own.CreateAction(own.ctx, jobdb.Action{VO: "b", Username: "bob", Kind: "kill"}, firstIDs(2))
	own.ok(err)
	turn := func(holder string) int64 {
		f.t.Helper()
		f.suite.clock.advance(time.Second)
		action, found, err := own.TakeActionTurn(own.ctx, holder)
		own.ok(err)
		if !found {
			return 0
		}
		return action.ID
	}
	own.equal("the first turn", turn("x"), one.ID)
	own.equal("of another", turn("y"), two.ID)
	own.equal("of a third", turn("z"), int64(0))
	_, err = own.part(one.ID, "y", jobdb.ActionOutcomes{})
	own.refused(err, jobdb.ErrLostTurn)
	outcomes := jobdb.ActionOutcomes{Refused: map[string][]jobdb.JobID{"no": {7, 3, 4}}, Failed: map[string][]jobdb.JobID{"broken": {9}}}
	part, err := own.part(one.ID, "x", outcomes)
	own.ok(err)
	own.equal("the first part", part.Jobs, firstIDs(200))
	_, err = own.part(two.ID, "y", jobdb.ActionOutcomes{})
	own.ok(err)
	_, err = own.part(two.ID, "y", jobdb.ActionOutcomes{})
	own.refused(err, jobdb.ErrLostTurn)
	own.equal("again", turn("x"), one.ID)
	own.equal("nothing is left", turn("y"), int64(0))
	f.suite.clock.advance(time.Minute)
	own.equal("the turn of who is gone", turn("y"), one.ID)
	_, err = own.part(one.ID, "x", jobdb.ActionOutcomes{})
	own.refused(err, jobdb.ErrLostTurn)
	failed := errors.New("no")
	own.refused(own.Tx(own.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		part, err := tx.NextActionPart(ctx, one.ID, "y")
		return errors.Join(err, tx.EndActionPart(ctx, one.ID, part, jobdb.ActionOutcomes{}), failed)
	}), failed)
	own.ok(own.LeaveActions(own.ctx, "y"))
	own.equal("a turn that was left", turn("x"), one.ID)
	own.ok(own.KeepActionTurn(own.ctx, one.ID, "x")) // it takes long
	f.suite.clock.advance(50 * time.Second)
	own.equal("one that is kept", turn("y"), int64(0))
	own.refused(own.KeepActionTurn(own.ctx, one.ID, "y"), jobdb.ErrLostTurn)
	for range 2 {
		_, err = own.part(one.ID, "x", jobdb.ActionOutcomes{})
		own.ok(err)
	}
	done, err := own.Action(own.ctx, jobdb.ActionScope{VO: "a"}, one.ID)
	own.ok(err)
	own.equal("counts", [5]int64{done.Total, done.Done, done.Refused, done.Failed}, [5]int64{401, 397, 3, 1})
	own.equal("its state", done.State, jobdb.ActionDone)
	parts, err := own.ActionParts(own.ctx, one.ID, 1, 1)
	own.ok(err)
	outcomes.Refused["no"] = []jobdb.JobID{3, 4, 7}
	own.equal("outcomes", parts[0].Outcomes, &outcomes)
	_, err = own.StopAction(own.ctx, jobdb.ActionScope{VO: "a"}, one.ID)
	own.ok(err)
	done, err = own.Action(own.ctx, jobdb.ActionScope{VO: "a"}, one.ID)
	own.ok(err)
	own.equal("stopped too late", done.State, jobdb.ActionDone)
}

// Turns go round by user: who comes with a small action waits for one turn of each other user, however
// many actions these have, also while another server works on one of them.
func testActionTurnsByUser(f *fixture) {
	own := f.ofOwn()
	users := map[int64]string{}
	begin := func(vo, user string, jobs jobdb.JobID) {
		f.suite.clock.advance(time.Second)
		action, err := own.CreateAction(own.ctx, jobdb.Action{VO: vo, Username: user, Kind: "kill"}, firstIDs(jobs))
		own.ok(err)
		users[action.ID] = vo + " " + user
	}
	for range jobdb.MaxOwnActions {
		begin("a", "alice", 1000)
	}
	for range 3 {
		begin("b", "alice", 1000)
	}
	turns := func(n int) (by []string) {
		for i := range n {
			f.suite.clock.advance(time.Second)
			action, found, err := own.TakeActionTurn(own.ctx, "x")
			own.ok(err)
			own.equal("found", found, true)
			by = append(by, users[action.ID])
			_, err = own.part(action.ID, "x", jobdb.ActionOutcomes{})
			own.ok(err)
			own.ok(own.LeaveActions(own.ctx, "x"))
			if i == 0 && n > 4 {
				begin("a", "bob", 10)
			}
		}
		return by
	}
	own.equal("turns", turns(6), []string{"a alice", "b alice", "a alice", "a bob", "b alice", "a alice"})
	f.suite.clock.advance(time.Second)
	held, _, err := own.TakeActionTurn(own.ctx, "y")
	own.ok(err)
	own.equal("held by another server", users[held.ID], "b alice")
	begin("b", "carol", 10)
	own.equal("turns meanwhile", turns(3), []string{"a alice", "b alice", "b carol"})
	var ids []int64
	for range 4 * jobdb.MaxOwnActions {
		f.suite.clock.advance(time.Second)
		action, _, err := own.TakeActionTurn(own.ctx, "x")
		own.ok(err)
		own.ok(own.LeaveActions(own.ctx, "x"))
		if users[action.ID] == "a alice" {
			ids = append(ids, action.ID)
		}
	}
	own.equal("turns of one user's actions", len(slices.Compact(slices.Sorted(slices.Values(ids)))), jobdb.MaxOwnActions)
}

// Old actions go, too many at once are refused, and so is what can't be kept.
func testActionsBounded(f *fixture) {
	own := f.ofOwn()
	for _, wrong := range []struct {
		action jobdb.Action
		jobs   []jobdb.JobID
		about  string
	}{
		{jobdb.Action{VO: strings.Repeat("x", 33)}, nil, "VO"},
		{jobdb.Action{Username: strings.Repeat("x", 65)}, nil, "Username"},
		{jobdb.Action{Question: strings.Repeat("x", jobdb.MaxActionText+1)}, nil, "Question"},
		{jobdb.Action{}, []jobdb.JobID{2, 1}, "ascend"},
		{jobdb.Action{}, []jobdb.JobID{2, 2}, "ascend"},
		{jobdb.Action{}, make([]jobdb.JobID, jobdb.MaxActionJobs+1), "choose fewer"},
	} {
		_, err := own.CreateAction(own.ctx, wrong.action, wrong.jobs)
		own.refused(err, jobdb.ErrInvalidValue, wrong.about)
	}
	others, err := own.CreateAction(own.ctx, jobdb.Action{VO: "a", Username: "bob", Kind: "kill"}, nil)
	own.ok(err)
	var first jobdb.Action
	own.ok(own.Tx(own.ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		for i := range jobdb.MaxActions {
			action, err := tx.CreateAction(ctx, jobdb.Action{VO: "a", Username: "alice", Kind: "kill"}, nil)
			if err != nil {
				return err
			}
			if i == 0 {
				first = action
			}
		}
		return nil
	}))
	_, err = own.Action(own.ctx, jobdb.ActionScope{VO: "a"}, first.ID)
	own.refused(err, jobdb.ErrNoAction)
	_, err = own.Action(own.ctx, jobdb.ActionScope{VO: "a"}, others.ID)
	own.ok(err) // one user's actions don't drive out those of others, which say who did what
	kept, err := own.Actions(own.ctx, jobdb.ActionScope{VO: "a"}, 0, 2*jobdb.MaxActions)
	own.ok(err)
	if len(kept) > jobdb.MaxOwnKeptActions+1 || len(kept) < jobdb.MaxOwnKeptActions/2 {
		own.t.Errorf("%d are kept", len(kept))
	}
	begin := func(vo, user string) error {
		_, err := own.CreateAction(own.ctx, jobdb.Action{VO: vo, Username: user, Kind: "kill"}, firstIDs(1))
		return err
	}
	users := strings.Split("alice bob carol dave erin", " ")
	for _, user := range users {
		for range jobdb.MaxRunningActions / len(users) {
			own.ok(begin("a", user))
		}
		own.refused(begin("a", user), jobdb.ErrTooManyOwnActions, "20")
	}
	own.refused(begin("a", "frank"), jobdb.ErrTooManyActions)
	own.ok(begin("b", "alice"))
	running, err := own.Actions(own.ctx, jobdb.ActionScope{VO: "a", Username: "alice"}, 0, 1)
	own.ok(err)
	_, err = own.StopAction(own.ctx, jobdb.ActionScope{VO: "a"}, running[0].ID)
	own.ok(err)
	own.ok(begin("a", "alice"))
}

// Of holders that work at the same time each part is done by one, once.
func testActionPartOnce(f *fixture) {
	own := f.ofOwn()
	action, err := own.CreateAction(own.ctx, jobdb.Action{VO: "a", Username: "alice", Kind: "kill"}, firstIDs(2000))
	own.ok(err)
	var jobs, parts atomic.Int64
	own.together(4, func(i int) error {
		holder := string(rune('a' + i))
		for {
			a, found, err := own.TakeActionTurn(own.ctx, holder)
			if err != nil {
				return err
			}
			if found {
				part, err := own.part(a.ID, holder, jobdb.ActionOutcomes{})
				if err == nil {
					jobs.Add(int64(len(part.Jobs)))
					parts.Add(1)
				} else if !errors.Is(err, jobdb.ErrLostTurn) {
					return err
				}
				f.suite.clock.advance(8 * time.Second) // some lose their turns
				continue
			}
			if a, err := own.Action(own.ctx, jobdb.ActionScope{VO: "a"}, action.ID); err != nil || a.State == jobdb.ActionDone {
				return err
			}
			f.suite.clock.advance(8 * time.Second)
		}
	})
	own.equal("jobs and parts", [2]int64{jobs.Load(), parts.Load()}, [2]int64{2000, 10})
	done, err := own.Action(own.ctx, jobdb.ActionScope{VO: "a"}, action.ID)
	own.ok(err)
	own.equal("done", done.Done, int64(2000))
}
