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

// AddHeartbeatData stores values that jobs report, by name, with the present time. A value of the
// same name and time, as precisely as the database keeps times, is replaced. A job keeps the last
// [MaxHeartbeats] values of each name, on live databases all. The column HeartBeatTime of Jobs
// stays as it is. A name not in [HeartbeatFields] is a [QueryError], a value that is too long a
// [ValueError], a job that doesn't exist a [NotFoundError]; then nothing is stored.
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
		return s.trimHeartbeats(ctx, a.db.jobToTrim(ids))
	})
	return a.explainRefusal(ctx, err, "heartbeat", tables.Jobs, ids)
}

// MaxHeartbeats is how many values of each name a job keeps, the last ones: those of six weeks,
// with a heartbeat every half hour.
const MaxHeartbeats = 2000

// trimEvery is how many writes about a single job there are, on average, to each one that looks for
// rows it has too many of. So a job may have a few more than it should.
const trimEvery = 64

// maxTrimmed is how many rows of a kind one write deletes at most. Rows from before there were
// bounds are deleted little by little, so that no write takes long.
const maxTrimmed = 5000

// jobToTrim returns the job that a write is about, for one in trimEvery of the rows written, else
// nil. A write about several jobs trims none, so that it takes no more statements than one about
// few. In a database that isn't ours rows are deleted only when its operator says so.
func (db *DB) jobToTrim(ids []JobID) (some []JobID) {
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

// heartbeats reads values that the clause from finds as the table t: those of each job's last
// times, or all if last is 0.
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
	fewHeartbeats     = 1000 // a job with this many values or fewer has all of them read
	maxHeartbeatNames = 50   // with this many names or fewer the last values are looked up by name; other programs may write any names
)

// lastHeartbeats reads what a job reported at its last times. One statement does if the job has few
// values. Otherwise it looks up the last values of one name after the other, along the key.
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
	inKeyOrder := ` ORDER BY t."JobID", t."Name", t."HeartBeatTime"` // which needs no sort
	if err := find(inKeyOrder, job, int64(fewHeartbeats+1)); err != nil {
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

// lastTimes sorts values as [DB.Heartbeats] returns them, and cuts them to those of the last times.
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
