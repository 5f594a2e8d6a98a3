package jobdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

var openEngine = map[string]func(context.Context, target, settings) (*engine, error){
	"sqlite": openSQLite, "mysql": openMySQL, "postgres": openPostgres,
}

// Open opens the database that url names: sqlite:PATH,
// mysql://user:password@host:port/name (also mariadb://, also several hosts
// separated by commas), postgres://…, or SQLAlchemy's form of these. It
// neither makes nor changes tables; see [DB.Migrate]. A database that can't be
// reached is [ErrUnavailable]. No error repeats the password.
func Open(ctx context.Context, url string, options Options) (*DB, error) {
	t, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	options = options.withDefaults()
	e, err := openEngine[t.engine](ctx, t, options.settings())
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db := &DB{engine: e, dialect: &e.dialect, options: options, logging: loggingInfo}
	db.access, db.history = access{db: db}, db
	if t.engine == "sqlite" {
		db.groups = newGroupCommit(e.writer)
	}
	schema, err := probeSchema(ctx, e.reader, db.dialect)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", db.typed(err)), e.close())
	}
	db.use(ctx, schema)
	if options.HistoryURL != "" && options.HistoryURL != url {
		if err := db.openHistory(ctx, t); err != nil {
			db.stopFolding()
			return nil, errors.Join(fmt.Errorf("open the history: %w", err), e.close())
		}
	}
	return db, nil
}

// use takes what was found out of the schema, and keeps its counts up until the DB is closed.
func (db *DB) use(ctx context.Context, s *schema) {
	db.stopFolding()
	db.schema = s
	db.counted.Store(s.counts && s.counted)
	if s.counts && !db.options.ReadOnly && db.options.FoldCounts > 0 {
		ctx, db.unfold = context.WithCancel(context.WithoutCancel(ctx))
		db.folding.Go(func() { db.keepCounts(ctx, db.options.FoldCounts) })
	}
}

func (db *DB) stopFolding() {
	if db.unfold != nil {
		db.unfold()
		db.folding.Wait()
	}
}

func (db *DB) openHistory(ctx context.Context, t target) error {
	options := db.options
	options.HistoryURL = ""
	history, err := Open(ctx, db.options.HistoryURL, options)
	if err != nil {
		return err
	}
	h, err := parseURL(db.options.HistoryURL)
	if err != nil {
		return errors.Join(err, history.Close())
	}
	db.history = history
	db.oneServer = t.engine == "mysql" && h.engine == "mysql" && t.user == h.user && slices.Equal(t.hosts, h.hosts)
	if db.oneServer {
		elsewhere := *loggingInfo
		elsewhere.database = h.name
		db.logging = &elsewhere
	}
	return nil
}

// Close waits for running statements and closes all connections.
func (db *DB) Close() error {
	db.stopFolding()
	if db.history != db {
		return errors.Join(db.history.Close(), db.engine.close())
	}
	return db.engine.close()
}
