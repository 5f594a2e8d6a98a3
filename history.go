package jobdb

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// historyEpoch is the Unix time that StatusTimeOrder counts from, in seconds.
const historyEpoch = 1270000000

// timeOrder is StatusTimeOrder: seconds since the history's epoch, to three places.
func timeOrder(t time.Time) float64 {
	seconds := float64(t.UnixMicro())/1e6 - historyEpoch
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(seconds, 'f', 3, 64), 64) // can't fail on what was formatted
	return rounded
}

func timeOfOrder(order float64) time.Time {
	return time.UnixMilli(historyEpoch*1000 + int64(math.Round(order*1000))).UTC()
}

// InsertHistory adds changes of status to the jobs' histories, in the order
// given. Each job's records are numbered from 1 without a gap, whatever
// writes at once. A record's time must be given.
func (a access) InsertHistory(ctx context.Context, records []HistoryRecord) error {
	columns := tables.LoggingInfo.Columns
	ids := make([]JobID, len(records))
	for i, r := range records {
		ids[i] = r.JobID
		if err := r.check(); err != nil {
			return err
		}
	}
	return a.writeHistory(ctx, "insert history", func(s *session) error {
		// Who changes a job's status holds its row; where only history is
		// written, this is what puts the writers in a row.
		if s.db.schema.Jobs {
			if err := s.lock(ctx, ids); err != nil {
				return err
			}
		}
		alone := s.db.dialect.Lock == "" || s.db.schema.Kind == schema.KindOurs && s.db.history == s.db && s.hasLocked(ids)
		return s.retryNumbering(ctx, alone, func() error {
			last, err := s.lastSequenceNumbers(ctx, ids)
			if err != nil {
				return err
			}
			rows := make([][]any, len(records))
			for i, r := range records {
				last[r.JobID]++
				at := r.Time.UTC().Truncate(s.db.history.schema.Tick())
				rows[i] = []any{
					int64(r.JobID), last[r.JobID], r.Status, r.MinorStatus, r.ApplicationStatus,
					at, timeOrder(r.Time.Truncate(time.Microsecond)), r.Source,
				}
			}
			return s.insert(ctx, s.db.logging, columns, rows, "")
		})
	})
}

func (r HistoryRecord) check() error {
	for i, text := range []string{2: r.Status, r.MinorStatus, r.ApplicationStatus, 7: r.Source} {
		if err := checkLength(tables.LoggingInfo.Columns[i], text); err != nil && i > 1 {
			return &ValueError{Job: r.JobID, Column: tables.LoggingInfo.Columns[i].Name, Reason: err.Error()}
		}
	}
	if r.Time.IsZero() {
		return &ValueError{Job: r.JobID, Column: "StatusTime", Reason: "must be given"}
	}
	if _, err := toStored(tables.LoggingInfo.Columns[5], r.Time); err != nil {
		return &ValueError{Job: r.JobID, Column: "StatusTime", Reason: err.Error()}
	}
	if math.Abs(timeOrder(r.Time)) >= 1e9 {
		return &ValueError{Job: r.JobID, Column: "StatusTime", Reason: r.Time.UTC().Format(time.DateOnly) + " is outside 1978-08 to 2041-12, which StatusTimeOrder holds"}
	}
	return nil
}

// retryNumbering repeats an insert whose numbers another writer took first:
// one that holds no lock on the job's row, because there is none or because it is the reference. Who is alone takes them at once.
func (s *session) retryNumbering(ctx context.Context, alone bool, insert func() error) error {
	if alone {
		return insert()
	}
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
			return context.Cause(ctx)
		}
	}
}

func (s *session) lastSequenceNumbers(ctx context.Context, ids []JobID) (map[JobID]int64, error) {
	last := make(map[JobID]int64, len(ids))
	columns := tables.LoggingInfo.Pick("JobID", "SeqNum")
	err := s.eachIDBatch(ids, func(in string, args []any) error {
		text := `SELECT t."JobID", MAX(t."SeqNum") FROM ` + s.db.logging.Quoted() + ` AS t WHERE t."JobID"` + in + ` GROUP BY t."JobID"`
		return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
			last[row[0].id()] = row[1].integer()
			return nil
		}))
	})
	return last, err
}

