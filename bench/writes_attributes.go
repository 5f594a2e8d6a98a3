package main

import (
	"context"
	"fmt"
	"time"

	"jobdb"
)

// statusChanges are statuses to set, different each time.
type statusChanges struct {
	ids        []jobdb.JobID
	turn       int
	attributes map[jobdb.JobID]jobdb.Attributes
}

func (s *statusChanges) next(context.Context) error {
	s.turn++
	s.attributes = make(map[jobdb.JobID]jobdb.Attributes, len(s.ids))
	for i, id := range s.ids {
		s.attributes[id] = jobdb.Attributes{
			"Status": []string{"Running", "Matched", "Stalled"}[(i+s.turn)%3], "MinorStatus": []string{"Application", "Assigned"}[(i+s.turn)%2],
			"ApplicationStatus": fmt.Sprintf("Events %d", 100*((i+s.turn)%40)),
		}
	}
	return nil
}

func (s *statusChanges) rows(at time.Time) [][]any {
	rows := make([][]any, len(s.ids))
	for i, id := range s.ids {
		a := s.attributes[id]
		rows[i] = []any{int64(id), a["Status"], a["MinorStatus"], a["ApplicationStatus"], at}
	}
	return rows
}

var statusFields = append(append([]field{idField}, textFields("Status", "MinorStatus", "ApplicationStatus")...),
	field{"LastUpdateTime", timeType[0], timeType[1]})

func (d *database) setJobAttributes(ids []jobdb.JobID) comparison {
	return d.setStatuses(&statusChanges{ids: ids})
}

func (d *database) setStatuses(s *statusChanges) comparison {
	return comparison{
		method: "SetJobAttributes",
		before: s.next,
		ours: func(ctx context.Context) (int64, error) {
			return d.db.SetJobAttributes(ctx, s.attributes, jobdb.SetOptions{})
		},
		bare: func(ctx context.Context) (int64, error) {
			return d.bare.updateRows(ctx, "Jobs", statusFields, s.rows(now()), "")
		},
		reference: func() instruction { return instruction{"SetJobAttributes", s.attributes} },
	}
}

// setJobAttributesAt sets a status as of a given time, unless a job was updated later or has ended.
// None of these was or has: all are changed.
func (d *database) setJobAttributesAt(ids []jobdb.JobID) comparison {
	s := &statusChanges{ids: ids}
	at := now().Add(24 * time.Hour)
	return comparison{
		method: "SetJobAttributes, At and KeepFinal",
		before: func(ctx context.Context) error { at = at.Add(time.Second); return s.next(ctx) },
		ours: func(ctx context.Context) (int64, error) {
			return d.db.SetJobAttributes(ctx, s.attributes, jobdb.SetOptions{At: at, KeepFinal: true})
		},
		bare: func(ctx context.Context) (int64, error) {
			// No caller's text: in the statement itself it costs no argument.
			latest := `'` + at.Format(sqliteTime) + `'`
			switch {
			case d.engine == "postgres" && len(ids) == 1:
				latest = `'` + at.Format(sqliteTime) + `+00'`
			case d.engine == "postgres":
				latest = `s."newLastUpdateTime"`
			}
			where := ` AND "Status" NOT IN ('Done', 'Completed', 'Failed', 'Killed')` +
				` AND ("LastUpdateTime" IS NULL OR "LastUpdateTime" <= ` + latest + `)`
			return d.bare.updateRows(ctx, "Jobs", statusFields, s.rows(at), where)
		},
	}
}

func (d *database) setProperties(ids []jobdb.JobID) comparison {
	count := 0
	properties := make(map[jobdb.JobID]jobdb.Attributes, len(ids))
	return comparison{
		method: "SetProperties",
		before: func(context.Context) error {
			for i, id := range ids {
				count++
				properties[id] = jobdb.Attributes{"UserPriority": count, "JobType": types[(i+count)%len(types)]}
			}
			return nil
		},
		ours: func(ctx context.Context) (int64, error) { return d.db.SetProperties(ctx, properties, true) },
		bare: func(ctx context.Context) (int64, error) {
			at := now()
			rows := make([][]any, len(ids))
			for i, id := range ids {
				p := properties[id]
				rows[i] = []any{int64(id), int64(p["UserPriority"].(int)), p["JobType"], at}
			}
			fields := []field{
				idField,
				{"UserPriority", "bigint", "BIGINT"},
				{"JobType", "text", "TEXT"},
				{"LastUpdateTime", timeType[0], timeType[1]},
			}
			return d.bare.updateRows(ctx, "Jobs", fields, rows, "")
		},
		reference: func() instruction { return instruction{"SetProperties", properties} },
	}
}
