package jobdb

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
	"jobdb/internal/tables"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "renew the golden files")

type goldenDialect struct {
	dialect *engine.Dialect
	schema  *schema.Facts
}

// goldenIndexes are two of our schema, of a time and of groups.
var goldenIndexes = &schema.Facts{
	Kind: schema.KindOurs, OfVO: map[string]string{"EndExecTime": "VOEndExecTime"}, Indexes: []schema.Index{
		{Name: "VOEndExecTime", Columns: []string{"VO", "EndExecTime", "JobID"}}, {Name: "VOJobGroup", Columns: []string{"VO", "JobGroup", "JobID"}},
	},
}

// goldenDialects are the three dialects on our schema, and MariaDB's on a
// live schema whose collations don't compare bytes, and that has two indexes.
var goldenDialects = map[string]goldenDialect{
	"sqlite":   {&engine.SQLite, &schema.Facts{Kind: schema.KindOurs}},
	"mysql":    {&engine.MariaDB, goldenIndexes},
	"postgres": {&engine.PostgreSQL, goldenIndexes},
	"mysql-latin1": {&engine.MariaDB, &schema.Facts{Kind: schema.KindLegacy, ExactCollation: "utf8mb4_nopad_bin", Indexes: []schema.Index{{Name: "Site", Columns: []string{"Site"}}, {Name: "StatusOwner", Columns: []string{"Status", "Owner"}}}, Collations: func() map[string]string {
		collations := map[string]string{}
		for _, c := range tables.Jobs.Columns {
			if c.Kind == tables.KindText {
				collations["Jobs."+c.Name] = "latin1_swedish_ci"
			}
		}
		return collations
	}()}},
}

