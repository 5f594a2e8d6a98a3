package wms

import (
	"context"
	"time"

	"jobdb"
)

// textOf returns a job's value in a column of texts, "" if it is NULL or wasn't read.
func textOf(job jobdb.Attributes, name string) string {
	text, _ := job[name].(string)
	return text
}

// statusOf is a job's status. Attributes from the database have it as a string.
func statusOf(job jobdb.Attributes) jobdb.Status { return jobdb.Status(textOf(job, "Status")) }

// timeOf returns one of a job's times. It is the zero time if the job has none, or one in the
// future, which a wrong clock wrote.
func timeOf(job jobdb.Attributes, name string, now time.Time) time.Time {
	if t, _ := job[name].(time.Time); !isFuture(t, now) {
		return t
	}
	return time.Time{}
}

// setAttributes changes columns of jobs, if there are any jobs to change.
func setAttributes(ctx context.Context, tx *jobdb.Tx, attributes map[jobdb.JobID]jobdb.Attributes) error {
	if len(attributes) == 0 {
		return nil
	}
	_, err := tx.SetJobAttributes(ctx, attributes, jobdb.SetOptions{})
	return err
}
