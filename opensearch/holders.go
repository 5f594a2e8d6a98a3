package opensearch

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"jobdb"
)

const (
	// maxHolders is how many documents OpenSearch gives in one answer, and so how many jobs of a VO
	// may have a parameter that is looked for.
	maxHolders = 10_000
	// maxEqual is how many values OpenSearch is told; with more it gives all documents.
	maxEqual = 100
)

// Holders returns the jobs of a VO that have a parameter, and its values as [DB.Get] gives them.
// Those with other values than equal may be left out; nil: none. Jobs whose value is empty or was
// written within the last second may be missing, since OpenSearch doesn't find them. More than
// 10,000 jobs are a [jobdb.QueryError].
func (p *DB) Holders(ctx context.Context, vo, name string, equal []string) (map[jobdb.JobID]string, error) {
	prefix := indexPrefix + "_" + strings.ToLower(vo) + "_"
	filters := []any{
		map[string]any{"prefix": map[string]any{"_index": prefix}},
		map[string]any{"exists": map[string]any{"field": name}},
	}
	if equal != nil && len(equal) <= maxEqual {
		filters = append(filters, anyOf(name, equal))
	}
	search := map[string]any{
		"size": maxHolders, "track_total_hits": true, "query": map[string]any{"bool": map[string]any{"filter": filters}},
	}
	if !strings.ContainsAny(name, "*.") { // in a list of fields these are no letters
		search["_source"] = []string{name}
	}
	body, err := json.Marshal(search)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Hits struct {
			Total struct{ Value int }
			Hits  []struct {
				Index string `json:"_index"`
				stored
			}
		}
	}
	if err := p.ask(ctx, http.MethodPost, "/"+indexPrefix+"_*/_search", body, &answer); err != nil {
		return nil, err
	}
	if answer.Hits.Total.Value > maxHolders {
		return nil, &jobdb.QueryError{
			Field: jobdb.ParameterPrefix + name, Reason: "more than " + strconv.Itoa(maxHolders) + " jobs have it; OpenSearch gives no more",
		}
	}
	found := make(map[jobdb.JobID]string, len(answer.Hits.Hits))
	for _, hit := range answer.Hits.Hits {
		number, ofVO := strings.CutPrefix(hit.Index, prefix)
		id, err := strconv.ParseInt(hit.ID, 10, 64)
		value, has := hit.Source[name]
		if err == nil && has && ofVO && millions.MatchString(number) { // or a VO whose name goes on after a _
			found[jobdb.JobID(id)] = textOf(value)
		}
	}
	return found, nil
}

// millions is how the name of an index ends, see indexOf.
var millions = regexp.MustCompile(`^[0-9]+m$`)

// anyOf is a query that finds, whatever type a parameter has, at least the documents in which it is
// one of some values.
func anyOf(name string, values []string) map[string]any {
	matches := make([]any, len(values))
	for i, value := range values {
		matches[i] = map[string]any{"match": map[string]any{name: map[string]any{
			"query": value, "operator": "and", "lenient": true, "zero_terms_query": "all",
		}}}
	}
	return map[string]any{"bool": map[string]any{"should": matches, "minimum_should_match": 1}}
}