// historyAccess is the access layer of the database that has the history. In a
// transaction it is a second one beside it, unless both are one database or on one server.
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

// HistoryElsewhere reports whether a transaction on history is one beside
// that on jobs, which commits first and may so be kept alone.
func (db *DB) HistoryElsewhere() bool { return db.history != db && !db.sameServer }

func (a access) writeHistory(ctx context.Context, what string, fn func(*session) error) error {
	a, err := a.historyAccess(ctx)
	if err != nil {
		return err
	}
	return a.write(ctx, what, fn)
}

func (a access) readHistory(ctx context.Context, what string, columns []tables.Column, ids []JobID, rest string, each func([]scanned) error) error {
	a, err := a.historyAccess(ctx)
	if err != nil {
		return err
	}
	return a.readRows(ctx, what, a.db.logging, columns, ids, rest, each)
}

var errNoHistory = &SchemaError{Reason: "the table LoggingInfo is not in this database; give the URL of the one that has it (--history-db)"}

// History returns the jobs' changes of status in the order of their times. Where
// a record says [Idem], the value before it holds; an application status
// that never was anything else is Unknown.
func (a access) History(ctx context.Context, ids []JobID) (map[JobID][]HistoryRecord, error) {
	history := make(map[JobID][]HistoryRecord)
	columns := tables.LoggingInfo.Pick("JobID", "Status", "MinorStatus", "ApplicationStatus", "StatusTime", "StatusSource")
	order := ` ORDER BY t."JobID", t."StatusTimeOrder", t."StatusTime", t."SeqNum"`
	err := a.readHistory(ctx, "read history", columns, ids, order, func(row []scanned) error {
		r := HistoryRecord{
			JobID: row[0].id(), Status: row[1].text(), MinorStatus: row[2].text(), ApplicationStatus: row[3].text(),
			Time: row[4].time(), Source: row[5].text(),
		}
		before := HistoryRecord{Status: Idem, MinorStatus: Idem, ApplicationStatus: "Unknown"}
		if records := history[r.JobID]; len(records) > 0 {
			before = records[len(records)-1]
		}
		history[r.JobID] = append(history[r.JobID], r.after(before))
		return nil
	})
	return history, err
}

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

// DeleteHistory deletes the jobs' histories and nothing else of them.
func (a access) DeleteHistory(ctx context.Context, ids []JobID) error {
	return a.writeHistory(ctx, "delete history", func(s *session) error {
		_, err := s.removeRows(ctx, s.db.logging, ids)
		return err
	})
}

// StatusTimes returns for each job the latest time at which it entered each
// status, to the millisecond; jobs without history are left out.
func (a access) StatusTimes(ctx context.Context, ids []JobID) (map[JobID]map[string]time.Time, error) {
	times := make(map[JobID]map[string]time.Time)
	columns := tables.LoggingInfo.Pick("JobID", "Status", "StatusTimeOrder")
	a, err := a.historyAccess(ctx)
	if err != nil {
		return times, err
	}
	err = a.read("read status times", func(s *session) error {
		status := s.byteExact(tables.LoggingInfo, "Status")
		return s.eachIDBatch(ids, func(in string, args []any) error {
			text := `SELECT t."JobID", ` + status + `, MAX(t."StatusTimeOrder") FROM ` + s.db.logging.Quoted() + ` AS t WHERE t."JobID"` + in +
				` GROUP BY t."JobID", ` + status
			return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
				id := row[0].id()
				if times[id] == nil {
					times[id] = map[string]time.Time{}
				}
				times[id][row[1].text()] = timeOfOrder(row[2].float())
				return nil
			}))
		})
	})
	return times, err
}
