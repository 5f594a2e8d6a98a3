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

// expand returns a JDL for each job of a submission. A parametric JDL must be submitted alone.
func (r Rules) expand(jdls []string) (texts []string, parametric bool, err error) {
	texts = make([]string, len(jdls))
	for i, text := range jdls {
		texts[i] = jdl.Enclose(text)
		ad, err := jdl.ParseAd(texts[i])
		if errors.Is(err, jdl.ErrEndless) {
			return nil, false, jdlError(err, i, len(jdls))
		}
		if err != nil {
			continue // it isn't parametric, and its manifest will say what is wrong
		}
		count, err := ad.CountJobs()
		switch {
		case err != nil:
			return nil, false, jdlError(err, i, len(jdls))
		case count > 0 && len(jdls) > 1:
			return nil, false, jdlError(errors.New("it is parametric; submit parametric jobs one by one"), i, len(jdls))
		case count > int64(r.MaxJobs):
			return nil, false, r.tooMany(count)
		case count > 0:
			if texts, err = ad.Expand(); err != nil {
				return nil, false, jdlError(err, 0, 1)
			}
			return texts, true, nil
		}
	}
	return texts, false, nil
}

func (r Rules) tooMany(jobs int64) error {
	return &JobError{fmt.Sprintf("%d jobs in one submission, at most %d are taken", jobs, r.MaxJobs)}
}

// readManifest parses and checks the JDL of a single job, which must be in brackets.
func (r Rules) readManifest(owner Owner, text string) (*jdl.Manifest, error) {
	manifest, err := jdl.ParseManifest(text)
	if err != nil {
		return nil, err
	}
	manifest.Set("Owner", owner.Name)
	manifest.Set("OwnerGroup", owner.Group)
	return manifest, r.checkManifest(manifest)
}

// checkManifest checks a manifest against the rules, and sets the numbers that it leaves out, as
// DIRAC's JobManifest.check does.
func (r Rules) checkManifest(m *jdl.Manifest) error {
	if err := checkNumber(m, "CPUTime", r.CPUTime, r.MinCPUTime, r.MaxCPUTime); err != nil {
		return err
	}
	if err := checkNumber(m, "Priority", r.Priority, r.MinPriority, r.MaxPriority); err != nil {
		return err
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

// checkNumber checks that an attribute is a whole number. A missing one is set to the standard
// value, bounded by low and high. As in DIRAC they don't bound what was submitted.
func checkNumber(m *jdl.Manifest, name string, standard, low, high int64) error {
	if !m.Has(name) {
		m.Set(name, strconv.FormatInt(max(low, min(standard, high)), 10))
		return nil
	}
	text, ok := m.Get(name)
	if !ok {
		return errors.New(name + " can't be a section")
	}
	if _, ok := jdl.ParseInt(text); !ok {
		return fmt.Errorf("%s must be a whole number, not %.200q", name, text)
	}
	return nil
}

// newJob is what is stored of a new job, beside its status.
type newJob struct {
	jdl        string
	attributes jobdb.Attributes
	inputData  []string // LFNs, each once
}

// prepareNew makes what is stored of a new job from its manifest. It may be called again with
// another ID.
func (r Rules) prepareNew(m *jdl.Manifest, owner Owner, id jobdb.JobID) (*newJob, error) {
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
	return &newJob{jdl: stored, attributes: attributesOf(ad, owner, priority), inputData: files}, err
}

// prepare completes an ad, as DIRAC's checkAndPrepareJob does. It returns the text to store, and
// the job's priority.
func (r Rules) prepare(ad *jdl.Ad, owner Owner, id jobdb.JobID) (text string, priority int64, err error) {
	ad.SetInt("JobID", int64(id))
	if err := checkOwner(ad, owner); err != nil {
		return "", 0, err
	}
	setOwner(ad, owner)
	setDefault(ad, "InputDataModule", r.InputDataModule)
	setDefault(ad, "SoftwareDistModule", r.SoftwareDistModule)
	if priority, err = priorityOf(ad); err != nil {
		return "", 0, err
	}
	requirements, err := r.requirementsOf(ad, owner, priority)
	if err != nil {
		return "", 0, err
	}
	ad.Set("JobRequirements", requirements)
	text, err = ad.JDL()
	return text, priority, err
}

// priorityOf returns the Priority of an ad, 0 if it is missing or no whole number.
func priorityOf(ad *jdl.Ad) (int64, error) {
	n, ok := ad.Int("Priority")
	if !ok {
		return 0, nil
	}
	if !n.IsInt64() {
		return 0, errors.New("the Priority is outside the range of 64-bit integers")
	}
	return n.Int64(), nil
}

// requirementsOf returns the JDL of JobRequirements, by which DIRAC matches jobs and pilots.
func (r Rules) requirementsOf(ad *jdl.Ad, owner Owner, priority int64) (string, error) {
	requirements := jdl.NewAd()
	setOwner(requirements, owner)
	requirements.SetInt("UserPriority", priority)
	cpuTime, ok := ad.Int("CPUTime")
	if !ok {
		cpuTime = big.NewInt(r.CPUTime)
	}
	requirements.Set("CPUTime", cpuTime.String())
	named, err := ad.List("Platform")
	if err != nil {
		return "", err
	}
	if len(named) > 0 {
		platforms, err := r.platformsFor(named)
		if err != nil {
			return "", err
		}
		requirements.SetTexts("Platforms", platforms)
	}
	return requirements.JDL()
}

func setOwner(ad *jdl.Ad, owner Owner) {
	ad.SetText("Owner", owner.Name)
	ad.SetText("OwnerGroup", owner.Group)
	ad.SetText("VirtualOrganization", owner.VO)
}

// checkOwner refuses a JDL that names another owner than the one who submits it.
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

// setDefault sets an attribute that is missing, unless text is empty.
func setDefault(ad *jdl.Ad, name, text string) {
	if text != "" && !ad.Has(name) {
		ad.SetText(name, text)
	}
}

// attributesOf returns the columns of Jobs that follow from a JDL and its owner.
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
	switch site := ad.Text("Site"); {
	case strings.Trim(site, ",") == "" || strings.Contains(site, ",") && strings.Trim(site, ", ") == "": // a list of nothing, too
	case strings.Contains(site, ","):
		attributes["Site"] = multipleSites
	default:
		attributes["Site"] = site
	}
	return attributes
}

// What the column Site says of jobs that may run on several sites, or on all.
const (
	multipleSites = "Multiple"
	anySite       = "ANY"
)

// siteOf returns what the column Site says of a rescheduled job: the site that its JDL names.
func siteOf(ad *jdl.Ad) (string, error) {
	sites, err := ad.List("Site")
	switch {
	case err != nil || strings.Join(sites, "") == "": // a list of nothing, too
		return anySite, err
	case len(sites) > 1:
		return multipleSites, nil
	}
	return sites[0], nil
}

// inputDataOf returns the LFNs of a job, ascending, each once.
func inputDataOf(ad *jdl.Ad) ([]string, error) {
	files, err := ad.List("InputData")
	files = slices.DeleteFunc(files, func(lfn string) bool { return lfn == "" })
	slices.Sort(files)
	return slices.Compact(files), err
}
