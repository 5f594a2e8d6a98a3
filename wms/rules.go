package wms

// Rules are what a job description is held against.
type Rules struct {
	MaxJobs      int // of one submission
	MaxInputData int // files of one job
	JobTypes     []string
	// CPUTime (in seconds) and Priority are those of jobs that don't say theirs.
	CPUTime, Priority int64
	// The modules that jobs get that name none; "" adds none.
	InputDataModule, SoftwareDistModule string
}

// DefaultRules are the reference's.
var DefaultRules = Rules{
	MaxJobs:            20,
	MaxInputData:       100,
	JobTypes:           []string{"User", "Test", "Hospital"},
	CPUTime:            86400,
	Priority:           1,
	InputDataModule:    "DIRAC.Core.Utilities.InputDataResolution",
	SoftwareDistModule: "LocalSoftwareDist",
}
