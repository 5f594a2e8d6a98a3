package wms_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"jobdb"
	"jobdb/jobdbtest"
	"jobdb/oracle"
	"jobdb/wms"
)

// statusCase is a job and what is asked of it. Its times are texts in the layout micro.
type statusCase struct {
	Status  string                 `json:"status"`
	Started string                 `json:"started"`
	Ended   string                 `json:"ended"`
	History [][2]string            `json:"history"` // status and time
	Updates map[string]askedUpdate `json:"updates"` // by their times

	force, pilot bool

	// source is that of the history. What it says late stays late; others may have a slow clock.
	source string
}

type askedUpdate struct {
	Status            string `json:",omitempty"`
	MinorStatus       string `json:",omitempty"`
	ApplicationStatus string `json:",omitempty"`
	Source            string `json:",omitempty"`
}

const micro = "2006-01-02T15:04:05.000000Z"

// result is what became of a case.
type result struct {
	Job      columns     `json:"job"`
	Report   columns     `json:"report"`
	Commands [][2]string `json:"commands"`
	History  [][]any     `json:"history"` // SeqNum, status, minor, application, time, source
}

type columns struct {
	Status  [3]string `json:"status"` // with its minor and application status
	Started string    `json:"started"`
	Ended   string    `json:"ended"`
	Beat    string    `json:"beat"`
	Updated bool      `json:"updated"`
}

// since is a copy of the result without the records of history that were there before.
func (r result) since(c statusCase) result {
	var history [][]any
	for i, record := range r.History {
		if i >= len(c.History) {
			history = append(history, slices.Clone(record))
		}
	}
	r.History = history
	return r
}

type reference struct {
	Machine map[string]map[string]string `json:"machine"`
	Answers []struct {
		Jobs  []result `json:"jobs"`
		Error string   `json:"error"`
	} `json:"answers"`
}

// TestStatusAgainstReference holds what becomes of updates against what DiracX makes of them: jobs,
// history, commands and report, for every status, status asked for, force and time, and for random
// series of updates. Where we differ, a row of statusDifferences says what we do instead; each must
// occur.
func TestStatusAgainstReference(t *testing.T) {
	cases := slices.Concat(statusGrid(), randomCases(1500))
	for _, d := range statusDifferences {
		cases = append(cases, d.cases...)
	}
	asked, places, names := slices.Clone(cases), make([]int, len(cases)), make([][]string, len(cases))
	for i, c := range cases {
		like, differences := likeReference(c)
		if places[i], names[i] = i, differences; len(differences) > 0 {
			places[i] = len(asked)
			asked = append(asked, like)
		}
	}
	answers, machine := askStatuses(t, asked)
	got := ownResults(t, cases)
	occurred := map[string]int{}
	failures := 0
	for i, c := range cases {
		theirs, want := answers[i].since(c), answers[places[i]].since(asked[places[i]])
		names := append(names[i], editReference(c, &want)...)
		if diff := gocmp.Diff(want, got[i]); diff != "" {
			if failures++; failures <= 5 {
				t.Errorf("%+v %v: - what DiracX makes of it, + ours\n%s", c, names, diff)
			}
			continue
		}
		for _, name := range names {
			if gocmp.Diff(theirs, want) != "" {
				occurred[name]++
			}
		}
	}
	for _, d := range statusDifferences {
		if occurred[d.name] == 0 {
			t.Errorf("the difference %s doesn't occur", d.name)
		}
	}
	t.Logf("%d cases, %d wrong; differences: %v", len(cases), failures, occurred)
	testMachine(t, machine)
}

// testMachine asks for Scouting, too, which DiracX's state machine knows and its service doesn't.
func testMachine(t *testing.T, machine map[string]map[string]string) {
	t.Helper()
	var cases []statusCase
	var want []string
	for from := range machine {
		for to := range machine {
			cases = append(cases, oneUpdate(from, askedUpdate{Status: to}, lastTime.Add(time.Second)))
			if from == "Stalled" && to != "Stalled" {
				want = append(want, machine["Running"][to])
			} else {
				want = append(want, machine[from][to])
			}
		}
	}
	for i, got := range ownResults(t, cases) {
		if got.Job.Status[0] != want[i] {
			t.Errorf("%s to %v: it is %s, want %s", cases[i].Status, cases[i].Updates, got.Job.Status[0], want[i])
		}
	}
	if len(cases) != 16*16 {
		t.Errorf("%d pairs of statuses", len(cases))
	}
}

// askStatuses asks DiracX. One request takes all that has the same options, but those that it can't
// answer would fail it.
func askStatuses(t *testing.T, cases []statusCase) ([]result, map[string]map[string]string) {
	t.Helper()
	type request struct {
		Force bool         `json:"force"`
		Jobs  []statusCase `json:"jobs"`
	}
	groups := map[string][]int{}
	for i, c := range cases {
		key := fmt.Sprint(c.force, i/500)
		if c.Status == "Scouting" || len(c.History) == 0 {
			key = fmt.Sprint("alone", i)
		}
		groups[key] = append(groups[key], i)
	}
	keys := slices.Sorted(maps.Keys(groups))
	requests := make([]request, len(keys))
	for n, key := range keys {
		for _, i := range groups[key] {
			requests[n].Force = cases[i].force
			requests[n].Jobs = append(requests[n].Jobs, cases[i])
		}
	}
	var reply reference
	oracle.Ask(t, "testdata/states.py", requests, &reply)
	answers := make([]result, len(cases))
	for n, key := range keys {
		answer := reply.Answers[n]
		if answer.Error != "" && len(groups[key]) > 1 {
			t.Fatalf("DiracX fails on %d jobs: %s", len(groups[key]), answer.Error)
		}
		for k, i := range groups[key] {
			if answer.Error == "" {
				answers[i] = answer.Jobs[k]
			}
		}
	}
	return answers, reply.Machine
}

