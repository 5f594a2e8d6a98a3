package wms

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"jobdb"
)

// How often RunActions looks for actions of other servers, such as one that died, and how long it
// pauses after an error.
const (
	actionsInterval = time.Second
	actionsRest     = 5 * time.Second
)

// RunActions works on the database's actions until ctx ends. Several servers may run it on one
// database, and go on with what another one leaves. They work on one part of each action after the
// other, so that a small action needn't wait for a large one.
func (m *JobManager) RunActions(ctx context.Context, logger *slog.Logger) {
	if !m.DB.HasActions() {
		return
	}
	holder := rand.Text()
	defer m.leaveActions(ctx, holder, logger)
	for ctx.Err() == nil {
		worked, err := m.workOnActions(ctx, holder, logger)
		rest := actionsInterval
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			logger.WarnContext(ctx, "work on actions failed; it is tried again", "error", err)
			rest = actionsRest
		case worked:
			continue
		}
		select {
		case <-ctx.Done():
		case <-m.actionsCome:
		case <-time.After(rest):
		}
	}
}

// leaveActions lets other servers, or this one after its restart, go on at once.
func (m *JobManager) leaveActions(ctx context.Context, holder string, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := m.DB.LeaveActions(ctx, holder); err != nil {
		logger.WarnContext(ctx, "the actions that this server worked on go on only in a while", "error", err)
	}
}

// workOnActions does the next part of an action, if there is one.
func (m *JobManager) workOnActions(ctx context.Context, holder string, logger *slog.Logger) (worked bool, err error) {
	action, found, err := m.DB.TakeActionTurn(ctx, holder)
	if err != nil || !found {
		return false, err
	}
	p := &actionPart{JobManager: m, action: action, holder: holder}
	err = m.DB.Tx(ctx, p.run)
	if errors.Is(err, errPrepareFirst) {
		// Preparing takes long. Without this another server would take the turn, prepare the same
		// jobs, and lose the turn likewise.
		if err = m.DB.KeepActionTurn(ctx, action.ID, holder); err == nil {
			p.early = p.reschedule.prepareEarly()
			err = m.DB.Tx(ctx, p.run)
		}
	}
	switch {
	case errors.Is(err, jobdb.ErrLostTurn): // it was stopped, or this server was too slow
		return true, nil
	case err == nil || ctx.Err() != nil || errors.Is(err, jobdb.ErrUnavailable) || errors.Is(err, jobdb.ErrSchema):
		return true, err
	}
	logger.ErrorContext(ctx, "a part of an action failed", "action", action.ID, "part", p.part.Number, "error", err)
	reason := "the server made a mistake, which its log tells"
	if errors.Is(err, jobdb.ErrInvalidValue) || errors.Is(err, jobdb.ErrConflict) {
		reason = err.Error()
	}
	return true, m.DB.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		part, err := tx.NextActionPart(ctx, action.ID, holder)
		if err != nil {
			return err
		}
		return tx.EndActionPart(ctx, action.ID, part, jobdb.ActionOutcomes{Failed: map[string][]jobdb.JobID{reason: part.Jobs}})
	})
}
