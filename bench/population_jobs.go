package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"jobdb"
)

// community is a VO with its share of the jobs, in percent.
type community struct {
	vo     string
	share  int
	owners int
}

var communities = []community{
	{"lhcb", 50, 120}, {"biomed", 20, 60}, {"belle", 15, 80}, {"gridpp", 8, 40}, {"ilc", 5, 25}, {"eiscat.se", 2, 5},
}

// statuses have shares in percent, as in a system most of whose jobs have ended, and minor
// statuses, the commonest first.
var statuses = []struct {
	status, application string
	share               int
	minors              []string
}{
	{"Done", "Job Finished Successfully", 55, []string{"Execution Complete", "Requests Done", "Execution Complete (late)"}},
	{"Failed", "Exited With Status", 12, []string{
		"Application Finished With Errors", "Job stalled: pilot not running", "Watchdog identified this job as stalled",
		"Maximum of reschedulings reached",
		"Input Data Resolution", "Uploading Output Data", "Exception During Execution", "Job has exceeded maximum wall clock time",
	}},
	{"Waiting", "Unknown", 10, []string{"Pilot Agent Submission", "Job Rescheduled", "Waiting for Input Data"}},
	{"Running", "Events", 9, []string{"Application", "Job Initialization", "Input Data Resolution", "Uploading Output Data"}},
	{"Killed", "Unknown", 4, []string{"Marked for termination", "Received Kill signal"}},
	{"Completed", "Unknown", 3, []string{"Pending Requests", "Application Finished With Errors"}},
	{"Matched", "Unknown", 2, []string{"Assigned", "Job Received by Agent", "Installing Software", "Submitted To CE"}},
	{"Stalled", "Events", 1, []string{"Job stalled: pilot not running", "Watchdog identified this job as stalled"}},
	{"Checking", "Unknown", 1, []string{"JobSanity", "JobPath", "InputData", "JobScheduling"}},
	{"Received", "Unknown", 1, []string{"Job accepted", "Job Rescheduled"}},
	{"Deleted", "Unknown", 1, []string{"Checking accounting", "Unknown"}},
	{"Completing", "Unknown", 1, []string{"Uploading Outputs", "Uploading Job Outputs"}},
}

var (
	countries = []string{"ch", "de", "es", "fr", "it", "jp", "nl", "pl", "ru", "uk"}
	types     = []string{"MCSimulation", "User", "MCReconstruction", "Merge", "WGProduction"}
)

// originalJDL is a JDL of usual length, as it is stored: compressed, in base64.
const originalJDL = "eJx1kE1rwzAMhu/9FcbnbXHSpk17K4wdBoON7TYGQbGV1OAv/NFRRv/77KRdBmM3Sc/7SkjfK0Koc9h" +
	"ri4MGSXfkIyeEfJ9lRuQe0Rj2Ti0DXAQvk2zn5QmsjI+Ts0JNBq0KBd8SJN2z5tV3sFxvu6bdwLbvsH9+Q9Y0TQdt2/btpq36Bg" +
	"YGfV8xxtqmZ1s2dFu2qTZ9W/VVW8KXnXeC2YdPBUM86CHGbgi/gW8F8DVaXQK8ugYqA9JvVRilpLh3yXfB9XcLmYkqQQqBfwb4A"

// populationStart is when the first job was submitted; one came every 100 ms.
var populationStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// productionSize is how many consecutive numbers belong to one production, whose jobs have one VO,
// owner, group and type.
const productionSize = 3000

