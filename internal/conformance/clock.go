package conformance

import (
	"sync/atomic"
	"time"

	"jobdb"
)

// This file has several servers on one database whose machines' clocks differ.
var clockTests = []conformanceTest{
	{"ClocksApart", testClocksApart},
	{"ClockLeaps", testClockLeaps},
	{"ClockOfMachineLeaps", testClockOfMachineLeaps},
	{"OwnClock", testOwnClock},
}

// skewed opens the test's database as a server does whose machine's clock is ahead.
func (f *fixture) skewed(ahead time.Duration) *jobdb.DB {
	f.t.Helper()
	options := jobdb.Options{CorrectClock: true, Clock: func() time.Time { return time.Now().Add(ahead) }}
	if f.historyAddress != f.address {
		options.HistoryURL = f.historyAddress
	}
	return f.suite.opened(f.test, f.address, options)
}

// Servers date what they write by the clock of the database's server, so they agree.
func testClocksApart(f *fixture) {
	f.needServer("with a clock of its own")
	right := f.skewed(0)
	for _, ahead := range []time.Duration{30 * time.Second, 26 * time.Hour, -time.Hour} {
		wrong := f.skewed(ahead)
		if apart := wrong.Now().Sub(right.Now()); apart.Abs() > 200*time.Millisecond {
			f.t.Errorf("a server that is %s ahead dates %s later", ahead, apart)
		}
		if told := wrong.ClockDifference() - right.ClockDifference(); (told - ahead).Abs() > 200*time.Millisecond {
			f.t.Errorf("a server that is %s ahead tells %s", ahead, told)
		}
		id := f.addPlainJobs(1)[0]
		for _, db := range []*jobdb.DB{wrong, right, wrong} {
			before := right.Now()
			_, err := db.SetProperties(f.ctx, map[jobdb.JobID]jobdb.Attributes{id: {"Site": "x"}}, true)
			f.ok(err)
			dated, _ := f.attributes(id, "LastUpdateTime")["LastUpdateTime"].(time.Time)
			if late := dated.Sub(before); late < -1200*time.Millisecond || late > 5*time.Second { // some databases keep whole seconds
				f.t.Errorf("a server that is %s ahead dates a change %s after it began", ahead, late)
			}
		}
		if f.Schema() != jobdb.SchemaOurs {
			continue
		}
		first := jobdb.Reply{Request: ahead.String() + f.vo, Content: "c", Text: "t"}
		f.ok(right.SaveReply(f.ctx, first))
		f.ok(wrong.SaveReply(f.ctx, jobdb.Reply{Request: first.Request + "2", Content: "c", Text: "t"}))
		for _, db := range []*jobdb.DB{right, wrong} {
			reply, found, err := db.SavedReply(f.ctx, first.Request)
			f.ok(err)
			f.equal("the reply is there", found, true)
			f.equal("the reply", reply, first)
		}
	}
}

// When the clock of the database's server is set ahead no reply is taken for older than it is.
func testClockLeaps(f *fixture) {
	f.needServer("with a clock of its own")
	if f.Schema() != jobdb.SchemaOurs {
		f.test.Skip("a database of DiracX or DIRAC keeps no replies")
	}
	const leap = 26 * time.Hour
	behind := atomic.Int64{} // the machine's clock, which is the same as the other one's being ahead
	options := jobdb.Options{CorrectClock: true, Clock: func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }}
	db := f.suite.opened(f.test, f.address, options)
	keep := func(request string, age time.Duration) {
		of := f.suite.opened(f.test, f.address, jobdb.Options{Clock: func() time.Time { return time.Now().Add(-age) }})
		f.ok(of.SaveReply(f.ctx, jobdb.Reply{Request: f.vo + request, Content: "c"}))
	}
	isKept := func(request string) bool {
		_, found, err := db.SavedReply(f.ctx, f.vo+request)
		f.ok(err)
		return found
	}
	keep("older", leap+jobdb.ReplyLifetime+time.Minute)
	keep("young", leap)
	f.equal("before the leap, of 26 hours ago", isKept("young"), false)
	behind.Store(int64(leap))
	f.equal("the leap is noticed", f.within(20*time.Second, func() bool { return db.ClockDifference() < -time.Hour }), true)
	f.ok(db.SaveReply(f.ctx, jobdb.Reply{Request: f.vo + "other", Content: "c"})) // deletes old ones
	f.equal("after it, of 26 hours ago", isKept("young"), true)
	f.equal("after it, of more than two days ago", isKept("older"), false)

	// A server that starts meanwhile goes by its machine's clock, too.
	db = f.suite.opened(f.test, f.address, options)
	f.ok(db.SaveReply(f.ctx, jobdb.Reply{Request: f.vo + "another", Content: "c"}))
	f.equal("for a server that started after it, of 26 hours ago", isKept("young"), true)
}

// Where the machine's clock dates replies, one that is set ahead doesn't make them older either.
func testClockOfMachineLeaps(f *fixture) {
	if f.Engine() != "sqlite" || f.traits.InMemory || f.Schema() != jobdb.SchemaOurs {
		f.test.Skip("a server tells the time, or nobody else can open the database, or it keeps no replies")
	}
	ahead := atomic.Int64{}
	db := f.suite.opened(f.test, f.address, jobdb.Options{
		CorrectClock: true, Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	keep := func(request string) { f.ok(db.SaveReply(f.ctx, jobdb.Reply{Request: f.vo + request, Content: "c"})) }
	check := func(when string, want map[string]bool) {
		for request, kept := range want {
			_, found, err := db.SavedReply(f.ctx, f.vo+request)
			f.ok(err)
			f.equal(request+" is kept "+when, found, kept)
		}
	}
	of := f.suite.opened(f.test, f.address, jobdb.Options{Clock: func() time.Time { return time.Now().Add(-jobdb.ReplyLifetime - time.Minute) }})
	f.ok(of.SaveReply(f.ctx, jobdb.Reply{Request: f.vo + "older", Content: "c"}))
	keep("before")
	ahead.Store(int64(26 * time.Hour))
	check("while the clock is ahead", map[string]bool{"before": true, "older": false})
	keep("meanwhile") // deletes old ones
	check("while the clock is ahead", map[string]bool{"before": true, "meanwhile": true})
	ahead.Store(0)
	keep("after")
	check("when it is right again", map[string]bool{"before": true, "meanwhile": true, "after": true})
}

// A clock that is given is taken as it is, unless it shall be corrected.
func testOwnClock(f *fixture) {
	f.equal("the time", f.Now(), f.clock.now())
	f.equal("the difference", f.ClockDifference(), time.Duration(0))
}
