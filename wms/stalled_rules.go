package wms

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
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
	StalledAfter, FailedAfter, SubmittingAfter *Age
	Sites                                      map[string]struct{ StalledAfter, FailedAfter *Age }
}

// override returns the rules, with what replaced that a JSON text names.
func (s Stalled) override(text json.RawMessage) (Stalled, error) {
	var file stalledFile
	if err := decodeRules(text, &file, []string{"StalledAfter", "FailedAfter", "SubmittingAfter", "Sites"}); err != nil {
		return Stalled{}, err
	}
	replace := func(age *Age, by *Age) {
		if by != nil {
			*age = *by
		}
	}
	replace(&s.StalledAfter, file.StalledAfter)
	replace(&s.FailedAfter, file.FailedAfter)
	replace(&s.SubmittingAfter, file.SubmittingAfter)
	if s.Sites = maps.Clone(s.Sites); s.Sites == nil {
		s.Sites = map[string]StalledTimes{}
	}
	for site, own := range file.Sites {
		times := s.at(site)
		replace(&times.StalledAfter, own.StalledAfter)
		replace(&times.FailedAfter, own.FailedAfter)
		s.Sites[site] = times
	}
	return s, s.validate()
}

// validate finds times that are shorter than jobs beat.
func (s Stalled) validate() error {
	const shortest = Age(time.Minute)
	check := func(name string, age Age) error {
		if age > 0 && age < shortest {
			return fmt.Errorf("%s is less than a minute", name)
		}
		return nil
	}
	errs := []error{check("StalledAfter", s.StalledAfter), check("FailedAfter", s.FailedAfter), check("SubmittingAfter", s.SubmittingAfter)}
	for _, site := range slices.Sorted(maps.Keys(s.Sites)) {
		errs = append(errs, check("StalledAfter of "+site, s.Sites[site].StalledAfter), check("FailedAfter of "+site, s.Sites[site].FailedAfter))
	}
	return errors.Join(errs...)
}