// randomJob makes the attributes of the job with that number.
func randomJob(random *rand.Rand, number int) jobdb.Attributes {
	c := communities[weighted(random, len(communities), func(i int) int { return communities[i].share })]
	s := statuses[weighted(random, len(statuses), func(i int) int { return statuses[i].share })]
	owner := skewed(random, c.owners)
	submitted := populationStart.Add(time.Duration(number) * 100 * time.Millisecond)
	updated := submitted.Add(time.Duration(random.IntN(72*3600)) * time.Second)
	a := jobdb.Attributes{
		"VO": c.vo, "Owner": fmt.Sprintf("%s.user%03d", c.vo, owner), "OwnerGroup": c.vo + "_user",
		"JobType": "User", "JobGroup": fmt.Sprintf("%08d", owner), "JobName": fmt.Sprintf("analysis_%05d", random.IntN(20_000)),
		"Site":           fmt.Sprintf("LCG.Site%02d.%s", random.IntN(8), countries[skewed(random, len(countries))]),
		"SubmissionTime": submitted, "LastUpdateTime": updated,
		"Status": s.status, "MinorStatus": s.minors[skewed(random, len(s.minors))], "ApplicationStatus": s.application,
		"UserPriority": random.IntN(10),
	}
	switch s.application {
	case "Events":
		a["ApplicationStatus"] = fmt.Sprintf("Events %d", 100*random.IntN(200))
	case "Exited With Status":
		a["ApplicationStatus"] = fmt.Sprintf("Gauss Exited With Status %d", skewed(random, 30))
	}
	if random.IntN(100) < 70 {
		assignProduction(a, number)
	}
	switch s.status {
	case "Received", "Checking", "Waiting":
		a["Site"] = "ANY"
	case "Matched":
	default:
		a["StartExecTime"], a["HeartBeatTime"] = submitted.Add(time.Hour), updated
		if s.status != "Running" && s.status != "Stalled" {
			a["EndExecTime"] = updated
		}
	}
	return a
}

// assignProduction turns a user's job into one of the production to which its number belongs.
func assignProduction(a jobdb.Attributes, number int) {
	production := number / productionSize
	random := rand.New(rand.NewPCG(uint64(production), 3))
	c := communities[weighted(random, len(communities), func(i int) int { return communities[i].share })]
	a["VO"], a["Owner"], a["OwnerGroup"] = c.vo, fmt.Sprintf("%s.user%03d", c.vo, skewed(random, c.owners)), c.vo+"_prod"
	a["JobType"], a["JobGroup"] = types[random.IntN(len(types))], fmt.Sprintf("%08d", 100_000+production)
	a["JobName"] = fmt.Sprintf("%08d_%08d", 100_000+production, number)
}

// skewed returns a number below n, small ones more often.
func skewed(random *rand.Rand, n int) int {
	return int(float64(n) * random.Float64() * random.Float64())
}

// weighted chooses one of n by their shares, which add up to 100.
func weighted(random *rand.Rand, n int, share func(int) int) int {
	point := random.IntN(100)
	for i := range n {
		if point -= share(i); point < 0 {
			return i
		}
	}
	return n - 1
}

func inputFiles(ids []jobdb.JobID) map[jobdb.JobID][]string {
	files := make(map[jobdb.JobID][]string, len(ids))
	for _, id := range ids {
		files[id] = []string{fmt.Sprintf("/lhcb/MC/2026/SIM/%08d_1.sim", id), fmt.Sprintf("/lhcb/MC/2026/SIM/%08d_2.sim", id)}
	}
	return files
}

func parameters(ids []jobdb.JobID, value string) map[jobdb.JobID]map[string]string {
	values := make(map[jobdb.JobID]map[string]string, len(ids))
	for _, id := range ids {
		values[id] = map[string]string{"LocalBatchID": value + "1", "HostName": value + ".example.org", "CPUModel": value + " 2.4GHz"}
	}
	return values
}

func heartbeats(ids []jobdb.JobID, value string) map[jobdb.JobID]map[string]string {
	beats := make(map[jobdb.JobID]map[string]string, len(ids))
	for _, id := range ids {
		beats[id] = make(map[string]string, len(jobdb.HeartbeatFields))
		for _, field := range jobdb.HeartbeatFields {
			beats[id][field] = value
		}
	}
	return beats
}

func history(ids []jobdb.JobID, statuses ...jobdb.Status) []jobdb.HistoryRecord {
	var records []jobdb.HistoryRecord
	for _, id := range ids {
		for i, status := range statuses {
			records = append(records, jobdb.HistoryRecord{
				JobID: id, Status: status, MinorStatus: jobdb.Idem, ApplicationStatus: jobdb.Idem,
				Time: populationStart.Add(time.Duration(i) * time.Minute), Source: "Benchmark",
			})
		}
	}
	return records
}