// ownResults is what we make of the cases.
func ownResults(t *testing.T, cases []statusCase) []result {
	t.Helper()
	url := jobdbtest.SQLite(t)
	m := open(t, url)
	ids := storeCases(t, m, cases)
	reports := map[jobdb.JobID]wms.StatusChange{}
	for _, options := range []wms.StatusOptions{{}, {Pilot: true}, {Force: true}, {Force: true, Pilot: true}} {
		updates := map[jobdb.JobID][]wms.StatusUpdate{}
		for i, c := range cases {
			if c.force == options.Force && c.pilot == options.Pilot {
				updates[ids[i]] = c.updates(t)
			}
		}
		report, err := m.SetStatus(t.Context(), wms.Scope{VO: "lhcb"}, updates, options)
		if err != nil || len(report.Failed) > 0 {
			t.Fatal(err, report.Failed)
		}
		maps.Copy(reports, report.Success)
	}
	return readResults(t, m, url, ids, cases, reports)
}

func (c statusCase) updates(t *testing.T) []wms.StatusUpdate {
	t.Helper()
	var updates []wms.StatusUpdate
	for at, u := range c.Updates {
		updates = append(updates, wms.StatusUpdate{
			Time: parseMicro(t, at), Status: jobdb.Status(u.Status), MinorStatus: u.MinorStatus, ApplicationStatus: u.ApplicationStatus, Source: u.Source,
		})
	}
	return updates
}

func parseMicro(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(micro, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

var longAgo = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func storeCases(t *testing.T, m *wms.JobManager, cases []statusCase) []jobdb.JobID {
	t.Helper()
	ids, err := m.DB.CreateJobs(t.Context(), make([]string, len(cases)))
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[jobdb.JobID]jobdb.Attributes{}
	var history []jobdb.HistoryRecord
	for i, c := range cases {
		attributes[ids[i]] = jobdb.Attributes{
			"VO": "lhcb", "Status": c.Status, "MinorStatus": "before", "ApplicationStatus": "before", "LastUpdateTime": longAgo,
		}
		for name, at := range map[string]string{"StartExecTime": c.Started, "EndExecTime": c.Ended} {
			if at != "" {
				attributes[ids[i]][name] = parseMicro(t, at)
			}
		}
		for _, record := range c.History {
			history = append(history, jobdb.HistoryRecord{
				JobID: ids[i], Status: jobdb.Status(record[0]), MinorStatus: "before", ApplicationStatus: "before", Source: cmp.Or(c.source, "before"), Time: parseMicro(t, record[1]),
			})
		}
	}
	if err := m.DB.InsertJobAttributes(t.Context(), attributes); err != nil {
		t.Fatal(err)
	}
	if err := m.DB.InsertHistory(t.Context(), history); err != nil {
		t.Fatal(err)
	}
	return ids
}

func readResults(t *testing.T, m *wms.JobManager, url string, ids []jobdb.JobID, cases []statusCase, reports map[jobdb.JobID]wms.StatusChange) []result {
	t.Helper()
	jobs, err := m.DB.LockJobs(t.Context(), ids, "Status", "MinorStatus", "ApplicationStatus", "StartExecTime", "EndExecTime", "HeartBeatTime", "LastUpdateTime")
	if err != nil {
		t.Fatal(err)
	}
	commands, err := m.DB.JobCommands(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	history := rawHistory(t, url)
	results := make([]result, len(ids))
	for i, id := range ids {
		job, change := jobs[id], reports[id]
		results[i] = result{
			Job: columns{
				Status:  [3]string{job["Status"].(string), job["MinorStatus"].(string), job["ApplicationStatus"].(string)},
				Started: microText(job["StartExecTime"]), Ended: microText(job["EndExecTime"]), Beat: microText(job["HeartBeatTime"]),
				Updated: job["LastUpdateTime"] != longAgo,
			},
			Report: columns{
				Status:  [3]string{string(change.Status), change.MinorStatus, change.ApplicationStatus},
				Started: microText(change.StartExecTime), Ended: microText(change.EndExecTime), Beat: microText(change.HeartBeatTime),
				Updated: !change.LastUpdateTime.IsZero(),
			},
			Commands: [][2]string{},
			History:  history[id][len(cases[i].History):],
		}
		for _, c := range commands[id] {
			results[i].Commands = append(results[i].Commands, [2]string{c.Command.Command, c.Arguments})
		}
	}
	return results
}

func microText(value any) string {
	if at, ok := value.(time.Time); ok && !at.IsZero() {
		return at.Format(micro)
	}
	return ""
}