// TestCompileGolden compiles each query of testdata/compile/*.txtar for each
// dialect. An archive holds "search", "summary", "facets" or "histogram" (JSON, with our "scope",
// "page" and "per_page") and one file for each dialect with the statements.
func TestCompileGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/compile/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			query := archive.Files[0]
			renewed := &txtar.Archive{Comment: archive.Comment, Files: []txtar.File{query}}
			for _, name := range []string{"sqlite", "mysql", "mysql-latin1", "postgres"} {
				got := compileGolden(t, goldenDialects[name], query)
				renewed.Files = append(renewed.Files, txtar.File{Name: name, Data: []byte(got)})
				if want := archiveFile(archive, name); !*update && want != got {
					t.Errorf("%s:\n%s", name, cmp.Diff(want, got))
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(renewed), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func archiveFile(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func compileGolden(t *testing.T, d goldenDialect, query txtar.File) string {
	t.Helper()
	var extra struct {
		Scope   Scope `json:"scope"`
		Page    int   `json:"page"`
		PerPage int   `json:"per_page"`
	}
	if err := json.Unmarshal(query.Data, &extra); err != nil {
		t.Fatal(err)
	}
	compile := func() *compiler {
		return &compiler{dialect: d.dialect, schema: d.schema, counted: d.schema.Kind == schema.KindOurs}
	}
	if query.Name == "summary" {
		request, err := ParseSummaryJSON(query.Data)
		if err != nil {
			t.Fatal(err)
		}
		summary, err := request.Parse(Limits{})
		if err != nil {
			t.Fatal(err)
		}
		summary.Scope = extra.Scope
		return show(d, compile().summary(summary, 1000))
	}
	if query.Name == "facets" {
		facets := parseGolden(t, query, FacetsRequest.Parse)
		facets.Scope = extra.Scope
		text := ""
		for _, column := range facets.Columns {
			text += show(d, compile().facet(facets.summaryOf(column), 10))
		}
		return text
	}
	if query.Name == "histogram" {
		histogram := parseGolden(t, query, HistogramRequest.Parse)
		histogram.Scope = extra.Scope
		return show(d, compile().histogram(histogram))
	}
	request, err := ParseSearchJSON(query.Data)
	if err != nil {
		t.Fatal(err)
	}
	search, err := request.Parse(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	search.Scope, search.Page = extra.Scope, extra.Page
	return show(d, compile().rows(search, extra.PerPage)) + show(d, compile().total(search))
}

func parseGolden[R, Q any](t *testing.T, query txtar.File, parse func(R, Limits) (Q, error)) Q {
	t.Helper()
	var request R
	if err := json.Unmarshal(query.Data, &request); err != nil {
		t.Fatal(err)
	}
	parsed, err := parse(request, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// show breaks a statement into lines, its arguments below.
func show(d goldenDialect, st statement) string {
	text := d.dialect.Rebind(st.text)
	for _, word := range []string{" FROM ", " WHERE ", " GROUP BY ", " ORDER BY ", " LIMIT "} {
		text = strings.ReplaceAll(text, word, "\n"+word[1:])
	}
	args := make([]string, len(st.args))
	for i, arg := range st.args {
		if at, ok := arg.(time.Time); ok {
			arg = at.Format(time.RFC3339Nano)
		}
		args[i] = fmt.Sprintf("%#v", arg)
	}
	return text + "\n-- " + strings.Join(args, ", ") + "\n\n"
}

// On a live database MariaDB and MySQL are told which index to use, and in whose order to group.
func TestCompileLiveIndexes(t *testing.T) {
	facts := func(indexes ...schema.Index) *schema.Facts {
		return &schema.Facts{
			Kind: schema.KindLegacy, ExactCollation: "utf8mb4_0900_bin", Indexes: indexes,
			Collations: map[string]string{"Jobs.VO": "utf8mb4_0900_ai_ci", "Jobs.Site": "utf8mb4_0900_ai_ci", "Jobs.Status": "utf8mb4_0900_ai_ci"},
		}
	}
	status := schema.Index{Name: "Status", Columns: []string{"Status"}}
	statusSite := schema.Index{Name: "StatusSite", Columns: []string{"Status", "Site"}}
	vo := schema.Index{Name: "VOStatus", Columns: []string{"VO", "Status", "JobID"}}
	failed := Filter{op: opAnd, kids: []Filter{textIs(colStatus, "Failed")}}
	bySite := []Column{columnByName["Site"], colStatus}
	all, ofVO := Scope{AllVOs: true}, Scope{VO: "lhcb"}
	for _, c := range []struct {
		facts *schema.Facts
		run   func(c *compiler) statement
		want  string
	}{
		{
			facts(statusSite, status), func(c *compiler) statement { return c.total(Search{Scope: all, Filter: failed}) },
			`SELECT count(*) FROM "Jobs" FORCE INDEX ("Status") WHERE ("Status" = ? AND "Status" = CAST(? AS BINARY))`,
		},
		{
			facts(status), func(c *compiler) statement { return c.total(Search{Scope: ofVO, Filter: failed}) },
			`SELECT /*+ NO_ICP(Jobs) */ count(*) FROM "Jobs" WHERE "VO" = CAST(? AS BINARY) AND ("Status" = ? AND "Status" = CAST(? AS BINARY))`,
		},
		{
			facts(statusSite), func(c *compiler) statement {
				return c.summary(Summary{Scope: ofVO, GroupBy: bySite, Filter: Filter{op: opAnd}}, 9)
			},
			`SELECT "Site", "Status", count(*) FROM "Jobs" USE INDEX () WHERE "VO" = CAST(? AS BINARY) ` +
				`GROUP BY "Status", "Site" ORDER BY "Site" ASC, "Status" ASC LIMIT ?`,
		},
		{
			facts(vo), func(c *compiler) statement {
				return c.summary(Summary{Scope: ofVO, GroupBy: bySite, Filter: Filter{op: opAnd}}, 9)
			},
			`SELECT "Site", "Status", count(*) FROM "Jobs" USE INDEX () WHERE ("VO" = ? AND "VO" = CAST(? AS BINARY)) ` +
				`GROUP BY "Site", "Status" ORDER BY "Site" ASC, "Status" ASC LIMIT ?`,
		},
		{
			facts(vo), func(c *compiler) statement {
				return c.summary(Summary{Scope: ofVO, GroupBy: bySite[1:], Filter: Filter{op: opAnd}}, 9)
			},
			`SELECT "Status", count(*) FROM "Jobs" WHERE ("VO" = ? AND "VO" = CAST(? AS BINARY)) ` +
				`GROUP BY "Status" ORDER BY "Status" ASC LIMIT ?`,
		},
		{
			facts(statusSite), func(c *compiler) statement {
				return c.summary(Summary{Scope: ofVO, GroupBy: bySite[:1], Filter: failed}, 9)
			},
			`SELECT /*+ NO_ICP(Jobs) */ "Site", count(*) FROM "Jobs" WHERE "VO" = CAST(? AS BINARY) AND ("Status" = ? AND "Status" = CAST(? AS BINARY)) ` +
				`GROUP BY "Site" ORDER BY "Site" ASC LIMIT ?`,
		},
		{
			facts(statusSite), func(c *compiler) statement {
				return c.rows(Search{Scope: all, Columns: bySite[:1], Distinct: true, Filter: failed}, 0)
			},
			`SELECT "Site" FROM (SELECT DISTINCT "Status", "Site" FROM "Jobs" FORCE INDEX ("StatusSite") WHERE "Status" = ?) AS g ` +
				`WHERE (SELECT 1 FROM "Jobs" AS t FORCE INDEX ("StatusSite") WHERE t."Status" = g."Status" AND t."Site" = g."Site" ` +
				`AND t."Status" = CAST(? AS BINARY) LIMIT 1) = 1 ORDER BY "Site" ASC`,
		},
		{
			facts(status), func(c *compiler) statement {
				return c.rows(Search{Scope: all, Columns: bySite[:1], Distinct: true, Filter: failed}, 0)
			},
			`SELECT "Site" FROM (SELECT DISTINCT "Site" FROM "Jobs" WHERE ("Status" = ? AND "Status" = CAST(? AS BINARY))) AS d ORDER BY "Site" ASC`,
		},
	} {
		if got := c.run(&compiler{dialect: &engine.MySQL, schema: c.facts}).text; got != c.want {
			t.Errorf("%s", cmp.Diff(c.want, got))
		}
	}
}

// MariaDB counts the jobs of each group by itself where an index has the groups, but not if one of them
// may be NULL.
func TestCompileCountsInGroups(t *testing.T) {
	facts := schema.Facts{
		Kind: schema.KindLegacy, ExactCollation: "utf8mb4_nopad_bin", Nulls: map[string]bool{},
		Indexes:    []schema.Index{{Name: "StatusSite", Columns: []string{"Status", "Site"}}},
		Collations: map[string]string{"Jobs.Site": "utf8mb4_general_ci", "Jobs.Status": "utf8mb4_general_ci"},
	}
	summary := Summary{
		Scope: Scope{AllVOs: true}, GroupBy: []Column{columnByName["Site"]},
		Filter: Filter{op: opAnd, kids: []Filter{textIs(colStatus, "Failed")}},
	}
	counted := `SELECT g."Site", (SELECT count(*) FROM "Jobs" AS t FORCE INDEX ("StatusSite") WHERE t."Status" = g."Status" AND t."Site" = g."Site" ` +
		`AND t."Status" = CAST(? AS BINARY)) AS n FROM (SELECT DISTINCT "Status", "Site" FROM "Jobs" FORCE INDEX ("StatusSite") WHERE "Status" = ?) AS g ` +
		`HAVING n > 0 ORDER BY g."Site" ASC LIMIT ?`
	grouped := `SELECT "Site", count(*) FROM "Jobs" WHERE ("Status" = ? AND "Status" = CAST(? AS BINARY)) GROUP BY "Site" ORDER BY "Site" ASC LIMIT ?`
	for _, want := range []string{counted, grouped} {
		if got := (&compiler{dialect: &engine.MariaDB, schema: &facts}).summary(summary, 9).text; got != want {
			t.Errorf("%s", cmp.Diff(want, got))
		}
		facts.Nulls["Jobs.Site"] = true
	}
}

// Where a period is asked for, MariaDB isn't to go along an index that has the groups side by side: of a
// VO, of all, or of another condition's value.
func TestCompileIgnoresOrder(t *testing.T) {
	facts := schema.Facts{
		Kind: schema.KindOurs, OfVO: map[string]string{"SubmissionTime": "VOSubmissionTime", "Site": "VOSite"},
		Indexes: []schema.Index{
			{Name: "Site", Columns: []string{"Site"}},
			{Name: "StatusSite", Columns: []string{"Status", "Site"}},
			{Name: "VOSite", Columns: []string{"VO", "Site", "JobID"}},
			{Name: "VOSubmissionTime", Columns: []string{"VO", "SubmissionTime", "JobID"}},
			{Name: "VOUpdated", Columns: []string{"VO", "LastUpdateTime", "JobID", "Status", "Site"}},
		},
	}
	since, done := FilterSpec{Parameter: "SubmissionTime", Operator: "gte", Value: "2026-01-01"}, FilterSpec{Parameter: "Status", Operator: "eq", Value: "Done"}
	for _, c := range []struct {
		filters  []FilterSpec
		grouping []string
		ignored  string
	}{
		{[]FilterSpec{since}, []string{"Site"}, `"Site", "VOSite"`},
		{[]FilterSpec{since, done}, []string{"Site"}, `"Site", "StatusSite", "VOSite"`},
		{[]FilterSpec{since, done}, []string{"Site", "Status"}, `"Site", "StatusSite", "VOSite"`},
		{[]FilterSpec{since}, []string{"Owner"}, ""},
		{[]FilterSpec{done}, []string{"Site"}, ""},
	} {
		summary, err := SummaryRequest{Grouping: c.grouping, Search: c.filters}.Parse(Limits{})
		if err != nil {
			t.Fatal(err)
		}
		summary.Scope.VO = "lhcb"
		text := (&compiler{dialect: &engine.MariaDB, schema: &facts}).summary(summary, 9).text
		_, hint, _ := strings.Cut(text, " IGNORE INDEX FOR GROUP BY (")
		ignored, _, _ := strings.Cut(hint, ") WHERE")
		if ignored != c.ignored {
			t.Errorf("by %v of %v: ignores %s, want %s, in %s", c.grouping, c.filters, ignored, c.ignored, text)
		}
	}
}
