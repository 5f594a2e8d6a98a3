package jdl

import (
	"slices"
	"strings"
)

// knownAttributes are those that DIRAC's services, agents and job wrappers read, and those that
// parametric jobs have.
var knownAttributes = []string{
	"AncestorDepth", "Arguments", "BannedSite", "BannedSites", "CPUTime", "DIRACSetup", "Executable",
	"ExecutionEnvironment", "ExtraOptions", "GridCE", "InputData", "InputDataModule", "InputDataPolicy", "InputDataType",
	"InputSandbox", "JobConfigArgs", "JobGroup", "JobID", "JobName", "JobPath", "JobRequirements", "JobType", "LogLevel",
	"MaxNumberOfProcessors", "MaxRAM", "MinNumberOfProcessors", "MinRAM", "NumberOfProcessors", "OutputData",
	"OutputPath", "OutputSandbox", "OutputSE", "Owner", "OwnerDN", "OwnerGroup", "OwnerName", "ParameterFactor", "Parameters",
	"ParameterStart", "ParameterStep", "PilotReference", "Platform", "Platforms", "Priority", "ProcessingPass",
	"ProcessingType", "RunNumber", "Site", "SoftwareDistModule", "SoftwarePackages", "StdError",
	"StdOutput", "SystemConfig", "Tag", "Tags", "UserOutputData", "UserOutputLFNPrepend",
	"UserOutputPath", "UserOutputSE", "UserPriority", "VirtualOrganization", "WholeNode",
}

// singleAttributes have one text; a text with a comma would be a list. The neverLists aren't among them.
var singleAttributes = []string{
	"CPUTime", "JobGroup", "JobName", "JobType", "LogLevel", "Owner", "OwnerGroup", "OutputPath", "Priority", "VirtualOrganization",
}

// wholeNumbers are whole numbers.
var wholeNumbers = []string{
	"CPUTime", "MaxNumberOfProcessors", "MinNumberOfProcessors", "NumberOfProcessors", "Priority",
}

// nearestName reports whether DIRAC knows an attribute, else which one was likely meant, "" if none
// is near.
func nearestName(name string) (known bool, meant string) {
	base, suffix, _ := strings.Cut(name, ".")
	if slices.Contains(knownAttributes, base) && (suffix == "" || slices.Contains(parameterKinds, base)) {
		return true, ""
	}
	letters := onlyLetters(name)
	best := 1 + min(2, len(letters)/4) // more letters may be wrong in a longer name
	for _, candidate := range knownAttributes {
		if d := distance(letters, onlyLetters(candidate)); d < best {
			best, meant = d, candidate
		}
	}
	return false, meant
}

// onlyLetters is a name in lower case without blanks, lines and so on, which are easily taken for
// each other.
func onlyLetters(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return -1
	}, name)
}

// distance is how many letters differ, are missing or are swapped with their neighbour (the optimal
// string alignment distance). What is longer than any name is far from all.
func distance(a, b string) int {
	const longest = 32
	if len(a) > longest {
		return longest
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// KnownAttributes are the names of the attributes that DIRAC knows, in ascending order.
func KnownAttributes() []string { return slices.Sorted(slices.Values(knownAttributes)) }
