package wms

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"jobdb"
)

// StalledBook says for all VOs when jobs that aren't heard of become Stalled, and then Failed. Make
// one by [ReadStalled]. The zero value changes no job.
type StalledBook struct {
	// Default is for VOs that have nothing of their own.
	Default Stalled
	// VOs has the others. They replace all of Default; [ReadStalled] fills in from Default what a file
	// leaves out.
	VOs map[string]Stalled
}

// Stalled says when jobs of a VO that aren't heard of change their status. 0, in files "never",
// switches a rule off. The rules are those of DIRAC's StalledJobAgent, and so are the defaults.
type Stalled struct {
	StalledTimes
	// SubmittingAfter is when a job in Submitting becomes Failed, whose client didn't confirm it:
	// SubmittingTime, default 5 minutes.
	SubmittingAfter Age
	// RescheduleAfter is when a job is rescheduled that stays in a status, since its last change: one
	// of Received, Checking, Staging, Scouting, Matched and Rescheduled. MatchedTime and
	// RescheduledTime of DIRAC, which are two hours and ten minutes there; default never.
	RescheduleAfter map[jobdb.Status]Age
	// Sites has the times of sites that have their own: StalledJobsTolerantSites of DIRAC. What one
	// leaves out is as elsewhere.
	Sites map[string]StalledTimes
}

// StalledTimes are how long a job is silent before its status changes.
type StalledTimes struct {
	// StalledAfter is when a job in Running or Completing becomes Stalled, since its last heartbeat or
	// change: StalledTimeHours of DIRAC, which are cycles of the watchdog of half an hour, and half a
	// cycle more; default 75 minutes.
	StalledAfter Age
	// FailedAfter is when a job in Stalled becomes Failed, since it became Stalled or was last heard of:
	// FailedTimeHours, counted likewise; default 195 minutes.
	FailedAfter Age
	// NoPilotAfter is when a job in Stalled becomes Failed already, counted likewise, that has no
	// parameter Pilot_Reference. DIRAC's agent does so the next time it looks; default never.
	NoPilotAfter Age
	// PilotEndedAfter is the same for one whose pilots, by the pilots' database, have all ended; default
	// never.
	PilotEndedAfter Age
	// RescheduleStalled has such jobs rescheduled instead of Failed: StalledJobsToRescheduleSites of
	// DIRAC.
	RescheduleStalled bool
}

// rescheduledFrom are the statuses that RescheduleAfter may name.
var rescheduledFrom = []jobdb.Status{
	jobdb.StatusReceived, jobdb.StatusChecking, jobdb.StatusStaging, jobdb.StatusScouting, jobdb.StatusMatched, jobdb.StatusRescheduled,
}

// DefaultStalled are DIRAC's defaults.
var DefaultStalled = Stalled{
	StalledTimes:    StalledTimes{StalledAfter: Age(75 * time.Minute), FailedAfter: Age(195 * time.Minute)},
	SubmittingAfter: Age(5 * time.Minute),
}

// of returns what a VO has.
func (b StalledBook) of(vo string) Stalled {
	if s, ok := b.VOs[vo]; ok {
		return s
	}
	return b.Default
}

// at returns the times at a site.
func (s Stalled) at(site string) StalledTimes {
	if times, ok := s.Sites[site]; ok {
		return times
	}
	return s.StalledTimes
}

// failsAfter and reschedulesAfter are when a job in Stalled becomes Failed, or is rescheduled
// instead.
func (t StalledTimes) failsAfter(after Age) Age {
	if t.RescheduleStalled {
		return 0
	}
	return after
}

func (t StalledTimes) reschedulesAfter(after Age) Age {
	if t.RescheduleStalled {
		return after
	}
	return 0
}

// shortest is the shortest of the times that which gives, at any site; 0: never.
func (s Stalled) shortest(which func(StalledTimes) Age) Age {
	shortest := which(s.StalledTimes)
	for _, times := range s.Sites {
		if age := which(times); age > 0 && (shortest == 0 || age < shortest) {
			shortest = age
		}
	}
	return shortest
}

