package wms

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"jobdb"
)

// RuleBook has the rules of all VOs. Make one with [ReadRules], or from [DefaultRules].
type RuleBook struct {
	// Default has the rules of VOs that have none of their own.
	Default Rules
	// VOs has the rules of VOs that have their own. They replace all of Default; [ReadRules] fills
	// in from Default what a file leaves out.
	VOs map[string]Rules
}

// Rules are what a job description is checked against. The comment of each field names the setting
// of DIRAC that it stands for; the defaults are in [DefaultRules].
type Rules struct {
	// MaxJobs is how many jobs one submission may make, counting those of a parametric one.
	// In DiracX it is a constant, MAX_PARAMETRIC_JOBS; default 20.
	MaxJobs int
	// MaxUserJobs and MaxVOJobs are how many jobs that haven't ended one owner, and all owners of a
	// VO together, may have. Submissions beyond that are refused. Default 0: any number. DIRAC has
	// no such setting.
	MaxUserJobs, MaxVOJobs int64
	// MaxInputData is how many files a job may name in InputData: JobDescription/MaxInputData,
	// default 100.
	MaxInputData int
	// MaxReschedulings is how often a job may be rescheduled:
	// Services/JobScheduling/MaxRescheduling, default 3. With 0 no job is rescheduled or changed.
	MaxReschedulings int64
	// JobTypes are the job types that a JDL may name: JobDescription/AllowedJobTypes, default User,
	// Test and Hospital.
	JobTypes []string
	// CPUTime is the CPU time of jobs that don't name theirs, in seconds:
	// JobDescription/DefaultCPUTime, default 86400.
	CPUTime int64
	// MinCPUTime and MaxCPUTime bound CPUTime, in seconds: JobDescription/MinCPUTime and
	// MaxCPUTime, default 100 and 500000. As in DIRAC they bound the default only, and not what a
	// JDL says.
	MinCPUTime, MaxCPUTime int64
	// Priority is the priority of jobs that don't name theirs: JobDescription/DefaultPriority,
	// default 1.
	Priority int64
	// MinPriority and MaxPriority bound Priority, and not what a JDL says either:
	// JobDescription/MinPriority and MaxPriority, default 0 and 10.
	MinPriority, MaxPriority int64
	// InputDataModule and SoftwareDistModule are set in JDLs that leave them out; "" sets nothing:
	// InputDataPolicy/InputDataModule, default DIRAC.Core.Utilities.InputDataResolution, and
	// SoftwareDistModule, default LocalSoftwareDist.
	InputDataModule, SoftwareDistModule string
	// Platforms lists for each platform which other ones it can stand in for when a JDL names them
	// in Platform: Resources/Computing/OSCompatibility. By default there are none; then, as in
	// DIRAC, a JDL with a Platform is refused.
	Platforms map[string][]string
	// Groups says how groups share their priority among their task queues, which matters with
	// [JobManager.TaskQueues] only: JobShare, AllowBackgroundTQs and the property JobSharing of
	// Registry/Groups. A group that isn't here has a JobShare of 1000, and nothing else.
	Groups map[string]jobdb.GroupShare
}

// DefaultRules are DIRAC's defaults, for all VOs.
var DefaultRules = RuleBook{Default: Rules{
	MaxJobs:            20,
	MaxInputData:       100,
	MaxReschedulings:   3,
	JobTypes:           []string{"User", "Test", "Hospital"},
	CPUTime:            86400,
	MinCPUTime:         100,
	MaxCPUTime:         500_000,
	Priority:           1,
	MinPriority:        0,
	MaxPriority:        10,
	InputDataModule:    "DIRAC.Core.Utilities.InputDataResolution",
	SoftwareDistModule: "LocalSoftwareDist",
}}

// rulesOf returns the rules for the jobs of a VO.
func (b RuleBook) rulesOf(vo string) Rules {
	if rules, ok := b.VOs[vo]; ok {
		return rules
	}
	return b.Default
}

// ReadRules reads rules from JSON, named as the fields are:
//
//	{"Default": {"MaxJobs": 100}, "VOs": {"lhcb": {"CPUTime": 200000, "JobTypes": ["User", "MCSimulation"]}}}
//
// What Default leaves out comes from [DefaultRules], and what a VO leaves out from Default; the
// Platforms and Groups of a VO are added to those of Default. The error says which rule is wrong,
// and why.
func ReadRules(r io.Reader) (RuleBook, error) {
	all, vos, err := readBook(r, "rules", DefaultRules.Default, Rules.override)
	return RuleBook{all, vos}, err
}

// override returns the rules with the ones replaced that a JSON text has.
func (r Rules) override(text json.RawMessage) (Rules, error) {
	// The decoder writes into these.
	r.JobTypes, r.Platforms, r.Groups = slices.Clone(r.JobTypes), maps.Clone(r.Platforms), maps.Clone(r.Groups)
	if err := decodeRules(text, &r, ruleNames()); err != nil {
		return Rules{}, err
	}
	return r, r.validate()
}

// ruleNames returns the names of all rules, for a message.
func ruleNames() []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Rules]()) {
		names = append(names, field.Name)
	}
	return names
}

// validate finds rules that no job could follow.
func (r Rules) validate() error {
	switch {
	case r.MaxJobs < 1:
		return errors.New("MaxJobs must be more than 0")
	case r.MaxUserJobs < 0 || r.MaxVOJobs < 0:
		return errors.New("MaxUserJobs and MaxVOJobs can't be less than 0")
	case r.MaxInputData < 0 || r.MaxReschedulings < 0:
		return errors.New("MaxInputData and MaxReschedulings can't be less than 0")
	case r.MinCPUTime > r.MaxCPUTime:
		return errors.New("MinCPUTime is more than MaxCPUTime")
	case r.MinPriority > r.MaxPriority:
		return errors.New("MinPriority is more than MaxPriority")
	case slices.Contains(r.JobTypes, ""):
		return errors.New("JobTypes has an empty name")
	}
	for _, group := range slices.Sorted(maps.Keys(r.Groups)) {
		if r.Groups[group].JobShare < 0 {
			return fmt.Errorf("the JobShare of the group %s is less than 0", group)
		}
	}
	return nil
}
