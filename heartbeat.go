package jobdb

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"jobdb/internal/schema"
	"jobdb/internal/tables"
)

// AddHeartbeatData stores values that jobs report, by name, under the present time. A second value
// in the smallest unit of time that the database keeps replaces the first. Of each value a job keeps
// the last [MaxHeartbeats]; on live databases all. The column HeartBeatTime of Jobs stays as it is. A
// name not in [HeartbeatFields] is a [QueryError], a value that is too long a [ValueError], a job that
// doesn't exist a [NotFoundError]; then nothing is stored.
func (a access) AddHeartbeatData(ctx context.Context, data map[JobID]map[string]string) error {
	ids := slices.Sorted(maps.Keys(data))
	var rows [][]any
	for _, id := range ids {
		for _, name := range slices.Sorted(maps.Keys(data[id])) {
			if err := checkHeartbeat(id, name, data[id][name]); err != nil {
				return err
			}
			rows = append(rows, []any{int64(id), name, data[id][name], nil})
		}
	}
	t := tables.HeartBeatLoggingInfo
	err := a.write(ctx, "add heartbeat data", func(s *session) error {
		now := s.time(s.db.now())
		for _, row := range rows {
			row[3] = now
		}
		if err := s.insert(ctx, t, t.Columns, rows, s.db.dialect.Upsert(t.Key, []string{"Value"})); err != nil {
			return err
		}
		return s.trimHeartbeats(ctx, a.db.someOf(ids))
	})
	return a.explainRefusal(ctx, err, "heartbeat", tables.Jobs, ids)
}

// MaxHeartbeats is how many of the last values of a name a job keeps: those of six weeks, with a
// heartbeat every half an hour.
const MaxHeartbeats = 2000

// What a job has too many of is looked for once in so many writes about it alone. So it may have some
// more.
const trimEvery = 64

// maxTrimmed is how many rows of a kind are deleted at once. What was written before there were
// bounds goes little by little, so that nobody waits for it.
const maxTrimmed = 5000

// someOf picks the job that a write is about, once in trimEvery times that it is among the IDs. A write about several looks for
// nothing: it takes as many statements as one about few. In a database that isn't ours rows go only when
// its operator says so.
func (db *DB) someOf(ids []JobID) (some []JobID) {
	several := slices.ContainsFunc(ids, func(id JobID) bool { return id != ids[0] })
	if len(ids) == 0 || several || db.schema.Kind != schema.KindOurs || rand.IntN(trimEvery) >= len(ids) { //nolint:gosec // nothing secret
		return nil
	}
	return ids[:1]
}

// trimHeartbeats deletes the oldest values of jobs that have more than they may.
func (s *session) trimHeartbeats(ctx context.Context, ids []JobID) error {
	t := tables.HeartBeatLoggingInfo
	columns := append(t.Pick("JobID", "Name"), tables.Column{Name: "count", Kind: tables.KindInteger})
	var excess [][]any // of each job and name: the two, and how many there are too many
	err := s.eachIDBatch(ids, func(in string, args []any) error {
		text := `SELECT t."JobID", t."Name", COUNT(*) FROM ` + t.Quoted() + ` AS t WHERE t."JobID"` + in +
			` GROUP BY t."JobID", t."Name" HAVING COUNT(*) > ` + itoa(MaxHeartbeats)
		return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
			excess = append(excess, []any{int64(row[0].id()), row[1].text(), row[2].integer() - MaxHeartbeats})
			return nil
		}))
	})
	for _, e := range excess {
		if err != nil {
			return err
		}
		of := ` FROM ` + t.Quoted() + ` WHERE "JobID" = ? AND "Name" = ?`
		newest := `(SELECT o."HeartBeatTime" FROM (SELECT "HeartBeatTime"` + of + ` ORDER BY "HeartBeatTime" LIMIT 1 OFFSET ?) AS o)`
		_, err = s.exec(ctx, "DELETE"+of+` AND "HeartBeatTime" <= `+newest, e[0], e[1], e[0], e[1], min(e[2].(int64), maxTrimmed)-1) //nolint:forcetypeassert // as above
	}
	return err
}

