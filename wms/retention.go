package wms

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"jobdb"
)

// RetentionBook says how long jobs and their parts are kept, for all VOs. Make one with
// [ReadRetention]. The zero value keeps everything for ever.
type RetentionBook struct {
	// Default is for VOs that have nothing of their own.
	Default Retention
	// VOs is for single VOs. Such a value replaces all of Default; [ReadRetention] fills in from
	// Default what a file leaves out.
	VOs map[string]Retention
}

// AnyStatus is the key of [Retention.Jobs] for jobs in any status. DIRAC has the same key.
const AnyStatus jobdb.Status = "Any"

// Retention says how long after their LastUpdateTime jobs and their parts are deleted; 0, in files
// "never", keeps them for ever. All fields but Jobs are about jobs that have ended: those in one of
// [jobdb.FinalStatuses] and Deleted ones. DIRAC's JobCleaningAgent has some of these settings.
type Retention struct {
	// Jobs is when jobs in a status are deleted, with all that belongs to them: RemoveStatusDelay
	// of DIRAC. The key [AnyStatus] is for jobs in all statuses, even those that have not ended.
	Jobs map[jobdb.Status]Age
	// ThinHeartbeats is when heartbeats are thinned to one an hour.
	ThinHeartbeats Age
	// Heartbeats is when all heartbeats are deleted: RemoveStatusDelayHB of DIRAC.
	Heartbeats Age
	// History is when the history is deleted.
	History Age
	// Commands is when commands are deleted.
	Commands Age
	// ArchivedParameters is when parameters are deleted that a job had before it was rescheduled.
	ArchivedParameters Age
	// Series is when counts over time are deleted. They also have bounds of their own, see
	// [jobdb.DB.NoteSeries].
	Series Age
}

// endedStatuses are those of jobs that have ended.
var endedStatuses = append(slices.Clone(jobdb.FinalStatuses), jobdb.StatusDeleted)

// of returns the retention of a VO.
func (b RetentionBook) of(vo string) Retention {
	if r, ok := b.VOs[vo]; ok {
		return r
	}
	return b.Default
}

// ReadRetention reads a RetentionBook from JSON, whose names are those of the fields:
//
//	{"Default": {"Jobs": {"Done": "90d"}, "Heartbeats": "30d"}, "VOs": {"lhcb": {"Jobs": {"Failed": "1d"}}}}
//
// What Default leaves out is kept for ever. What a VO leaves out comes from Default; its Jobs are
// added to those of Default. The error says what is wrong, and why.
func ReadRetention(r io.Reader) (RetentionBook, error) {
	all, vos, err := readBook(r, "retention", Retention{}, Retention.override)
	return RetentionBook{all, vos}, err
}

var retentionNames = []string{"Jobs", "ThinHeartbeats", "Heartbeats", "History", "Commands", "ArchivedParameters", "Series"}

// override returns the retention with the fields replaced that a JSON text has.
func (r Retention) override(text json.RawMessage) (Retention, error) {
	r.Jobs = maps.Clone(r.Jobs) // the decoder writes into it
	if err := decodeRules(text, &r, retentionNames); err != nil {
		return Retention{}, err
	}
	return r, r.validate()
}

func (r Retention) validate() error {
	for status := range r.Jobs {
		if status != AnyStatus && !slices.Contains(endedStatuses, status) {
			return fmt.Errorf("the status %.40q in Jobs: jobs go by their age in the statuses %s, and in %s for all others",
				status, joinStatuses(endedStatuses), AnyStatus)
		}
	}
	if r.ThinHeartbeats > 0 && r.Heartbeats > 0 && r.ThinHeartbeats >= r.Heartbeats {
		return errors.New("ThinHeartbeats must come before Heartbeats")
	}
	return nil
}

func joinStatuses(statuses []jobdb.Status) string {
	texts := make([]string, len(statuses))
	for i, s := range statuses {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}
