package jobdb

import (
	"database/sql"
	"maps"
	"slices"
	"strings"
)

// GroupShare says how the priority of a group is shared among its task queues. Its fields are the
// settings of the group in DiracX's and DIRAC's registry.
type GroupShare struct {
	JobShare           float64 // the priority of the whole group; 0: 1000
	JobSharing         bool    // the group has the property JobSharing: its queues share by themselves, not by owner
	AllowBackgroundTQs bool    // queues whose jobs have a priority of at most 0.1 get the least there is
}

const (
	defaultJobShare = 1000
	minQueueShare   = 0.001
	maxBackground   = 0.1 // priority of a queue that may run in the background
)

// taskQueue is what a queue's share depends on.
type taskQueue struct {
	owner    string
	priority sql.NullFloat64 // mean of its jobs; NULL: it has none
	alike    []string        // queues that are equal in this count as one
}

// priorities returns the new priorities of a group's queues, by their IDs, after owner lost a
// queue. Queues without jobs keep theirs. So do those of all other owners if owner has more than
// one left: then the number of owners, by which the share is divided, hasn't changed.
func (g GroupShare) priorities(queues map[int64]*taskQueue, owner string) map[int64]float64 {
	share := g.JobShare
	if share == 0 {
		share = defaultJobShare
	}
	if g.JobSharing {
		return g.divide(share, queues)
	}
	byOwner := map[string]map[int64]*taskQueue{}
	for id, q := range queues {
		if byOwner[q.owner] == nil {
			byOwner[q.owner] = map[int64]*taskQueue{}
		}
		byOwner[q.owner][id] = q
	}
	share /= float64(len(byOwner))
	if len(byOwner[owner]) > 1 {
		return g.divide(share, byOwner[owner])
	}
	all := map[int64]float64{}
	for _, own := range byOwner {
		maps.Copy(all, g.divide(share, own))
	}
	return all
}

// divide divides a share among queues in proportion to the priorities of their jobs. Each queue
// then gets what all that are alike have together: any pilot matches them equally.
func (g GroupShare) divide(share float64, queues map[int64]*taskQueue) map[int64]float64 {
	ids := slices.Sorted(maps.Keys(queues)) // the order of additions is that of all other calls
	ids = slices.DeleteFunc(ids, func(id int64) bool { return !queues[id].priority.Valid })
	background := func(id int64) bool { return g.AllowBackgroundTQs && queues[id].priority.Float64 <= maxBackground }
	total := 0.0
	for _, id := range ids {
		if !background(id) {
			total += queues[id].priority.Float64
		}
	}
	together := map[string]float64{}
	key := func(id int64) string { return strings.Join(queues[id].alike, "\x00") }
	for _, id := range ids {
		part := minQueueShare
		if !background(id) && total > 0 {
			part = max(share/total*queues[id].priority.Float64, minQueueShare)
		}
		together[key(id)] += part
	}
	priorities := make(map[int64]float64, len(ids))
	for _, id := range ids {
		priorities[id] = together[key(id)]
	}
	return priorities
}
