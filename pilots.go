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

// Pilots is the pilots' database of a DiracX or DIRAC installation, which
// knows which pilot ran which job. It is only read.
type Pilots struct{ db *DB }

// OpenPilots opens the pilots' database that url names, see [Open]. One that
// can't be reached is [ErrUnavailable], one without the pilots' tables [ErrSchema].
func OpenPilots(ctx context.Context, url string, options Options) (*Pilots, error) {
	t, err := engine.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options = options.withDefaults()
	options.ReadOnly = true
	e, err := engine.Open(ctx, t, options.settings())
	if err != nil {
		return nil, fmt.Errorf("open the pilots' database: %w", err)
	}
	p := &Pilots{&DB{engine: e, dialect: &e.Dialect, options: options}}
	if _, err := p.JobsOf(ctx, []string{"-"}); err != nil {
		_ = e.Close() // what went wrong first is told
		if !errors.Is(err, ErrUnavailable) {
			err = fmt.Errorf("%w (%w)", &SchemaError{Reason: "it needs the tables PilotAgents and JobToPilotMapping, and leave to read them"}, err)
		}
		return nil, fmt.Errorf("open the pilots' database: %w", err)
	}
	return p, nil
}

// Close closes all connections.
func (p *Pilots) Close() error { return p.db.engine.Close() }

// stampBatch is how many stamps one statement takes: below every engine's limit.
const stampBatch = 500

// JobsOf returns the jobs that pilots with these stamps ran, of any VO,
// ascending and each once. Stamps compare byte by byte.
func (p *Pilots) JobsOf(ctx context.Context, stamps []string) ([]JobID, error) {
	s := &session{db: p.db, q: p.db.engine.Reader}
	// All stamps are ASCII; a live column may not even compare with another text.
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
			if slices.Contains(some, stamp) { // a live collation finds more
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
