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

// StalledBook says when jobs that aren't heard of become Stalled, and then Failed, for all VOs.
// Make one with [ReadStalled]. The zero value changes no job.
type StalledBook struct {
	// Default is for VOs that have nothing of their own.
	Default Stalled
	// VOs is for single VOs. Such a value replaces all of Default; [ReadStalled] fills in from
	// Default what a file leaves out.
	VOs map[string]Stalled
}

// Stalled says when jobs of a VO that aren't heard of change their status. 0, in files "never",
// switches a rule off. The rules are those of DIRAC's StalledJobAgent, and so are the defaults.
type Stalled struct {
	StalledTimes
	// SubmittingAfter is when a job in Submitting, which its client didn't confirm, becomes Failed:
	// DIRAC's SubmittingTime, default 5 minutes.
	SubmittingAfter Age
	// RescheduleAfter is how long after its last change a job is rescheduled that is still in a
	// status: one of Received, Checking, Staging, Scouting, Matched and Rescheduled. DIRAC has
	// MatchedTime and RescheduledTime, which are two hours and ten minutes there; default never.
	RescheduleAfter map[jobdb.Status]Age
	// Sites has the times of single sites: DIRAC's StalledJobsTolerantSites. [ReadStalled] fills in
	// what a site leaves out.
	Sites map[string]StalledTimes
}

// StalledTimes are how long a job is silent before its status changes.
type StalledTimes struct {
	// StalledAfter is how long after its last heartbeat or change a job in Running or Completing
	// becomes Stalled. It is DIRAC's StalledTimeHours, which counts the watchdog's cycles of half
	// an hour, and half a cycle more; default 75 minutes.
	StalledAfter Age
	// FailedAfter is how long after it became Stalled, or was last heard of, a job becomes Failed:
	// DIRAC's FailedTimeHours, counted likewise; default 195 minutes.
	FailedAfter Age
	// NoPilotAfter is the same for a Stalled job that has no parameter Pilot_Reference. DIRAC's
	// agent does so the next time it looks; default never.
	NoPilotAfter Age
	// PilotEndedAfter is the same for a Stalled job whose pilots have all ended, by the pilots'
	// database; default never.
	PilotEndedAfter Age
	// RescheduleStalled reschedules such jobs instead: DIRAC's StalledJobsToRescheduleSites.
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

// of returns the rules of a VO.
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

// failsAfter and reschedulesAfter give an age to one of the two rules, and 0, which is never, to
// the other: a Stalled job either becomes Failed or is rescheduled.
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

// shortest is the shortest age that which returns for any site; 0: never.
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

// override returns the rules with the ones replaced that a JSON text has.
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

// merged returns a new map of both; second takes precedence.
func merged[K comparable, V any](first, second map[K]V) map[K]V {
	both := make(map[K]V, len(first)+len(second))
	maps.Copy(both, first)
	maps.Copy(both, second)
	return both
}

// validate refuses ages of less than a minute, and statuses from which jobs aren't rescheduled.
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
