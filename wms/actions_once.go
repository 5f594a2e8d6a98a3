package wms

import (
	"context"
	"errors"
	"strconv"

	"jobdb"
)

// ErrOtherAction says that a key was used before, for another action.
var ErrOtherAction = errors.New("this key was used before, for another action; use a new key for each action")

// maxOnceTries is how often StartActionOnce tries while the same action is stored by another
// request.
const maxOnceTries = 5

// StartActionOnce is [JobManager.StartAction] for a client that may send its request again, with
// the same key. asked is the request as a text. If the same user began an action with this key
// within [jobdb.ReplyLifetime], that action is returned as it is now, and none is made. A key that
// was used with another text is [ErrOtherAction].
func (m *JobManager) StartActionOnce(ctx context.Context, action jobdb.Action, ids []jobdb.JobID, key, asked string) (jobdb.Action, error) {
	reply := jobdb.Reply{Request: digest("action", action.VO, action.Username, key), Content: digest(asked)}
	return m.beginAction(action, func() (created jobdb.Action, err error) {
		for try := 1; ; try++ {
			err = m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) (err error) {
				created, err = createActionOnce(ctx, tx, action, ids, reply)
				return err
			})
			if !errors.Is(err, jobdb.ErrConflict) || try == maxOnceTries {
				return created, err
			}
		}
	})
}

// createActionOnce stores an action, and its ID as the reply, unless there is a reply already.
func createActionOnce(ctx context.Context, tx *jobdb.Tx, action jobdb.Action, ids []jobdb.JobID, reply jobdb.Reply) (jobdb.Action, error) {
	before, found, err := tx.SavedReply(ctx, reply.Request)
	switch {
	case err != nil:
		return jobdb.Action{}, err
	case found && before.Content != reply.Content:
		return jobdb.Action{}, ErrOtherAction
	case found:
		id, err := strconv.ParseInt(before.Text, 10, 64)
		if err != nil {
			return jobdb.Action{}, err
		}
		return tx.Action(ctx, jobdb.ActionScope{VO: action.VO, Username: action.Username}, id)
	}
	created, err := tx.CreateAction(ctx, action, ids)
	if err != nil {
		return jobdb.Action{}, err
	}
	reply.Text = strconv.FormatInt(created.ID, 10)
	return created, tx.SaveReply(ctx, reply)
}
