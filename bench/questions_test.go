package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// planned are the jobs with whose plans the kinds of questions are tried: enough that half of them, the
// VO's, aren't taken for few.
const planned = 20_000

// No question of a kind reads or sorts more of Jobs than it finds or shows, but for those in notYet,
// each of which does.
func TestPlansOfQuestions(t *testing.T) {
	for _, engine := range []string{"sqlite", "mariadb", "mysql", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			needServer(t, engine)
			s := smallRun(t)
			s.questions = true
			d, err := openDatabase(t.Context(), s, engine, planned)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := d.close(false); err != nil {
					t.Error(err)
				}
			}()
			m, err := d.newMonitor(t.Context(), 8)
			if err != nil {
				t.Fatal(err)
			}
			m.deep = 12 // from where on the compiler looks for a page's jobs in an index
			p, err := d.newPlanner(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := p.close(); err != nil {
					t.Error(err)
				}
			}()
			for _, kind := range questionKinds {
				if kind.onePass {
					continue
				}
				reason, err := p.readsTooMuch(t.Context(), m.drawn(kind))
				switch listed, certain := kind.notYet(engine); {
				case err != nil:
					t.Errorf("%s: %v", kind.name, err)
				case reason != "" && !listed:
					t.Errorf("%s: %s", kind.name, reason)
				case reason == "" && certain:
					t.Errorf("%s reads no more than it shows: take %s off notYet", kind.name, engine)
				}
			}
		})
	}
}

// readsTooMuch tells of a question for whose answer more of Jobs is read than it finds or shows; ""
// if there is none. What a page and its total read may be a few times as many.
func (p *planner) readsTooMuch(ctx context.Context, questions []question) (string, error) {
	const some, few = 1000, 3
	for _, q := range questions {
		plans, r, err := p.plans(ctx, q)
		if err != nil {
			return "", fmt.Errorf("%s: %w", q.name, err)
		}
		allowed, read := some+few*r.shown, int64(0)
		if q.finds {
			allowed += few * max(r.found, 0)
		}
		var text strings.Builder
		for _, plan := range plans {
			n := plan.jobsRead(p.engine, q)
			if read += n; n > 0 {
				fmt.Fprintf(&text, "\n  %s\n    %s", plan.query.text, strings.Join(plan.steps, "\n    "))
			}
		}
		if read > allowed {
			return fmt.Sprintf("%s: reads %d jobs, allowed are %d%s", q.name, read, allowed, text.String()), nil
		}
	}
	return "", nil
}

// What is listed is a kind on an engine.
func TestNotYet(t *testing.T) {
	for name, engines := range notYet {
		if !slices.ContainsFunc(questionKinds, func(k questionKind) bool { return k.name == name }) {
			t.Errorf("there is no kind %q", name)
		}
		for engine := range strings.FieldsSeq(engines) {
			if engineNames[strings.TrimSuffix(engine, "?")] == "" {
				t.Errorf("%s: there is no engine %q", name, engine)
			}
		}
	}
}
