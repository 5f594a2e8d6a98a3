package schema

import (
	"fmt"
	"slices"
	"strings"

	"jobdb/internal/engine"
	"jobdb/internal/tables"
)

// tooOld returns a problem if the engine's release is older than [engine.Dialect.Oldest].
func tooOld(d *engine.Dialect, version string) []string {
	if d.Oldest != "" && slices.Compare(numbers(version), numbers(d.Oldest)) < 0 {
		return []string{fmt.Sprint("jobdb needs ", d.Product, " ", d.Oldest, " or newer")}
	}
	return nil
}

// numbers returns the first three numbers of a version; "16beta1" has only one.
func numbers(version string) []int {
	n := make([]int, 3)
	_, _ = fmt.Sscanf(version, "%d.%d.%d", &n[0], &n[1], &n[2])
	return n
}

// limits returns what jobdb can't promise on this schema.
func (c Catalog) limits(s *Facts, d *engine.Dialect) []string {
	var limits []string
	add := func(when bool, limit string) {
		if when {
			limits = append(limits, limit)
		}
	}
	withJobs := c[tables.Jobs.Name] != nil
	charsets, collations := s.foreignTexts()
	add(s.WholeSeconds, "times are cut to whole seconds")
	add(len(charsets) > 0, "texts in "+strings.Join(charsets, ", ")+
		" can't hold every character: what doesn't fit is refused when it is stored, and found by no filter")
	add(len(collations) > 0, "the engine compares texts by "+strings.Join(collations, ", ")+
		": filters of jobdb compare them byte by byte all the same, but groups and orders are that collation's, "+
		"and keys that differ only in case or in spaces at their end collide")
	if short := c.columnsWhere(isShort); len(short) > 0 && d.Catalog.TextBytes > 0 {
		add(true, "64 kB is the most that these can hold: "+strings.Join(short, ", "))
	}
	add(len(c.columnsWhere(isInt)) > 0 && !d.Catalog.Untyped, "integers have 32 bits")
	add(withJobs && !s.Cascade, "deleting a job leaves rows of it in other tables unless jobdb is the one who deletes it")
	add(withJobs && !s.AtticCycles, "AtticJobParameters keeps only one reschedule cycle of a parameter, the last")
	add(withJobs && !c.generated(), "the number of the newest job is given again when that job is deleted")
	add(withJobs && !s.Parameters, "the parameters of jobs (JobParameters) are not in this database: "+
		"jobdb neither shows nor keeps any, and drops the output that a heartbeat brings")
	add(withJobs && !s.History, "the history of states (LoggingInfo) is not in this database; "+
		"name the one that has it as the history database")
	add(withJobs && !c.indexedByVO(), "no index begins with VO: searches and summaries within a VO are slower by far")
	add(withJobs && s.Kind != KindOurs, "jobdb adds no tables here: an Idempotency-Key is refused, and counts are not kept")
	return limits
}

// foreignTexts lists the character sets other than UTF-8, and all collations.
func (s *Facts) foreignTexts() (charsets, collations []string) {
	for _, collation := range s.Collations {
		charset, _, _ := strings.Cut(collation, "_")
		if charset != "utf8mb4" {
			charsets = append(charsets, charset)
		}
		collations = append(collations, collation)
	}
	return unique(charsets), unique(collations)
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func isShort(want tables.Column, found Column) bool {
	return want.Kind == tables.KindText && want.Length == 0 && (found.Type == "text" || found.Type == "blob")
}

func isInt(want tables.Column, found Column) bool {
	return want.Kind == tables.KindInteger && found.Type != "bigint"
}

// columnsWhere returns the names of jobdb's columns for which is holds.
func (c Catalog) columnsWhere(is func(want tables.Column, found Column) bool) []string {
	var names []string
	for _, t := range tables.Tables {
		live := c[t.Name]
		if live == nil {
			continue
		}
		for _, want := range t.Columns {
			if found, ok := live.column(want.Name); ok && is(want, found) {
				names = append(names, t.Name+"."+want.Name)
			}
		}
	}
	return names
}

// generated reports whether no job ID is given twice.
func (c Catalog) generated() bool {
	if c[tables.JobJDLs.Name] == nil {
		return false
	}
	number, _ := c[tables.JobJDLs.Name].column("JobID")
	return number.generated
}

func (c Catalog) indexedByVO() bool {
	for _, columns := range c[tables.Jobs.Name].indexes {
		if columns[0] == "VO" {
			return true
		}
	}
	return false
}
