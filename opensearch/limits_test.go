package opensearch_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jobdb"
)

// memory is an OpenSearch that keeps documents of jobs, and knows what a DB asks for.
type memory struct {
	mutex sync.Mutex
	docs  map[string]map[string]any
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var answer any = map[string]any{}
	switch r.URL.Path {
	case "/_mget":
		var asked struct {
			Docs []struct {
				ID string `json:"_id"`
			} `json:"docs"`
		}
		_ = json.NewDecoder(r.Body).Decode(&asked)
		docs := []any{}
		for _, d := range asked.Docs {
			docs = append(docs, map[string]any{"_id": d.ID, "found": m.docs[d.ID] != nil, "_source": m.docs[d.ID]})
		}
		answer = map[string]any{"docs": docs}
	case "/_bulk":
		items := []any{}
		lines := bufio.NewReader(r.Body)
		for {
			action, err := lines.ReadBytes('\n')
			if err != nil {
				break
			}
			body, _ := lines.ReadBytes('\n')
			var of map[string]struct {
				ID string `json:"_id"`
			}
			var update struct {
				Doc map[string]any `json:"doc"`
			}
			_, _ = json.Unmarshal(action, &of), json.Unmarshal(body, &update)
			if m.docs[of["update"].ID] == nil {
				m.docs[of["update"].ID] = map[string]any{}
			}
			maps.Copy(m.docs[of["update"].ID], update.Doc)
			items = append(items, map[string]any{"update": map[string]any{"status": http.StatusOK}})
		}
		answer = map[string]any{"items": items}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// A job has bounded parameters, in one piece or in many small ones, and a call reads so much of them.
func TestBounds(t *testing.T) {
	server := httptest.NewServer(&memory{docs: map[string]map[string]any{}})
	defer server.Close()
	db := open(t, `{"hosts": ["`+server.URL+`"]}`)
	set := func(values map[jobdb.JobID]map[string]any) error {
		return db.Set(t.Context(), "lhcb", values, time.Now())
	}
	of := func(id jobdb.JobID, values map[string]any) map[jobdb.JobID]map[string]any {
		return map[jobdb.JobID]map[string]any{id: values}
	}
	names := func(prefix string, n int, value string) map[string]any {
		values := map[string]any{}
		for i := range n {
			values[fmt.Sprint(prefix, i)] = value
		}
		return values
	}
	long := strings.Repeat("x", jobdb.MaxParameterBytes)
	refused := func(what string, err error, ids ...jobdb.JobID) {
		t.Helper()
		large := (*jobdb.ValueError)(nil)
		if !errors.Is(err, jobdb.ErrTooLarge) || !errors.As(err, &large) || !slices.Equal(large.TooLarge, ids) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused("a long value", set(of(1, map[string]any{"a": long + "x"})), 1)
	refused("many names", set(of(1, names("n", jobdb.MaxParameters+1, "x"))), 1)
	refused("much together, of two of three", set(map[jobdb.JobID]map[string]any{
		1: names("n", 5, long), 2: {"a": "x"}, 3: names("n", 5, long),
	}), 1, 3)
	ok(set(of(1, names("n", 4, long))))
	refused("more", set(of(1, map[string]any{"other": long})), 1)
	refused("a little more of what is known to have half", set(of(1, map[string]any{"other": "x"})), 1)
	ok(set(of(1, map[string]any{"n0": "shorter"})))
	ok(set(of(2, names("n", jobdb.MaxParameters-20, "x"))))
	for i := range 1000 { // looked at once in 16 times, and then always
		if err := set(of(2, map[string]any{fmt.Sprint("small", i): "x"})); err != nil {
			refused("many small ones", err, 2)
			break
		} else if i > 500 {
			t.Fatalf("%d names more were taken", i)
		}
	}
	_, err := db.GetNamed(t.Context(), "lhcb", []jobdb.JobID{1, 2}, nil)
	ok(err)
	for id := range jobdb.JobID(2) {
		ok(set(of(10+id, names("n", 4, long))))
	}
	if _, err := db.GetNamed(t.Context(), "lhcb", []jobdb.JobID{1, 10, 11}, nil); !errors.Is(err, jobdb.ErrInvalidQuery) {
		t.Errorf("11 MiB of parameters are read: %v", err)
	}
	if all, err := db.Get(t.Context(), "lhcb", []jobdb.JobID{1, 10, 11}); err != nil || len(all) != 3 {
		t.Errorf("to be archived: %d jobs, %v", len(all), err)
	}
}
