package jobdb

import (
	"context"
	"errors"
	"fmt"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// Open opens the database that url names: sqlite:PATH,
// mysql://user:password@host:port/name (also mariadb://, also several hosts
// separated by commas), postgres://…, or SQLAlchemy's form of these. It
// neither makes nor changes tables; see [DB.Migrate]. A database that can't be
// reached is [ErrUnavailable]. No error repeats the password.
func Open(ctx context.Context, url string, options Options) (*DB, error) {
	t, err := engine.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options = options.withDefaults()
	e, err := engine.Open(ctx, t, options.settings())
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db := &DB{engine: e, dialect: &e.Dialect, options: options, groups: e.Groups, logging: tables.LoggingInfo}
	db.access, db.history = access{db: db}, db
	var facts *schema.Facts
	if err = e.Recognize(ctx); err == nil {
		facts, err = schema.Probe(ctx, e.Reader, db.dialect)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", db.publicError(err)), e.Close())
	}
	db.useSchema(ctx, facts)
	if options.HistoryURL != "" && options.HistoryURL != url {
		if err := db.openHistory(ctx, t); err != nil {
			db.stopFolding()
			return nil, errors.Join(fmt.Errorf("open the history: %w", err), e.Close())
		}
	}
	return db, nil
}

// useSchema takes what was found out of the schema, and keeps its counts up until the DB is closed.
func (db *DB) useSchema(ctx context.Context, s *schema.Facts) {
	db.stopFolding()
	db.schema = s
	db.counted.Store(s.Counts && s.Counted)
	if s.Counts && !db.options.ReadOnly && db.options.FoldInterval > 0 {
		ctx, db.cancelFolding = context.WithCancel(context.WithoutCancel(ctx))
		db.folding.Go(func() { db.foldLoop(ctx, db.options.FoldInterval) })
	}
}

func (db *DB) stopFolding() {
	if db.cancelFolding != nil {
		db.cancelFolding()
		db.folding.Wait()
	}
}

func (db *DB) openHistory(ctx context.Context, t engine.Target) error {
	options := db.options
	options.HistoryURL = ""
	history, err := Open(ctx, db.options.HistoryURL, options)
	if err != nil {
		return err
	}
	h, err := engine.ParseURL(db.options.HistoryURL)
	if err != nil {
		return errors.Join(err, history.Close())
	}
	db.history = history
	db.sameServer = engine.SameServer(t, h)
	if db.sameServer {
		elsewhere := *tables.LoggingInfo
		elsewhere.Database = h.Name
		db.logging = &elsewhere
	}
	return nil
}

// Close waits for running statements and closes all connections.
func (db *DB) Close() error {
	db.stopFolding()
	if db.history != db {
		return errors.Join(db.history.Close(), db.engine.Close())
	}
	return db.engine.Close()
}
