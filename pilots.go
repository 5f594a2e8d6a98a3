package jobdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"jobdb/internal/engine"
)

// Pilots is the pilots' database of a DiracX or DIRAC installation, which knows which pilot ran
// which job. jobdb only reads it.
type Pilots struct{ db *DB }

// OpenPilots opens the pilots' database with a URL as in [Open]. The error is [ErrUnavailable] if
// the database can't be reached, and [ErrSchema] if the pilots' tables are missing or can't be
// read.
func OpenPilots(ctx context.Context, url string, options Options) (*Pilots, error) {
	t, err := engine.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options = options.withDefaults()
	options.ReadOnly = true
	e, err := openEngine(ctx, t, options)
	if err != nil {
		return nil, fmt.Errorf("open the pilots' database: %w", err)
	}
	p := &Pilots{&DB{engine: e, dialect: &e.Dialect, options: options}}
	if _, err := p.JobsOf(ctx, []string{"-"}); err != nil {
		_ = e.Close() // the first error is the one to return
		if !errors.Is(err, ErrUnavailable) {
			err = fmt.Errorf("%w (%w)", &SchemaError{Reason: "it needs the tables PilotAgents and JobToPilotMapping, and leave to read them"}, err)
		}
		return nil, fmt.Errorf("open the pilots' database: %w", err)
	}
	return p, nil
}

// Close closes all connections.
func (p *Pilots) Close() error { return p.db.engine.Close() }

// stampBatch is the number of stamps in one statement: below every engine's limit.
const stampBatch = 500

// JobsOf returns the jobs of any VO that pilots with these stamps ran, in ascending order, each
// once. Stamps compare byte by byte; those that no pilot has are ignored.
func (p *Pilots) JobsOf(ctx context.Context, stamps []string) ([]JobID, error) {
	s := &session{db: p.db, q: p.db.engine.Reader}
	// Pilots' stamps are ASCII; the character set of a live column may refuse to compare with
	// others.
	stamps = slices.DeleteFunc(slices.Clone(stamps), func(stamp string) bool {
		return strings.ContainsFunc(stamp, func(c rune) bool { return c > unicode.MaxASCII || c == 0 })
	})
	var ids []JobID
	for some := range slices.Chunk(stamps, stampBatch) {
		args := make([]any, len(some))
		for i, stamp := range some {
			args[i] = stamp
		}
		text := `SELECT p."PilotStamp", m."JobID" FROM "PilotAgents" AS p JOIN "JobToPilotMapping" AS m ON m."PilotID" = p."PilotID"` +
			` WHERE p."PilotStamp" IN (?` + strings.Repeat(", ?", len(some)-1) + `)`
		err := s.query(ctx, text, args, func(rows *sql.Rows) error {
			var stamp string
			var id JobID
			err := rows.Scan(&stamp, &id)
			if slices.Contains(some, stamp) { // a live collation finds others, too
				ids = append(ids, id)
			}
			return err
		})
		if err != nil {
			return nil, p.db.wrapError("look for the jobs of pilots", err)
		}
	}
	return sorted(ids), nil
}
