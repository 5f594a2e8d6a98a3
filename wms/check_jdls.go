package wms

import (
	"context"
	"slices"

	"jobdb"
	"jobdb/jdl"
)

// UnreadableJDLs reads the JDLs of all jobs of all VOs, and calls each for every JDL that can't be
// decompressed whole, with the reason.
func (m *JobManager) UnreadableJDLs(ctx context.Context, each func(id jobdb.JobID, reason string)) error {
	search, err := (jobdb.SearchRequest{Parameters: []string{"JobID"}}).Parse(m.DB.Limits())
	if err != nil {
		return err
	}
	search.Scope.AllVOs, search.PerPage = true, 500
	return m.eachBatch(ctx, search, 0, func(ctx context.Context, ids []jobdb.JobID) error {
		for _, part := range []struct {
			name string
			read func(context.Context, []jobdb.JobID) (map[jobdb.JobID]string, error)
		}{{"JDL", m.DB.JobJDLs}, {"OriginalJDL", m.DB.OriginalJDLs}} {
			texts, err := part.read(ctx, ids)
			if err != nil {
				return err
			}
			for _, id := range slices.Sorted(slices.Values(ids)) {
				if _, err := jdl.Decompress(texts[id]); texts[id] != "" && err != nil {
					each(id, "the "+part.name+" can't be read whole: "+err.Error())
				}
			}
		}
		return nil
	})
}
