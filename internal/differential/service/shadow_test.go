package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"jobdb/internal/shadow"
	"jobdb/oracle"
)

// TestShadow replays reads on the reference and on jobdb serve, which both work on one database
// that DiracX made, and on that of histories: a mix, and random queries. Nothing differs but on
// purpose, by name.
func TestShadow(t *testing.T) {
	jobs, history := oracle.SQLite(t), oracle.SQLite(t)
	theirs := func(url string) string { return "sqlite+aiosqlite:///" + strings.TrimPrefix(url, "sqlite:") }
	p := startPairOn(t, t.TempDir(), []string{"--jobdb", theirs(jobs), "--loggingdb", theirs(history)}, "--db", jobs, "--history-db", history)
	r := p.round(t, 7, 1)
	for i := range 30 {
		jdl := r.jdl()
		x := send(t, p.reference, with("alice", "POST", "/api/jobs/jdl", []string{jdl}), p.issuer.token("alice", nil))
		if x.Status != 201 {
			t.Fatalf("%s\n%s", jdl, x)
		}
		id := fmt.Sprint(x.Body.([]any)[0].(object)["JobID"])
		r.jobs = append(r.jobs, &job{id: id, last: time.Now()})
		for _, status := range ways["Done"][:i%6] {
			q := with("pilot", "PATCH", "/api/jobs/status", object{id: object{zulu(r.now()): object{"Status": status, "Source": "test"}}})
			if x := send(t, p.reference, q, p.issuer.token("pilot", nil)); x.Status != 200 {
				t.Fatalf("%s\n%s", q, x)
			}
		}
	}
	o := p.shadow("alice")
	mix, err := shadow.NewMix(t.Context(), o, 1)
	if err != nil {
		t.Fatal(err)
	}
	if mix.HasDetails() {
		t.Error("the reference has details of jobs?")
	}
	wantAlike(t, o, slices.Collect(mix.Reads(120)))

	var queries []shadow.Read
	for range 200 {
		q := r.query()
		read, err := shadow.NewRead(q.method, q.path, q.body)
		if err != nil {
			t.Fatal(err)
		}
		queries = append(queries, read)
	}
	wantAlike(t, o, queries)
}

// shadow compares the two with a principal's token.
func (p *pair) shadow(who string) shadow.Options {
	token := func() (string, error) { return p.issuer.token(who, nil), nil }
	return shadow.Options{
		Theirs: shadow.Service{URL: p.reference, Token: token}, Ours: shadow.Service{URL: p.ours, Token: token},
		Concurrency: 2, Patience: 100 * time.Millisecond, VO: "lhcb",
	}
}

// wantAlike wants most answers to be alike, and a name for each that isn't.
func wantAlike(t *testing.T, o shadow.Options, reads []shadow.Read) {
	t.Helper()
	report, err := o.Replay(t.Context(), slices.Values(reads))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests, %d answered alike", report.Requests, report.Alike)
	for _, k := range report.OnPurpose {
		t.Logf("on purpose: %d × %s: %s", k.Count, k.Route, k.What)
	}
	for _, k := range report.Differ {
		t.Errorf("%d × %s: %s", k.Count, k.Route, k.What)
		for _, e := range k.Examples {
			t.Logf("%s\n%s\ntheirs %s\nours   %s", e.Request, e.Differs, e.Theirs, e.Ours)
		}
	}
	if report.Alike*4 < report.Requests*3 {
		t.Errorf("%d of %d answered alike: too little is compared", report.Alike, report.Requests)
	}
}
