package jobdb

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"jobdb/internal/tables"
)

// Bounds of the parameters of one job; optimizer parameters are counted by themselves. DIRAC's jobs
// have about thirty, of a few kilobytes at most. Without bounds, reading one job could fill a
// server's memory.
const (
	MaxParameters      = 1000    // names of one job
	MaxParameterBytes  = 1 << 20 // bytes of one value
	MaxParametersBytes = 4 << 20 // bytes of all values of one job
)

// MaxParametersRead is how many bytes of parameters one call returns, of all its jobs.
const MaxParametersRead = 8 << 20

// readBound is how many bytes of parameters may still be read.
type readBound int

// take subtracts a row of ID, name and value. It is a [QueryError] when there is no room for it.
func (b *readBound) take(row []scanned) error {
	if *b -= readBound(len(row[1].text()) + len(row[2].text())); *b < 0 {
		return &QueryError{
			Field:  "parameters",
			Reason: "the jobs have more than " + itoa(MaxParametersRead) + " bytes of them; ask for fewer jobs, or for single parameters",
		}
	}
	return nil
}

// add takes such a row and adds its value to values.
func (b *readBound) add(values map[JobID]map[string]string, row []scanned) error {
	id := row[0].id()
	if values[id] == nil {
		values[id] = map[string]string{}
	}
	values[id][row[1].text()] = row[2].text()
	return b.take(row)
}

// parametersSize is the size of a job's parameters.
type parametersSize struct{ names, bytes int }

// excess says which bound is exceeded, "" if none is.
func (p parametersSize) excess() string {
	tell := func(has, may int, what string) string {
		return "the job would have " + itoa(has) + " " + what + ", and may have " + itoa(may) + "; keep large or many values in files of its output"
	}
	switch {
	case p.names > MaxParameters:
		return tell(p.names, MaxParameters, "parameters")
	case p.bytes > MaxParametersBytes:
		return tell(p.bytes, MaxParametersBytes, "bytes of parameters")
	}
	return ""
}

// checkSizes refuses sizes that exceed the bounds.
func checkSizes(t *tables.Table, sizes map[JobID]parametersSize) error {
	var large *ValueError
	for _, id := range slices.Sorted(maps.Keys(sizes)) {
		excess := sizes[id].excess()
		switch {
		case excess == "":
		case large == nil:
			large = &ValueError{Job: id, Column: t.Name, Reason: excess, TooLarge: []JobID{id}}
		default:
			large.TooLarge = append(large.TooLarge, id)
		}
	}
	if large == nil {
		return nil
	}
	return large
}

// Heartbeats write few and short parameters very often. Such a write checks only now and then what
// the job has already, but always when the job was found to have half of what it may. So a job that
// writes many small pieces may get a little over the bounds.
const (
	fewParameters   = 16       // in one write
	shortParameters = 64 << 10 // bytes of all values in one write
	lookEvery       = 16       // small writes to one that checks, on average
)

// crowdedJobs are those that were found to have half of the parameters that they may have, or more.
type crowdedJobs struct {
	mutex sync.Mutex
	jobs  map[JobID]struct{}
}

// maxCrowded is how many of them are remembered at most; then all are forgotten.
const maxCrowded = 10_000

func (c *crowdedJobs) note(id JobID, size parametersSize) {
	if size.names < MaxParameters/2 && size.bytes < MaxParametersBytes/2 {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.jobs == nil || len(c.jobs) >= maxCrowded {
		c.jobs = map[JobID]struct{}{}
	}
	c.jobs[id] = struct{}{}
}

// hasAny reports whether one of the jobs is known to be crowded.
func (c *crowdedJobs) hasAny(ids []JobID) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.ContainsFunc(ids, func(id JobID) bool { _, ok := c.jobs[id]; return ok })
}

