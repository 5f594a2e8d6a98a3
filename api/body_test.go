package api

import (
	"encoding/json"
	"testing"

	"jobdb/api/internal/validation"
)

// FuzzBodies reads any body as every route does, without a panic and to an end.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"1":{"2024-01-01T00:00:00Z":{"Status":"Running"}}}`, `{"1":{"LoadAverage":NaN}}`, `{"job_ids":[1,"2"]}`, `[[[[`, `{"a":{"b":[1e999]}}`,
		`{"search":[{"parameter":"Status","operator":"in","values":["a",1]},{"or":[{"not":5}]}],"sort":[{}],"distinct":"x"}`, `{"grouping":5}`,
		`{"columns":["Status"],"top":0,"search":[{}]}`, `{"time":1,"from":"2024","bucket":60.5,"by":null}`, `{"column":"Site","prefix":"a","limit":1e99}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := validation.Decode(body)
		if err != nil {
			return
		}
		var in validation.Reader
		readSearchObject(&in, value)
		readSummaryObject(&in, value)
		readFacetsObject(&in, value)
		readHistogramObject(&in, value)
		readValuesObject(&in, value)
		readJobIDs(&in, value)
		in.Texts(value, validation.Body)
		readStatusUpdates(&in, value, validation.Body)
		readBeat(&in, value, validation.Body)
		readMetadata(&in, value, validation.Body)
		if _, err := json.Marshal(in.Faults); err != nil {
			t.Errorf("the faults can't be written: %v", err)
		}
	})
}
