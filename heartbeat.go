package jobdb

import (
	"context"
	"maps"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// AddHeartbeatData stores values that jobs report, by name, under the present time. A second value
// in the smallest unit of time that the database keeps replaces the first. The column HeartBeatTime
// of Jobs stays as it is. A name not in [HeartbeatFields] is a [QueryError], a value that is too
// long a [ValueError], a job that doesn't exist a [NotFoundError]; then nothing is stored.
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
		return s.insert(ctx, t, t.Columns, rows, s.db.dialect.Upsert(t.Key, []string{"Value"}))
	})
	return a.explainRefusal(ctx, err, "heartbeat", tables.Jobs, ids)
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
// 0: the latest time first, and by name within one time.
func (a access) Heartbeats(ctx context.Context, ids []JobID, last int) (map[JobID][]Heartbeat, error) {
	beats := make(map[JobID][]Heartbeat)
	columns := tables.HeartBeatLoggingInfo.Columns
	err := a.read(ctx, "read heartbeats", func(s *session) error {
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