func checkHeartbeat(id JobID, name, value string) error {
	if !slices.Contains(HeartbeatFields, name) {
		return &QueryError{Field: quoteShort(name), Reason: "no such heartbeat field; the fields are " + strings.Join(HeartbeatFields, ", ")}
	}
	if err := checkLength(tables.HeartBeatLoggingInfo.Columns[2], value); err != nil {
		return &ValueError{Job: id, Column: name, Reason: err.Error()}
	}
	return nil
}

// Heartbeats returns what each of the jobs reported at its last times, or at all times if last is
// 0: the latest time first, and by name within one time. Of one job alone the last so many of each
// name are read, and no others.
func (a access) Heartbeats(ctx context.Context, ids []JobID, last int) (map[JobID][]Heartbeat, error) {
	beats := make(map[JobID][]Heartbeat)
	columns := tables.HeartBeatLoggingInfo.Columns
	err := a.read(ctx, "read heartbeats", func(s *session) error {
		if ids := sorted(ids); last > 0 && len(ids) == 1 {
			if some, all, err := s.lastHeartbeats(ctx, ids[0], last); all || err != nil {
				if len(some) > 0 {
					beats[ids[0]] = some
				}
				return err
			}
		}
		return s.eachIDBatch(ids, func(in string, args []any) error {
			text := selectRows(tables.HeartBeatLoggingInfo, columns, in)
			if last > 0 {
				ranked := strings.Replace(text, " FROM ", `, DENSE_RANK() OVER (PARTITION BY t."JobID" ORDER BY t."HeartBeatTime" DESC) AS n FROM `, 1)
				text = "SELECT " + tables.QuotedNames("t.", columns) + " FROM (" + ranked + ") AS t WHERE n <= ?"
				args = append(args, int64(last))
			}
			text += ` ORDER BY t."JobID", t."HeartBeatTime" DESC, t."Name"`
			return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
				id := row[0].id()
				beats[id] = append(beats[id], Heartbeat{Name: row[1].text(), Value: row[2].text(), Time: row[3].time()})
				return nil
			}))
		})
	})
	return beats, err
}

// maxHeartbeatNames is up to how many names the last values of a job are looked for by name. Other
// programs may write any names.
const maxHeartbeatNames = 50

// lastHeartbeats are what a job reported at its last times, found by one name after the other along
// the key. It reports whether these are all, which a job with too many names doesn't get.
func (s *session) lastHeartbeats(ctx context.Context, id JobID, last int) (beats []Heartbeat, all bool, err error) {
	t := tables.HeartBeatLoggingInfo
	of := " FROM " + t.Quoted() + ` AS t WHERE t."JobID" = ?`
	args, next := []any{int64(id), int64(id), int64(last)}, ""
	for range maxHeartbeatNames {
		text := "SELECT " + tables.QuotedNames("t.", t.Columns) + of + ` AND t."Name" = (SELECT t."Name"` + of + next +
			` ORDER BY t."Name" LIMIT 1) ORDER BY t."HeartBeatTime" DESC LIMIT ?`
		before := len(beats)
		err := s.query(ctx, text, args, scanRows(t.Columns, func(row []scanned) error {
			beats = append(beats, Heartbeat{Name: row[1].text(), Value: row[2].text(), Time: row[3].time()})
			return nil
		}))
		if err != nil || len(beats) == before {
			return lastTimes(beats, last), true, err
		}
		next, args = ` AND t."Name" > ?`, []any{int64(id), int64(id), beats[before].Name, int64(last)}
	}
	return nil, false, nil
}

// lastTimes sorts values as [DB.Heartbeats] returns them, and leaves those of so many last times.
func lastTimes(beats []Heartbeat, last int) []Heartbeat {
	slices.SortFunc(beats, func(a, b Heartbeat) int { return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.Name, b.Name)) })
	for i := range beats {
		if i > 0 && !beats[i].Time.Equal(beats[i-1].Time) {
			if last--; last == 0 {
				return beats[:i]
			}
		}
	}
	return beats
}
