package jobdb

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// Action is one thing done to many jobs: who asked for it, and how far it has come. What is done,
// and to which jobs it can be, are rules of package wms; this package keeps it.
type Action struct {
	ID       int64
	VO       string
	Username string // who asked for it
	Kind     string // what is done, such as kill
	Reason   string // why, in words of who asked
	Question string // how the jobs were chosen, as JSON; what it holds is the caller's
	Preview  string // what was to be expected, as JSON; what it holds is the caller's
	Owner    string // whose jobs it may act on; empty: all of the VO
	Hidden   bool   // jobs of other owners don't exist for who asked
	State    ActionState

	Total, Done, Refused, Failed int64 // jobs; those that are left still wait

	CreateTime time.Time
	TurnTime   time.Time // when something was last done of it
}

// ActionState is how an [Action] stands.
type ActionState string

// The states of actions.
const (
	ActionRunning ActionState = "running"
	ActionDone    ActionState = "done"
	ActionStopped ActionState = "stopped" // by somebody, before all was done
)

// Bounds of actions.
const (
	MaxActionJobs     = 1_000_000 // of one action
	MaxRunningActions = 100       // of a VO
	MaxOwnActions     = 20        // of these, of one user; so others have some, too
	MaxActions        = 1000      // that are kept of a VO; the oldest that don't run go first
	MaxOwnKeptActions = 200       // of these, of one user; so nobody drives out what others did
	MaxActionText     = 1 << 20   // bytes of Question, and of Preview
	actionPart        = 200       // jobs of a part, which is one transaction
	actionLease       = 10 * time.Second
)

// ActionScope is whose actions somebody may see: those of a VO, and of one user only unless
// Username is empty.
type ActionScope struct{ VO, Username string }

// ErrTooManyActions says that a VO has [MaxRunningActions] already.
var ErrTooManyActions = errors.New("too many actions are running; wait until one is done, or stop one")

// ErrTooManyOwnActions says that the user has [MaxOwnActions] already.
var ErrTooManyOwnActions = errors.New("you have " + itoa(MaxOwnActions) + " actions running already; wait until one is done, or stop one")

// ErrNoAction says that there is no such action, or no longer.
var ErrNoAction = errors.New("no such action")

var errNoActions = &SchemaError{
	Reason: "this database is not jobdb's own and has no tables for actions on many jobs; act on some at a time, by changes of their statuses",
}

// HasActions reports whether actions can be kept: only in a database that jobdb's migrations made.
func (db *DB) HasActions() bool { return db.schema.Kind == schema.KindOurs }

// CreateAction stores an action on jobs, whose IDs ascend and come once each, and returns it with its
// ID. Which jobs it is about is settled by this. More than [MaxActionJobs] are a [ValueError];
// [ErrTooManyActions] or [ErrTooManyOwnActions] is returned when others have to end first. A database of DiracX or DIRAC has no
// table for actions, which is a [SchemaError], here and in the other methods for actions.
func (a access) CreateAction(ctx context.Context, action Action, jobs []JobID) (Action, error) {
	if !a.db.HasActions() {
		return Action{}, errNoActions
	}
	if err := action.check(jobs); err != nil {
		return Action{}, err
	}
	action.Total, action.Done, action.Refused, action.Failed = int64(len(jobs)), 0, 0, 0
	action.State = ActionRunning
	if len(jobs) == 0 {
		action.State = ActionDone
	}
	for try := 1; ; try++ { // another one may have taken the number
		created := action
		err := a.write(ctx, "create an action", func(s *session) error { return s.createAction(ctx, &created, jobs) })
		if !errors.Is(err, ErrConflict) || try == maxTries || a.tx != nil {
			return created, err
		}
	}
}

// check refuses what can't be stored.
func (r Action) check(jobs []JobID) error {
	for name, text := range map[string]string{
		"VO": r.VO, "Username": r.Username, "Kind": r.Kind, "Owner": r.Owner, "Reason": r.Reason, "Question": r.Question, "Preview": r.Preview,
	} {
		column, _ := tables.Actions.Column(name)
		if err := checkLength(column, text); err != nil {
			return &ValueError{Column: name, Reason: err.Error()}
		}
	}
	for name, text := range map[string]string{"Question": r.Question, "Preview": r.Preview} {
		if len(text) > MaxActionText {
			return &ValueError{Column: name, Reason: "has more than " + itoa(MaxActionText) + " bytes"}
		}
	}
	if len(jobs) > MaxActionJobs {
		return &ValueError{Column: "JobID", Reason: "an action is on at most " + itoa(MaxActionJobs) + " jobs, not on " + itoa(len(jobs)) + "; choose fewer"}
	}
	for i := range jobs {
		if i > 0 && jobs[i] <= jobs[i-1] {
			return &ValueError{Job: jobs[i], Column: "JobID", Reason: "the jobs of an action must ascend"}
		}
	}
	return nil
}

