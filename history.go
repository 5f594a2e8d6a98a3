package jobdb

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// historyEpoch is the Unix time, in seconds, from which DIRAC counts StatusTimeOrder.
const historyEpoch = 1270000000

// timeOrder is the StatusTimeOrder of a time: seconds since the epoch, to three decimals.
func timeOrder(t time.Time) float64 {
	seconds := float64(t.UnixMicro())/1e6 - historyEpoch
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(seconds, 'f', 3, 64), 64) // can't fail on what was formatted
	return rounded
}

func timeOfOrder(order float64) time.Time {
	return time.UnixMilli(historyEpoch*1000 + int64(math.Round(order*1000))).UTC()
}

// InsertHistory adds records to the jobs' histories, in the order given. It numbers each job's
// records from 1 without gaps, even when several calls write at once. A job keeps [MaxHistory]
// records, on live databases all. A record without a time, or with a value that LoggingInfo can't
// hold, is a [ValueError]; then nothing is written. A database without that table is a
// [SchemaError], here and in the other methods for history.
func (a access) InsertHistory(ctx context.Context, records []HistoryRecord) error {
	ids := make([]JobID, len(records))
	for i, r := range records {
		ids[i] = r.JobID
		if err := r.check(); err != nil {
			return err
		}
	}
	some := a.db.history.jobToTrim(ids)
	if done, err := a.insertRecordsAutocommit(ctx, records); done || err != nil {
		if len(some) > 0 && err == nil {
			a.trimAfterwards(ctx, some)
		}
		return err
	}
	return a.writeHistory(ctx, "insert history", func(s *session) error {
		if s.db.schema.Jobs { // so that writers of one job's history wait for each other
			if err := s.lock(ctx, ids); err != nil {
				return err
			}
		}
		insert := func() error { return s.insertRecords(ctx, ids, records) }
		if !s.numbersAlone(ids) {
			insertOnce := insert
			insert = func() error { return s.retryNumbering(ctx, insertOnce) }
		}
		if err := insert(); err != nil {
			return err
		}
		return s.trimHistory(ctx, some)
	})
}

// insertRecordsAutocommit adds records by a single statement, which finds the jobs' last numbers
// itself. Where that isn't possible it writes nothing and done is false. In our own schema the
// statement locks the jobs that exist, in the order in which everybody locks jobs. Elsewhere jobs
// aren't locked: if another writer took a number first nothing is written, and the caller tries
// again in a transaction.
func (a access) insertRecordsAutocommit(ctx context.Context, records []HistoryRecord) (done bool, err error) {
	if !a.canAutocommit() || !a.db.schema.Jobs || !a.db.history.schema.History || a.db.HistoryElsewhere() {
		return false, nil
	}
	columns, rows := tables.LoggingInfo.Columns, a.db.recordRows(records, map[JobID]int64{})
	if n := batchSize(rows); n == 0 || n < len(rows) {
		return false, nil
	}
	slices.SortStableFunc(rows, func(x, y []any) int { return cmp.Compare(x[0].(int64), y[0].(int64)) }) //nolint:forcetypeassert // a JobID
	s := &session{db: a.db}
	if err := s.checkLimits(tables.LoggingInfo, columns, rows); err != nil {
		return false, err
	}
	logging, lock := a.db.logging.Quoted(), a.db.dialect.Lock
	source, args := a.db.dialect.Batch(columns, rows)
	last := `(SELECT l."SeqNum" FROM ` + logging + ` AS l WHERE l."JobID" = s.c0 ORDER BY l."JobID" DESC, l."SeqNum" DESC LIMIT 1` + lock + `)`
	values := s.values(tables.LoggingInfo, columns)
	values[1] += " + COALESCE(" + last + ", 0)"
	if a.db.schema.Kind == schema.KindOurs {
		// A subquery, because MariaDB drops a JOIN whose columns aren't selected, and MySQL can't
		// lock rows of a JSON_TABLE.
		values[0] = `COALESCE((SELECT t."JobID" FROM "Jobs" AS t WHERE t."JobID" = s.c0` + lock + `), s.c0)`
	}
	n, err := a.writeAutocommit(ctx, "insert history", "INSERT INTO "+logging+" ("+tables.QuotedNames("", columns)+") SELECT "+
		strings.Join(values, ", ")+" FROM "+source, args...)
	return n > 0, err
}