// ReadStalled reads the rules from JSON, named as the fields are:
//
//	{"Default": {"StalledAfter": "2h", "Sites": {"LCG.CERN.cern": {"StalledAfter": "6h"}}}, "VOs": {"lhcb": {"FailedAfter": "12h"}}}
//
// What Default leaves out comes from [DefaultStalled], what a VO leaves out from Default, and what a
// site leaves out from its VO. The Sites of a VO are added to those of Default. The error says what is
// wrong, and why.
func ReadStalled(r io.Reader) (StalledBook, error) {
	all, vos, err := readBook(r, "rules of stalled jobs", DefaultStalled, Stalled.override)
	return StalledBook{all, vos}, err
}

// stalledFile is how the rules are written.
type stalledFile struct {
	stalledTimesFile

	SubmittingAfter *Age
	RescheduleAfter map[jobdb.Status]Age
	Sites           map[string]stalledTimesFile
}

type stalledTimesFile struct {
	StalledAfter, FailedAfter, NoPilotAfter, PilotEndedAfter *Age
	RescheduleStalled                                        *bool
}

// override returns the rules, with what replaced that a JSON text names.
func (s Stalled) override(text json.RawMessage) (Stalled, error) {
	var file stalledFile
	names := []string{"StalledAfter", "FailedAfter", "NoPilotAfter", "PilotEndedAfter", "RescheduleStalled", "SubmittingAfter", "RescheduleAfter", "Sites"}
	if err := decodeRules(text, &file, names); err != nil {
		return Stalled{}, err
	}
	s.StalledTimes = s.StalledTimes.override(file.stalledTimesFile)
	replace(&s.SubmittingAfter, file.SubmittingAfter)
	s.RescheduleAfter = merged(s.RescheduleAfter, file.RescheduleAfter)
	s.Sites = merged(s.Sites, nil)
	for site, own := range file.Sites {
		s.Sites[site] = s.at(site).override(own)
	}
	return s, s.validate()
}

func (t StalledTimes) override(file stalledTimesFile) StalledTimes {
	replace(&t.StalledAfter, file.StalledAfter)
	replace(&t.FailedAfter, file.FailedAfter)
	replace(&t.NoPilotAfter, file.NoPilotAfter)
	replace(&t.PilotEndedAfter, file.PilotEndedAfter)
	replace(&t.RescheduleStalled, file.RescheduleStalled)
	return t
}

// replace sets what a file names.
func replace[T any](what, by *T) {
	if by != nil {
		*what = *by
	}
}

// merged is a new map of both; the second counts.
func merged[K comparable, V any](first, second map[K]V) map[K]V {
	both := make(map[K]V, len(first)+len(second))
	maps.Copy(both, first)
	maps.Copy(both, second)
	return both
}

// validate finds times that are shorter than jobs beat, and statuses that jobs aren't kicked from.
func (s Stalled) validate() error {
	var errs []error
	check := func(name string, age Age) {
		if age > 0 && age < Age(time.Minute) {
			errs = append(errs, fmt.Errorf("%s is less than a minute", name))
		}
	}
	times := func(t StalledTimes, of string) {
		check("StalledAfter"+of, t.StalledAfter)
		check("FailedAfter"+of, t.FailedAfter)
		check("NoPilotAfter"+of, t.NoPilotAfter)
		check("PilotEndedAfter"+of, t.PilotEndedAfter)
	}
	times(s.StalledTimes, "")
	check("SubmittingAfter", s.SubmittingAfter)
	for _, status := range slices.Sorted(maps.Keys(s.RescheduleAfter)) {
		check("RescheduleAfter of "+string(status), s.RescheduleAfter[status])
		if !slices.Contains(rescheduledFrom, status) {
			errs = append(errs, fmt.Errorf("RescheduleAfter: jobs aren't rescheduled from %.40q; write one of %v", status, rescheduledFrom))
		}
	}
	for _, site := range slices.Sorted(maps.Keys(s.Sites)) {
		times(s.Sites[site], " of "+site)
	}
	return errors.Join(errs...)
}
