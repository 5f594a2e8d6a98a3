package wms

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"jobdb"
	"jobdb/jdl"
)

// job is what is stored of a new job.
type job struct {
	jdl        string
	attributes jobdb.Attributes
	inputData  []string // LFNs, each once
}

// expand makes the texts of single jobs of what was submitted. Only one text alone may be parametric.
func (r Rules) expand(jdls []string) (texts []string, parametric bool, err error) {
	texts = make([]string, len(jdls))
	for i, text := range jdls {
		texts[i] = jdl.Enclose(text)
		ad, err := jdl.ParseAd(texts[i])
		if errors.Is(err, jdl.ErrEndless) {
			return nil, false, nth(err, i, len(jdls))
		}
		if err != nil {
			continue // it isn't parametric, and its manifest will say what is wrong
		}
		count, err := ad.CountJobs()
		switch {
		case err != nil:
			return nil, false, nth(err, i, len(jdls))
		case count > 0 && len(jdls) > 1:
			return nil, false, nth(errors.New("it is parametric; submit parametric jobs one by one"), i, len(jdls))
		case count > int64(r.MaxJobs):
			return nil, false, r.tooMany(count)
		case count > 0:
			if texts, err = ad.Expand(); err != nil {
				return nil, false, nth(err, 0, 1)
			}
			return texts, true, nil
		}
	}
	return texts, false, nil
}

func (r Rules) tooMany(jobs int64) error {
	return &JobError{fmt.Sprintf("%d jobs in one submission, at most %d are taken", jobs, r.MaxJobs)}
}

// manifest reads and checks the JDL of a single job, in brackets.
func (r Rules) manifest(owner Owner, text string) (*jdl.Manifest, error) {
	manifest, err := jdl.ParseManifest(text)
	if err != nil {
		return nil, err
	}
	manifest.Set("Owner", owner.Name)
	manifest.Set("OwnerGroup", owner.Group)
	return manifest, r.check(manifest)
}

// check holds a manifest against the rules and adds what it leaves open.
func (r Rules) check(m *jdl.Manifest) error {
	for _, v := range []struct {
		name               string
		standard, min, max int64
	}{
		{"CPUTime", r.CPUTime, r.MinCPUTime, r.MaxCPUTime},
		{"Priority", r.Priority, r.MinPriority, r.MaxPriority},
	} {
		if !m.Has(v.name) {
			m.Set(v.name, strconv.FormatInt(max(v.min, min(v.standard, v.max)), 10))
		} else if text, ok := m.Get(v.name); !ok {
			return errors.New(v.name + " can't be a section")
		} else if _, ok := jdl.ParseInt(text); !ok {
			return fmt.Errorf("%s must be a whole number, not %.200q", v.name, text)
		}
	}
	for _, name := range []string{"InputData", "JobType"} {
		if _, ok := m.Get(name); m.Has(name) && !ok {
			return errors.New(name + " can't be a section")
		}
	}
	files, _ := m.Get("InputData")
	if n := len(jdl.SplitList(files)); n > r.MaxInputData {
		return fmt.Errorf("InputData has %d files, at most %d are taken", n, r.MaxInputData)
	}
	types, _ := m.Get("JobType")
	for _, name := range jdl.SplitList(types) {
		if !slices.Contains(r.JobTypes, name) {
			return fmt.Errorf("JobType is one of %s, not %.200q", strings.Join(r.JobTypes, ", "), name)
		}
	}
	return nil
}

// finish makes of a manifest what is stored under the ID. It may be called again with another ID.
func (r Rules) finish(m *jdl.Manifest, owner Owner, id jobdb.JobID) (*job, error) {
	number := strconv.FormatInt(int64(id), 10)
	m.Set("JobID", number)
	text, err := m.JDL()
	if err != nil {
		return nil, err
	}
	ad, err := jdl.ParseAd(strings.ReplaceAll(text, "%j", number))
	if err != nil {
		return nil, err
	}
	if ad.Has("Parameters") {
		return nil, errors.New("the attribute Parameters must be a list or a whole number")
	}
	stored, priority, err := r.prepare(ad, owner, id)
	if err != nil {
		return nil, err
	}
	files, err := inputDataOf(ad)
	return &job{jdl: stored, attributes: attributesOf(ad, owner, priority), inputData: files}, err
}

