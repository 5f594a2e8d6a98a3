package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"jobdb"
	"jobdb/choose"
)

// Many IDs are named in several searches, which together find the greatest first and none twice.
func TestQueriesOfManyIDs(t *testing.T) {
	var chosen choose.Choice
	for id := 1; id <= 2*12_001; id += 2 { // no two beside each other
		chosen.IDs = append(chosen.IDs, choose.IDs{First: jobdb.JobID(id), Last: jobdb.JobID(id)})
	}
	chosen.IDs = append(chosen.IDs, choose.IDs{First: 30_000, Last: 39_999}, choose.IDs{First: 35_000, Last: 50_000}, choose.IDs{First: 1, Last: 1})
	chosen.Search = []jobdb.FilterSpec{{Parameter: "Status", Operator: "eq", Value: "Done"}}
	parts := queries(chosen)
	if len(parts) != 4 || parts[0][0].Value != int64(29_999) || parts[0][1].Value != int64(50_001) {
		t.Fatalf("%d parts, the first is %v", len(parts), parts[0])
	}
	last, ids := int64(30_000), 0
	for _, part := range parts[1:] {
		if len(part[0].Values) > idsTogether || part[len(part)-1].Parameter != "Status" {
			t.Errorf("a part has %d IDs and ends in %v", len(part[0].Values), part[len(part)-1])
		}
		for _, id := range part[0].Values {
			if id.(int64) >= last {
				t.Fatalf("%d comes after %d", id, last)
			}
			last, ids = id.(int64), ids+1
		}
	}
	if ids != 12_001 || countIDs(chosen.IDs) != 12_001+20_001 {
		t.Errorf("%d IDs in lists, %d in all", ids, countIDs(chosen.IDs))
	}
	if none := queries(choose.Choice{Files: []string{"empty"}}); len(none) != 0 {
		t.Errorf("a file without IDs chose %v", none)
	}
}

// Operators that DiracX lacks are written as those that it has, where that says the same.
func TestPortableFilters(t *testing.T) {
	got := portable([]jobdb.FilterSpec{
		{Parameter: "JobID", Operator: "gte", Value: int64(5)},
		{Parameter: "JobID", Operator: "lte", Value: int64(9)},
		{Parameter: "SubmissionTime", Operator: "gte", Value: "2026-03-01 00:00:00"},
		{Parameter: "JobName", Operator: "gte", Value: "a"},
	})
	want := "[{JobID gt 4} {JobID lt 10} {SubmissionTime gt 2026-02-28 23:59:59} {JobName gte a}]"
	var short []string
	for _, f := range got {
		short = append(short, fmt.Sprintf("{%s %s %v}", f.Parameter, f.Operator, f.Value))
	}
	if fmt.Sprint(short) != want {
		t.Errorf("got %v", short)
	}
}

func TestMissingIDs(t *testing.T) {
	found := []target{{JobID: 2}, {JobID: 3}, {JobID: 7}}
	got := missing([]choose.IDs{{First: 1, Last: 4}, {First: 6, Last: 6}, {First: 7, Last: 9}}, found)
	if want := []choose.IDs{{First: 1, Last: 1}, {First: 4, Last: 4}, {First: 6, Last: 6}, {First: 8, Last: 9}}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestDurations(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "59s": 59 * time.Second, "1m 00s": 59500 * time.Millisecond, "2h 05m": 125 * time.Minute, "3d 4h": 76 * time.Hour, "-5s": -5 * time.Second,
	} {
		if got := duration(d); got != want {
			t.Errorf("%v is shown as %s, not %s", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is shown as %s", n, got)
		}
	}
}
