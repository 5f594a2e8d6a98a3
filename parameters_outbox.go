package jobdb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"jobdb/internal/tables"
)

// ParametersChange is a change of one job's parameters that waits in the outbox.
type ParametersChange struct {
	ID    int64 // changes of one job were made in the order of their IDs
	JobID JobID
	VO    string
	Time  time.Time
	// Values are the parameters that were set, of the types that JSON gives, with numbers as
	// [json.Number]. Nil: all parameters of the job are gone, because it was rescheduled or deleted.
	Values map[string]any
}

// HasParametersOutbox reports whether changes of parameters are kept in the outbox: it was asked
// for by [Options.ParametersOutbox], and jobdb's own migrations made this database.
func (db *DB) HasParametersOutbox() bool { return db.options.ParametersOutbox && db.schema.Outbox }

var errNoOutbox = &SchemaError{
	Reason: "no outbox of parameters is kept; it needs Options.ParametersOutbox, and a database that jobdb's newest migrations made",
}

// The outbox is for programs that copy parameters to another store, such as DiracX's OpenSearch.
// Call WaitingJobs, then note the version of each job's copy, then call ParametersChanges, write
// the copies unless their versions have changed, and call RemoveParametersChanges. In this order
// several may do so at once.

// WaitingJobs returns the jobs whose changes wait longest in the outbox, each with its VO: at most
// limit of them, and fewer if their changes have more than maxBytes in all, but at least one.
func (db *DB) WaitingJobs(ctx context.Context, limit int, maxBytes int64) (map[JobID]string, error) {
	waiting := make(map[JobID]string)
	outbox := tables.ParametersOutbox.Quoted()
	text := `SELECT t."JobID", max(t."VO"), CAST(sum(length(t."Change")) AS ` + db.dialect.Integer + `) FROM ` + outbox +
		` AS t JOIN (SELECT DISTINCT o."JobID" FROM (SELECT "JobID" FROM ` + outbox + ` ORDER BY "ID" LIMIT ?) AS o) AS f` +
		` ON f."JobID" = t."JobID" GROUP BY t."JobID" ORDER BY min(t."ID")`
	columns := append(tables.ParametersOutbox.Pick("JobID", "VO"), tables.Column{Kind: tables.KindInteger})
	err := db.read(ctx, "look into the outbox of parameters", func(s *session) error {
		if !db.HasParametersOutbox() {
			return errNoOutbox
		}
		sum := int64(0)
		return s.query(ctx, text, []any{int64(limit)}, scanRows(columns, func(row []scanned) error {
			if sum += row[2].integer(); sum <= maxBytes || len(waiting) == 0 {
				waiting[row[0].id()] = row[1].text()
			}
			return nil
		}))
	})
	return waiting, err
}

// ParametersChanges returns the jobs' changes in the outbox, in the order in which they were made:
// the first ones, until they have more than maxBytes. all reports whether these are all. They need
// not be, because nothing bounds their number while they can't be delivered.
func (db *DB) ParametersChanges(ctx context.Context, ids []JobID, maxBytes int64) (changes map[JobID][]ParametersChange, all bool, err error) {
	t := tables.ParametersOutbox
	if !db.HasParametersOutbox() {
		return nil, false, errNoOutbox
	}
	changes = make(map[JobID][]ParametersChange)
	rest := ` ORDER BY t."ID"`
	if len(ids) == 1 { // drivers read all rows of a query, also when it is ended
		rest += " LIMIT " + itoa(changesOfOne)
	}
	rows, bytes := 0, int64(0)
	err = db.readRows(ctx, "read the outbox of parameters", t, t.Columns, ids, rest, func(row []scanned) error {
		if bytes > maxBytes {
			return errEnough
		}
		change := ParametersChange{ID: row[0].integer(), JobID: row[1].id(), VO: row[2].text(), Time: row[3].time()}
		if text := row[4].text(); text != "" {
			decoder := json.NewDecoder(strings.NewReader(text))
			decoder.UseNumber()
			if err := decoder.Decode(&change.Values); err != nil {
				return err
			}
			bytes += int64(len(text))
		}
		rows++
		changes[change.JobID] = append(changes[change.JobID], change)
		return nil
	})
	if errors.Is(err, errEnough) {
		return changes, false, nil
	}
	return changes, len(ids) != 1 || rows < changesOfOne, err
}

// changesOfOne is how many changes of a single job are read at once.
const changesOfOne = 64

var errEnough = errors.New("more than is wanted")

// RemoveParametersChanges takes changes out of the outbox, by their IDs.
func (db *DB) RemoveParametersChanges(ctx context.Context, ids []int64) error {
	numbers := make([]JobID, len(ids))
	for i, id := range ids {
		numbers[i] = JobID(id)
	}
	return db.write(ctx, "clear the outbox of parameters", func(s *session) error {
		if !db.HasParametersOutbox() {
			return errNoOutbox
		}
		return s.eachIDBatch(numbers, func(in string, args []any) error {
			_, err := s.exec(ctx, "DELETE FROM "+tables.ParametersOutbox.Quoted()+` WHERE "ID"`+in, args...)
			return err
		})
	})
}

