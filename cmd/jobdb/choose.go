package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"jobdb"
	"jobdb/choose"
)

// chooseFlags choose jobs; see package choose.
type chooseFlags struct {
	whichFlags

	Until string `help:"Only jobs submitted until then, it included." placeholder:"TIME"`
}

// whichFlags are the chooseFlags without --until.
type whichFlags struct {
	Status []string `help:"Only jobs in this status; repeat for several." placeholder:"STATUS"`
	Site   []string `help:"Only jobs at this site; repeat for several." placeholder:"SITE"`
	Owner  []string `help:"Only jobs of this user; repeat for several." placeholder:"USER"`
	Group  []string `help:"Only jobs of this JobGroup; repeat for several." placeholder:"GROUP"`
	Mine   bool     `help:"Only your own jobs."`
	Since  string   `help:"Only jobs submitted since then: 2d, now-2h, today, tuesday, 2026-11-24 …" placeholder:"TIME"`
	Where  []string `short:"w" help:"Only jobs that meet this condition (see above). With several, all must be met." sep:"none" placeholder:"CONDITION"`
}

// jobArguments are the terms of a command that may have none.
type jobArguments struct {
	Jobs []string `arg:"" optional:"" help:"IDs (12 15-20), @FILE or - (standard input) with IDs, conditions (Status=Failed); see above."`
}

const chooseHelp = `

Jobs are chosen by IDs (12 15-20), by files of IDs (@ids.txt, - is standard input) and by conditions. All must hold:

  Status=Running   Status!=Done   Status=Done,Failed   JobID<=200   JobName~^prod_[0-9]+   (~ is a regular expression)
  "JobName like prod%"   "Site not like LCG.%"   "Owner not in alice, bob"   "EndExecTime is null"   "JobID eq 1000"
  SubmissionTime=2026-11   "LastUpdateTime<now-2h"   since=2d   until=yesterday   mine

Times are in your zone: 2d and now-2h (s, m, h, d, w), today, yesterday, tuesday (the last one), "today 14:30", 2026-11,
2026-11-24, "2026-11-24 10:30". A part of a time means the whole year, month or day.

Parameters of jobs are columns, too: HostName=node1, "TotalCPUTime(s) is null", and Parameters.NAME for any of them.
Only =, !=, like, in and null compare them.`

// choose parses the terms and flags, and reads the files of IDs that they name. user is the
// login's, for --mine.
func (f chooseFlags) choose(p *program, terms []string, user string) (choose.Choice, error) {
	reader := choose.Reader{Now: p.clock(), User: user}
	c := choose.Choice{}
	add := func(what string, err error) error {
		if err != nil {
			return usageError{fmt.Errorf("%s%w", what, err)}
		}
		return nil
	}
	for _, term := range terms {
		if err := add("", reader.Add(&c, term)); err != nil {
			return c, err
		}
	}
	for _, list := range []struct {
		flag, column string
		values       []string
	}{{"--status: ", "Status", f.Status}, {"--site: ", "Site", f.Site}, {"--owner: ", "Owner", f.Owner}, {"--group: ", "JobGroup", f.Group}} {
		if err := add(list.flag, reader.AddAny(&c, list.column, list.values)); err != nil {
			return c, err
		}
	}
	for _, text := range f.Where {
		if err := add("--where: ", reader.Add(&c, text)); err != nil {
			return c, err
		}
	}
	if f.Mine {
		if err := add("--mine: ", reader.Add(&c, "mine")); err != nil {
			return c, err
		}
	}
	for _, flag := range []struct{ name, text string }{{"since", f.Since}, {"until", f.Until}} {
		if flag.text == "" {
			continue
		}
		if err := add("--"+flag.name+": ", reader.Add(&c, flag.name+"="+flag.text)); err != nil {
			return c, err
		}
	}
	return c, p.readFiles(&c)
}

// readFiles reads the IDs of the files of a choice. A file without any chooses no job.
func (p *program) readFiles(c *choose.Choice) error {
	for _, name := range c.Files {
		from := p.stdin
		if name != "-" {
			file, err := os.Open(name)
			if err != nil {
				return err
			}
			defer file.Close() //nolint:errcheck // it was only read
			from = file
		}
		ids, err := choose.ReadIDs(from)
		if err != nil {
			return fmt.Errorf("%s: %w", cmp.Or(map[string]string{"-": "standard input"}[name], name), err)
		}
		c.IDs = append(c.IDs, ids...)
	}
	return nil
}

// idsTogether is how many IDs one request names.
const idsTogether = 5000

