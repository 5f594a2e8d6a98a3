package api

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"jobdb"
	"jobdb/api/internal/validation"
	"jobdb/auth"
)

// setMetadata sets attributes and parameters of jobs.
func (s *service) setMetadata(w http.ResponseWriter, r *http.Request, p auth.Principal, body []byte, memory *bodyMemory) error {
	var in validation.Reader
	values := map[jobdb.JobID]map[string]any{}
	if err := readByJob(&in, body, func(id jobdb.JobID, value any, at validation.Location) { values[id] = readMetadata(&in, value, at) }); err != nil {
		return err
	}
	scope, err := s.actionScope(p, auth.Manage)
	if err != nil {
		return err
	}
	_, err = change(r.Context(), s, p, memory, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.Jobs.SetMetadata(ctx, scope, values)
	})
	if err != nil {
		return err
	}
	memory.giveBack()
	addJobs(r, len(values), 0)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// metadataField is a name that has a type in DiracX's model. The model also accepts the alias.
type metadataField struct {
	name, alias string
	read        func(in *validation.Reader, value any, at validation.Location) any
}

var metadataFields = []metadataField{
	{"timestamp", "timestamp", readUTC},
	{"CPUNormalizationFactor", "cpu_normalization_factor", readTruncated},
	{"NormCPUTime(s)", "norm_cpu_time_s", readTruncated},
	{"TotalCPUTime(s)", "total_cpu_time_s", readTruncated},
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
	{"VerifiedFlag", "verified_flag", readBool},
	{"AccountedFlag", "accounted_flag", readAccounted},
}

// readMetadata reads the values of one job, by their names. Those that are null are left out.
func readMetadata(in *validation.Reader, value any, at validation.Location) map[string]any {
	o, ok := in.Object(value, at)
	if !ok {
		return nil
	}
	before := len(in.Faults)
	values := make(map[string]any, o.Len())
	others := maps.Collect(o.All())
	for _, field := range metadataFields {
		key := field.name
		value, given := o.Get(key)
		if !given {
			key = field.alias
			value, _ = o.Get(key)
		}
		delete(others, field.name)
		delete(others, field.alias)
		if value != nil {
			values[field.name] = field.read(in, value, at.At(key))
		}
	}
	for name, value := range others {
		if validation.HasNonFinite(value) && len(in.Faults) == before {
			in.Fault("value_error", at, name+": non-finite numbers can't be stored", nil)
		}
		if value != nil {
			values[name] = value
		}
	}
	return values
}

func readText(in *validation.Reader, value any, at validation.Location) any {
	text, _ := in.Text(value, at)
	return text
}

func readInteger(in *validation.Reader, value any, at validation.Location) any {
	n, _ := in.Integer(value, at)
	return json.Number(strconv.FormatInt(n, 10))
}

func readBool(in *validation.Reader, value any, at validation.Location) any {
	b, _ := in.Bool(value, at)
	return b
}

// readTruncated reads a number and cuts its fraction.
func readTruncated(in *validation.Reader, value any, at validation.Location) any {
	text, isText := value.(string)
	f, ok := validation.ParseFloat(text)
	if number, isNumber := value.(json.Number); isNumber {
		f, _ = number.Float64()
		ok = true
	}
	switch {
	case isText && !ok:
		in.Fault("value_error", at, "must be a number", value)
	case !ok:
		return readInteger(in, value, at)
	case math.IsInf(f, 0):
		in.Fault("value_error", at, "non-finite numbers can't be stored", value)
	case math.Abs(f) >= 1<<63:
		in.Fault("int_parsing_size", at, "is too large", value)
	}
	return json.Number(strconv.FormatInt(int64(f), 10))
}

// readUTC reads a time that must be in UTC.
func readUTC(in *validation.Reader, value any, at validation.Location) any {
	t, zoned, ok := in.Time(value, at)
	switch {
	case !ok:
	case !zoned:
		in.Fault("timezone_aware", at, "must say that it is UTC, with a Z at its end", value)
	default:
		return t.Format(time.RFC3339Nano)
	}
	return nil
}

func readAccounted(in *validation.Reader, value any, at validation.Location) any {
	if text, ok := value.(string); ok {
		return text
	}
	var asBool validation.Reader
	accounted, ok := asBool.Bool(value, at.At("bool"))
	if !ok {
		in.Add(asBool)
		in.Fault("string_type", at.At("str"), "must be a text", value)
	}
	return accounted
}
