package wms

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"jobdb"
	"jobdb/jdl"
)

// draft is a job that has no ID yet.
type draft struct {
	original string // as it was submitted, in brackets
	manifest *jdl.Manifest
}

// job is what is stored of a new job.
type job struct {
	jdl        string
	attributes jobdb.Attributes
	inputData  []string // LFNs, each once
}

// draft checks a JDL.
func (r Rules) draft(owner Owner, text string) (*draft, error) {
	original := jdl.Enclose(text)
	if ad, err := jdl.ParseAd(original); err == nil && ad.IsParametric() {
		return nil, errors.New("parametric jobs are not supported yet")
	}
	manifest, err := jdl.ParseManifest(original)
	if err != nil {
		return nil, err
	}
	manifest.Set("Owner", owner.Name)
	manifest.Set("OwnerGroup", owner.Group)
	if err := r.check(manifest); err != nil {
		return nil, err
	}
	return &draft{original: original, manifest: manifest}, nil
}

// check holds a manifest against the rules and adds what it leaves open.
func (r Rules) check(m *jdl.Manifest) error {
	for _, v := range []struct {
		name     string
		standard int64
	}{{"CPUTime", r.CPUTime}, {"Priority", r.Priority}} {
		if !m.Has(v.name) {
			m.Set(v.name, strconv.FormatInt(v.standard, 10))
		} else if text, ok := m.Get(v.name); !ok {
			return errors.New(v.name + " can't be a section")
		} else if _, ok := jdl.ParseInt(text); !ok {
			return fmt.Errorf("%s must be a whole number, not %q", v.name, text)
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
			return fmt.Errorf("JobType is one of %s, not %q", strings.Join(r.JobTypes, ", "), name)
		}
	}
	return nil
}

// finish makes of a draft what is stored under the ID. It may be called again with another ID.
func (r Rules) finish(d *draft, owner Owner, id jobdb.JobID) (*job, error) {
	number := strconv.FormatInt(int64(id), 10)
	d.manifest.Set("JobID", number)
	ad, err := jdl.ParseAd(strings.ReplaceAll(d.manifest.String(), "%j", number))
	if err != nil {
		return nil, err
	}
	ad.SetInt("JobID", int64(id))
	if err := checkOwner(ad, owner); err != nil {
		return nil, err
	}
	if platforms := ad.List("Platform"); len(platforms) > 0 {
		return nil, errors.New("this server knows no platforms; leave Platform out")
	}
	requirements := jdl.NewAd()
	for _, a := range []*jdl.Ad{ad, requirements} {
		a.SetText("Owner", owner.Name)
		a.SetText("OwnerGroup", owner.Group)
		a.SetText("VirtualOrganization", owner.VO)
	}
	setDefault(ad, "InputDataModule", r.InputDataModule)
	setDefault(ad, "SoftwareDistModule", r.SoftwareDistModule)
	priority, _ := ad.Int("Priority")
	requirements.SetInt("UserPriority", priority)
	cpuTime, ok := ad.Int("CPUTime")
	if !ok {
		cpuTime = r.CPUTime
	}
	requirements.SetInt("CPUTime", cpuTime)
	ad.Set("JobRequirements", requirements.String())
	return &job{jdl: ad.String(), attributes: attributesOf(ad, owner, priority), inputData: inputDataOf(ad)}, nil
}

// checkOwner finds out clients who think that they are someone else.
func checkOwner(ad *jdl.Ad, owner Owner) error {
	for _, v := range []struct{ name, want string }{
		{"Owner", owner.Name}, {"OwnerGroup", owner.Group}, {"VirtualOrganization", owner.VO},
	} {
		if got := ad.Text(v.name); got != "" && got != v.want {
			return fmt.Errorf("%s is %q in the JDL, but the token says %q", v.name, got, v.want)
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
		"Status": statusReceived, "MinorStatus": minorJobAccepted,
		"UserPriority": priority, "VerifiedFlag": true,
	}
	for _, name := range []string{"JobName", "JobType", "JobGroup", "Site"} {
		if text := ad.Text(name); text != "" {
			attributes[name] = text
		}
	}
	if strings.Contains(ad.Text("Site"), ",") {
		attributes["Site"] = "Multiple"
	}
	return attributes
}

func inputDataOf(ad *jdl.Ad) []string {
	files := slices.DeleteFunc(ad.List("InputData"), func(lfn string) bool { return lfn == "" })
	slices.Sort(files)
	return slices.Compact(files)
}
