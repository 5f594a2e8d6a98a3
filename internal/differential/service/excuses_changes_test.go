package service_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"jobdb/internal/shadow"
)

var longText = regexp.MustCompile(`\w{129,}`)

func hasLongText(x exchange) bool { return longText.MatchString(x.body) }

func bodyBeforeToken(x exchange) bool {
	hasNoToken := x.who == "" && x.header == nil
	return hasNoToken && x.ours.Status == 401 && (x.theirs.Status == 422 || x.theirs.Status == 400)
}

func endsWithSlash(x exchange) bool { return strings.HasSuffix(x.path, "/") }

func otherContentType(x exchange) bool {
	kind, given := x.header["Content-Type"]
	return given && !strings.Contains(strings.ToLower(kind[0]), "json")
}

// asksForNothing reports whether a user who may change own jobs only named none.
func asksForNothing(x exchange) bool {
	ids, _ := shadow.Field(x.body, "job_ids").([]any)
	body, _ := shadow.Decode(x.body)
	return x.theirs.Status == http.StatusForbidden && x.ours.Status != http.StatusForbidden &&
		(string(marshal(body)) == "{}" || ids != nil && len(ids) == 0)
}

// asksForMissing reports whether a user who may change own jobs only named one that doesn't exist.
func asksForMissing(x exchange) bool {
	return x.theirs.Status == http.StatusForbidden && x.ours.Status != http.StatusForbidden && slices.ContainsFunc(idsOf(x.request), isNobody)
}

// isNobody tells of IDs as requests have them that no job has.
func isNobody(id string) bool {
	n, err := strconv.Atoi(strings.TrimSpace(id))
	return id == "false" || err == nil && (n < 1 || n > 1<<20)
}

// rescheduledMissing reports whether only we tell that some of the jobs don't exist.
func rescheduledMissing(x exchange) bool {
	if x.route() != reschedule {
		return false
	}
	theirs, _ := x.theirs.Body.(object)["failed"].(object)
	ours, _ := x.ours.Body.(object)["failed"].(object)
	return len(ours) > len(theirs) && slices.ContainsFunc(idsOf(x.request), isNobody)
}

