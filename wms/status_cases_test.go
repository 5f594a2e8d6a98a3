package wms_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

var statuses = []string{
	"Submitting", "Received", "Checking", "Staging", "Scouting", "Waiting", "Matched", "Running", "Stalled",
	"Completing", "Done", "Completed", "Failed", "Deleted", "Killed", "Rescheduled",
}

// lastTime is when the jobs of cases were updated last. The history rounds it down.
var lastTime = now.Add(-2 * time.Hour).Truncate(time.Second).Add(123400 * time.Microsecond)

func historyOf(status string, last time.Time) [][2]string {
	return [][2]string{{"Submitting", last.Add(-time.Hour).Format(micro)}, {status, last.Format(micro)}}
}

func oneUpdate(from string, u askedUpdate, at time.Time) statusCase {
	return statusCase{Status: from, History: historyOf(from, lastTime), Updates: map[string]askedUpdate{at.Format(micro): u}, pilot: true, source: u.Source[:min(len(u.Source), 32)]}
}

// bySlowClock is the first word of a source whose clock is behind.
func bySlowClock(from string, u askedUpdate) statusCase {
	c := oneUpdate(from, u, lastTime.Add(-time.Minute))
	c.source = "another"
	return c
}

// statusGrid is every status × status asked for, or none × force × time: before the last one, at
// it, after it; each for a job that has its times of start and end, and for one that has neither.
func statusGrid() []statusCase {
	var cases []statusCase
	for _, from := range statuses {
		for _, to := range append([]string{""}, statuses...) {
			if to == "Scouting" {
				continue // the reference's service doesn't take it
			}
			for _, after := range []time.Duration{-time.Minute, 0, time.Minute} {
				for i := range 4 {
					c := oneUpdate(from, askedUpdate{to, "minor", "application", "JobWrapper"}, lastTime.Add(after))
					if c.force = i%2 == 0; i < 2 {
						c.Started, c.Ended = lastTime.Format(micro), lastTime.Format(micro)
					}
					cases = append(cases, c)
				}
			}
		}
	}
	return cases
}

// randomCases have several updates, of times on both sides of the last one.
func randomCases(n int) []statusCase {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	cases := make([]statusCase, n)
	for i := range cases {
		from := statuses[random.IntN(len(statuses))]
		if from == "Scouting" { // the grid has it, with one update each
			from = "Running"
		}
		c := statusCase{Status: from, History: historyOf(from, lastTime), Updates: map[string]askedUpdate{}, force: random.IntN(3) == 0, pilot: true}
		if random.IntN(2) == 0 {
			c.Started = lastTime.Format(micro)
		}
		sources := []string{"JobWrapper", "Job", "Heartbeat", "Heartbeats", "User", "job"}
		c.source = pick(sources...)
		for range 1 + random.IntN(4) {
			at := lastTime.Add(time.Duration(random.IntN(9)-3) * time.Minute)
			to := pick(append(slices.Clone(statuses), "", "", "", "")...)
			if to == "Scouting" {
				to = "Running"
			}
			source := c.source
			switch { // no other record of the history has the source and the time of the last one: it would be the same
			case at.Equal(lastTime):
				source = "JobManager"
			case at.After(lastTime):
				source = pick(sources...)
			}
			c.Updates[at.Format(micro)] = askedUpdate{to, pick("", "m1", "m2"), pick("", "a1", "a2"), source}
		}
		cases[i] = c
	}
	return cases
}

// statusDifference is one way in which we differ from the reference on purpose.
type statusDifference struct {
	name string
	// like gives the case of which the reference makes what we make of this one.
	like func(c *statusCase)
	// edit makes of the reference's result ours, and says whether it had to.
	edit func(c statusCase, r *result) bool
	// cases are those in which the difference occurs, where the others don't have it.
	cases []statusCase
}

func ends(status string) bool { return status == "Killed" || status == "Deleted" }

