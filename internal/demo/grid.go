// Package demo fills a database with the jobs of a small grid that doesn't exist, and keeps them
// going: for people who want to see jobdb, for screenshots and for tests.
package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// site is a computing centre. Each has its own way to fail.
type site struct {
	name    string
	weight  int     // its share of the jobs
	failing float64 // the part of its jobs that fail
	fault   fault   // what they mostly fail of
}

// vo is a virtual organisation with its people and what they run.
type vo struct {
	name     string
	weight   int
	sites    []site
	users    []string
	group    string // of users
	manager  string // who runs productions
	prod     string // the manager's group
	programs []program
	analyses []string // names of users' jobs
}

// program is what the jobs of a production run, step by step.
type program struct {
	jobType string
	steps   []string
	events  int // of a job
	hours   float64
	input   string // the folder of its input files; empty: it has none
	weight  int
}

var grid = []vo{
	{
		name: "lhcb", weight: 68, users: []string{"anna", "bruno", "chiara", "dmitri", "elena", "fabio", "greta"},
		group: "lhcb_user", manager: "lbprods", prod: "lhcb_prmgr",
		sites: []site{
			{"LCG.CERN.cern", 22, 0.05, appErrors},
			{"LCG.CNAF.it", 12, 0.06, noInput},
			{"LCG.GRIDKA.de", 12, 0.05, appErrors},
			{"LCG.IN2P3.fr", 11, 0.05, stalledJob},
			{"LCG.RAL.uk", 11, 0.06, noUpload},
			{"LCG.PIC.es", 6, 0.04, appErrors},
			{"LCG.NIKHEF.nl", 6, 0.04, appErrors},
			{"LCG.NCBJ.pl", 5, 0.07, noInput},
			{"DIRAC.HLTFarm.lhcb", 5, 0.03, appErrors},
			{"LCG.Manchester.uk", 4, 0.09, wallClock},
			{"LCG.Glasgow.uk", 3, 0.06, stalledJob},
			{"LCG.Torino.it", 2, 0.35, noSandbox},
			{"CLOUD.CERN.cern", 1, 0.16, noDisk},
		},
		programs: []program{
			{"MCSimulation", []string{"Gauss v56r9", "Boole v45r2", "Moore v54r22"}, 2000, 7, "", 6},
			{"MCReconstruction", []string{"Moore v55r7", "DaVinci v64r9"}, 20_000, 4, "/lhcb/MC/2026/DIGI", 3},
			{"DataStripping", []string{"DaVinci v46r11"}, 60_000, 3, "/lhcb/data/2026/RDST", 2},
			{"Merge", []string{"LHCb v56r6"}, 1000, 0.5, "/lhcb/MC/2026/DST", 1},
		},
		analyses: []string{"Bs2JpsiPhi_2024", "toys_CPV", "ntuples_Lb2pKll", "limits_HNL", "trackEff_2025"},
	},
	{
		name: "belle", weight: 32, users: []string{"haruka", "ines", "jiro", "karl", "lucie"},
		group: "belle_user", manager: "b2prod", prod: "belle_production",
		sites: []site{
			{"LCG.KEK.jp", 25, 0.04, appErrors},
			{"LCG.DESY.de", 18, 0.05, appErrors},
			{"LCG.KIT.de", 14, 0.05, noInput},
			{"LCG.CNAF.it", 12, 0.06, noUpload},
			{"LCG.Napoli.it", 9, 0.05, appErrors},
			{"ARC.SIGNET.si", 8, 0.05, stalledJob},
			{"LCG.Cracow.pl", 7, 0.06, wallClock},
			{"LCG.Melbourne.au", 4, 0.22, noInput},
			{"DIRAC.BINP.ru", 3, 0.1, stalledJob},
		},
		programs: []program{
			{"MCProduction", []string{"basf2 release-08-01-10"}, 4000, 5, "", 6},
			{"Skim", []string{"basf2 release-08-02-04"}, 50_000, 2.5, "/belle/MC/release-08/DB00002100", 3},
			{"RawProcessing", []string{"basf2 release-08-01-10"}, 12_000, 6, "/belle/Raw/e0031", 1},
		},
		analyses: []string{"B2Knunu_scan", "tau_mass", "D2Kpi_skim", "luminosity_check"},
	},
}

// production is many jobs of one owner that do the same.
type production struct {
	vo                   *vo
	program              program
	owner, group         string
	jobGroup, name       string
	begin                time.Time     // when its first job is submitted
	window               time.Duration // in which they all are
	size, made, priority int
	mistake              float64 // the part of its jobs that fail because of a mistake of the owner
}