// idsOf are the IDs of jobs in a body.
func idsOf(r request) (ids []string) {
	body, _ := shadow.Decode(r.body)
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

// setsJobID reports whether JobID is set, which they take for any name, and can't store every value
// of.
func setsJobID(x exchange) bool {
	return x.route() == metadata && x.ours.Status == http.StatusBadRequest && strings.Contains(x.body, `"JobID":`) &&
		(x.theirs.Status == http.StatusNoContent || x.theirs.Status == http.StatusInternalServerError)
}

// tooLarge reports whether a number is too large for the integer that is wanted.
func tooLarge(x exchange) bool {
	if x.route() != metadata || x.ours.Status != http.StatusUnprocessableEntity || !strings.Contains(x.body, "7e+300") {
		return false
	}
	others := slices.DeleteFunc(shadow.Faults(x.ours.Body), func(fault string) bool { return strings.HasPrefix(fault, "int_parsing_size") })
	return x.theirs.Status != http.StatusUnprocessableEntity || slices.Equal(others, shadow.Faults(x.theirs.Body))
}

// unsetClock reports whether one of the jobs had a report of a worker without a clock, which they
// keep as it is: also in its history, which can then begin without a status, and not be shown.
func unsetClock(x exchange) bool {
	return (x.theirs.Status == http.StatusOK || x.theirs.Status == http.StatusInternalServerError) && x.ours.Status == http.StatusOK &&
		(slices.ContainsFunc(x.jobs, func(j *job) bool { return j.unset }) || x.route() == setStatus && tellsUnset(x.body))
}

// tellsUnset reports whether a body has such a report, of whichever job: a spoiled one may name
// others than it was made for.
func tellsUnset(body string) bool {
	var updates map[string]map[string]any
	if json.Unmarshal([]byte(body), &updates) != nil {
		return false
	}
	for _, times := range updates {
		for text := range times {
			if isUnset(text) {
				return true
			}
		}
	}
	return false
}

// emptyMap reports whether we name no other fault than a job without any time.
func emptyMap(x exchange) bool {
	if x.route() != setStatus || x.ours.Status != http.StatusUnprocessableEntity {
		return false
	}
	ours := shadow.Faults(x.ours.Body)
	others := slices.DeleteFunc(slices.Clone(ours), func(fault string) bool { return strings.HasPrefix(fault, "too_short") })
	theirs := []string{}
	if x.theirs.Status == http.StatusUnprocessableEntity {
		theirs = shadow.Faults(x.theirs.Body)
	}
	return len(others) < len(ours) && slices.Equal(others, theirs)
}

// rescheduledFinal reports whether we don't reschedule a job that has ended or is about to.
func rescheduledFinal(x exchange) bool {
	return x.route() == reschedule && len(x.jobs) == 1 &&
		slices.Contains([]string{"Done", "Completed", "Completing", "Killed", "Deleted"}, x.jobs[0].status)
}

// rescheduledStatus reports whether they tell that a job was rescheduled which keeps its status.
func rescheduledStatus(x exchange) bool {
	if x.route() != reschedule || len(x.jobs) != 1 {
		return false
	}
	return outcomeOf(x.theirs, x.jobs[0])["Status"] == x.jobs[0].status && outcomeOf(x.ours, x.jobs[0])["Status"] == "Received"
}

// outcomeOf is what an answer says of a job.
func outcomeOf(answer shadow.Answer, j *job) object {
	body, _ := answer.Body.(object)
	success, _ := body["success"].(object)
	change, _ := success[j.id].(object)
	return change
}

// rescheduledPlaceholder reports whether the description that they show has a placeholder where
// ours has the job's ID.
func rescheduledPlaceholder(x exchange) bool {
	if x.route() != reschedule || len(x.jobs) != 1 {
		return false
	}
	theirs, _ := outcomeOf(x.theirs, x.jobs[0])["InputData"].(string)
	return strings.Contains(theirs, "%j") && strings.ReplaceAll(theirs, "%j", x.jobs[0].id) == outcomeOf(x.ours, x.jobs[0])["InputData"]
}

// rescheduledTimes reports whether rows differ in nothing but that we forget when a rescheduled job
// began, ended and was heard of.
func rescheduledTimes(x exchange) bool {
	if !slices.ContainsFunc(x.jobs, func(j *job) bool { return j.anew }) {
		return false
	}
	theirs, _ := x.theirs.Body.([]any)
	ours, _ := x.ours.Body.([]any)
	for i := range theirs {
		for _, name := range []string{"StartExecTime", "EndExecTime", "HeartBeatTime"} {
			if len(ours) == len(theirs) && ours[i].(object)[name] == nil {
				theirs[i].(object)[name] = nil
			}
		}
	}
	return len(ours) == len(theirs) && (&pair{}).disagreement(x) == ""
}

// onlyTimes reports whether answers about jobs differ in nothing but these times, which they have
// from an update that ours doesn't take them from: ours has none, or a later one.
func onlyTimes(names ...string) func(x exchange) bool {
	return func(x exchange) bool {
		found := false
		level := func(theirs, ours object) {
			for _, name := range names {
				a, _ := theirs[name].(string)
				b, _ := ours[name].(string)
				if a != "" && (b == "" || b > a) {
					found, theirs[name] = true, ours[name]
				}
			}
		}
		x.theirs.Body, _ = shadow.Decode(x.theirs.Text) // a copy
		if rows, ok := x.theirs.Body.([]any); ok {
			others, _ := x.ours.Body.([]any)
			for i := range min(len(rows), len(others)) {
				theirs, _ := rows[i].(object)
				ours, _ := others[i].(object)
				level(theirs, ours)
			}
		}
		for _, j := range x.jobs {
			if theirs := outcomeOf(x.theirs, j); theirs != nil {
				level(theirs, outcomeOf(x.ours, j))
			}
		}
		return found && (&pair{}).disagreement(x) == ""
	}
}

// noAttributes reports whether we don't reschedule a job whose description says nothing.
func noAttributes(x exchange) bool {
	return x.route() == reschedule && x.theirs.Status == http.StatusOK && strings.Contains(x.ours.Text, "no attributes")
}

// equalKills reports whether they tell a job twice what we tell it once.
func equalKills(x exchange) bool {
	theirs, _ := x.theirs.Body.([]any)
	once := slices.CompactFunc(slices.Clone(theirs), func(a, b any) bool { return string(marshal(a)) == string(marshal(b)) })
	return x.route() == heartbeat && len(once) < len(theirs) && string(marshal(once)) == string(marshal(x.ours.Body))
}

// toldBefore reports whether they told jobs to die that were to die anyway and about which
// something was said since.
func toldBefore(x exchange) bool {
	if x.route() != heartbeat {
		return false
	}
	ofOthers := func(answer shadow.Answer) []any {
		list, _ := answer.Body.([]any)
		return slices.DeleteFunc(slices.Clone(list), func(command any) bool {
			return slices.ContainsFunc(x.jobs, func(j *job) bool { return j.confirmed && fmt.Sprint(command.(object)["job_id"]) == j.id })
		})
	}
	once := slices.CompactFunc(ofOthers(x.theirs), func(a, b any) bool { return string(marshal(a)) == string(marshal(b)) })
	return string(marshal(once)) == string(marshal(ofOthers(x.ours)))
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

// isUnset tells of times before 1980, written in any way.
func isUnset(text string) bool {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		at, err := readTime(text)
		return err == nil && at.Year() < 1980
	}
	if seconds > 2e10 { // milliseconds
		seconds /= 1000
	}
	return time.Unix(int64(seconds), 0).UTC().Year() < 1980
}

// hasTies reports whether a page was asked for of rows that are sorted by nothing that tells them
// apart.
func hasTies(x exchange) bool {
	return x.unordered && strings.Contains(x.path, "page=") && x.ours.Status < http.StatusBadRequest && x.ours.Status == x.theirs.Status &&
		x.ours.Header.Get("Content-Range") == x.theirs.Header.Get("Content-Range")
}