// maxCountedChanges bounds what CountParametersChanges reads.
const maxCountedChanges = 100_000

// CountParametersChanges returns how many changes wait in the outbox. It counts to 100,000.
func (db *DB) CountParametersChanges(ctx context.Context) (int64, error) {
	n := int64(0)
	text := `SELECT count(*) FROM (SELECT "ID" FROM ` + tables.ParametersOutbox.Quoted() + ` LIMIT ?) AS o`
	err := db.read(ctx, "count the outbox of parameters", func(s *session) (err error) {
		if !db.HasParametersOutbox() {
			return errNoOutbox
		}
		n, err = s.count(ctx, statement{text, []any{int64(maxCountedChanges)}})
		return err
	})
	return n, err
}

// queueParameters puts changes of jobs' parameters into the outbox, if there is one. Nil values
// mean that all parameters are gone. Jobs that don't exist are left out. It locks the jobs, so that
// the changes of one get their IDs in the order in which they are committed.
func (s *session) queueParameters(ctx context.Context, ids []JobID, values map[JobID]map[string]any) error {
	if !s.db.HasParametersOutbox() || len(ids) == 0 {
		return nil
	}
	now := s.time(s.db.now())
	var rows [][]any
	err := s.readRows(ctx, tables.Jobs, tables.Jobs.Pick("JobID", "VO"), ids, ` ORDER BY t."JobID"`+s.db.dialect.Lock, func(row []scanned) error {
		id, text := row[0].id(), ""
		s.noteLocked(id)
		if values != nil {
			encoded, err := compactJSON(values[id])
			if err != nil {
				return err
			}
			text = encoded
		}
		rows = append(rows, []any{int64(id), row[1].value, now, text})
		return nil
	})
	if err != nil {
		return err
	}
	return s.insert(ctx, tables.ParametersOutbox, tables.ParametersOutbox.Pick("JobID", "VO", "ChangeTime", "Change"), rows, "")
}

// queueSet is queueParameters for parameters that are set. Without typed values they are texts.
func (s *session) queueSet(ctx context.Context, texts map[JobID]map[string]string, typed map[JobID]map[string]any) error {
	changed := map[JobID]map[string]any{}
	for id, named := range texts {
		if len(named) == 0 {
			continue
		}
		if changed[id] = typed[id]; typed == nil {
			changed[id] = make(map[string]any, len(named))
			for name, text := range named {
				changed[id][name] = text
			}
		}
	}
	return s.queueParameters(ctx, slices.Collect(maps.Keys(changed)), changed)
}

// QueueAllParameters puts all parameters of the table into the outbox, to be copied once more, and
// returns the number of their jobs. It is for parameters that were stored while there was no
// outbox. Numbers become texts, because the table doesn't tell them apart. Run it again if it
// fails.
func (db *DB) QueueAllParameters(ctx context.Context) (jobs int64, err error) {
	if !db.HasParametersOutbox() {
		return 0, errNoOutbox
	}
	t := tables.JobParameters
	text := `SELECT DISTINCT t."JobID" FROM ` + t.Quoted() + ` AS t WHERE t."JobID" > ? ORDER BY t."JobID" LIMIT ?`
	for last := JobID(0); ; {
		var ids []JobID
		err := db.write(ctx, "queue all parameters", func(s *session) error {
			ids = nil
			err := s.query(ctx, text, []any{int64(last), int64(queueBatch)}, scanRows(tables.JobIDColumn, func(row []scanned) error {
				ids = append(ids, row[0].id())
				return nil
			}))
			if err == nil && len(ids) > 0 {
				err = s.lock(ctx, ids) // nothing may be set between the read and the queue
			}
			if err != nil {
				return err
			}
			values, err := access{db: db, tx: s}.parameters(ctx, tables.JobParameters, ids, math.MaxInt) // it reads few jobs at a time
			if err != nil {
				return err
			}
			return s.queueSet(ctx, values, nil)
		})
		if err != nil || len(ids) == 0 {
			return jobs, err
		}
		jobs, last = jobs+int64(len(ids)), ids[len(ids)-1]
	}
}

// queueBatch is how many jobs QueueAllParameters takes in one transaction.
const queueBatch = 200

// compactJSON is the form in which parameters are stored that aren't texts.
func compactJSON(value any) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// SetJobParameterValues is [DB.SetJobParameters] for values of the types that JSON gives. A string
// is stored as it is, all else as compact JSON; the outbox keeps them as they are. What can't be
// JSON is a [ValueError].
func (a access) SetJobParameterValues(ctx context.Context, values map[JobID]map[string]any) error {
	texts := make(map[JobID]map[string]string, len(values))
	for _, id := range slices.Sorted(maps.Keys(values)) {
		texts[id] = make(map[string]string, len(values[id]))
		for name, value := range values[id] {
			text, ok := value.(string)
			if !ok {
				var err error
				if text, err = compactJSON(value); err != nil {
					return &ValueError{Job: id, Column: quoteShort(name), Reason: "is no JSON: " + err.Error()}
				}
			}
			texts[id][name] = text
		}
	}
	return a.setParameters(ctx, tables.JobParameters, texts, values)
}
