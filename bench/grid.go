package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// The jobs of a grid, as a monitor sees them: 24 days of four VOs with a hundred sites and two
// hundred owners each, most jobs ended, and the newest ones on their way.

// gridEnd is the present of a grid's jobs, and gridSpan how long before it the first was submitted.
var gridEnd = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const gridSpan = 24*24*time.Hour + 9*time.Hour + 22*time.Minute // 410,000 jobs a day are 10,000,000

// gridVOs have shares of the jobs in percent, the first that of growthVO.
var gridVOs = []struct {
	name  string
	share int
	types []string
}{
	{growthVO, 50, []string{"MCSimulation", "MCFastSimulation", "WGProduction", "MCReconstruction", "User", "Merge", "DataReprocessing", "Turbo"}},
	{"belle", 25, []string{"MCProduction", "User", "Merge", "RawProcessing", "Skim"}},
	{"biomed", 15, []string{"User", "Docking", "Imaging"}},
	{"ilc", 10, []string{"Simulation", "Reconstruction", "User", "Split", "Merge"}},
}

// Jobs that have ended, by their shares.
var gridEnded = []struct {
	status string
	share  int
}{{"Done", 78}, {"Failed", 15}, {"Killed", 4}, {"Deleted", 3}}

// gridActive are the jobs that haven't ended: a part of all, but no more than a grid has at once.
var gridActive = []struct {
	status string
	part   float64
	most   int
}{
	{"Running", 0.1, 100_000},
	{"Waiting", 0.08, 120_000},
	{"Completed", 0.01, 20_000},
	{"Matched", 0.005, 8000},
	{"Stalled", 0.005, 6000},
	{"Checking", 0.003, 4000},
	{"Received", 0.003, 4000},
	{"Completing", 0.003, 4000},
}

// grid makes jobs in the order in which they are submitted, the same ones for the same number.
type grid struct {
	random      *rand.Rand
	jobs        int
	made        int
	active      []int // jobs of each gridActive
	actives     int   // the sum
	vos         []*gridVO
	productions int
}

type gridVO struct {
	name   string
	share  int
	types  []string
	sites  []string
	owners []string
	site   *rand.Zipf
	owner  *rand.Zipf
	kind   *rand.Zipf
	groups []*gridGroup // that are being submitted
}

// gridGroup is a job group: the jobs of one owner, in one of his groups.
type gridGroup struct {
	name, owner, ownerGroup, jobType, jobName string
	submitted, left                           int
}

// Sizes of job groups, and how many are submitted at the same time for each percent of a VO's share.
const (
	minGroup, maxGroup = 20, 5000
	groupsPerPercent   = 0.8
)

func newGrid(jobs int) *grid {
	g := &grid{random: rand.New(rand.NewPCG(13, 2026)), jobs: jobs}
	for _, a := range gridActive {
		n := min(a.most, int(a.part*float64(jobs)))
		g.active = append(g.active, n)
		g.actives += n
	}
	for i, of := range gridVOs {
		vo := &gridVO{name: of.name, share: of.share, types: of.types}
		for n := range 100 {
			vo.sites = append(vo.sites, fmt.Sprintf("LCG.%s%02d.%s", []string{"Tier", "Uni", "Lab", "Cloud"}[n%4], n+3*i, countries[n%len(countries)]))
		}
		for n := range 200 {
			vo.owners = append(vo.owners, fmt.Sprintf("%s%03d", []string{"anna", "bo", "chen", "dimitri", "eve"}[n%5], n+50*i))
		}
		vo.site, vo.owner = rand.NewZipf(g.random, 1.2, 4, 99), rand.NewZipf(g.random, 1.2, 4, 199)
		vo.kind = rand.NewZipf(g.random, 1.5, 2, uint64(len(vo.types)-1))
		for range int(groupsPerPercent * float64(vo.share)) {
			vo.groups = append(vo.groups, g.newGroup(vo))
		}
		g.vos = append(g.vos, vo)
	}
	return g
}

// newGroup has a size whose logarithm is anywhere: most groups are small, most jobs in large ones.
func (g *grid) newGroup(vo *gridVO) *gridGroup {
	owner := int(vo.owner.Uint64())
	group := &gridGroup{
		owner: vo.owners[owner], ownerGroup: vo.name + "_user", jobType: vo.types[vo.kind.Uint64()],
		left: int(minGroup * math.Pow(maxGroup/minGroup, g.random.Float64())),
	}
	if owner%3 == 0 && g.random.IntN(3) > 0 {
		group.ownerGroup = vo.name + "_prod"
	}
	g.productions++
	group.name = fmt.Sprintf("%08d", 100_000+g.productions)
	group.jobName = group.name
	if group.jobType == "User" {
		group.jobName = []string{"analysis_Bs2JpsiPhi", "toys", "ntuple_2024", "limits_combined"}[g.random.IntN(4)] + "_" + group.owner
	}
	return group
}

// job takes the next job of one of the groups that are being submitted.
func (g *grid) job() (*gridVO, *gridGroup) {
	vo := g.vos[weighted(g.random, len(g.vos), func(i int) int { return g.vos[i].share })]
	at := &vo.groups[g.random.IntN(len(vo.groups))]
	group := *at
	group.submitted++
	if group.left--; group.left == 0 {
		*at = g.newGroup(vo)
	}
	return vo, group
}