func (r HistoryRecord) check() error {
	refuse := func(column, reason string) error {
		return &ValueError{Job: r.JobID, Column: column, Reason: reason}
	}
	columns := tables.LoggingInfo.Pick("Status", "MinorStatus", "ApplicationStatus", "StatusSource")
	for i, text := range []string{string(r.Status), r.MinorStatus, r.ApplicationStatus, r.Source} {
		if err := checkLength(columns[i], text); err != nil {
			return refuse(columns[i].Name, err.Error())
		}
	}
	if r.Time.IsZero() {
		return refuse("StatusTime", "must be given")
	}
	if _, err := toTime(r.Time); err != nil {
		return refuse("StatusTime", err.Error())
	}
	if math.Abs(timeOrder(r.Time)) >= 1e9 {
		return refuse("StatusTime", r.Time.UTC().Format(time.DateOnly)+" is outside 1978-08 to 2041-12, which StatusTimeOrder holds")
	}
	return nil
}

// insertRecords inserts records with the numbers that follow each job's last.
func (s *session) insertRecords(ctx context.Context, ids []JobID, records []HistoryRecord) error {
	last, err := s.lastSequenceNumbers(ctx, ids)
	if err != nil {
		return err
	}
	return s.insert(ctx, s.db.logging, tables.LoggingInfo.Columns, s.db.recordRows(records, last), "")
}

// recordRows are the rows of LoggingInfo for records, numbered on from each job's last number; it
// updates last.
func (db *DB) recordRows(records []HistoryRecord, last map[JobID]int64) [][]any {
	rows := make([][]any, len(records))
	for i, r := range records {
		last[r.JobID]++
		rows[i] = []any{
			int64(r.JobID), last[r.JobID], string(r.Status), r.MinorStatus, r.ApplicationStatus,
			r.Time.UTC().Truncate(db.history.schema.Tick()), timeOrder(r.Time.Truncate(time.Microsecond)), r.Source,
		}
	}
	return rows
}

// numbersAlone reports whether no other transaction can number records of these jobs until this one
// ends: SQLite has one writer at a time, and whoever writes to our own schema locks the job first.
// DiracX and DIRAC don't, and a separate database of the history has no job to lock.
func (s *session) numbersAlone(ids []JobID) bool {
	return s.db.dialect.Lock == "" || s.db.schema.Kind == schema.KindOurs && s.db.history == s.db && s.hasLocked(ids)
}

// retryNumbering repeats an insert as long as another transaction took one of its numbers first, at
// most 100 times.
func (s *session) retryNumbering(ctx context.Context, insert func() error) error {
	for try := 1; ; try++ {
		if _, err := s.exec(ctx, "SAVEPOINT numbers"); err != nil {
			return err
		}
		err := insert()
		if s.db.classOf(err) != engine.ClassDuplicate || try == 100 {
			return err
		}
		s.failed = nil
		if _, err := s.exec(ctx, "ROLLBACK TO SAVEPOINT numbers"); err != nil {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(try) * time.Millisecond)): //nolint:gosec // jitter
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lastSequenceNumbers returns the last number in each job's history, 0 if there is none. It reads
// one entry at the end of the table's key, however many records there are; sorted by SeqNum alone,
// MySQL would read them all. Where no other transaction can number records it keeps the result for
// the next call.
func (s *session) lastSequenceNumbers(ctx context.Context, ids []JobID) (map[JobID]int64, error) {
	isUnknown := func(id JobID) bool { _, known := s.lastNumbers[id]; return !known }
	if len(ids) > 0 && !slices.ContainsFunc(ids, isUnknown) {
		return s.lastNumbers, nil
	}
	last := make(map[JobID]int64, len(ids))
	rows := make([][]any, 0, len(ids))
	for _, id := range sorted(ids) {
		rows = append(rows, []any{int64(id)})
	}
	columns := tables.LoggingInfo.Pick("JobID", "SeqNum")
	err := s.eachBatch(columns[:1], rows, func(source string, args []any) error {
		text := `SELECT s.c0, COALESCE((SELECT t."SeqNum" FROM ` + s.db.logging.Quoted() +
			` AS t WHERE t."JobID" = s.c0 ORDER BY t."JobID" DESC, t."SeqNum" DESC LIMIT 1), 0) FROM ` + source
		return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
			last[row[0].id()] = row[1].integer()
			return nil
		}))
	})
	if err == nil && s.inTx && s.numbersAlone(ids) {
		s.lastNumbers = last
	}
	return last, err
}

// historyAccess returns the access to the database that has the history. Within a transaction that
// can't reach it, this is a second transaction.
func (a access) historyAccess(ctx context.Context) (access, error) {
	h := a.db.history
	switch {
	case !h.schema.History:
		return a, errNoHistory
	case h == a.db, a.db.sameServer:
		return a, nil
	case a.tx == nil:
		return h.access, nil
	}
	s, err := a.tx.beginHistoryTx(ctx)
	return access{db: h, tx: s}, err
}