func (s *session) createAction(ctx context.Context, action *Action, jobs []JobID) error {
	last, err := s.count(ctx, statement{text: `SELECT COALESCE(max("ID"), 0) FROM "Actions"`})
	if err != nil {
		return err
	}
	const running = `SELECT count(*) FROM "Actions" WHERE "State" = '` + string(ActionRunning) + `' AND "VO" = ?`
	of := []any{action.VO, action.Username}
	all, err := s.count(ctx, statement{running, of[:1]})
	if err != nil {
		return err
	}
	own, err := s.count(ctx, statement{running + ` AND "Username" = ?`, of})
	if err != nil {
		return err
	}
	switch {
	case own >= MaxOwnActions:
		return ErrTooManyOwnActions
	case all >= MaxRunningActions:
		return ErrTooManyActions
	}
	if err := s.trimActions(ctx, action.VO, action.Username); err != nil {
		return err
	}
	now := s.time(s.db.now())
	action.ID, action.CreateTime, action.TurnTime = last+1, now, now
	var parts [][]any
	for some := range slices.Chunk(jobs, actionPart) {
		parts = append(parts, []any{action.ID, int64(len(parts) + 1), formatIDs(some), ""})
	}
	hidden := int64(0)
	if action.Hidden {
		hidden = 1
	}
	row := []any{
		action.ID, action.VO, action.Username, action.Kind, action.Reason, action.Question, action.Preview, action.Owner, hidden,
		string(action.State), action.Total, int64(0), int64(0), int64(0), int64(len(parts)), int64(1), now, now, "", now,
	}
	if err := s.insert(ctx, tables.Actions, tables.Actions.Columns, [][]any{row}, ""); err != nil {
		return err
	}
	return s.insert(ctx, tables.ActionParts, tables.ActionParts.Columns, parts, "")
}

// trimActions deletes the oldest actions of a user, and those of a VO, that has as many as it may. Those that
// run stay.
func (s *session) trimActions(ctx context.Context, vo, username string) error {
	var old []any
	find := func(scope ActionScope, keep int) error {
		where, args := scope.where(`"State" <> ?`, string(ActionRunning))
		text := `SELECT "ID" FROM "Actions" WHERE ` + where + ` ORDER BY "ID" DESC LIMIT 100 OFFSET ?`
		return s.query(ctx, text, append(args, int64(keep)), scanRows(tables.Actions.Pick("ID"), func(row []scanned) error {
			old = append(old, row[0].integer())
			return nil
		}))
	}
	err := find(ActionScope{VO: vo}, MaxActions-MaxRunningActions)
	if err == nil && username != "" { // else it would be all of the VO
		err = find(ActionScope{vo, username}, MaxOwnKeptActions-MaxOwnActions)
	}
	for _, id := range old {
		if err != nil {
			return err
		}
		if _, err = s.exec(ctx, `DELETE FROM "ActionParts" WHERE "ActionID" = ?`, id); err == nil {
			_, err = s.exec(ctx, `DELETE FROM "Actions" WHERE "ID" = ?`, id)
		}
	}
	return err
}

// Action returns an action, or [ErrNoAction].
func (a access) Action(ctx context.Context, scope ActionScope, id int64) (Action, error) {
	where, args := scope.where(`"ID" = ?`, id)
	found, err := a.actions(ctx, `"Question"`, where, args)
	if err == nil && len(found) == 0 {
		err = ErrNoAction
	}
	if err != nil {
		return Action{}, err
	}
	return found[0], nil
}

// Actions returns at most limit actions, the newest first: those with lower IDs than before, unless
// that is 0. Their Questions, which may be long, are left out.
func (a access) Actions(ctx context.Context, scope ActionScope, before int64, limit int) ([]Action, error) {
	condition, args := "1 = 1", []any(nil)
	if before > 0 {
		condition, args = `"ID" < ?`, []any{before}
	}
	where, args := scope.where(condition, args...)
	return a.actions(ctx, `''`, where+` ORDER BY "ID" DESC LIMIT ?`, append(args, int64(limit)))
}

// where is a condition, and its arguments, with that of the scope.
func (s ActionScope) where(condition string, args ...any) (string, []any) {
	condition, args = condition+` AND "VO" = ?`, append(args, s.VO)
	if s.Username != "" {
		condition, args = condition+` AND "Username" = ?`, append(args, s.Username)
	}
	return condition, args
}

var actionColumns = tables.Actions.Columns[:18]

