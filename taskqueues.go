package jobdb

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// TaskQueues is the task queues' database of a DiracX or DIRAC installation, from which pilots get
// their jobs. jobdb takes jobs out of it and never puts any in.
type TaskQueues struct {
	db     *DB
	others []string // tables that belong to a queue, beside its jobs: tq_TQToSites and so on
}

// The tables of task queues that have rules of their own; all others begin with tq_, too.
const (
	queueTable    = "tq_TaskQueues"
	queueJobTable = "tq_Jobs"
	requirements  = "tq_TQTo" // begins the names of what a queue requires: tq_TQToSites and so on
)

// neededByQueues are the columns that statements use.
var neededByQueues = []string{
	queueTable + ".TQId", queueTable + ".Owner", queueTable + ".OwnerGroup", queueTable + ".VO", queueTable + ".CPUTime",
	queueTable + ".Priority", queueTable + ".Enabled", queueJobTable + ".TQId", queueJobTable + ".JobId", queueJobTable + ".RealPriority",
}

// OpenTaskQueues opens the task queues' database with a URL as in [Open]. The error is
// [ErrUnavailable] if the database can't be reached, and [ErrSchema] if it has no task queues as
// DiracX and DIRAC 9 have them.
func OpenTaskQueues(ctx context.Context, url string, options Options) (*TaskQueues, error) {
	t, err := engine.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options = options.withDefaults()
	e, err := openEngine(ctx, t, options)
	if err != nil {
		return nil, fmt.Errorf("open the task queues: %w", err)
	}
	db := &DB{engine: e, dialect: &e.Dialect, options: options, target: t, schema: &schema.Facts{Kind: schema.KindDiracX}}
	db.access, db.history = access{db: db}, db
	if e.Dialect.Name == "sqlite" {
		db.groups = engine.NewGroupCommit(e.Writer)
	}
	q := &TaskQueues{db: db}
	if err := q.findTables(ctx); err != nil {
		_ = e.Close() // the first error is the one to return
		return nil, fmt.Errorf("open the task queues: %w", err)
	}
	return q, nil
}

func (q *TaskQueues) findTables(ctx context.Context) error {
	if err := q.db.engine.Recognize(ctx); err != nil {
		return q.db.publicError(err)
	}
	catalog, err := schema.ReadCatalog(ctx, q.db.engine.Reader, q.db.dialect)
	if err != nil {
		return q.db.publicError(err)
	}
	for _, needed := range neededByQueues {
		table, column, _ := strings.Cut(needed, ".")
		if !catalog.Has(table, column) {
			return &SchemaError{Reason: "it needs the task queues of DiracX or DIRAC 9; there is no " + needed}
		}
	}
	q.others = slices.DeleteFunc(catalog.Tables(), func(name string) bool {
		return name == queueTable || name == queueJobTable || !strings.HasPrefix(name, "tq_") || !catalog.Has(name, "TQId")
	})
	return nil
}

// Ping asks the database for an answer.
func (q *TaskQueues) Ping(ctx context.Context) error { return q.db.Ping(ctx) }

// Close waits for running statements and closes all connections.
func (q *TaskQueues) Close() error { return q.db.Close() }

// RemoveJobs takes jobs out of the task queues, so that no pilot gets them. Queues that are empty
// then, and not disabled, are deleted, and the priority of their owners' group is shared anew among
// its queues; shareOf says how. Jobs that are in no queue are ignored.
//
// If the task queues are in the database of tx, or in another one on the same MariaDB or MySQL
// server, this is a part of tx. Otherwise it is a transaction of its own, committed when RemoveJobs
// returns: if tx fails later the jobs are in no queue all the same, and repeating tx does no harm.
func (q *TaskQueues) RemoveJobs(ctx context.Context, tx *Tx, ids []JobID, shareOf func(vo, group string) GroupShare) error {
	if len(ids) == 0 {
		return nil
	}
	const what = "take jobs out of the task queues"
	remove := func(database string) func(*session) error {
		return func(s *session) error {
			r := queueRemoval{s, q.others, database, shareOf}
			return r.run(ctx, ids)
		}
	}
	switch t := tx.db.target; {
	case engine.SameDatabase(t, q.db.target):
		return tx.write(ctx, what, remove(""))
	case engine.SameServer(t, q.db.target):
		return tx.write(ctx, what, remove(q.db.target.Name))
	}
	return q.db.write(ctx, what, remove(""))
}

