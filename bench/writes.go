package main

import (
	"context"
	"fmt"
	"time"
)

func (d *database) writes(sizes []int) []comparison {
	var cases []comparison
	for _, n := range d.bulkSizes(sizes) {
		ids := d.jobsToWrite(n)
		of := []comparison{
			d.createJobs(n), d.insertJobAttributes(n), d.deleteJobs(n), d.insertInputData(ids), d.updateJobJDLs(ids),
			d.setJobAttributes(ids), d.setJobAttributesAt(ids), d.setProperties(ids),
			d.setJobCommands(ids), d.takeJobCommands(ids), d.expireJobCommands(ids),
			d.addHeartbeatData(ids),
			d.setParameters("SetJobParameters", "JobParameters", d.db.SetJobParameters, ids),
			d.setParameters("SetOptimizerParameters", "OptimizerParameters", d.db.SetOptimizerParameters, ids),
			d.archiveJobParameters(ids), d.insertHistory(ids), d.deleteHistory(ids),
		}
		for i := range of {
			of[i].size = n
		}
		cases = append(cases, of...)
	}
	return cases
}

// written returns n, the number of rows written, unless there was an error.
func written(n int, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return int64(n), nil
}

// now is the time as the library has it: in UTC, to the microsecond.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func repeat(text string, n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = text
	}
	return texts
}

// turn returns a function that gives another text each time, so that every write changes something.
func turn(prefix string) func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("%s %d", prefix, n) }
}

func (b *bareDB) updateRows(ctx context.Context, table string, fields []field, rows [][]any, where string) (n int64, err error) {
	err = b.write(ctx, func(t *bareTx) error {
		n, err = t.update(ctx, table, fields, rows, where)
		return err
	})
	return n, err
}
