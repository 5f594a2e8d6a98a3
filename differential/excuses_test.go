package differential_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// searching reports whether an exchange is a search or a summary that we answer
// with one of our statuses and they with one of theirs, and has a filter of a kind.
func searching(ours, theirs []int, kind func(f filter) bool) func(x exchange) bool {
	return func(x exchange) bool {
		return slices.Contains(ours, x.ours.status) && slices.Contains(theirs, x.theirs.status) && slices.ContainsFunc(filtersOf(x.request), kind)
	}
}

// The statuses of answers that belong together.
var (
	answered = []int{http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable}
	invalid  = []int{http.StatusBadRequest}
	failed   = []int{http.StatusInternalServerError}
	anything = slices.Concat(answered, invalid, failed)

	unprocessable = []int{http.StatusUnprocessableEntity}
)

var hugePage = regexp.MustCompile(`page=\d{10,}`)

// filter is one of a query, as far as it has the types that it should have.
type filter struct {
	parameter, operator string
	values              []any
}

func filtersOf(r request) (filters []filter) {
	if route := r.route(); route != "POST /api/jobs/search" && route != "POST /api/jobs/summary" {
		return nil
	}
	list, _ := field(r.body, "search").([]any)
	for _, item := range list {
		o, _ := item.(object)
		f := filter{values: []any{o["value"]}}
		f.parameter, _ = o["parameter"].(string)
		f.operator, _ = o["operator"].(string)
		if values, ok := o["values"].([]any); ok && o["value"] == nil {
			f.values = values
		}
		filters = append(filters, f)
	}
	return filters
}

// field is a value of a JSON object, nil when there is none.
func field(body, name string) any {
	body = strings.TrimPrefix(body, "\ufeff")
	value, err := decode(body)
	o, ok := value.(object)
	if err != nil || !ok {
		return nil
	}
	return o[name]
}

func (f filter) any(is func(text string) bool) bool {
	return slices.ContainsFunc(f.values, func(v any) bool { text, ok := v.(string); return ok && is(text) })
}

func (f filter) of(columns []string) bool { return slices.Contains(columns, f.parameter) }

func (f filter) isPattern() bool {
	return f.operator == "regex" || strings.HasSuffix(f.operator, "like")
}

func (f filter) isNoNumber() bool {
	return f.of(integerColumns) && !f.isPattern() && f.any(func(text string) bool { _, err := strconv.ParseInt(text, 10, 64); return err != nil })
}

func (f filter) isPatternOfNumbers() bool { return f.of(integerColumns) && f.operator == "regex" }

func (f filter) isPatternOfTimes() bool { return f.isTime() && f.isPattern() }

func (f filter) isTime() bool { return f.of(timeColumns) || f.of(serverTimes) }

func (f filter) isFlag() bool { return f.of(flagColumns) }

