package main

import (
	"database/sql"
	"time"
)

// bareJob is a row of Jobs as a program without jobdb would hold it.
type bareJob struct {
	JobID                                                     int64
	JobType, JobGroup, Site, JobName, Owner, OwnerGroup, VO   string
	Submission, Reschedule, LastUpdate, Start, HeartBeat, End bareTime
	Status, MinorStatus, ApplicationStatus                    string
	UserPriority, RescheduleCounter                           int64
	VerifiedFlag, AccountedFlag                               string
}

const jobColumns = `"JobID", "JobType", "JobGroup", "Site", "JobName", "Owner", "OwnerGroup", "VO", ` +
	`"SubmissionTime", "RescheduleTime", "LastUpdateTime", "StartExecTime", "HeartBeatTime", "EndExecTime", ` +
	`"Status", "MinorStatus", "ApplicationStatus", "UserPriority", "RescheduleCounter", "VerifiedFlag", "AccountedFlag"`

func (j *bareJob) scan(rows *sql.Rows) error {
	return rows.Scan(&j.JobID, &j.JobType, &j.JobGroup, &j.Site, &j.JobName, &j.Owner, &j.OwnerGroup, &j.VO,
		&j.Submission, &j.Reschedule, &j.LastUpdate, &j.Start, &j.HeartBeat, &j.End,
		&j.Status, &j.MinorStatus, &j.ApplicationStatus, &j.UserPriority, &j.RescheduleCounter, &j.VerifiedFlag, &j.AccountedFlag)
}

// bareTime scans a time or NULL, which is the zero time. SQLite returns times as text.
type bareTime struct{ at time.Time }

// Scan implements sql.Scanner.
func (t *bareTime) Scan(value any) (err error) {
	switch v := value.(type) {
	case time.Time:
		t.at = v
	case string:
		t.at, err = time.Parse("2006-01-02 15:04:05.999999", v)
	case []byte:
		t.at, err = time.Parse("2006-01-02 15:04:05.999999", string(v))
	default:
		t.at = time.Time{}
	}
	return err
}
