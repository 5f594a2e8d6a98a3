package jobdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
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

// pilotsBatch is the number of stamps or jobs in one statement: below every engine's limit.
const pilotsBatch = 500

// endedPilots are the statuses of pilots that DIRAC calls final.
var endedPilots = []string{"Done", "Failed", "Aborted", "Deleted"}

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
	for some := range slices.Chunk(stamps, pilotsBatch) {
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

// Ended returns those of the jobs that had pilots, all of which have ended: they are Done, Failed,
// Aborted or Deleted. The jobs are in ascending order, each once.
func (p *Pilots) Ended(ctx context.Context, ids []JobID) ([]JobID, error) {
	s := &session{db: p.db, q: p.db.engine.Reader}
	ended := map[JobID]bool{}
	for some := range slices.Chunk(ids, pilotsBatch) {
		args := make([]any, len(some))
		for i, id := range some {
			args[i] = int64(id)
		}
		text := `SELECT m."JobID", p."Status" FROM "JobToPilotMapping" AS m JOIN "PilotAgents" AS p ON p."PilotID" = m."PilotID"` +
			` WHERE m."JobID" IN (?` + strings.Repeat(", ?", len(some)-1) + `)`
		err := s.query(ctx, text, args, func(rows *sql.Rows) error {
			var id JobID
			var status string
			err := rows.Scan(&id, &status)
			before, given := ended[id]
			ended[id] = (before || !given) && slices.Contains(endedPilots, status)
			return err
		})
		if err != nil {
			return nil, p.db.wrapError("ask which pilots of jobs have ended", err)
		}
	}
	maps.DeleteFunc(ended, func(_ JobID, all bool) bool { return !all })
	return slices.Sorted(maps.Keys(ended)), nil
}