// newProduction makes one of about so many jobs.
func newProduction(r *rand.Rand, number int, begin time.Time, size int) *production {
	v := pick(r, grid, func(v vo) int { return v.weight })
	p := &production{vo: v, begin: begin, priority: 1}
	if r.IntN(100) < 45 { // a user's: fewer jobs, submitted at once
		p.owner, p.group = v.users[skewed(r, len(v.users))], v.group
		p.jobGroup, p.name = fmt.Sprintf("%08d", 31_000+number), v.analyses[r.IntN(len(v.analyses))]
		p.program = program{"User", []string{"DaVinci v64r9", "python3"}[r.IntN(2):][:1], 10_000, 0.2 + 2*r.Float64(), "", 1}
		if r.IntN(2) == 0 {
			p.program.input = "/" + v.name + "/user/" + p.owner[:1] + "/" + p.owner + "/2026"
		}
		p.window, p.size, p.priority = time.Duration(1+r.IntN(8))*time.Minute, 1+size/3, 1+r.IntN(5)
	} else {
		p.owner, p.group = v.manager, v.prod
		p.program = *pick(r, v.programs, func(p program) int { return p.weight })
		p.jobGroup = fmt.Sprintf("%08d", 248_000+number)
		p.name = p.jobGroup
		p.window, p.size = time.Duration((0.5+9*r.Float64())*float64(time.Hour)), 1+size
	}
	p.size = max(5, int(float64(p.size)*math.Exp(r.NormFloat64()*0.8)))
	if r.IntN(9) == 0 {
		p.mistake = 0.3 + 0.5*r.Float64()
	}
	return p
}

// jobName is the name of its job of a number.
func (p *production) jobName(number int) string { return fmt.Sprintf("%s_%08d", p.name, number) }

// inputFiles are the LFNs that the job of a number reads.
func (p *production) inputFiles(number int) []string {
	if p.program.input == "" {
		return nil
	}
	files := make([]string, 1+number%3)
	for i := range files {
		files[i] = fmt.Sprintf("%s/%s/%04d/%08d_%d.dst", p.program.input, p.jobGroup, number/1000, number, i+1)
	}
	return files
}

// jdl is what is submitted as the job of a number.
func (p *production) jdl(number int) string {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "    %s = %s;\n", name, value) }
	b.WriteString("[\n")
	set("JobName", quote(p.jobName(number)))
	set("JobGroup", quote(p.jobGroup))
	set("JobType", quote(p.program.jobType))
	set("Priority", fmt.Sprint(p.priority))
	set("CPUTime", fmt.Sprint(int(p.program.hours*7200)))
	if p.program.jobType == "User" {
		set("Executable", quote("run.sh"))
		set("Arguments", quote(fmt.Sprintf("--seed %d --out ntuple.root", number)))
		set("InputSandbox", list([]string{"run.sh", "options.py"}))
		set("OutputSandbox", list([]string{"std.out", "std.err", "ntuple.root"}))
	} else {
		set("Executable", quote("dirac-jobexec"))
		set("Arguments", quote("jobDescription.xml -o LogLevel=INFO"))
		set("InputSandbox", list([]string{"jobDescription.xml"}))
		set("OutputSandbox", list([]string{"std.out", "std.err", "summary.xml"}))
	}
	set("StdOutput", quote("std.out"))
	set("StdError", quote("std.err"))
	if files := p.inputFiles(number); len(files) > 0 {
		set("InputData", list(files))
	}
	b.WriteString("]")
	return b.String()
}

func quote(text string) string { return `"` + text + `"` }

func list(texts []string) string { return `{"` + strings.Join(texts, `", "`) + `"}` }

// jobTypes are all that the grid's jobs have.
func jobTypes() []string {
	types := []string{"User"}
	for _, v := range grid {
		for _, p := range v.programs {
			types = append(types, p.jobType)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// pick chooses one by its share.
func pick[T any](r *rand.Rand, from []T, share func(T) int) *T {
	sum := 0
	for _, item := range from {
		sum += share(item)
	}
	point := r.IntN(sum)
	for i := range from {
		if point -= share(from[i]); point < 0 {
			return &from[i]
		}
	}
	return &from[len(from)-1]
}

// skewed returns a number below n, small ones more often.
func skewed(r *rand.Rand, n int) int { return int(float64(n) * r.Float64() * r.Float64()) }