// actions reads the actions for which a condition holds. question is what is read as their Question.
func (a access) actions(ctx context.Context, question, where string, args []any) (found []Action, err error) {
	if !a.db.HasActions() {
		return nil, errNoActions
	}
	err = a.read(ctx, "read actions", func(s *session) error {
		found = nil
		names := strings.Replace(tables.QuotedNames("", actionColumns), `"Question"`, question, 1)
		text := `SELECT ` + names + ` FROM "Actions" WHERE ` + where
		return s.query(ctx, text, args, scanRows(actionColumns, func(row []scanned) error {
			found = append(found, actionOf(row))
			return nil
		}))
	})
	return found, err
}

func actionOf(row []scanned) Action {
	return Action{
		ID: row[0].integer(), VO: row[1].text(), Username: row[2].text(), Kind: row[3].text(), Reason: row[4].text(),
		Question: row[5].text(), Preview: row[6].text(), Owner: row[7].text(), Hidden: row[8].integer() == 1,
		State: ActionState(row[9].text()), Total: row[10].integer(), Done: row[11].integer(), Refused: row[12].integer(), Failed: row[13].integer(),
		CreateTime: row[16].time(), TurnTime: row[17].time(),
	}
}

// StopAction ends an action that runs, and returns it: what is done stays done, and the jobs that
// still wait are left alone. One that has ended is returned as it is.
func (a access) StopAction(ctx context.Context, scope ActionScope, id int64) (Action, error) {
	if _, err := a.Action(ctx, scope, id); err != nil {
		return Action{}, err
	}
	err := a.write(ctx, "stop an action", func(s *session) error {
		_, err := s.exec(ctx, `UPDATE "Actions" SET "State" = ?, "TurnTime" = ? WHERE "ID" = ? AND "State" = ?`,
			string(ActionStopped), s.db.dialect.Argument(s.time(s.db.now())), id, string(ActionRunning))
		return err
	})
	if err != nil {
		return Action{}, err
	}
	return a.Action(ctx, scope, id)
}

// ActionPart is a part of an action's jobs.
type ActionPart struct {
	Number   int64 // counts from 1
	Jobs     []JobID
	Outcomes *ActionOutcomes // nil: they still wait
}

// ActionOutcomes are the jobs of a part to which an action was not done, by the reasons.
type ActionOutcomes struct {
	Refused map[string][]JobID // the rules don't let them
	Failed  map[string][]JobID // something went wrong
}

// ActionParts returns at most limit parts of an action, from a number on.
func (a access) ActionParts(ctx context.Context, id, from int64, limit int) (parts []ActionPart, err error) {
	if !a.db.HasActions() {
		return nil, errNoActions
	}
	err = a.read(ctx, "read outcomes of an action", func(s *session) error {
		parts, err = s.actionParts(ctx, id, from, limit)
		return err
	})
	return parts, err
}

func (s *session) actionParts(ctx context.Context, id, from int64, limit int) (parts []ActionPart, err error) {
	columns := tables.ActionParts.Pick("Part", "Jobs", "Outcomes")
	text := `SELECT ` + tables.QuotedNames("", columns) + ` FROM "ActionParts" WHERE "ActionID" = ? AND "Part" >= ? ORDER BY "Part" LIMIT ?`
	err = s.query(ctx, text, []any{id, from, int64(limit)}, scanRows(columns, func(row []scanned) error {
		part := ActionPart{Number: row[0].integer()}
		var err error
		if part.Jobs, err = parseIDs(row[1].text()); err != nil {
			return err
		}
		if outcomes := row[2].text(); outcomes != "" {
			part.Outcomes, err = parseOutcomes(outcomes)
		}
		parts = append(parts, part)
		return err
	}))
	return parts, err
}

// storedOutcomes are [ActionOutcomes] as they are stored.
type storedOutcomes struct {
	Refused map[string]string `json:"refused,omitempty"`
	Failed  map[string]string `json:"failed,omitempty"`
}

func parseOutcomes(text string) (*ActionOutcomes, error) {
	var stored storedOutcomes
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, err
	}
	outcomes := &ActionOutcomes{Refused: map[string][]JobID{}, Failed: map[string][]JobID{}}
	for _, list := range []struct {
		from map[string]string
		to   map[string][]JobID
	}{{stored.Refused, outcomes.Refused}, {stored.Failed, outcomes.Failed}} {
		for reason, text := range list.from {
			ids, err := parseIDs(text)
			if err != nil {
				return nil, err
			}
			list.to[reason] = ids
		}
	}
	return outcomes, nil
}

func formatOutcomes(o ActionOutcomes) (text string, refused, failed int64, err error) {
	stored := storedOutcomes{Refused: map[string]string{}, Failed: map[string]string{}}
	for reason, ids := range o.Refused {
		stored.Refused[reason], refused = formatIDs(sorted(ids)), refused+int64(len(ids))
	}
	for reason, ids := range o.Failed {
		stored.Failed[reason], failed = formatIDs(sorted(ids)), failed+int64(len(ids))
	}
	text, err = compactJSON(stored)
	return text, refused, failed, err
}