// queueRemoval is one call of RemoveJobs in one transaction.
type queueRemoval struct {
	*session
	others   []string
	database string // that has the task queues; "": the one connected to
	shareOf  func(vo, group string) GroupShare
}

func (r *queueRemoval) table(name string) string {
	return (&tables.Table{Name: name, Database: r.database}).Quoted()
}

// queueOwner is whom a queue's share of the priority is taken from.
type queueOwner struct{ vo, group, owner string }

func (r *queueRemoval) run(ctx context.Context, ids []JobID) error {
	jobs, err := r.jobsByQueue(ctx, ids)
	if err != nil {
		return err
	}
	deleted := map[queueOwner]bool{}
	for _, queue := range slices.Sorted(maps.Keys(jobs)) {
		err := r.eachIDBatch(jobs[queue], func(in string, args []any) error {
			text := "DELETE FROM " + r.table(queueJobTable) + ` WHERE "TQId" = ? AND "JobId"` + in
			_, err := r.exec(ctx, text, append([]any{queue}, args...)...)
			return err
		})
		if err != nil {
			return err
		}
		owner, gone, err := r.deleteIfEmpty(ctx, queue)
		if err != nil {
			return err
		}
		if gone {
			deleted[owner] = true
		}
	}
	owners := slices.SortedFunc(maps.Keys(deleted), func(a, b queueOwner) int {
		return slices.Compare([]string{a.vo, a.group, a.owner}, []string{b.vo, b.group, b.owner})
	})
	for _, owner := range owners {
		if err := r.share(ctx, owner); err != nil {
			return err
		}
	}
	return nil
}

// jobsByQueue returns the jobs of each queue. It locks nothing: no index of tq_Jobs begins with
// JobId, and a DELETE by it would wait for every writer of the table.
func (r *queueRemoval) jobsByQueue(ctx context.Context, ids []JobID) (map[int64][]JobID, error) {
	jobs := map[int64][]JobID{}
	err := r.eachIDBatch(ids, func(in string, args []any) error {
		text := `SELECT t."TQId", t."JobId" FROM ` + r.table(queueJobTable) + ` AS t WHERE t."JobId"` + in
		return r.query(ctx, text, args, func(rows *sql.Rows) error {
			var queue int64
			var id JobID
			err := rows.Scan(&queue, &id)
			jobs[queue] = append(jobs[queue], id)
			return err
		})
	})
	return jobs, err
}

// deleteIfEmpty deletes an empty queue and what belongs to it. Whoever puts a job in needs a lock
// of the queue's row; so this looks for jobs once more when it has locked that row. Queues with
// jobs, which are most, are not locked.
func (r *queueRemoval) deleteIfEmpty(ctx context.Context, queue int64) (owner queueOwner, deleted bool, err error) {
	hasJobs, err := r.hasJobs(ctx, queue)
	if err != nil || hasJobs {
		return owner, false, err
	}
	locked := false
	text := `SELECT t."VO", t."OwnerGroup", t."Owner" FROM ` + r.table(queueTable) + ` AS t WHERE t."TQId" = ? AND t."Enabled" >= 1` + r.db.dialect.Lock
	err = r.query(ctx, text, []any{queue}, func(rows *sql.Rows) error {
		locked = true
		return rows.Scan(&owner.vo, &owner.group, &owner.owner)
	})
	if err != nil || !locked {
		return owner, false, err
	}
	if hasJobs, err = r.hasJobs(ctx, queue); err != nil || hasJobs {
		return owner, false, err
	}
	for _, name := range append(slices.Clone(r.others), queueTable) { // DIRAC's foreign keys don't cascade
		if _, err := r.exec(ctx, "DELETE FROM "+r.table(name)+` WHERE "TQId" = ?`, queue); err != nil {
			return owner, false, err
		}
	}
	return owner, true, nil
}