var statusDifferences = []statusDifference{
	{
		// The reference gives the command to a job that is Killed or Deleted already with each
		// update, also with those that don't ask for it, or in which the job says that it has ended.
		name: "kill-asked",
		edit: func(c statusCase, r *result) bool {
			again := ends(c.Status) && r.Job.Status[0] == c.Status && len(r.Commands) > 0
			for _, u := range c.Updates {
				again = again && (!ends(u.Status) || u.Status == "Killed" && strings.HasPrefix(u.Source, "JobWrapper"))
			}
			if again {
				r.Commands = [][2]string{}
			}
			return again
		},
	},
	{
		// The reference fails on a job that stays in Scouting, which its model of statuses doesn't
		// have.
		name: "scouting",
		like: func(c *statusCase) {
			if to := c.staysScouting(); to != "" {
				c.Status, c.History = to, historyOf(to, lastTime)
			}
		},
		edit: func(c statusCase, r *result) bool {
			from := c.staysScouting()
			if from != "" {
				r.rename(from, "Scouting")
			}
			return from != ""
		},
	},
	{
		// A job without a history fails the reference's whole batch.
		name: "no-history",
		like: func(c *statusCase) {
			if len(c.History) == 0 {
				c.History = [][2]string{{c.Status, longAgo.Format(micro)}}
			}
		},
		edit: func(c statusCase, r *result) bool {
			if len(c.History) == 0 {
				for _, record := range r.History {
					record[0] = record[0].(float64) - 1
				}
			}
			return len(c.History) == 0
		},
		cases: []statusCase{
			{Status: "Running", Updates: map[string]askedUpdate{lastTime.Format(micro): {Status: "Done", Source: "JobWrapper"}}, pilot: true},
			{Status: "Stalled", Updates: map[string]askedUpdate{lastTime.Format(micro): {MinorStatus: "m", Source: "x"}}, pilot: true},
		},
	},
	{
		// Of a time that the history rounds up the reference holds that very time for late.
		name: "rounding",
		like: func(c *statusCase) {
			if len(c.History) == 2 && c.History[1][1] == roundedUp.Format(micro) {
				c.History = historyOf(c.Status, lastTime)
			}
		},
		cases: []statusCase{
			{
				Status: "Running", History: historyOf("Running", roundedUp), pilot: true,
				Updates: map[string]askedUpdate{roundedUp.Format(micro): {Status: "Done", Source: "JobWrapper"}},
			},
			{
				Status: "Matched", History: historyOf("Matched", roundedUp), pilot: true,
				Updates: map[string]askedUpdate{
					roundedUp.Format(micro):                  {Status: "Running", Source: "JobWrapper"},
					roundedUp.Add(time.Second).Format(micro): {Status: "Done", Source: "JobWrapper"},
				},
			},
		},
	},
	{
		// A user's Killed or Deleted that is late, the reference only writes into the history.
		name: "late-kill",
		like: func(c *statusCase) {
			c.moveTimes(func(at string, u askedUpdate) bool {
				return !c.pilot && at < lastTime.Format(micro) && (u.Status == "Killed" || u.Status == "Deleted")
			})
		},
		cases: []statusCase{byUser("Running", "Killed"), byUser("Done", "Deleted"), byUser("Matched", "Deleted"), byUser("Stalled", "Killed")},
	},
	{
		// An update that is dated ahead makes all later ones late.
		name: "ahead",
		like: func(c *statusCase) {
			c.moveTimes(func(at string, _ askedUpdate) bool { return at > now.Add(time.Minute).Format(micro) })
		},
		cases: []statusCase{
			oneUpdate("Running", askedUpdate{Status: "Done", Source: "JobWrapper"}, now.Add(61*time.Second)),
			oneUpdate("Waiting", askedUpdate{Status: "Killed", MinorStatus: "m", Source: "User"}, now.AddDate(1, 0, 0)),
		},
	},
	{
		// A history that somebody dated ahead makes all later updates late.
		name: "history-ahead",
		like: func(c *statusCase) {
			c.History = slices.Clone(c.History)
			for i, record := range c.History {
				if record[1] > now.Add(time.Minute).Format(micro) {
					c.History[i][1] = lastTime.Format(micro)
				}
			}
		},
		cases: []statusCase{{
			Status: "Running", History: historyOf("Running", now.AddDate(1, 0, 0)), pilot: true,
			Updates: map[string]askedUpdate{now.Format(micro): {Status: "Done", Source: "JobWrapper"}},
		}},
	},
	{
		// The reference cuts the mark off a long source, or half of it.
		name: "long-source",
		edit: func(c statusCase, r *result) (edited bool) {
			for _, record := range r.History {
				asked := c.Updates[record[4].(string)]
				if len(asked.Source) > 28 && asked.Status != "" && asked.Status != record[1] {
					record[5], edited = asked.Source[:28]+"(SM)", true
				}
			}
			return edited
		},
		cases: []statusCase{
			oneUpdate("Done", askedUpdate{Status: "Running", Source: strings.Repeat("s", 30)}, now),
			oneUpdate("Done", askedUpdate{Status: "Running", Source: "Job" + strings.Repeat("s", 40)}, now),
			oneUpdate("Running", askedUpdate{Status: "Done", Source: strings.Repeat("s", 40)}, now),
		},
	},
	{
		// The reference stores texts that are longer than their columns, where the engine lets it.
		name: "long-text",
		edit: func(_ statusCase, r *result) (edited bool) {
			cut := func(text *string, n int) {
				if len(*text) > n {
					*text, edited = (*text)[:n], true
				}
			}
			for _, c := range []*columns{&r.Job, &r.Report} {
				cut(&c.Status[1], 128)
				cut(&c.Status[2], 255)
			}
			for _, record := range r.History {
				minor := record[2].(string)
				cut(&minor, 128)
				record[2] = minor
			}
			return edited
		},
		cases: []statusCase{
			oneUpdate("Running", askedUpdate{Status: "Done", MinorStatus: strings.Repeat("m", 200), Source: "JobWrapper"}, now),
			oneUpdate("Running", askedUpdate{Status: "Failed", ApplicationStatus: strings.Repeat("a", 300), Source: "JobWrapper"}, now),
		},
	},
	{
		// A late update of a source that said nothing later is as late as any other.
		name: "slow-clock",
		like: func(c *statusCase) {
			c.moveTimes(func(string, askedUpdate) bool { return c.source == "another" })
		},
		edit: func(c statusCase, r *result) bool {
			for _, record := range r.History {
				for at := range c.Updates {
					if c.source == "another" {
						record[4] = at
					}
				}
			}
			return c.source == "another"
		},
		cases: []statusCase{
			bySlowClock("Matched", askedUpdate{Status: "Running", Source: "JobWrapper"}),
			bySlowClock("Running", askedUpdate{Status: "Done", MinorStatus: "m", Source: "JobWrapper"}),
			bySlowClock("Running", askedUpdate{ApplicationStatus: "a", Source: "Job"}),
			bySlowClock("Stalled", askedUpdate{Status: "Running", Source: "JobWrapper"}),
		},
	},
	{
		// The reference takes the times of start and end from late and refused updates, too.
		name: "exec-times",
		edit: func(c statusCase, r *result) bool {
			before := r.Job
			r.Job.Started, r.Job.Ended, r.Report.Started, r.Report.Ended = c.Started, c.Ended, "", ""
			for _, record := range r.History {
				status, at, source := record[1].(string), record[4].(string), record[5].(string)
				isLate := len(c.History) > 0 && c.source != "another" && at < min(c.History[len(c.History)-1][1], now.Format(micro))
				switch {
				case isLate || strings.HasSuffix(source, "(SM)"):
				case status == "Running" && r.Job.Started == "":
					r.Job.Started, r.Report.Started = at, at
				case slices.Contains([]string{"Done", "Completed", "Failed", "Killed"}, status) && r.Job.Ended == "":
					r.Job.Ended, r.Report.Ended = at, at
				}
				if c.source == "another" { // whose times count from the server's clock
					r.Report.Started, r.Report.Ended, r.Job = before.Started, before.Ended, before
				}
			}
			return before != r.Job
		},
	},
}