func (f filter) hasEscape() bool {
	return strings.HasSuffix(f.operator, "like") && f.any(func(text string) bool { return strings.Contains(text, `\`) })
}

// isForeignPattern is one that only one of the two understands, or each in its way.
func (f filter) isForeignPattern() bool {
	return f.operator == "regex" && f.any(func(text string) bool {
		return strings.Contains(text, "(?=") || strings.Contains(text, "{,") || strings.Contains(text, "(?P<") || strings.Contains(text, `\p`)
	})
}

var theirTimes = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,6}Z?)?)?)?)?)?)?$`)

// isForeignTime is one that only we understand.
func (f filter) isForeignTime() bool {
	return f.isTime() && f.any(func(text string) bool { return text == "9999" || !theirTimes.MatchString(text) })
}

// isNoTime is one that has the form of a time, and doesn't exist.
func (f filter) isNoTime() bool {
	return f.isTime() && f.any(func(text string) bool {
		whole := strings.Replace(text[:min(len(text), len(time.DateTime))], "T", " ", 1)
		_, err := time.Parse(time.DateTime[:len(whole)], whole)
		return theirTimes.MatchString(text) && (err != nil || strings.HasPrefix(text, "0000"))
	})
}

// isNumberOfTime is a time that is no text.
func (f filter) isNumberOfTime() bool {
	return f.isTime() && slices.ContainsFunc(f.values, func(v any) bool { _, isText := v.(string); return !isText })
}

// isExtension is one of the operators that only we have.
func (f filter) isExtension() bool {
	return slices.Contains([]string{"ilike", "gte", "lte", "is null", "is not null"}, f.operator)
}

func (f filter) hasBoolean() bool {
	return slices.ContainsFunc(f.values, func(v any) bool { _, is := v.(bool); return is })
}

func (f filter) hasNUL() bool {
	return f.any(func(text string) bool { return strings.Contains(text, "\x00") })
}

func (f filter) isOfPilots() bool { return f.parameter == "PilotStamp" }

// sortsByOthers reports whether rows are made unique by some columns and sorted by others.
func sortsByOthers(x exchange) bool {
	list, _ := field(x.body, "parameters").([]any)
	sorts, _ := field(x.body, "sort").([]any)
	return x.ours.status == http.StatusBadRequest && field(x.body, "distinct") == true && len(list) > 0 && slices.ContainsFunc(sorts, func(s any) bool {
		key, _ := s.(object)
		return !slices.Contains(list, key["parameter"])
	})
}

// hasTies reports whether a page was asked for of rows that are sorted by nothing that tells them apart.
func hasTies(x exchange) bool {
	return x.unordered && strings.Contains(x.path, "page=") && slices.Contains(answered, x.ours.status) && x.ours.status == x.theirs.status &&
		x.ours.header.Get("Content-Range") == x.theirs.header.Get("Content-Range")
}

// equalKills reports whether they tell a job twice what we tell it once.
func equalKills(x exchange) bool {
	theirs, _ := x.theirs.body.([]any)
	once := slices.CompactFunc(slices.Clone(theirs), func(a, b any) bool { return string(marshal(a)) == string(marshal(b)) })
	return x.route() == "PATCH /api/jobs/heartbeat" && len(once) < len(theirs) && string(marshal(once)) == string(marshal(x.ours.body))
}

// lateKill reports whether somebody who isn't a pilot ends a job with a time before its last update.
func lateKill(x exchange) bool {
	if x.route() != "PATCH /api/jobs/status" || x.ours.status != http.StatusOK || x.theirs.status != http.StatusOK || isPilot(x.who) {
		return false
	}
	return slices.ContainsFunc(x.jobs, func(j *job) bool {
		updates, _ := field(x.body, j.id).(object)
		for text, item := range updates {
			update, _ := item.(object)
			at, err := readTime(text)
			if err == nil && at.Before(j.last) && (update["Status"] == "Killed" || update["Status"] == "Deleted") {
				return true
			}
		}
		return false
	})
}

func isPilot(who string) bool {
	return slices.Contains(principals[who]["dirac_properties"].([]string), "GenericPilot")
}

// readTime reads a time in the forms that requests have it in.
func readTime(text string) (time.Time, error) {
	text = strings.Replace(text, " ", "T", 1)
	if at, err := time.Parse("2006-01-02T15:04:05.999999-0700", text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339Nano, text)
}

func otherContentType(x exchange) bool {
	kind, given := x.header["Content-Type"]
	return given && !strings.Contains(strings.ToLower(kind[0]), "json")
}

// asksForNothing reports whether a user who may change own jobs only named none.
func asksForNothing(x exchange) bool {
	ids, _ := field(x.body, "job_ids").([]any)
	body, _ := decode(x.body)
	return x.theirs.status == http.StatusForbidden && x.ours.status != http.StatusForbidden &&
		(string(marshal(body)) == "{}" || ids != nil && len(ids) == 0)
}

// asksForMissing reports whether a user who may change own jobs only named one that doesn't exist.
func asksForMissing(x exchange) bool {
	return x.theirs.status == http.StatusForbidden && x.ours.status != http.StatusForbidden && slices.ContainsFunc(idsOf(x.request), func(id string) bool {
		n, err := strconv.Atoi(strings.TrimSpace(id))
		return err == nil && (n < 1 || n > 1<<20)
	})
}

// idsOf are the IDs of jobs in a body.
func idsOf(r request) (ids []string) {
	body, _ := decode(r.body)
	o, _ := body.(object)
	list, ok := o["job_ids"].([]any)
	if !ok {
		return slices.Collect(maps.Keys(o))
	}
	for _, id := range list {
		ids = append(ids, fmt.Sprint(id))
	}
	return ids
}

// tooLarge reports whether a number is too large for the integer that is wanted.
func tooLarge(x exchange) bool {
	return x.route() == "PATCH /api/jobs/metadata" && x.theirs.status == http.StatusInternalServerError && x.ours.status == http.StatusUnprocessableEntity &&
		strings.Contains(x.body, "7e+300")
}

// emptyMap reports whether we name no other fault than a job without any time.
func emptyMap(x exchange) bool {
	if x.route() != "PATCH /api/jobs/status" || x.ours.status != http.StatusUnprocessableEntity {
		return false
	}
	ours := faultsOf(x.ours.body)
	others := slices.DeleteFunc(slices.Clone(ours), func(fault string) bool { return strings.HasPrefix(fault, "too_short") })
	theirs := []string{}
	if x.theirs.status == http.StatusUnprocessableEntity {
		theirs = faultsOf(x.theirs.body)
	}
	return len(others) < len(ours) && slices.Equal(others, theirs)
}

// idemFirst reports whether a history begins with a record that has no status.
func idemFirst(x exchange) bool {
	return x.theirs.status == http.StatusInternalServerError && strings.Contains(x.ours.text, `"LoggingInfo":[{"Status":"idem"`)
}

// rescheduledFinal reports whether we don't reschedule a job that has ended or is about to.
func rescheduledFinal(x exchange) bool {
	return x.route() == reschedule && len(x.jobs) == 1 && x.theirs.status == http.StatusOK && x.ours.status == http.StatusBadRequest &&
		slices.Contains([]string{"Done", "Completed", "Completing", "Killed", "Deleted"}, x.jobs[0].status)
}

// rescheduledStatus reports whether they tell that a job was rescheduled which keeps its status.
func rescheduledStatus(x exchange) bool {
	if x.route() != reschedule || len(x.jobs) != 1 || x.theirs.status != http.StatusOK || x.ours.status != http.StatusOK {
		return false
	}
	return outcomeOf(x.theirs, x.jobs[0])["Status"] == x.jobs[0].status && outcomeOf(x.ours, x.jobs[0])["Status"] == "Received"
}

// outcomeOf is what an answer says of a job.
func outcomeOf(answer reply, j *job) object {
	body, _ := answer.body.(object)
	success, _ := body["success"].(object)
	change, _ := success[j.id].(object)
	return change
}

// rescheduledPlaceholder reports whether the description that they show has a placeholder where ours has the job's ID.
func rescheduledPlaceholder(x exchange) bool {
	if x.route() != reschedule || len(x.jobs) != 1 {
		return false
	}
	theirs, _ := outcomeOf(x.theirs, x.jobs[0])["InputData"].(string)
	return strings.Contains(theirs, "%j") && strings.ReplaceAll(theirs, "%j", x.jobs[0].id) == outcomeOf(x.ours, x.jobs[0])["InputData"]
}

// rescheduledTimes reports whether rows differ in nothing but that we forget when a rescheduled job began, ended and was heard of.
func rescheduledTimes(x exchange) bool {
	if !slices.ContainsFunc(x.jobs, func(j *job) bool { return j.anew }) {
		return false
	}
	theirs, _ := x.theirs.body.([]any)
	ours, _ := x.ours.body.([]any)
	for i := range theirs {
		for _, name := range []string{"StartExecTime", "EndExecTime", "HeartBeatTime"} {
			if len(ours) == len(theirs) && ours[i].(object)[name] == nil {
				theirs[i].(object)[name] = nil
			}
		}
	}
	return len(ours) == len(theirs) && (&pair{}).disagreement(x) == ""
}
