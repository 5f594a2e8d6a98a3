package wms

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// platformsFor returns the platforms on which a job can run whose JDL names some, the newest first,
// as DIRAC's getDIRACPlatform does.
func (r Rules) platformsFor(named []string) ([]string, error) {
	if len(r.Platforms) == 0 {
		return nil, errors.New("this server knows no platforms; leave Platform out")
	}
	var fit []string
	for _, platform := range slices.Sorted(maps.Keys(r.Platforms)) {
		runs := func(name string) bool { return name == platform || slices.Contains(r.Platforms[platform], name) }
		if slices.ContainsFunc(named, runs) {
			fit = append(fit, platform)
		}
	}
	if len(fit) == 0 {
		return nil, fmt.Errorf("nothing here runs on the Platform %.200q", strings.Join(named, ", "))
	}
	slices.SortStableFunc(fit, func(a, b string) int { return slices.Compare(versionOf(b), versionOf(a)) })
	return fit, nil
}

var versionParts = regexp.MustCompile(`\d+|[a-z]+|\.| -`)

// versionOf returns what platforms are sorted by, as in DIRAC: the parts of a name, with numbers
// padded so that they sort by their values. Zeros before a word don't count.
func versionOf(platform string) []string {
	var version []string
	for _, part := range partsOf(strings.ToLower(platform)) {
		switch {
		case part == ".":
			continue
		case '0' <= part[0] && part[0] <= '9':
			part = strings.Repeat("0", max(0, 8-len(part))) + part
		default:
			for len(version) > 0 && version[len(version)-1] == "00000000" {
				version = version[:len(version)-1]
			}
		}
		version = append(version, part)
	}
	return version
}

// partsOf splits a name into numbers, words, and what is between them.
func partsOf(name string) []string {
	var parts []string
	end := 0
	for _, at := range append(versionParts.FindAllStringIndex(name, -1), []int{len(name), len(name)}) {
		if at[0] > end {
			parts = append(parts, name[end:at[0]])
		}
		if at[1] > at[0] {
			parts = append(parts, name[at[0]:at[1]])
		}
		end = at[1]
	}
	return parts
}