// parametersSizes returns the sizes of what is written, by job. Sizes that alone exceed the bounds
// are an error. look tells whether to check what the jobs have already.
func (db *DB) parametersSizes(t *tables.Table, values map[JobID]map[string]string) (sizes map[JobID]parametersSize, look bool, err error) {
	sizes = make(map[JobID]parametersSize, len(values))
	rows, bytes := 0, 0
	for id, named := range values {
		size := parametersSize{names: len(named)}
		for _, value := range named {
			size.bytes += len(value)
		}
		sizes[id] = size
		rows, bytes = rows+size.names, bytes+size.bytes
	}
	if err := checkSizes(t, sizes); err != nil || rows == 0 { // without rows nothing is read, so the table may be missing
		return sizes, false, err
	}
	isSmall := rows <= fewParameters && bytes <= shortParameters
	look = !isSmall || rand.IntN(lookEvery) == 0 || db.crowded.hasAny(slices.Collect(maps.Keys(sizes))) //nolint:gosec // nothing secret
	return sizes, look, nil
}

// checkParametersSize refuses parameters with which a job would have more than it may; sizes are
// theirs. A job that has more already, from another program, may have its values replaced by
// shorter ones.
func (s *session) checkParametersSize(
	ctx context.Context, t *tables.Table, values map[JobID]map[string]string, sizes map[JobID]parametersSize,
) error {
	near, err := s.nearBounds(ctx, t, sizes)
	if err != nil || len(near) == 0 {
		return err
	}
	return s.checkStoredSize(ctx, t, values, near)
}

// nearBounds returns the sizes of those jobs that would have too much if the write replaced
// nothing.
func (s *session) nearBounds(ctx context.Context, t *tables.Table, sizes map[JobID]parametersSize) (map[JobID]parametersSize, error) {
	near := map[JobID]parametersSize{}
	bytes := `CAST(COALESCE(SUM(OCTET_LENGTH(t."Value")), 0) AS ` + s.db.dialect.Integer + ")"
	columns := append(t.Pick("JobID"), tables.Column{Name: "Names", Kind: tables.KindInteger}, tables.Column{Name: "Bytes", Kind: tables.KindInteger})
	err := s.eachIDBatch(slices.Collect(maps.Keys(sizes)), func(in string, args []any) error {
		text := `SELECT t."JobID", COUNT(*), ` + bytes + " FROM " + t.Quoted() + ` AS t WHERE t."JobID"` + in + ` GROUP BY t."JobID"`
		return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
			id := row[0].id()
			sum := parametersSize{sizes[id].names + int(row[1].integer()), sizes[id].bytes + int(row[2].integer())}
			s.db.crowded.note(id, sum)
			if sum.excess() != "" {
				near[id] = sizes[id]
			}
			return nil
		}))
	})
	return near, err
}

// checkStoredSize is checkParametersSize with what the jobs have already; sizes are those of values.
func (s *session) checkStoredSize(
	ctx context.Context, t *tables.Table, values map[JobID]map[string]string, sizes map[JobID]parametersSize,
) error {
	before, after := map[JobID]parametersSize{}, maps.Clone(sizes)
	columns := append(t.Pick("JobID", "Name"), tables.Column{Name: "Bytes", Kind: tables.KindInteger})
	err := s.eachIDBatch(slices.Collect(maps.Keys(sizes)), func(in string, args []any) error {
		text := `SELECT t."JobID", t."Name", OCTET_LENGTH(t."Value") FROM ` + t.Quoted() + ` AS t WHERE t."JobID"` + in
		return s.query(ctx, text, args, scanRows(columns, func(row []scanned) error {
			id, name, bytes := row[0].id(), row[1].text(), int(row[2].integer())
			before[id] = parametersSize{before[id].names + 1, before[id].bytes + bytes}
			if _, replaced := values[id][name]; !replaced {
				after[id] = parametersSize{after[id].names + 1, after[id].bytes + bytes}
			}
			return nil
		}))
	})
	if err != nil {
		return err
	}
	maps.DeleteFunc(after, func(id JobID, size parametersSize) bool {
		return size.names <= before[id].names && size.bytes <= before[id].bytes
	})
	return checkSizes(t, after)
}
