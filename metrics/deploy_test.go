package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// In a query of Prometheus: a metric with its conditions, and lists of labels.
var (
	usedMetric = regexp.MustCompile(`\b(jobdb_[a-z_]+)(?:\{([^}]*)\})?`)
	usedLabel  = regexp.MustCompile(`([a-z]+)(?:=~|!~|!=|=)"`)
	usedList   = regexp.MustCompile(`\bby \(([a-z, ]+)\)`)
)

// addedLabels are those that Prometheus adds.
var addedLabels = []string{"job", "instance", "le"}

// checkQuery reports what of a query no metric has.
func checkQuery(query string) (wrong []string) {
	labels := slices.Clone(addedLabels)
	for _, used := range usedMetric.FindAllStringSubmatch(query, -1) {
		i := slices.IndexFunc(all, func(m Metric) bool {
			name := used[1]
			if m.Kind == "histogram" {
				name = regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(name, "")
			}
			return m.Name == name
		})
		if i < 0 {
			wrong = append(wrong, "no metric "+used[1])
			continue
		}
		labels = append(labels, all[i].Labels...)
		for _, label := range usedLabel.FindAllStringSubmatch(used[2], -1) {
			if !slices.Contains(slices.Concat(addedLabels, all[i].Labels), label[1]) {
				wrong = append(wrong, used[1]+" has no label "+label[1])
			}
		}
	}
	for _, list := range usedList.FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(list[1], ", ") {
			if !slices.Contains(labels, label) {
				wrong = append(wrong, "no label "+label)
			}
		}
	}
	return wrong
}

func TestCheckQuery(t *testing.T) {
	for query, want := range map[string]int{
		`sum by (route, instance) (rate(jobdb_http_requests_total{code=~"5.."}[5m]))`:                   0,
		`histogram_quantile(0.9, sum by (le) (rate(jobdb_task_duration_seconds_bucket{task="x"}[5m])))`: 0,
		`jobdb_nothing`:                 1,
		`jobdb_jobs_bucket`:             1,
		`jobdb_jobs{user="x"}`:          1,
		`sum by (user) (jobdb_jobs)`:    1,
		`jobdb_keys{vo="x", site!="y"}`: 2,
	} {
		if got := checkQuery(query); len(got) != want {
			t.Errorf("%s: %q", query, got)
		}
	}
}

// The alerts and the dashboard ask for metrics and labels that there are. (make promtool holds the
// alerts against Prometheus's own parser.)
func TestDeployedQueries(t *testing.T) {
	alerts, err := os.ReadFile("../deploy/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	expressions := regexp.MustCompile(`(?m)^ +expr: (.*)$`).FindAllStringSubmatch(string(alerts), -1)
	if len(expressions) < 10 {
		t.Errorf("%d alerts", len(expressions))
	}
	for _, e := range expressions {
		if wrong := checkQuery(e[1]); len(wrong) > 0 || !strings.Contains(e[1], "jobdb") {
			t.Errorf("%s: %q", e[1], wrong)
		}
	}
	text, err := os.ReadFile("../deploy/grafana/jobdb.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	shown := string(alerts)
	seen := map[int]bool{}
	for _, panel := range dashboard.Panels {
		if seen[panel.ID] || panel.Title == "" || panel.GridPos.X+panel.GridPos.W > 24 || panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %d: %s", panel.ID, panel.Title)
		}
		seen[panel.ID] = true
		for _, target := range panel.Targets {
			shown += target.Expr
			if wrong := checkQuery(target.Expr); len(wrong) > 0 {
				t.Errorf("%s: %s: %q", panel.Title, target.Expr, wrong)
			}
		}
	}
	for _, m := range all {
		unshown := []string{"jobdb_http_requests_running", "jobdb_pool_connections_max", "jobdb_pool_waits_total", "jobdb_counts_folded_timestamp_seconds", "jobdb_metrics_read_duration_seconds"}
		if !strings.Contains(shown, m.Name) && !slices.Contains(unshown, m.Name) {
			t.Errorf("neither the dashboard nor an alert asks for %s", m.Name)
		}
	}
}
