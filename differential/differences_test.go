package differential_test

import (
	"slices"
	"strings"
	"testing"
)

// difference is the name of a row of docs/differences.md.
type difference string

// rules say, of answers that disagree, whether a difference is why.
var rules = map[difference]func(x exchange) bool{
	"body.content-type": func(x exchange) bool { return otherContentType(x) && x.theirs.status == 422 && x.ours.status < 500 },
	"token.first":       func(x exchange) bool { return x.theirs.status == 422 && x.ours.status == 401 && x.who == "" },
	"routes.slash": func(x exchange) bool {
		return x.theirs.status == 307 && x.ours.status == 404 && strings.HasSuffix(x.path, "/")
	},
	"body.surrogate": func(x exchange) bool {
		return strings.Contains(x.body, `\ud800`) && x.theirs.status == 500 && x.ours.status == 422
	},
	"commands-equal":         equalKills,
	"history.idem":           idemFirst,
	"access.none":            asksForNothing,
	"access.missing":         asksForMissing,
	"metadata.too-large":     tooLarge,
	"reschedule.final":       rescheduledFinal,
	"reschedule.placeholder": rescheduledPlaceholder,
	"reschedule.status":      rescheduledStatus,
	"reschedule.times":       rescheduledTimes,
	"status.empty-map":       emptyMap,
	"status.late-kill":       lateKill,
	"metadata.job-id": func(x exchange) bool {
		return x.route() == "PATCH /api/jobs/metadata" && x.ours.status == 400 && strings.Contains(x.body, `"JobID":`)
	},

	// Of queries: rows that the library has, too.
	"coercion":      searching(invalid, answered, filter.isNoNumber),
	"distinct-sort": sortsByOthers,
	"extensions":    searching(slices.Concat(answered, invalid, unprocessable), unprocessable, filter.isExtension),
	"flag-values":   searching(anything, failed, filter.isFlag),
	"like-escape":   searching(answered, answered, filter.hasEscape),
	"regex-dialect": searching(anything, anything, func(f filter) bool { return f.isForeignPattern() || f.isPatternOfNumbers() }),
	"ties":          hasTies,
	"time-exists":   searching(invalid, failed, filter.isNoTime),
	"time-forms":    searching(slices.Concat(answered, invalid), anything, func(f filter) bool { return f.isForeignTime() || f.isNumberOfTime() }),
	"query.boolean": searching(invalid, answered, filter.hasBoolean),
	"query.nul":     searching(invalid, answered, filter.hasNUL),
	"page-range": func(x exchange) bool {
		return hugePage.MatchString(x.path) && x.theirs.status == 500 && x.ours.status == 422
	},
	"pilots.unchecked": searching(invalid, answered, filter.isOfPilots),
}

// play makes a request, and wants the same answer from both, but for what is different on purpose.
func (p *pair) play(t *testing.T, r request) (x exchange, agreed bool) {
	t.Helper()
	x = p.ask(t, r)
	if p.takeNotes(x.ours.body) {
		p.met["status.note"]++
	}
	problem := p.disagreement(x)
	if problem == "" {
		return x, true
	}
	for name, holds := range rules {
		if holds(x) {
			p.met[name]++
			return x, false
		}
	}
	t.Errorf("%s\n%s\ntheirs %s\nours   %s", firstLines(problem), x, x.theirs, x.ours)
	if p.failures++; p.failures == mostFailures {
		t.Fatal("that's enough: one mistake can have many consequences")
	}
	return x, false
}

const mostFailures = 300

// takeNotes takes out what only we tell of a change of status.
func (*pair) takeNotes(body any) (found bool) {
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
