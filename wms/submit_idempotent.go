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

// SubmitOnce is [JobManager.Submit] for a client that may send its submission again, with the same
// key. What the same owner submitted with this key within [jobdb.ReplyLifetime] is returned again,
// and no job is made. A key that comes with other JDLs is [ErrOtherSubmission]. DIRAC's own
// databases have nowhere to keep keys; there the error is a [jobdb.SchemaError].
func (m *JobManager) SubmitOnce(ctx context.Context, owner Owner, key string, jdls []string) ([]Submitted, error) {
	asked := jobdb.Reply{
		Request: digest("submit", owner.VO, owner.Name, key),
		Content: digest(append([]string{owner.Group}, jdls...)...),
	}
	if jobs, err := submittedBefore(ctx, m.DB.SavedReply, asked); jobs != nil || err != nil {
		return jobs, err
	}
	s, err := m.admit(ctx, owner, jdls)
	if err != nil {
		return nil, err
	}
	var jobs []Submitted
	submit := func(ctx context.Context, tx *jobdb.Tx) (err error) {
		jobs, err = m.createOnce(ctx, tx, s, asked)
		return err
	}
	err = m.DB.Tx(ctx, submit)
	if errors.Is(err, jobdb.ErrConflict) { // the same submission came twice at once, and the other one was faster
		err = m.DB.Tx(ctx, submit)
	}
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

// createOnce stores a submission together with its answer, unless there is an answer already.
func (m *JobManager) createOnce(ctx context.Context, tx *jobdb.Tx, s *submission, asked jobdb.Reply) ([]Submitted, error) {
	// The caller has looked already, but another submission may have been committed since.
	if jobs, err := submittedBefore(ctx, tx.SavedReply, asked); jobs != nil || err != nil {
		return jobs, err
	}
	jobs, err := m.create(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(jobs)
	if err != nil {
		return nil, fmt.Errorf("keep the answer to a submission: %w", err)
	}
	return jobs, tx.SaveReply(ctx, jobdb.Reply{Request: asked.Request, Content: asked.Content, Text: string(text)})
}

// submittedBefore returns the jobs that this submission made when it came first, nil if it is new.
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

// digest returns a hash of a list of texts, 64 characters long.
func digest(texts ...string) string {
	hash := sha256.New()
	for _, text := range texts {
		_, _ = fmt.Fprintf(hash, "%d:%s", len(text), text) // never fails on a hash
	}
	return hex.EncodeToString(hash.Sum(nil))
}
