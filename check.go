package jobdb

import (
	"context"
	"slices"
	"strings"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// Finding is something in a database that shouldn't be.
type Finding struct {
	What     string  // for people
	Jobs     []JobID // the jobs concerned, at most the first thousand
	More     bool    // more jobs are concerned
	Repaired bool
}

// maxFound is how many jobs a finding names, and how many one transaction repairs.
const maxFound = 1000

// CheckRows reads all jobs and returns what is wrong with them: rows without a job, gaps in
// histories, impossible times, and a next job ID that a job has already. It calls begins, unless
// that is nil, with a name for each check before the check starts. With repair it deletes rows
// without a job and raises the next job ID, on jobdb's own databases only. Other findings are only
// reported, because nobody can know the right values.
func (db *DB) CheckRows(ctx context.Context, repair bool, begins func(what string)) ([]Finding, error) {
	if db.schema.Kind != schema.KindOurs {
		repair = false
	}
	c := &checker{db: db, repair: repair, begins: begins}
	for _, check := range []func(context.Context) error{c.references, c.sequences, c.times, c.nextID} {
		if err := check(ctx); err != nil {
			return c.found, db.wrapError("check the database", err)
		}
	}
	return c.found, nil
}

// checker is one call of CheckRows.
type checker struct {
	db     *DB
	repair bool
	begins func(string)
	found  []Finding
}

func (c *checker) begin(what string) {
	if c.begins != nil {
		c.begins(what)
	}
}

// jobs runs a query for JobIDs that ends with "LIMIT ?". It returns one more than maxFound where
// there are more.
func (c *checker) jobs(ctx context.Context, s *session, text string, args ...any) (ids []JobID, err error) {
	err = s.query(ctx, text, append(args, int64(maxFound+1)), scanRows(tables.JobIDColumn, func(row []scanned) error {
		ids = append(ids, row[0].id())
		return nil
	}))
	return ids, err
}

// add adds a finding about these jobs, if there are any.
func (c *checker) add(what string, ids []JobID, repaired bool) {
	if len(ids) > 0 {
		c.found = append(c.found, Finding{What: what, Jobs: ids[:min(len(ids), maxFound)], More: len(ids) > maxFound, Repaired: repaired})
	}
}

// find announces a check, and returns the jobs that its query finds.
func (c *checker) find(ctx context.Context, db *DB, what, text string, args ...any) (ids []JobID, err error) {
	c.begin(what)
	err = db.read(ctx, "look for "+what, func(s *session) error {
		ids, err = c.jobs(ctx, s, text, args...)
		return err
	})
	return ids, err
}

// references looks for rows of jobs that don't exist. A history that is elsewhere is compared with
// nothing.
func (c *checker) references(ctx context.Context) error {
	for _, t := range tables.Tables {
		parent := tables.Jobs
		if t == tables.Jobs || t == tables.LoggingInfo {
			parent = tables.JobJDLs
		}
		if t == tables.JobJDLs || c.db.lacksTable(t) {
			continue
		}
		what := "rows of " + t.Name + " without one of " + parent.Name
		orphans := `SELECT DISTINCT t."JobID" FROM ` + t.Quoted() + ` AS t WHERE NOT EXISTS (SELECT 1 FROM ` + parent.Quoted() +
			` AS p WHERE p."JobID" = t."JobID") ORDER BY t."JobID" LIMIT ?`
		ids, err := c.find(ctx, c.db, what, orphans)
		if err != nil {
			return err
		}
		repaired := c.repair && t != tables.Jobs
		c.add(what, ids, repaired)
		for repaired && len(ids) > 0 {
			if ids, err = c.removeOrphans(ctx, t, orphans); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeOrphans deletes the rows of t of the first jobs that a query finds, and returns these jobs.
func (c *checker) removeOrphans(ctx context.Context, t *tables.Table, orphans string) (ids []JobID, err error) {
	err = c.db.write(ctx, "delete rows of jobs that don't exist", func(s *session) error {
		var err error
		if ids, err = c.jobs(ctx, s, orphans); err == nil {
			_, err = s.removeRows(ctx, t, ids)
		}
		return err
	})
	return ids, err
}

// lacksTable says that this database doesn't have a table that others have.
func (db *DB) lacksTable(t *tables.Table) bool {
	switch t {
	case tables.LoggingInfo:
		return !db.schema.History
	case tables.JobParameters:
		return !db.schema.Parameters
	}
	return !db.schema.Jobs
}

// sequences looks for histories with gaps. Long ones have one: see [MaxHistory].
func (c *checker) sequences(ctx context.Context) error {
	h := c.db.history
	if !h.schema.History {
		return nil
	}
	const what = "histories whose records are not numbered without gaps"
	ids, err := c.find(ctx, h, what, `SELECT t."JobID" FROM "LoggingInfo" AS t GROUP BY t."JobID"
		HAVING (min(t."SeqNum") <> 1 OR max(t."SeqNum") <> count(*)) AND max(t."SeqNum") <= `+itoa(MaxHistory)+` ORDER BY t."JobID" LIMIT ?`)
	c.add(what, ids, false)
	return err
}

// times looks for jobs that ended before they began, and for times in the future.
func (c *checker) times(ctx context.Context) error {
	normal, bound := c.db.dialect.NormalTime, c.db.dialect.TimeBound
	after := bound(c.db.now().Add(time.Minute))
	future := make([]string, 0, len(tables.Jobs.Columns))
	var args []any
	for _, column := range tables.Jobs.Columns {
		if column.Kind == tables.KindTime {
			future, args = append(future, "t."+tables.Quote(column.Name)+" >= ?"), append(args, after)
		}
	}
	for _, check := range []struct {
		what, where string
		args        []any
	}{
		{"jobs that ended before they began", normal(`t."EndExecTime"`) + " < " + normal(`t."StartExecTime"`), nil},
		{"jobs with times that are still to come", strings.Join(future, " OR "), args},
	} {
		ids, err := c.find(ctx, c.db, check.what, `SELECT t."JobID" FROM "Jobs" AS t WHERE `+check.where+` ORDER BY t."JobID" LIMIT ?`, slices.Clone(check.args)...)
		if err != nil {
			return err
		}
		c.add(check.what, ids, false)
	}
	return nil
}

// nextID checks that the ID of the next job is free.
func (c *checker) nextID(ctx context.Context) error {
	const what = "the next job's number, which a job has already"
	ids, err := c.find(ctx, c.db, what, `SELECT t."JobID" FROM "JobJDLs" AS t ORDER BY t."JobID" DESC LIMIT ?`)
	if err != nil || len(ids) == 0 {
		return err
	}
	next, err := engine.NextID(ctx, c.db.engine.Reader, c.db.dialect)
	if err != nil || next == 0 || next > int64(ids[0]) {
		return err
	}
	if c.repair {
		err = c.db.write(ctx, "raise the next job's number", func(s *session) error {
			return engine.RaiseNextID(ctx, s.q, c.db.dialect, int64(ids[0])+1)
		})
	}
	c.add(what, ids[:1], c.repair)
	return err
}
