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
// 0: the latest time first, and by name within one time. Of one job alone, however many values it
// has, little more is read than is returned.
func (a access) Heartbeats(ctx context.Context, ids []JobID, last int) (map[JobID][]Heartbeat, error) {
	beats := make(map[JobID][]Heartbeat)
	err := a.read(ctx, "read heartbeats", func(s *session) error {
		if one := sorted(ids); last > 0 && len(one) == 1 {
			return s.lastHeartbeats(ctx, one[0], last, beats)
		}
		return s.eachIDBatch(ids, func(in string, args []any) error {
			return s.heartbeats(ctx, " FROM "+tables.HeartBeatLoggingInfo.Quoted()+` AS t WHERE t."JobID"`+in, args, last, beats)
		})
	})
	return beats, err
}

// heartbeats reads, of the values that from finds as the table t, those of each job's last times.
func (s *session) heartbeats(ctx context.Context, from string, args []any, last int, beats map[JobID][]Heartbeat) error {
	columns := tables.HeartBeatLoggingInfo.Columns
	text := "SELECT " + tables.QuotedNames("t.", columns)
	if last > 0 {
		text += " FROM (" + text + `, DENSE_RANK() OVER (PARTITION BY t."JobID" ORDER BY t."HeartBeatTime" DESC) AS n` + from + ") AS t WHERE n <= ?"
		args = append(args, int64(last))
	} else {
		text += from
	}
	text += ` ORDER BY t."JobID", t."HeartBeatTime" DESC, t."Name"`
	return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
		id := row[0].id()
		beats[id] = append(beats[id], Heartbeat{Name: row[1].text(), Value: row[2].text(), Time: row[3].time()})
		return nil
	}))
}

const (
	fewHeartbeats     = 1000 // up to how many values of a job are all read to find the last ones
	maxHeartbeatNames = 50   // up to how many names they are looked for by name; other programs may write any names
)

// lastHeartbeats reads what a job reported at its last times. If it has few values one statement
// does; else they are found by one name after the other, along the key.
func (s *session) lastHeartbeats(ctx context.Context, id JobID, last int, beats map[JobID][]Heartbeat) error {
	t, job := tables.HeartBeatLoggingInfo, int64(id)
	of := " FROM " + t.Quoted() + ` AS t WHERE t."JobID" = ?`
	var found []Heartbeat
	find := func(rest string, args ...any) error {
		return s.query(ctx, "SELECT "+tables.QuotedNames("t.", t.Columns)+of+rest+" LIMIT ?", args, scanRows(t.Columns, func(row []scanned) error {
			found = append(found, Heartbeat{Name: row[1].text(), Value: row[2].text(), Time: row[3].time()})
			return nil
		}))
	}
	if err := find(` ORDER BY t."JobID", t."Name", t."HeartBeatTime"`, job, int64(fewHeartbeats+1)); err != nil { // along the key, not all to choose from
		return err
	}
	if len(found) <= fewHeartbeats {
		if len(found) > 0 {
			beats[id] = lastTimes(found, last)
		}
		return nil
	}
	found = nil
	args, next := []any{job, job, int64(last)}, ""
	for range maxHeartbeatNames {
		before := len(found)
		err := find(` AND t."Name" = (SELECT t."Name"`+of+next+` ORDER BY t."Name" LIMIT 1) ORDER BY t."HeartBeatTime" DESC`, args...)
		if err != nil {
			return err
		}
		if len(found) == before {
			beats[id] = lastTimes(found, last)
			return nil
		}
		next, args = ` AND t."Name" > ?`, []any{job, job, found[before].Name, int64(last)}
	}
	return s.heartbeats(ctx, of, []any{job}, last, beats)
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
