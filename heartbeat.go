package jobdb

import (
	"context"
	"maps"
	"slices"
	"strings"

	"jobdb/internal/tables"
)

// AddHeartbeatData stores what jobs reported of themselves, now. Names other than
// [HeartbeatFields] are a [QueryError]; jobs that don't exist are a
// [NotFoundError]; then nothing is written. A second report in one tick of the clock
// replaces the first. The column HeartBeatTime of Jobs is not touched.
func (a access) AddHeartbeatData(ctx context.Context, data map[JobID]map[string]string) error {
	columns := tables.HeartBeatLoggingInfo.Columns
	ids := slices.Sorted(maps.Keys(data))
	var rows [][]any
	for _, id := range ids {
		for _, name := range slices.Sorted(maps.Keys(data[id])) {
			if !slices.Contains(HeartbeatFields, name) {
				return &QueryError{Field: quoteShort(name), Reason: "no such heartbeat field; the fields are " + strings.Join(HeartbeatFields, ", ")}
			}
			value := data[id][name]
			if err := checkLength(columns[2], value); err != nil {
				return &ValueError{Job: id, Column: name, Reason: err.Error()}
			}
			rows = append(rows, []any{int64(id), name, value, nil})
		}
	}
	err := a.write(ctx, "add heartbeat data", func(s *session) error {
		now := s.time(s.db.now())
		for _, row := range rows {
			row[3] = now
		}
		return s.insert(ctx, tables.HeartBeatLoggingInfo, columns, rows, s.db.dialect.Upsert(tables.HeartBeatLoggingInfo.Key, []string{"Value"}))
	})
	return a.explainRefusal(ctx, err, "heartbeat", tables.Jobs, ids)
}

// Heartbeats returns the values that each of the jobs reported, the latest
// time first and by name within one time. Of each job the last times are
// returned, all when last is 0.
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
