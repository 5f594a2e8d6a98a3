package jobdb

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// Actions are worked on part by part, by any server: TakeActionTurn gives a server the turn at one,
// for a while; then in one transaction comes NextActionPart, what is to be done to those jobs, and
// EndActionPart. So each part is done once, whatever ends in between. All times are the database's.

// nextAction is the condition for the action that is worked on next: of the user whose actions wait
// longest for a turn, the one that waits longest. So nobody waits for more than a turn of each other
// user, however many actions these have.
const nextAction = `"ID" = (SELECT r."ID" FROM (SELECT "ID", "TurnTime", "Holder", "LeaseTime",` +
	` max("TurnTime") OVER (PARTITION BY "VO", "Username") AS "UserTurn" FROM "Actions" WHERE "State" = ?) r` +
	` WHERE r."Holder" IN ('', ?) OR r."LeaseTime" < ? ORDER BY r."UserTurn", r."TurnTime", r."ID" LIMIT 1)`

// TakeActionTurn gives the holder the turn at an action, for ten seconds; others may take turns at the
// rest meanwhile. Turns go round by user, and then by the user's actions. found is false when there is
// none. A holder that dies loses its turns when their time is up. The action's Question is left out.
func (db *DB) TakeActionTurn(ctx context.Context, holder string) (action Action, found bool, err error) {
	now := db.dialect.TimeBound(db.now())
	waiting, err := db.actions(ctx, `''`, nextAction, []any{string(ActionRunning), holder, now})
	if err != nil || len(waiting) == 0 {
		return Action{}, false, err
	}
	err = db.write(ctx, "take a turn at an action", func(s *session) error {
		at := s.time(s.db.now())
		n, err := s.exec(ctx, `UPDATE "Actions" SET "Holder" = ?, "LeaseTime" = ?, "TurnTime" = ?`+
			` WHERE "ID" = ? AND "State" = ? AND ("Holder" IN ('', ?) OR "LeaseTime" < ?)`,
			holder, s.db.dialect.Argument(at.Add(actionLease)), s.db.dialect.Argument(at), waiting[0].ID, string(ActionRunning), holder, now)
		found = n > 0
		return err
	})
	return waiting[0], found, err
}

// KeepActionTurn lets the holder's turn at an action last a minute from now, for what takes long before a
// part is begun. It is [ErrLostTurn] when it is over.
func (db *DB) KeepActionTurn(ctx context.Context, id int64, holder string) error {
	return db.write(ctx, "keep a turn at an action", func(s *session) error {
		until := s.time(s.db.now()).Add(time.Minute)
		n, err := s.exec(ctx, `UPDATE "Actions" SET "LeaseTime" = ? WHERE "ID" = ? AND "State" = ? AND "Holder" = ?`,
			s.db.dialect.Argument(until), id, string(ActionRunning), holder)
		if err == nil && n == 0 {
			err = ErrLostTurn
		}
		return err
	})
}

// LeaveActions ends the holder's turns, so that others needn't wait for the end of their time.
func (db *DB) LeaveActions(ctx context.Context, holder string) error {
	if !db.HasActions() {
		return errNoActions
	}
	return db.write(ctx, "leave actions", func(s *session) error {
		_, err := s.exec(ctx, `UPDATE "Actions" SET "Holder" = '' WHERE "Holder" = ? AND "State" = ?`,
			holder, string(ActionRunning))
		return err
	})
}

// ErrLostTurn says that an action was stopped, or that the holder's turn has ended and another took
// it: nothing must be done to its jobs now.
var ErrLostTurn = errors.New("the turn at this action is over")

// NextActionPart returns the jobs of an action that are next, and keeps all others from it until the
// transaction ends. It is [ErrLostTurn] when the holder may not go on.
func (tx *Tx) NextActionPart(ctx context.Context, id int64, holder string) (part ActionPart, err error) {
	err = tx.write(ctx, "take a part of an action", func(s *session) error {
		now := s.time(s.db.now())
		n, err := s.exec(ctx, `UPDATE "Actions" SET "LeaseTime" = ?, "TurnTime" = ? WHERE "ID" = ? AND "State" = ? AND "Holder" = ?`,
			s.db.dialect.Argument(now.Add(actionLease)), s.db.dialect.Argument(now), id, string(ActionRunning), holder)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrLostTurn
		}
		next, err := s.count(ctx, statement{`SELECT "NextPart" FROM "Actions" WHERE "ID" = ?`, []any{id}})
		if err != nil {
			return err
		}
		parts, err := s.actionParts(ctx, id, next, 1)
		if err == nil && len(parts) == 0 {
			return errors.New("action " + strconv.FormatInt(id, 10) + " has no part " + strconv.FormatInt(next, 10))
		}
		if err == nil {
			part = parts[0]
		}
		return err
	})
	return part, err
}

// EndActionPart stores what became of a part that [Tx.NextActionPart] gave: to all of its jobs that
// the outcomes don't name it was done. The action is done with its last part.
func (tx *Tx) EndActionPart(ctx context.Context, id int64, part ActionPart, outcomes ActionOutcomes) error {
	text, refused, failed, err := formatOutcomes(outcomes)
	if err != nil {
		return err
	}
	if err := checkLength(tables.ActionParts.Columns[3], text); err != nil {
		return &ValueError{Column: "Outcomes", Reason: err.Error()}
	}
	done := int64(len(part.Jobs)) - refused - failed
	return tx.write(ctx, "end a part of an action", func(s *session) error {
		if _, err := s.exec(ctx, `UPDATE "ActionParts" SET "Outcomes" = ? WHERE "ActionID" = ? AND "Part" = ?`, text, id, part.Number); err != nil {
			return err
		}
		_, err := s.exec(ctx, `UPDATE "Actions" SET "Done" = "Done" + ?, "Refused" = "Refused" + ?, "Failed" = "Failed" + ?,`+
			` "State" = CASE WHEN "Parts" <= ? THEN '`+string(ActionDone)+`' ELSE "State" END, "NextPart" = ? WHERE "ID" = ?`,
			done, refused, failed, part.Number, part.Number+1, id)
		return err
	})
}

// formatIDs writes IDs that ascend as ranges: 1-3,7.
func formatIDs(ids []JobID) string {
	var b []byte
	for i := 0; i < len(ids); {
		end := i
		for end+1 < len(ids) && ids[end+1] == ids[end]+1 {
			end++
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(ids[i]), 10)
		if end > i {
			b = strconv.AppendInt(append(b, '-'), int64(ids[end]), 10)
		}
		i = end + 1
	}
	return string(b)
}

// parseIDs reads what formatIDs wrote.
func parseIDs(text string) (ids []JobID, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last := part, part
		if at := strings.Index(part[min(1, len(part)):], "-"); at >= 0 { // else it is a sign
			first, last = part[:at+1], part[at+2:]
		}
		from, err := strconv.ParseInt(first, 10, 64)
		to, errTo := strconv.ParseInt(last, 10, 64)
		if err != nil || errTo != nil || to < from || uint64(to)-uint64(from) >= actionPart { //nolint:gosec // the difference is right whatever the signs
			return nil, errors.New("a list of jobs that can't be read: " + quoteShort(text))
		}
		for id := from; ; id++ {
			if ids = append(ids, JobID(id)); id == to { // no number may come after it
				break
			}
		}
	}
	return ids, nil
}
