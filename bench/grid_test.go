package main

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// The jobs of a grid are the same each time, and what their columns say of one job fits together.
func TestGrid(t *testing.T) {
	const jobs = 20_000
	one, other := newGrid(jobs), newGrid(jobs)
	at := map[string]int{}
	for i, name := range strings.Split(strings.ReplaceAll(jobColumns, `"`, ""), ", ") {
		at[name] = i
	}
	ownerOf, count := map[any]any{}, map[any]int{}
	submitted := time.Time{}
	for id := range int64(jobs) {
		row := one.row()
		if again := other.row(); !reflect.DeepEqual(row, again) {
			t.Fatalf("the same grid has %v and %v", row, again)
		}
		value := func(name string) any { return row[at[name]] }
		timeOf := func(name string) time.Time { t, _ := value(name).(time.Time); return t }
		if value("JobID") != id+1 || timeOf("SubmissionTime").Before(submitted) {
			t.Fatalf("not in the order of submission: %v", row)
		}
		submitted = timeOf("SubmissionTime")
		inOrder := []time.Time{submitted}
		for _, name := range []string{"StartExecTime", "HeartBeatTime", "EndExecTime", "LastUpdateTime"} {
			isLate := name == "LastUpdateTime" && timeOf("EndExecTime").IsZero() // of one that runs
			if at := timeOf(name); !at.IsZero() && !isLate {
				inOrder = append(inOrder, at)
			}
		}
		for i, at := range append(inOrder, gridEnd)[1:] {
			if at.Before(inOrder[i]) {
				t.Fatalf("times run backwards: %v", row)
			}
		}
		ended := strings.Contains("Done Failed Killed Deleted", value("Status").(string))
		if ended != (value("EndExecTime") != nil) {
			t.Fatalf("%s, and EndExecTime is %v", value("Status"), value("EndExecTime"))
		}
		if owner, known := ownerOf[value("JobGroup")]; known && owner != value("Owner") {
			t.Fatalf("the jobs of a group have the owners %s and %s", owner, value("Owner"))
		}
		ownerOf[value("JobGroup")] = value("Owner")
		count[value("VO")]++
		count[value("Status")]++
		if value("VO") == growthVO {
			count["sites of "+value("Site").(string)]++
		}
	}
	sites := 0
	for name := range count {
		if text := name.(string); strings.HasPrefix(text, "sites of ") {
			sites++
		}
	}
	for _, want := range []struct {
		what      string
		is        int
		low, high int
	}{
		{"jobs of the VO with half of them", count[growthVO], 9000, 11_000},
		{"Done", count["Done"], 11_000, 13_000},
		{"Failed", count["Failed"], 2000, 2800},
		{"Running", count["Running"], 1700, 2100},
		{"sites of the VO", sites, 90, 110},
		{"job groups", len(ownerOf), 60, 400},
	} {
		if want.is < want.low || want.is > want.high {
			t.Errorf("%d: %s", want.is, want.what)
		}
	}
}

// A question falls short that takes long, and longer than with few jobs; one that passes over an index
// may take as long as that.
func TestShort(t *testing.T) {
	jobs := []int{10_000, 1_000_000}
	for _, test := range []struct {
		few, most     time.Duration
		late, onePass bool
		short         bool
	}{
		{time.Millisecond, 99 * time.Millisecond, false, false, false},
		{time.Millisecond, 101 * time.Millisecond, false, false, true},
		{50 * time.Millisecond, 149 * time.Millisecond, false, false, false},
		{15 * time.Second, 20 * time.Second, true, false, true},
		{time.Millisecond, 140 * time.Millisecond, false, true, false}, // of the 150 ms for 1,000,000
		{time.Millisecond, 160 * time.Millisecond, false, true, true},
	} {
		a := &asked{kind: questionKind{onePass: test.onePass}, answers: map[int]answer{
			jobs[0]: {took: test.few}, jobs[1]: {jobs: 1_000_000, took: test.most, late: test.late},
		}}
		if a.short(jobs) != test.short {
			t.Errorf("%+v", test)
		}
	}
}

func TestQuestionsTable(t *testing.T) {
	jobs := []int{10_000, 1_000_000}
	var all []*asked
	for i, name := range []string{"JobType", "Site", "Owner"} {
		all = append(all, &asked{kind: questionKind{name: "summary by one"}, question: question{name: name}, answers: map[int]answer{
			jobs[0]: {took: time.Duration(i+1) * time.Millisecond}, jobs[1]: {took: time.Duration(100*i*i+1) * time.Millisecond, refused: i == 1},
		}})
	}
	const want = "| summary by one | 3 (1 refused) | 2.00 | 3.00 | 101 | 401 | 50.5 | 133.7 | **2** | Owner |\n\n2 of 3 questions fall short.\n"
	if table := questionsTable("sqlite", all, jobs); !strings.Contains(table, want) {
		t.Errorf("no line %s in\n%s", want, table)
	}
}