// queries are the searches that find all jobs of a choice, those with greater IDs first: one, or
// several where it has many IDs.
func queries(c choose.Choice) [][]jobdb.FilterSpec {
	search := portable(c.Search)
	if len(c.IDs) == 0 && len(c.Files) == 0 {
		return [][]jobdb.FilterSpec{search}
	}
	var (
		found [][]jobdb.FilterSpec
		list  []any
	)
	add := func(filters ...jobdb.FilterSpec) { found = append(found, append(filters, search...)) }
	flush := func() {
		if len(list) > 0 {
			add(jobdb.FilterSpec{Parameter: "JobID", Operator: "in", Values: list})
		}
		list = nil
	}
	for _, ids := range slices.Backward(mergeIDs(c.IDs)) {
		if ids.Last-ids.First >= idsTogether {
			flush()
			add(jobdb.FilterSpec{Parameter: "JobID", Operator: "gt", Value: int64(ids.First - 1)},
				jobdb.FilterSpec{Parameter: "JobID", Operator: "lt", Value: int64(ids.Last + 1)})
			continue
		}
		for id := ids.Last; id >= ids.First; id-- {
			if list = append(list, int64(id)); len(list) == idsTogether {
				flush()
			}
		}
	}
	flush()
	return found
}

// mergeIDs returns the same IDs in ascending order, with spans that overlap or touch made one.
func mergeIDs(list []choose.IDs) []choose.IDs {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b choose.IDs) int { return cmp.Compare(a.First, b.First) })
	var disjoint []choose.IDs
	for _, ids := range list {
		if n := len(disjoint); n > 0 && ids.First <= disjoint[n-1].Last+1 {
			disjoint[n-1].Last = max(disjoint[n-1].Last, ids.Last)
			continue
		}
		disjoint = append(disjoint, ids)
	}
	return disjoint
}

// portable writes filters with operators that DiracX has, too, where that says the same: >= 5 as
// > 4, and a time since a second as one after the second before.
func portable(filters []jobdb.FilterSpec) []jobdb.FilterSpec {
	written := slices.Clone(filters)
	for i, f := range written {
		step, operator := int64(-1), "gt"
		switch f.Operator {
		case "gte":
		case "lte":
			step, operator = 1, "lt"
		default:
			continue
		}
		switch value := f.Value.(type) {
		case int64:
			written[i].Operator, written[i].Value = operator, value+step
		case string:
			if at, err := parseTime(value); err == nil && f.Operator == "gte" {
				written[i].Operator, written[i].Value = operator, at.Add(-1e9).Format(timeSent)
			}
		}
	}
	return written
}

// describeChoice shows a choice as it was understood, with absolute times.
func describeChoice(c choose.Choice) string {
	var parts []string
	if count := countIDs(c.IDs); len(c.IDs) > 0 || len(c.Files) > 0 {
		if count == 0 {
			parts = append(parts, "the list of IDs is empty")
		} else if list := mergeIDs(c.IDs); len(list) <= 5 && len(c.Files) == 0 {
			var texts []string
			for _, ids := range list {
				text := strconv.FormatInt(int64(ids.First), 10)
				if ids.Last > ids.First {
					text += "-" + strconv.FormatInt(int64(ids.Last), 10)
				}
				texts = append(texts, text)
			}
			parts = append(parts, "JobID "+strings.Join(texts, ", "))
		} else {
			parts = append(parts, fmt.Sprintf("%s by their IDs", plural(count, "job")))
		}
	}
	for _, f := range c.Search {
		parts = append(parts, describeFilter(f))
	}
	return strings.Join(parts, " and ")
}

func countIDs(list []choose.IDs) int {
	count := 0
	for _, ids := range mergeIDs(list) {
		count += int(ids.Last-ids.First) + 1
	}
	return count
}

var signs = map[string]string{"eq": "=", "neq": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "regex": "~"}

func describeFilter(f jobdb.FilterSpec) string {
	group := func(filters []jobdb.FilterSpec, word string) string {
		texts := make([]string, len(filters))
		for i, kid := range filters {
			texts[i] = describeFilter(kid)
		}
		return "(" + strings.Join(texts, word) + ")"
	}
	switch {
	case f.Or != nil:
		return group(f.Or, " or ")
	case f.And != nil:
		return group(f.And, " and ")
	case f.Values != nil:
		texts := make([]string, len(f.Values))
		for i, value := range f.Values {
			texts[i] = fmt.Sprint(value)
		}
		if len(texts) > 10 {
			texts = append(texts[:10], fmt.Sprintf("… (%d)", len(f.Values)))
		}
		return f.Parameter + " " + f.Operator + " " + strings.Join(texts, ", ")
	case f.Value == nil:
		return f.Parameter + " " + f.Operator
	}
	value := fmt.Sprint(f.Value)
	if column, err := jobdb.ParseColumn(f.Parameter); err == nil && column.Kind() == jobdb.KindTime {
		value = localTime(value)
	}
	if sign := signs[f.Operator]; sign != "" {
		return f.Parameter + sign + value
	}
	return f.Parameter + " " + f.Operator + " " + value
}
