package wms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"jobdb"
)

// ErrOtherSubmission says that a key was used before, for another submission.
var ErrOtherSubmission = errors.New("this key was used before, with other JDLs; use a new key for each submission")

// SubmitOnce is [JobManager.Submit] for a client that may send its submission again, with the same key: what was submitted with
// this key by the same owner within [jobdb.ReplyLifetime] is returned, and no job
// made. Its key with other JDLs is [ErrOtherSubmission]. A live database has nowhere to keep keys, which is a [jobdb.SchemaError].
func (m *JobManager) SubmitOnce(ctx context.Context, owner Owner, key string, jdls []string) ([]Submitted, error) {
	asked := jobdb.Reply{Request: digest("submit", owner.VO, owner.Name, key), Content: digest(append([]string{owner.Group}, jdls...)...)}
	if jobs, err := submittedBefore(ctx, m.DB.SavedReply, asked); jobs != nil || err != nil {
		return jobs, err
	}
	s, err := m.Rules.of(owner.VO).submission(owner, jdls)
	if err != nil {
		return nil, err
	}
	var jobs []Submitted
	once := func(ctx context.Context, tx *jobdb.Tx) (err error) {
		// Once more: on SQLite only the writer sees what is just being committed.
		if jobs, err = submittedBefore(ctx, tx.SavedReply, asked); jobs != nil || err != nil {
			return err
		}
		if jobs, err = m.create(ctx, tx, s); err != nil {
			return err
		}
		text, err := json.Marshal(jobs)
		if err != nil {
			return fmt.Errorf("keep the answer to a submission: %w", err)
		}
		return tx.SaveReply(ctx, jobdb.Reply{Request: asked.Request, Content: asked.Content, Text: string(text)})
	}
	err = m.DB.Tx(ctx, once)
	if errors.Is(err, jobdb.ErrConflict) { // the same submission came twice at once, and the other one was faster
		err = m.DB.Tx(ctx, once)
	}
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

// submittedBefore returns what a submission made when it came first, nil if it never did.
func submittedBefore(
	ctx context.Context, kept func(context.Context, string) (jobdb.Reply, bool, error), asked jobdb.Reply,
) ([]Submitted, error) {
	answer, found, err := kept(ctx, asked.Request)
	switch {
	case err != nil || !found:
		return nil, err
	case answer.Content != asked.Content:
		return nil, ErrOtherSubmission
	}
	var jobs []Submitted
	if err := json.Unmarshal([]byte(answer.Text), &jobs); err != nil {
		return nil, fmt.Errorf("read the answer that was kept of a submission: %w", err)
	}
	return jobs, nil
}

// digest tells lists of texts apart in 64 characters.
func digest(texts ...string) string {
	hash := sha256.New()
	for _, text := range texts {
		_, _ = fmt.Fprintf(hash, "%d:%s", len(text), text) // never fails on a hash
	}
	return hex.EncodeToString(hash.Sum(nil))
}
