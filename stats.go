package jobdb

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"jobdb/internal/tables"
)

// Stats are numbers of a [DB] since it was opened, for monitoring. Getting them doesn't ask the
// database.
type Stats struct {
	Pools map[string]sql.DBStats // by name: read and write on SQLite, else all; history, where it is in another database

	// On SQLite small transactions share commits: how many commits there were, and of how many
	// transactions. Elsewhere both are 0.
	Commits, CommittedTransactions int64

	Retries map[string]int64 // by cause: lost against another transaction, interrupted by somebody else, broken trigger on the server
	LogSize int64            // of SQLite's write-ahead log, in bytes; elsewhere 0

	Folded   int64     // differences of counts that this DB has folded, see [DB.FoldCounts]
	FoldedAt time.Time // when it last left none behind, unless another server was at it; zero: never
}

// retries counts what was run again, by its cause.
type retries struct{ lost, interrupted, broken atomic.Int64 }

// Stats returns the numbers of this moment.
func (db *DB) Stats() Stats {
	stats := Stats{
		Pools:   db.poolStats(),
		Retries: map[string]int64{"lost": db.retries.lost.Load(), "interrupted": db.retries.interrupted.Load(), "broken": db.retries.broken.Load()},
		LogSize: db.engine.LogSize(), Folded: db.folded.Load(),
	}
	if at := db.foldedAt.Load(); at > 0 {
		stats.FoldedAt = time.UnixMicro(at).UTC()
	}
	if db.groups != nil {
		stats.Commits, stats.CommittedTransactions = db.groups.Commits()
	}
	return stats
}

func (db *DB) poolStats() map[string]sql.DBStats {
	pools := map[string]sql.DBStats{"all": db.engine.Reader.Stats()}
	if db.engine.Reader != db.engine.Writer {
		pools = map[string]sql.DBStats{"read": db.engine.Reader.Stats(), "write": db.engine.Writer.Stats()}
	}
	if db.history != db {
		pools["history"] = db.history.engine.Reader.Stats()
	}
	return pools
}

// Backlog is what waits in the database, for monitoring.
type Backlog struct {
	Commands   map[string]CommandBacklog // by their status, such as [CommandReceived]
	Heartbeats map[string]time.Time      // by VO: the oldest last sign of life of its Running jobs
	Unfolded   int64                     // differences that wait for [DB.FoldCounts]; at most [MaxUnfolded]
}

// CommandBacklog is the commands that have one status.
type CommandBacklog struct {
	Commands int64
	Oldest   time.Time // when the one that has waited longest was set
}

// MaxUnfolded is up to how many differences [DB.Backlog] counts.
const MaxUnfolded = 1_000_000

// Backlog reads all commands and all Running jobs. That takes a second or more where there are
// millions, so it isn't to be called often.
func (db *DB) Backlog(ctx context.Context) (Backlog, error) {
	b := Backlog{Commands: map[string]CommandBacklog{}, Heartbeats: map[string]time.Time{}}
	ctx, end := db.engine.Question(ctx)
	defer end()
	ctx, cancel := db.options.Limits.context(ctx)
	defer cancel()
	err := db.read(ctx, "look at the backlog", func(s *session) error {
		if err := b.readCommands(ctx, s); err != nil {
			return err
		}
		if err := b.readHeartbeats(ctx, s); err != nil || !db.schema.Counts {
			return err
		}
		var err error
		b.Unfolded, err = s.count(ctx, statement{
			`SELECT count(*) FROM (SELECT "ID" FROM "JobDifferences" LIMIT ?) AS d`, []any{int64(MaxUnfolded)},
		})
		return err
	})
	return b, err
}

var (
	statusColumn = tables.Column{Name: "Status", Kind: tables.KindText}
	oldestColumn = tables.Column{Name: "Oldest", Kind: tables.KindTime}
)

func (b Backlog) readCommands(ctx context.Context, s *session) error {
	text := `SELECT "Status", count(*), min("ReceptionTime") FROM "JobCommands" GROUP BY "Status"`
	columns := []tables.Column{statusColumn, countColumn, oldestColumn}
	return s.query(ctx, text, nil, scanRows(columns, func(row []scanned) error {
		b.Commands[row[0].text()] = CommandBacklog{row[1].integer(), row[2].time()}
		return nil
	}))
}

// readHeartbeats leaves out jobs that never sent a heartbeat.
func (b Backlog) readHeartbeats(ctx context.Context, s *session) error {
	text := `SELECT "VO", min("HeartBeatTime") FROM "Jobs" WHERE "Status" = ? AND "HeartBeatTime" IS NOT NULL GROUP BY "VO"`
	columns := []tables.Column{colVO.def(), oldestColumn}
	return s.query(ctx, text, []any{string(StatusRunning)}, scanRows(columns, func(row []scanned) error {
		b.Heartbeats[row[0].text()] = row[1].time()
		return nil
	}))
}
