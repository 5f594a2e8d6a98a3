package jobdb

import (
	"context"
	"math/rand/v2"

	"jobdb/internal/tables"
)

// What the parameters of a job may be, those for optimizers by themselves. DIRAC's jobs have some
// thirty, of some kilobytes at most; without bounds one job can fill a server's memory when it is
// looked at.
const (
	MaxParameters      = 1000    // names of one job
	MaxParameterBytes  = 1 << 20 // bytes of one value
	MaxParametersBytes = 4 << 20 // bytes of all values of one job
)

// MaxParametersRead is how many bytes of parameters one call returns, of all its jobs.
const MaxParametersRead = 8 << 20

// readBound is how many bytes of parameters may still be read.
type readBound int

// take subtracts a row of ID, name and value.
func (b *readBound) take(row []scanned) error {
	if *b -= readBound(len(row[1].text()) + len(row[2].text())); *b < 0 {
		return &QueryError{
			Field:  "parameters",
			Reason: "the jobs have more than " + itoa(MaxParametersRead) + " bytes of them; ask for fewer jobs, or for single parameters",
		}
	}
	return nil
}

// add puts such a row where it belongs.
func (b *readBound) add(values map[JobID]map[string]string, row []scanned) error {
	id := row[0].id()
	if values[id] == nil {
		values[id] = map[string]string{}
	}
	values[id][row[1].text()] = row[2].text()
	return b.take(row)
}

// parametersSize is how much a job has of them.
type parametersSize struct{ names, bytes int }

// check refuses more than may be.
func (p parametersSize) check(id JobID, t *tables.Table) error {
	refuse := func(has, may int, what string) error {
		return &ValueError{
			Job: id, Column: t.Name, TooLarge: true,
			Reason: "the job would have " + itoa(has) + " " + what + ", and may have " + itoa(may) + "; keep large or many values in files of its output",
		}
	}
	switch {
	case p.names > MaxParameters:
		return refuse(p.names, MaxParameters, "parameters")
	case p.bytes > MaxParametersBytes:
		return refuse(p.bytes, MaxParametersBytes, "bytes of parameters")
	}
	return nil
}

// A write of few and short parameters looks only now and then at what a job has already: heartbeats
// are many. Whoever writes again and again in small pieces gets a little over the bounds.
const (
	fewParameters   = 16
	shortParameters = 64 << 10
	lookEvery       = 16
)

// checkParametersSize refuses parameters with which a job would have more than it may. A job that
// has more, from another program, may have its values replaced by shorter ones.
func (s *session) checkParametersSize(ctx context.Context, t *tables.Table, values map[JobID]map[string]string) error {
	ids := make([]JobID, 0, len(values))
	sizes := map[JobID]parametersSize{} // of what is written
	rows, bytes := 0, 0
	for id, named := range values {
		size := parametersSize{names: len(named)}
		for _, value := range named {
			size.bytes += len(value)
		}
		if err := size.check(id, t); err != nil {
			return err
		}
		ids, sizes[id] = append(ids, id), size
		rows, bytes = rows+size.names, bytes+size.bytes
	}
	if rows <= fewParameters && bytes <= shortParameters && rand.IntN(lookEvery) > 0 { //nolint:gosec // nothing secret
		return nil
	}
	before, after := map[JobID]parametersSize{}, sizes
	columns := append(t.Pick("JobID", "Name"), tables.Column{Name: "Bytes", Kind: tables.KindInteger})
	err := s.eachIDBatch(ids, func(in string, args []any) error {
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
	for _, id := range sorted(ids) {
		isMore := after[id].names > before[id].names || after[id].bytes > before[id].bytes
		if err == nil && isMore {
			err = after[id].check(id, t)
		}
	}
	return err
}