// row is the next job, with the values of jobColumns.
func (g *grid) row() []any {
	vo, group := g.job()
	g.made++
	submitted := gridEnd.Add(-gridSpan + time.Duration(float64(gridSpan)*float64(g.made-1)/float64(g.jobs))).Truncate(time.Microsecond)
	status := g.status()
	t := g.times(status, submitted)
	counter, rescheduled := g.reschedules(submitted, t.updated)
	name := fmt.Sprintf("%s_%08d", group.jobName, group.submitted)
	if g.random.IntN(50) == 0 {
		name = "Unknown"
	}
	return []any{
		int64(g.made), group.jobType, group.name, g.site(vo, status), name, group.owner, group.ownerGroup, vo.name,
		submitted, rescheduled, t.updated, orNull(t.started), orNull(t.beat), orNull(t.ended),
		status, g.minor(status), g.application(status), g.priority(), counter,
		flagText(g.random.IntN(20) > 0), flagText(!t.ended.IsZero()),
	}
}

// status gives the jobs that haven't ended to the newest half of what is twice as many, but for some
// that are left over from earlier.
func (g *grid) status() string {
	window, part := min(g.jobs, 2*g.actives), 0.475
	if g.made <= g.jobs-window {
		window, part = g.jobs-window, 0.025
	}
	if g.random.Float64()*float64(window) < part*float64(2*g.actives) {
		at := g.random.IntN(g.actives + 1)
		for i, n := range g.active {
			if at -= n; at < 0 {
				return gridActive[i].status
			}
		}
	}
	return gridEnded[weighted(g.random, len(gridEnded), func(i int) int { return gridEnded[i].share })].status
}

type gridTimes struct{ started, beat, ended, updated time.Time }

func (g *grid) times(status string, submitted time.Time) (t gridTimes) {
	t.started = submitted.Add(time.Duration(g.random.ExpFloat64() * float64(3*time.Hour)))
	t.ended = t.started.Add(time.Duration(math.Exp(g.random.NormFloat64()) * float64(5*time.Hour)))
	if !t.started.Before(gridEnd) {
		t.started = g.between(submitted, gridEnd)
	}
	if !t.ended.Before(gridEnd) {
		t.ended = g.between(t.started, gridEnd)
	}
	switch status {
	case "Received", "Checking", "Waiting", "Matched":
		t = gridTimes{updated: g.between(submitted, earlier(gridEnd, submitted.Add(10*time.Minute)))}
	case "Running", "Completing", "Completed":
		t.ended = time.Time{}
		t.beat = g.between(later(t.started, gridEnd.Add(-30*time.Minute)), gridEnd)
		if g.random.IntN(40) == 0 {
			t.beat = g.between(t.started, gridEnd)
		}
		t.updated = g.between(t.started, t.beat)
	case "Stalled":
		t.ended = time.Time{}
		t.beat = g.between(t.started, later(t.started, gridEnd.Add(-2*time.Hour)))
		t.updated = g.between(t.beat, gridEnd)
	case "Deleted":
		t.beat, t.updated = g.between(t.started, t.ended), g.between(t.ended, gridEnd)
	default:
		t.beat = g.between(later(t.started, t.ended.Add(-30*time.Minute)), t.ended)
		t.updated = g.between(t.ended, earlier(gridEnd, t.ended.Add(5*time.Minute)))
		if status == "Killed" && g.random.IntN(4) == 0 {
			t.started, t.beat = time.Time{}, time.Time{}
		}
	}
	for _, at := range []*time.Time{&t.started, &t.beat, &t.ended, &t.updated} {
		*at = at.Truncate(time.Microsecond)
	}
	return t
}

func (g *grid) between(from, to time.Time) time.Time {
	return from.Add(time.Duration(g.random.Float64() * float64(to.Sub(from))))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time { return slices.MaxFunc([]time.Time{a, b}, time.Time.Compare) }

func (g *grid) reschedules(submitted, updated time.Time) (counter int64, rescheduled any) {
	if g.random.IntN(100) >= 8 {
		return 0, nil
	}
	return min(3, 1+int64(g.random.ExpFloat64())), g.between(submitted, updated).Truncate(time.Microsecond)
}

func (g *grid) site(vo *gridVO, status string) string {
	if slices.Contains([]string{"Received", "Checking", "Waiting"}, status) && g.random.IntN(4) > 0 {
		return "ANY"
	}
	return vo.sites[vo.site.Uint64()]
}

func (g *grid) minor(status string) string {
	for _, s := range statuses {
		if s.status == status {
			return s.minors[skewed(g.random, len(s.minors))]
		}
	}
	panic("no minor statuses of " + status)
}

// application is one of about 5,000 texts.
func (g *grid) application(status string) string {
	switch status {
	case "Running", "Stalled", "Completing":
		return fmt.Sprintf("Events %d", 250*skewed(g.random, 3000))
	case "Failed":
		return fmt.Sprintf("%s Exited With Status %d", []string{"Gauss", "Boole", "Moore", "Brunel", "DaVinci"}[skewed(g.random, 5)], skewed(g.random, 256))
	case "Done", "Completed", "Deleted":
		if g.random.IntN(5) == 0 {
			return fmt.Sprintf("Job Finished Successfully in step %d", skewed(g.random, 800))
		}
		return "Job Finished Successfully"
	}
	return "Unknown"
}

func (g *grid) priority() int64 {
	if g.random.IntN(3) > 0 {
		return 1
	}
	return int64(g.random.IntN(11))
}

func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func flagText(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