func (r *queueRemoval) hasJobs(ctx context.Context, queue int64) (has bool, err error) {
	text := `SELECT 1 FROM ` + r.table(queueJobTable) + ` AS t WHERE t."TQId" = ? LIMIT 1`
	err = r.query(ctx, text, []any{queue}, func(*sql.Rows) error {
		has = true
		return nil
	})
	return has, err
}

// share shares the priority of a group among its queues, after one of owner's was deleted.
func (r *queueRemoval) share(ctx context.Context, owner queueOwner) error {
	queues, err := r.queuesOf(ctx, owner.group)
	if err != nil || len(queues) == 0 {
		return err
	}
	if err := r.readRequirements(ctx, queues); err != nil {
		return err
	}
	byPriority := map[float64][]JobID{}
	for id, priority := range r.shareOf(owner.vo, owner.group).priorities(queues, owner.owner) {
		byPriority[priority] = append(byPriority[priority], JobID(id))
	}
	for _, priority := range slices.Sorted(maps.Keys(byPriority)) {
		err := r.eachIDBatch(byPriority[priority], func(in string, args []any) error {
			text := "UPDATE " + r.table(queueTable) + ` SET "Priority" = ? WHERE "TQId"` + in
			_, err := r.exec(ctx, text, append([]any{priority}, args...)...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// queuesOf reads the queues of a group, the empty ones, too.
func (r *queueRemoval) queuesOf(ctx context.Context, group string) (map[int64]*taskQueue, error) {
	queues := map[int64]*taskQueue{}
	text := `SELECT t."TQId", t."OwnerGroup", t."Owner", t."VO", t."CPUTime", AVG(j."RealPriority") FROM ` + r.table(queueTable) +
		` AS t LEFT JOIN ` + r.table(queueJobTable) + ` AS j ON j."TQId" = t."TQId" WHERE t."OwnerGroup" = ?` +
		` GROUP BY t."TQId", t."OwnerGroup", t."Owner", t."VO", t."CPUTime"`
	err := r.query(ctx, text, []any{group}, func(rows *sql.Rows) error {
		var id int64
		var itsGroup, vo, cpuTime string
		var q taskQueue
		err := rows.Scan(&id, &itsGroup, &q.owner, &vo, &cpuTime, &q.priority)
		if itsGroup == group { // a live collation finds others, too
			q.alike = append(q.alike, q.owner, vo, cpuTime)
			queues[id] = &q
		}
		return err
	})
	return queues, err
}

// readRequirements completes what makes queues alike.
func (r *queueRemoval) readRequirements(ctx context.Context, queues map[int64]*taskQueue) error {
	ids := make([]JobID, 0, len(queues))
	for id := range queues {
		ids = append(ids, JobID(id))
	}
	for _, name := range r.others {
		if !strings.HasPrefix(name, requirements) || name == requirements+"Sites" || name == requirements+"BannedSites" {
			continue
		}
		err := r.eachIDBatch(ids, func(in string, args []any) error {
			text := `SELECT t."TQId", t."Value" FROM ` + r.table(name) + ` AS t WHERE t."TQId"` + in + ` ORDER BY t."TQId", t."Value"`
			return r.query(ctx, text, args, func(rows *sql.Rows) error {
				var id int64
				var value string
				err := rows.Scan(&id, &value)
				queues[id].alike = append(queues[id].alike, name, value)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