// prepare adds to an ad what is stored with it, among that what the job requires. It returns the text, and the job's priority.
func (r Rules) prepare(ad *jdl.Ad, owner Owner, id jobdb.JobID) (text string, priority int64, err error) {
	ad.SetInt("JobID", int64(id))
	if err := checkOwner(ad, owner); err != nil {
		return "", 0, err
	}
	requirements := jdl.NewAd()
	for _, a := range []*jdl.Ad{ad, requirements} {
		a.SetText("Owner", owner.Name)
		a.SetText("OwnerGroup", owner.Group)
		a.SetText("VirtualOrganization", owner.VO)
	}
	setDefault(ad, "InputDataModule", r.InputDataModule)
	setDefault(ad, "SoftwareDistModule", r.SoftwareDistModule)
	if n, ok := ad.Int("Priority"); ok {
		if priority = n.Int64(); !n.IsInt64() {
			return "", 0, errors.New("the Priority is outside the range of 64-bit integers")
		}
	}
	requirements.SetInt("UserPriority", priority)
	cpuTime, ok := ad.Int("CPUTime")
	if !ok {
		cpuTime = big.NewInt(r.CPUTime)
	}
	requirements.Set("CPUTime", cpuTime.String())
	if err := r.requirePlatforms(ad, requirements); err != nil {
		return "", 0, err
	}
	required, err := requirements.JDL()
	if err != nil {
		return "", 0, err
	}
	ad.Set("JobRequirements", required)
	text, err = ad.JDL()
	return text, priority, err
}

func (r Rules) requirePlatforms(ad, requirements *jdl.Ad) error {
	named, err := ad.List("Platform")
	if err != nil || len(named) == 0 {
		return err
	}
	platforms, err := r.platforms(named)
	if err == nil {
		requirements.SetTexts("Platforms", platforms)
	}
	return err
}

// checkOwner finds out clients who think that they are someone else.
func checkOwner(ad *jdl.Ad, owner Owner) error {
	for _, v := range []struct{ name, want string }{
		{"Owner", owner.Name}, {"OwnerGroup", owner.Group}, {"VirtualOrganization", owner.VO},
	} {
		if got := ad.Text(v.name); got != "" && got != v.want {
			return fmt.Errorf("%s is %.200q in the JDL, but the job's is %q", v.name, got, v.want)
		}
	}
	return nil
}

func setDefault(ad *jdl.Ad, name, text string) {
	if text != "" && !ad.Has(name) {
		ad.SetText(name, text)
	}
}

// attributesOf are the columns of Jobs that a JDL and its owner give.
func attributesOf(ad *jdl.Ad, owner Owner, priority int64) jobdb.Attributes {
	attributes := jobdb.Attributes{
		"Owner": owner.Name, "OwnerGroup": owner.Group, "VO": owner.VO,
		"UserPriority": priority, "VerifiedFlag": true,
	}
	for _, name := range []string{"JobName", "JobType", "JobGroup"} {
		if text := ad.Text(name); text != "" {
			attributes[name] = text
		}
	}
	if site := ad.Text("Site"); strings.Contains(site, ",") {
		attributes["Site"] = multipleSites
	} else if site != "" {
		attributes["Site"] = site
	}
	return attributes
}

// What the column Site says of jobs that may run on several sites, or on all.
const (
	multipleSites = "Multiple"
	anySite       = "ANY"
)

// siteOf is what the column Site says of a rescheduled job: where the JDL sent it at first.
func siteOf(ad *jdl.Ad) (string, error) {
	sites, err := ad.List("Site")
	switch {
	case err != nil || len(sites) == 0:
		return anySite, err
	case len(sites) > 1:
		return multipleSites, nil
	}
	return sites[0], nil
}

func inputDataOf(ad *jdl.Ad) ([]string, error) {
	files, err := ad.List("InputData")
	files = slices.DeleteFunc(files, func(lfn string) bool { return lfn == "" })
	slices.Sort(files)
	return slices.Compact(files), err
}
