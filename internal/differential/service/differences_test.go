package service_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jobdb/internal/shadow"
)

// difference is the name of a row of docs/differences.md. Those of the section Service have a dot.
type difference string

// rules say, of answers to random requests that disagree, whether a difference is why.
var rules = map[difference]func(x exchange) bool{
	"access.missing":           asksForMissing,
	"access.none":              asksForNothing,
	"body.content-type":        answers(422, 200, otherContentType),
	"body.surrogate":           answers(500, 422, has(`\ud800`)),
	"commands-equal":           equalKills,
	"metadata.job-id":          setsJobID,
	"metadata.too-large":       tooLarge,
	"reschedule.final":         answers(200, 400, rescheduledFinal),
	"reschedule.missing":       answers(200, 200, rescheduledMissing),
	"reschedule.no-attributes": noAttributes,
	"reschedule.placeholder":   answers(200, 200, rescheduledPlaceholder),
	"reschedule.status":        answers(200, 200, rescheduledStatus),
	"reschedule.times":         answers(200, 200, rescheduledTimes),
	"routes.slash":             answers(307, 404, endsWithSlash),
	"status-times":             answers(200, 200, ofJob(func(j *job) bool { return j.lateAgain })),
	"status.empty-map":         emptyMap,
	"status.empty-text":        answers(200, 200, ofJob(func(j *job) bool { return j.blank })),
	"status.exec-times":        answers(200, 200, onlyTimes("StartExecTime", "EndExecTime", "HeartBeatTime")),
	"status.heartbeat-time":    answers(200, 200, onlyTimes("HeartBeatTime")),
	"status.kill-confirmed":    answers(200, 200, toldBefore),
	"status.late-kill":         answers(200, 200, ofJob(func(j *job) bool { return j.killedLate })),
	"status.slow-clock":        answers(200, 200, ofJob(func(j *job) bool { return j.lateNow })),
	"status.unset-clock":       unsetClock,
	"submit.no-input-data":     answers(400, 201, has("InputData = {}")),
	"submit.parametric":        answers(500, 400, has("Parameters")),
	"submit.too-long":          answers(201, 400, hasLongText),
	"token.first":              bodyBeforeToken,
	"ties":                     hasTies,
}

func init() {
	for name, isWhy := range shadow.Known {
		rules[difference(name)] = func(x exchange) bool { return isWhy(x.plain()) }
	}
}

// answers reports whether both answer with certain statuses, and why.
func answers(theirs, ours int, why func(x exchange) bool) func(x exchange) bool {
	return func(x exchange) bool { return x.theirs.Status == theirs && x.ours.Status == ours && why(x) }
}

// has looks for a text in the body.
func has(text string) func(x exchange) bool {
	return func(x exchange) bool { return strings.Contains(x.body, text) }
}

// ofJob looks for one of the jobs that were asked for.
func ofJob(is func(j *job) bool) func(x exchange) bool {
	return func(x exchange) bool { return slices.ContainsFunc(x.jobs, is) }
}

// TestServiceDifferencesDocumented holds the names in the tests against docs/differences.md, both
// ways.
func TestServiceDifferencesDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[difference]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z.-]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		name := difference(row[1])
		if documented[name] {
			t.Errorf("docs/differences.md has two rows %s", name)
		}
		documented[name] = true
		if _, isShown := shown[name]; !isShown && strings.Contains(row[1], ".") {
			t.Errorf("no test shows %s of docs/differences.md", name)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(shown)), slices.Collect(maps.Keys(rules))) {
		if !documented[name] {
			t.Errorf("docs/differences.md has no row %s", name)
		}
	}
}

// play makes a request, and wants the same answer from both, but for what is different on purpose.
func (p *pair) play(t *testing.T, r request) (x exchange, agreed bool) {
	t.Helper()
	p.asked++
	x = p.ask(t, r)
	if takeNotes(x.ours.Body) {
		p.met["status.note"]++
	}
	problem := p.disagreement(x)
	if problem == "" {
		return x, true
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if rules[name](x) {
			p.met[name]++
			p.excused++
			return x, false
		}
	}
	t.Errorf("%s\n%s\ntheirs %s\nours   %s", firstLines(problem), x, x.theirs, x.ours)
	if p.failures++; p.failures == maxFailures {
		t.Fatal("that's enough: one mistake can have many consequences")
	}
	return x, false
}

const maxFailures = 30

// takeNotes takes out what only we tell of a change of status.
func takeNotes(body any) (found bool) {
	answer, _ := body.(object)
	success, _ := answer["success"].(object)
	for _, item := range success {
		change, _ := item.(object)
		_, noted := change["Note"]
		found = found || noted
		delete(change, "Note")
	}
	return found
}

// firstLines cuts what is too much to read.
func firstLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[:min(len(lines), 30)], "")
}
