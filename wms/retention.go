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

// RetentionBook says how long what is known of jobs is kept, for all VOs. Make one by
// [ReadRetention]. The zero value keeps all for ever.
type RetentionBook struct {
	// Default is for VOs that have nothing of their own.
	Default Retention
	// VOs has the others. They replace all of Default; [ReadRetention] fills in from Default what a
	// file leaves out.
	VOs map[string]Retention
}

// AnyStatus is a key of [Retention.Jobs] for jobs in whatever status, which DIRAC calls so, too.
const AnyStatus jobdb.Status = "Any"

// Retention says how long what is known of jobs is kept after their LastUpdateTime; 0, in files
// "never", is for ever. All but Jobs is about jobs that have ended: those in one of
// [jobdb.FinalStatuses] and Deleted ones. DIRAC's JobCleaningAgent has a part of it.
type Retention struct {
	// Jobs says for statuses after which time jobs are deleted with all that belongs to them:
	// RemoveStatusDelay of DIRAC. The key "Any" is for jobs in all statuses, those included that have
	// not ended.
	Jobs map[jobdb.Status]Age
	// ThinHeartbeats is when heartbeats are thinned to one an hour.
	ThinHeartbeats Age
	// Heartbeats is when all heartbeats go: RemoveStatusDelayHB of DIRAC.
	Heartbeats Age
	// History is when the history goes.
	History Age
	// Commands is when commands go.
	Commands Age
	// ArchivedParameters is when parameters go that a job had before it was rescheduled.
	ArchivedParameters Age
	// Series is when the counts over time go, which have bounds of their own, too, see
	// [jobdb.DB.NoteSeries].
	Series Age
}

// endedStatuses are those of jobs that have ended.
var endedStatuses = append(slices.Clone(jobdb.FinalStatuses), jobdb.StatusDeleted)

// of returns what a VO has.
func (b RetentionBook) of(vo string) Retention {
	if r, ok := b.VOs[vo]; ok {
		return r
	}
	return b.Default
}

// ReadRetention reads how long what is known of jobs is kept from JSON, named as the fields are:
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

// override returns the retention, with what replaced that a JSON text names.
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
