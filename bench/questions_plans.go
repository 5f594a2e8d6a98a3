package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"jobdb"
)

// planner asks questions on a database of its own connections, and tells how the engine answers.
type planner struct {
	engine   string
	db       *jobdb.DB
	pool     *sql.DB
	recorder *recorder
}

func (d *database) newPlanner(ctx context.Context) (p *planner, err error) {
	p = &planner{engine: d.engine, recorder: &recorder{}}
	if d.engine == "sqlite" {
		p.recorder.Connector, err = fileConnector(jobdb.SQLiteDriver, "file:"+strings.TrimPrefix(d.url, "sqlite:")+sqliteOptions)
	} else {
		var server *url.URL
		if server, err = url.Parse(d.url); err == nil {
			p.recorder.Connector, err = serverConnector(d.engine, server)
		}
	}
	if err != nil {
		return nil, err
	}
	p.pool = sql.OpenDB(p.recorder)
	if p.db, err = jobdb.OpenDB(ctx, p.pool, jobdb.Options{FoldInterval: -1}); err != nil {
		return nil, errors.Join(err, p.pool.Close())
	}
	p.recorder.take()
	return p, nil
}

func (p *planner) close() error { return errors.Join(p.db.Close(), p.pool.Close()) }

// plan is how an engine runs a query, a line for each step.
type plan struct {
	query recordedQuery
	steps []string
}

// explainQuery is put before a query for its plan. On PostgreSQL, MariaDB and MySQL the query is run.
var explainQuery = map[string]string{
	"sqlite": "EXPLAIN QUERY PLAN ", "mariadb": "ANALYZE FORMAT=JSON ", "mysql": "EXPLAIN ANALYZE ",
	"postgres": "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ",
}

// plans are those of the queries that answer a question, also when it is refused.
func (p *planner) plans(ctx context.Context, q question) (plans []plan, r reach, err error) {
	if r, err = q.ask(ctx, p.db); err != nil && !errors.Is(err, jobdb.ErrInvalidQuery) {
		return nil, r, err
	}
	for _, query := range p.recorder.take() {
		if !strings.HasPrefix(query.text, "SELECT") && !strings.HasPrefix(query.text, "WITH") {
			continue
		}
		steps, err := p.steps(ctx, query)
		if err != nil {
			return nil, r, fmt.Errorf("explain %s: %w", query.text, err)
		}
		plans = append(plans, plan{query, steps})
	}
	p.recorder.take()
	return plans, r, nil
}

func (p *planner) steps(ctx context.Context, query recordedQuery) (steps []string, err error) {
	rows, err := p.pool.QueryContext(ctx, explainQuery[p.engine]+query.text, query.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values := make([]any, len(columns))
		var step string
		for i := range values {
			values[i] = new(any)
		}
		values[len(values)-1] = &step // before it SQLite has numbers
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		steps = append(steps, strings.Split(step, "\n")...)
	}
	return steps, rows.Err()
}

// shortShown is how many questions of a kind that fall short are explained.
const shortShown = 2

// explainShort writes the plans of questions that fall short, the slowest of each kind, if that is
// wanted.
func (d *database) explainShort(ctx context.Context, s settings, out io.Writer, all []*asked) (err error) {
	if !s.explain {
		return nil
	}
	p, err := d.newPlanner(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	shown := map[string]int{}
	for _, a := range shortOf(all, s.jobs) {
		if shown[a.kind.name]++; shown[a.kind.name] > shortShown {
			continue
		}
		plans, _, err := p.plans(ctx, a.question)
		if err != nil {
			return err
		}
		took := milliseconds(a.answers[d.jobs].took)
		if _, err := fmt.Fprintf(out, "%s with %s jobs, %s ms: %s: %s\n", engineNames[d.engine], withCommas(d.jobs), took, a.kind.name, a.name); err != nil {
			return err
		}
		for _, plan := range plans {
			if _, err := fmt.Fprintf(out, "  %s %v\n    %s\n", plan.query.text, plan.query.args, strings.Join(plan.steps, "\n    ")); err != nil {
				return err
			}
		}
	}
	return nil
}