// roundedUp is lastTime, but the history rounds it up.
var roundedUp = lastTime.Add(200 * time.Microsecond)

// byUser is a user's late wish to end a job.
func byUser(from, to string) statusCase {
	c := oneUpdate(from, askedUpdate{Status: to, Source: "User"}, lastTime.Add(-time.Minute))
	c.pilot = false
	return c
}

// moveTimes lets updates count from the server's clock.
func (c *statusCase) moveTimes(moves func(at string, u askedUpdate) bool) {
	updates := map[string]askedUpdate{}
	for at, u := range c.Updates {
		if moves(at, u) {
			at = now.Format(micro)
		}
		updates[at] = u
	}
	c.Updates = updates
}

// staysScouting gives, for a job in Scouting that stays there, a status in which it would stay,
// too.
func (c statusCase) staysScouting() string {
	for at, u := range c.Updates {
		moves := c.force && u.Status != "" || slices.Contains([]string{"Checking", "Failed", "Stalled", "Killed"}, u.Status)
		if c.Status != "Scouting" || moves || at < lastTime.Format(micro) {
			return ""
		}
		if u.Status == "Done" || u.Status == "Deleted" {
			return "Matched"
		}
	}
	return "Done"
}

// rename replaces a status wherever it stands.
func (r *result) rename(from, to string) {
	for _, status := range []*string{&r.Job.Status[0], &r.Report.Status[0]} {
		if *status == from {
			*status = to
		}
	}
	for _, record := range r.History {
		if record[1] == from {
			record[1] = to
		}
	}
}

// likeReference is the case of which the reference makes what we make of c, and the differences
// because of which it isn't c.
func likeReference(c statusCase) (like statusCase, names []string) {
	like = c
	for _, d := range statusDifferences {
		if d.like != nil {
			before := like
			if d.like(&like); !sameCase(before, like) {
				names = append(names, d.name)
			}
		}
	}
	return like, names
}

func sameCase(a, b statusCase) bool {
	return a.Status == b.Status && slices.Equal(a.History, b.History) && maps.Equal(a.Updates, b.Updates)
}

// editReference makes of the reference's result ours, and names the differences because of which it
// had to.
func editReference(c statusCase, r *result) (names []string) {
	for _, d := range statusDifferences {
		if d.edit != nil && d.edit(c, r) {
			names = append(names, d.name)
		}
	}
	return names
}