// HistoryElsewhere reports whether the history is in another database, so that one transaction
// can't reach both it and the jobs. A change of both is then two transactions. The one of the
// history commits first, and may be kept although the other one fails.
func (db *DB) HistoryElsewhere() bool { return db.history != db && !db.sameServer }

func (a access) writeHistory(ctx context.Context, what string, fn func(*session) error) error {
	a, err := a.historyAccess(ctx)
	if err != nil {
		return err
	}
	return a.write(ctx, what, fn)
}

var errNoHistory = &SchemaError{Reason: "the table LoggingInfo is not in this database; give the URL of the one that has it (--history-db)"}

// History returns each job's records in the order of their times; jobs without history are left
// out. In place of [Idem] a record has the value of the one before it; an application status that
// was never given is Unknown.
func (a access) History(ctx context.Context, ids []JobID) (map[JobID][]HistoryRecord, error) {
	history := make(map[JobID][]HistoryRecord)
	a, err := a.historyAccess(ctx)
	if err != nil {
		return history, err
	}
	order := ` ORDER BY t."JobID", t."StatusTimeOrder", t."StatusTime", t."SeqNum"`
	err = a.readRows(ctx, "read history", a.db.logging, historyColumns, ids, order, addHistory(history))
	return history, err
}

var historyColumns = tables.LoggingInfo.Pick("JobID", "Status", "MinorStatus", "ApplicationStatus", "StatusTime", "StatusSource")

// addHistory returns a function that adds a row of historyColumns. It must be called in the order
// of the rows' times.
func addHistory(history map[JobID][]HistoryRecord) func(row []scanned) error {
	return func(row []scanned) error {
		r := HistoryRecord{
			JobID: row[0].id(), Status: Status(row[1].text()), MinorStatus: row[2].text(), ApplicationStatus: row[3].text(),
			Time: row[4].time(), Source: row[5].text(),
		}
		before := HistoryRecord{Status: Idem, MinorStatus: Idem, ApplicationStatus: "Unknown"}
		if records := history[r.JobID]; len(records) > 0 {
			before = records[len(records)-1]
		}
		history[r.JobID] = append(history[r.JobID], r.after(before))
		return nil
	}
}

// after fills in what r leaves as it was before.
func (r HistoryRecord) after(before HistoryRecord) HistoryRecord {
	if r.Status == Idem {
		r.Status = before.Status
	}
	if r.MinorStatus == Idem {
		r.MinorStatus = before.MinorStatus
	}
	if r.ApplicationStatus == Idem {
		r.ApplicationStatus = before.ApplicationStatus
	}
	return r
}

// DeleteHistory deletes the jobs' histories and leaves the jobs as they are.
func (a access) DeleteHistory(ctx context.Context, ids []JobID) error {
	return a.writeHistory(ctx, "delete history", func(s *session) error {
		_, err := s.removeRows(ctx, s.db.logging, ids)
		return err
	})
}

// StatusTimes returns, for each job and each status in its history, the latest time at which the
// job entered it, to the millisecond. Jobs without history are left out.
func (a access) StatusTimes(ctx context.Context, ids []JobID) (map[JobID]map[Status]time.Time, error) {
	times := make(map[JobID]map[Status]time.Time)
	a, err := a.historyAccess(ctx)
	if err != nil {
		return times, err
	}
	err = a.read(ctx, "read status times", func(s *session) error {
		return s.eachIDBatch(ids, func(in string, args []any) error {
			return s.statusTimes(ctx, " FROM "+s.db.logging.Quoted()+` AS t WHERE t."JobID"`+in, args, times)
		})
	})
	return times, err
}

// statusTimes adds the latest time of each status in the records that the clause from finds.
func (s *session) statusTimes(ctx context.Context, from string, args []any, times map[JobID]map[Status]time.Time) error {
	columns := tables.LoggingInfo.Pick("JobID", "Status", "StatusTimeOrder")
	status := s.byteExact(tables.LoggingInfo, "Status")
	text := `SELECT t."JobID", ` + status + `, MAX(t."StatusTimeOrder")` + from + ` GROUP BY t."JobID", ` + status
	return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
		id := row[0].id()
		if times[id] == nil {
			times[id] = map[Status]time.Time{}
		}
		times[id][Status(row[1].text())] = timeOfOrder(row[2].float())
		return nil
	}))
}
