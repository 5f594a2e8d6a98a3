package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"jobdb"
)

// gain is what an index does to a question: its result has the time with the index as ours, and
// without it as the bare driver's.
type gain struct {
	statement string
	result
}

// publishIndexes measures what the indexes that "jobdb schema check" names do to our own methods,
// and publishes a table.
func publishIndexes(ctx context.Context, s settings, jobs int) error {
	var gains []gain
	for _, engine := range s.engines {
		d, err := openDIRAC(ctx, s, engine, jobs)
		if err != nil {
			return err
		}
		found, err := d.measureIndexes(ctx, s)
		if err := errors.Join(err, d.close(s.keep)); err != nil {
			return fmt.Errorf("%s with %d jobs: %w", engine, jobs, err)
		}
		gains = append(gains, found...)
	}
	return s.publish(fmt.Sprintf("dirac-indexes-%d", jobs), headingOf(jobs), gainTable(gains))
}

func (d *diracDatabase) measureIndexes(ctx context.Context, s settings) ([]gain, error) {
	report, err := d.db.CheckSchema(ctx)
	if err != nil {
		return nil, err
	}
	var gains []gain
	for _, advice := range report.Indexes {
		statement, _, _ := strings.Cut(advice, " -- ")
		found, err := d.measureIndex(ctx, s, statement)
		if err != nil {
			return nil, err
		}
		gains = append(gains, found...)
	}
	return gains, nil
}

// measureIndex measures our answers to the questions about one VO with an index and, in turns,
// without: the server is told not to see it, and so is a jobdb.DB that was opened before.
func (d *diracDatabase) measureIndex(ctx context.Context, s settings, statement string) (gains []gain, err error) {
	without, name := d.db, strings.Fields(statement)[2]
	if err := d.exec(ctx, statement); err != nil {
		return nil, err
	}
	if err := d.openOurs(ctx); err != nil {
		return nil, err
	}
	with := d.db
	defer func() {
		d.db = without
		err = errors.Join(err, with.Close(), d.exec(ctx, "DROP INDEX "+name+" ON Jobs"))
	}()
	hide := map[string][2]string{"mariadb": {"NOT IGNORED", "IGNORED"}, "mysql": {"VISIBLE", "INVISIBLE"}}[d.engine]
	for _, c := range d.diracReads() {
		if !strings.HasSuffix(c.method, "of a VO") || !s.methods.MatchString(c.method) {
			continue
		}
		contend := func(who string, db *jobdb.DB, seen string) contender {
			return contender{
				name: who,
				before: func(ctx context.Context) error {
					d.db = db
					return d.exec(ctx, "ALTER TABLE Jobs ALTER INDEX "+name+" "+seen)
				},
				call: func(ctx context.Context) (int64, error) {
					tell, err := c.ours(ctx)
					if err != nil {
						return 0, err
					}
					return fingerprint(tell()), nil
				},
			}
		}
		r, err := alternate(ctx, s.budget, [2]contender{contend("with the index", with, hide[0]), contend("without the index", without, hide[1])})
		if err != nil {
			return gains, fmt.Errorf("%s, %s: %w", name, c.method, err)
		}
		r.Engine, r.Method = d.engine, c.method
		log.Printf("%-8s %-18s %-58s %10s ms, without %10s ms, %.1f times", d.engine, name, c.method, milliseconds(r.Ours), milliseconds(r.Bare), r.Ratio)
		gains = append(gains, gain{statement, r})
	}
	return gains, nil
}

// minGain is how many times as fast an index has to make a question, in three quarters of the
// rounds, to be in the table.
const minGain = 1.5

// gainTable has the questions that each index makes faster.
func gainTable(gains []gain) string {
	var b strings.Builder
	b.WriteString("| index | question | server | without, ms | with, ms | times as fast |\n| --- | --- | --- | ---: | ---: | ---: |\n")
	for _, g := range gains {
		if g.RatioLow >= minGain {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %.1f (%.1f–%.1f) |\n", g.statement, g.Method, engineNames[g.Engine],
				milliseconds(g.Bare), milliseconds(g.Ours), g.Ratio, g.RatioLow, g.RatioHigh)
		}
	}
	return b.String() + "\n"
}
