package api

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"jobdb"
	"jobdb/auth"
)

// setMetadata sets the site of jobs, and named values that tell of them.
func (s *service) setMetadata(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	var in reader
	values := map[jobdb.JobID]map[string]any{}
	if err := in.byJob(r, func(id jobdb.JobID, value any, at place) { values[id] = in.metadata(value, at) }); err != nil {
		return err
	}
	scope, err := s.actionScope(p, auth.Manage)
	if err != nil {
		return err
	}
	if err := s.Jobs.SetMetadata(r.Context(), scope, values); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// metadataField is a name whose values have a type in the reference's model, which takes a second name for it.
type metadataField struct {
	name, second string
	read         func(r *reader, value any, at place) any
}

var metadataFields = []metadataField{
	{"timestamp", "timestamp", readUTC},
	{"CPUNormalizationFactor", "cpu_normalization_factor", readCut},
	{"NormCPUTime(s)", "norm_cpu_time_s", readCut},
	{"TotalCPUTime(s)", "total_cpu_time_s", readCut},
	{"HostName", "host_name", readText},
	{"GridCE", "grid_ce", readText},
	{"ModelName", "model_name", readText},
	{"PilotAgent", "pilot_agent", readText},
	{"Pilot_Reference", "pilot_reference", readText},
	{"Memory(MB)", "memory_mb", readInteger},
	{"LocalAccount", "local_account", readText},
	{"PayloadPID", "payload_pid", readInteger},
	{"CEQueue", "ce_queue", readText},
	{"BatchSystem", "batch_system", readText},
	{"JobType", "job_type", readText},
	{"JobGroup", "job_group", readText},
	{"Site", "site", readText},
	{"JobName", "job_name", readText},
	{"Owner", "owner", readText},
	{"OwnerGroup", "owner_group", readText},
	{"VO", "vo", readText},
	{"SubmissionTime", "submission_time", readUTC},
	{"RescheduleTime", "reschedule_time", readUTC},
	{"LastUpdateTime", "last_update_time", readUTC},
	{"StartExecTime", "start_exec_time", readUTC},
	{"HeartBeatTime", "heart_beat_time", readUTC},
	{"EndExecTime", "end_exec_time", readUTC},
	{"Status", "status", readText},
	{"MinorStatus", "minor_status", readText},
	{"ApplicationStatus", "application_status", readText},
	{"UserPriority", "user_priority", readInteger},
	{"RescheduleCounter", "reschedule_counter", readInteger},
	{"VerifiedFlag", "verified_flag", readFlag},
	{"AccountedFlag", "accounted_flag", readAccounted},
}

// metadata reads the values of one job; null is left out.
func (r *reader) metadata(value any, at place) map[string]any {
	o, ok := r.object(value, at)
	if !ok {
		return nil
	}
	before := len(r.faults)
	values := make(map[string]any, len(o.keys))
	others := make(map[string]any, len(o.keys))
	for _, key := range o.keys {
		others[key] = o.values[key]
	}
	for _, field := range metadataFields {
		value, key := o.values[field.name], field.name
		if _, given := o.get(key); !given {
			value, key = o.values[field.second], field.second
		}
		delete(others, field.name)
		delete(others, field.second)
		if value != nil {
			values[field.name] = field.read(r, value, at.at(key))
		}
	}
	for name, value := range others {
		if hasBeyond(value) && len(r.faults) == before {
			r.fault("value_error", at, name+": non-finite numbers can't be stored", nil)
		}
		if value != nil {
			values[name] = value
		}
	}
	return values
}

func readText(r *reader, value any, at place) any {
	text, _ := r.text(value, at)
	return text
}

func readInteger(r *reader, value any, at place) any {
	n, _ := r.integer(value, at)
	return json.Number(strconv.FormatInt(n, 10))
}

func readFlag(r *reader, value any, at place) any {
	flag, _ := r.flag(value, at)
	return flag
}

// readCut reads a number and cuts its fraction.
func readCut(r *reader, value any, at place) any {
	text, isText := value.(string)
	f, ok := parseFloat(text)
	if number, isNumber := value.(json.Number); isNumber {
		f, _ = number.Float64()
		ok = true
	}
	switch {
	case isText && !ok:
		r.fault("value_error", at, "must be a number", value)
	case !ok:
		return readInteger(r, value, at)
	case math.IsInf(f, 0):
		r.fault("value_error", at, "non-finite numbers can't be stored", value)
	case math.Abs(f) >= 1<<63:
		r.fault("int_parsing_size", at, "is too large", value)
	}
	return json.Number(strconv.FormatInt(int64(f), 10))
}

// readUTC reads a time that must be in UTC.
func readUTC(r *reader, value any, at place) any {
	t, zoned, ok := r.time(value, at)
	switch {
	case !ok:
	case !zoned:
		r.fault("timezone_aware", at, "must say that it is UTC, with a Z at its end", value)
	default:
		return t.Format(time.RFC3339Nano)
	}
	return nil
}

func readAccounted(r *reader, value any, at place) any {
	if text, ok := value.(string); ok {
		return text
	}
	var flag reader
	accounted, ok := flag.flag(value, at.at("bool"))
	if !ok {
		r.take(flag)
		r.fault("string_type", at.at("str"), "must be a text", value)
	}
	return accounted
}
