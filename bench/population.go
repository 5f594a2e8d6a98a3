package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
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

// statuses with their shares in percent, of a system most of whose jobs are over, and their minor statuses, the commonest first.
var statuses = []struct {
	status, application string
	share               int
	minors              []string
}{
	{"Done", "Job Finished Successfully", 55, []string{"Execution Complete", "Requests Done", "Execution Complete (late)"}},
	{"Failed", "Exited With Status", 12, []string{
		"Application Finished With Errors", "Job stalled: pilot not running", "Watchdog identified this job as stalled", "Maximum of reschedulings reached",
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

// originalJDL is a JDL of usual length, in the form in which it is stored.
const originalJDL = "eJx1kE1rwzAMhu/9FcbnbXHSpk17K4wdBoON7TYGQbGV1OAv/NFRRv/77KRdBmM3Sc/7SkjfK0Koc9h" +
	"ri4MGSXfkIyeEfJ9lRuQe0Rj2Ti0DXAQvk2zn5QmsjI+Ts0JNBq0KBd8SJN2z5tV3sFxvu6bdwLbvsH9+Q9Y0TQdt2/btpq36Bg" +
	"YGfV8xxtqmZ1s2dFu2qTZ9W/VVW8KXnXeC2YdPBUM86CHGbgi/gW8F8DVaXQK8ugYqA9JvVRilpLh3yXfB9XcLmYkqQQqBfwb4A"

const populationBatch = 5000

// populate fills the database, through our own bulk methods and the engine's
// own INSERT … SELECT, always with the same jobs.
func (d *database) populate(ctx context.Context) error {
	found, err := queryInt(ctx, d.bare.reader, `SELECT count(*) FROM "Jobs"`)
	if err != nil {
		return err
	}
	switch {
	case found == d.jobs:
	case found > 0:
		return fmt.Errorf("the database that was kept has %d jobs; drop it", found)
	case d.engine == "sqlite" && d.jobs >= minLarge:
		if err := d.fillLarge(ctx); err != nil {
			return fmt.Errorf("populate: %w", err)
		}
	default:
		if err := d.fill(ctx); err != nil {
			return fmt.Errorf("populate: %w", err)
		}
	}
	if d.jobsOnly {
		_, err := d.db.FoldCounts(ctx)
		return errors.Join(err, d.refreshStatistics(ctx))
	}
	if err := d.loadIDs(ctx); err != nil {
		return err
	}
	ids := d.jobsToRead(d.maxBulk())
	if err := d.deleteRows(ctx, ids, childTables...); err != nil {
		return err
	}
	if err := d.addRowsOf(ctx, ids); err != nil {
		return err
	}
	if _, err := d.db.FoldCounts(ctx); err != nil {
		return err
	}
	return errors.Join(d.refreshStatistics(ctx), d.waitForPurge(ctx))
}

// purged waits until MariaDB has removed what was deleted: until then it passes over the differences that were folded, in every total.
func (d *database) waitForPurge(ctx context.Context) error {
	for end := now().Add(15 * time.Second); d.engine == "mariadb" && now().Before(end); time.Sleep(100 * time.Millisecond) {
		left, err := queryInt(ctx, d.unmeasured.reader, `SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'INNODB_HISTORY_LIST_LENGTH'`)
		if err != nil || left == 0 {
			return err
		}
	}
	return nil
}

// fill stores the jobs batch by batch, and a row of each in the tables that grow most.
func (d *database) fill(ctx context.Context) error {
	random := rand.New(rand.NewPCG(1, 2))
	say := paced()
	for first := 0; first < d.jobs; first += populationBatch {
		if err := d.addJobs(ctx, random, first, min(populationBatch, d.jobs-first)); err != nil {
			return err
		}
		say("%s: %s of %s jobs are filled in", d.engine, withCommas(min(first+populationBatch, d.jobs)), withCommas(d.jobs))
	}
	return d.addRowOfEach(ctx)
}

// refreshStatistics tells the planner what is in the tables, as the servers'
// own services would have done by now; SQLite has none.
func (d *database) refreshStatistics(ctx context.Context) error {
	switch d.engine {
	case "mariadb":
		return d.exec(ctx, `ANALYZE TABLE "JobJDLs", "Jobs", "`+strings.Join(childTables, `", "`)+`"`)
	case "postgres":
		return d.exec(ctx, "VACUUM ANALYZE")
	}
	return nil
}

func (d *database) loadIDs(ctx context.Context) error {
	rows, err := d.bare.reader.QueryContext(ctx, `SELECT "JobID" FROM "Jobs" ORDER BY "JobID"`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id jobdb.JobID
		if err := rows.Scan(&id); err != nil {
			return err
		}
		d.ids = append(d.ids, id)
	}
	return rows.Err()
}

func (d *database) addJobs(ctx context.Context, random *rand.Rand, first, n int) error {
	jdls := make([]string, n)
	rows := make([]jobdb.Attributes, n)
	for i := range rows {
		jdls[i] = originalJDL
		rows[i] = randomJob(random, first+i)
	}
	return d.db.Tx(ctx, func(tx *jobdb.Tx) error {
		ids, err := tx.CreateJobs(ctx, jdls)
		if err != nil {
			return err
		}
		attributes := make(map[jobdb.JobID]jobdb.Attributes, n)
		for i, id := range ids {
			attributes[id] = rows[i]
		}
		return tx.InsertJobAttributes(ctx, attributes)
	})
}

// populationStart is when the first job was submitted; one came every 100 ms.
var populationStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// productionSize is how many numbers of jobs belong to one production, which has one VO, owner, group and type.
const productionSize = 3000

// randomJob makes the attributes of the job of that number.
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

// assignProduction makes of a user's job one of the production to which its number belongs.
func assignProduction(a jobdb.Attributes, number int) {
	production := number / productionSize
	random := rand.New(rand.NewPCG(uint64(production), 3))
	c := communities[weighted(random, len(communities), func(i int) int { return communities[i].share })]
	a["VO"], a["Owner"], a["OwnerGroup"] = c.vo, fmt.Sprintf("%s.user%03d", c.vo, skewed(random, c.owners)), c.vo+"_prod"
	a["JobType"], a["JobGroup"] = types[random.IntN(len(types))], fmt.Sprintf("%08d", 100_000+production)
	a["JobName"] = fmt.Sprintf("%08d_%08d", 100_000+production, number)
}

// few gives numbers below n, small ones more often.
func skewed(random *rand.Rand, n int) int {
	return int(float64(n) * random.Float64() * random.Float64())
}

// pick chooses by shares, which add up to 100.
func weighted(random *rand.Rand, n int, share func(int) int) int {
	point := random.IntN(100)
	for i := range n {
		if point -= share(i); point < 0 {
			return i
		}
	}
	return n - 1
}

// addRowOfEach gives every job a row in the tables that grow most.
func (d *database) addRowOfEach(ctx context.Context) error {
	statements := []string{
		`INSERT INTO "LoggingInfo" ("JobID", "SeqNum", "Status", "MinorStatus", "ApplicationStatus", "StatusTime", "StatusTimeOrder", "StatusSource")
			SELECT "JobID", 1, 'Received', 'Job accepted', 'idem', "SubmissionTime", 500000000.125, 'JobManager' FROM "Jobs" ORDER BY "JobID"`,
		`INSERT INTO "JobParameters" ("JobID", "Name", "Value") SELECT "JobID", 'CPUNormalizationFactor', '19.5' FROM "Jobs" ORDER BY "JobID"`,
		`INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime")
			SELECT "JobID", 'LoadAverage', '1.25', "HeartBeatTime" FROM "Jobs" WHERE "HeartBeatTime" IS NOT NULL ORDER BY "JobID"`,
	}
	for _, statement := range statements {
		if err := d.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// childTables are those that have rows of a job beside its own two.
var childTables = []string{
	"InputData", "JobParameters", "OptimizerParameters", "AtticJobParameters", "HeartBeatLoggingInfo", "JobCommands", "LoggingInfo",
}

// furnish gives jobs rows in every table.
func (d *database) addRowsOf(ctx context.Context, ids []jobdb.JobID) error {
	jdls := make(map[jobdb.JobID]string, len(ids))
	var commands []jobdb.Command
	for _, id := range ids {
		jdls[id] = originalJDL
		commands = append(commands, jobdb.Command{JobID: id, Command: jobdb.KillCommand}, jobdb.Command{JobID: id, Command: "Peek", Arguments: "x"})
	}
	return d.db.Tx(ctx, func(tx *jobdb.Tx) error {
		for _, step := range []func() error{
			func() error { return tx.UpdateJobJDLs(ctx, jdls) },
			func() error { return tx.InsertInputData(ctx, inputFiles(ids)) },
			func() error { return tx.SetOptimizerParameters(ctx, parameters(ids, "v")) },
			func() error { return tx.SetJobParameters(ctx, parameters(ids, "v")) },
			func() error { return tx.ArchiveJobParameters(ctx, ids) },
			func() error { return tx.SetJobParameters(ctx, parameters(ids, "w")) },
			func() error { return tx.AddHeartbeatData(ctx, heartbeats(ids, "1024")) },
			func() error { return tx.SetJobCommands(ctx, commands) },
			func() error { return tx.InsertHistory(ctx, history(ids, "Waiting", "Matched", "Running")) },
		} {
			if err := step(); err != nil {
				return fmt.Errorf("furnish jobs: %w", err)
			}
		}
		return nil
	})
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

func history(ids []jobdb.JobID, statuses ...string) []jobdb.HistoryRecord {
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
