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
// this key by the same owner within [jobdb.AnswerLife] is returned, and no job
// made. Its key with other JDLs is [ErrOtherSubmission]. A live database has nowhere to keep keys, which is a [jobdb.SchemaError].
func (m *JobManager) SubmitOnce(ctx context.Context, owner Owner, key string, jdls []string) ([]Submitted, error) {
	answer := jobdb.Answer{Request: digest("submit", owner.VO, owner.Name, key), Content: digest(append([]string{owner.Group}, jdls...)...)}
	if jobs, err := m.submittedBefore(ctx, answer); jobs != nil || err != nil {
		return jobs, err
	}
	s, err := m.Rules.of(owner.VO).submission(owner, jdls)
	if err != nil {
		return nil, err
	}
	var jobs []Submitted
	err = m.DB.Tx(ctx, func(tx *jobdb.Tx) error {
		if jobs, err = m.create(ctx, tx, s); err != nil {
			return err
		}
		text, err := json.Marshal(jobs)
		if err != nil {
			return fmt.Errorf("keep the answer to a submission: %w", err)
		}
		answer.Text = string(text)
		return tx.KeepAnswer(ctx, answer)
	})
	if errors.Is(err, jobdb.ErrConflict) { // the same submission came twice at once, and the other one was faster
		if before, errBefore := m.submittedBefore(ctx, answer); before != nil || errBefore != nil {
			return before, errBefore
		}
	}
	return jobs, err
}

// submittedBefore returns what a submission made when it came first, nil if it never did.
func (m *JobManager) submittedBefore(ctx context.Context, asked jobdb.Answer) ([]Submitted, error) {
	answer, found, err := m.DB.KeptAnswer(ctx, asked.Request)
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
		fmt.Fprintf(hash, "%d:%s", len(text), text) // never fails on a hash
	}
	return hex.EncodeToString(hash.Sum(nil))
}
