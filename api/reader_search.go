package api

import (
	"encoding/json"
	"slices"

	"jobdb"
)

// search reads the body of a search.
func (r *reader) search(value any) (request jobdb.SearchRequest) {
	o, ok := r.object(value, inBody)
	if !ok {
		return request
	}
	if parameters, given := o.get("parameters"); given && parameters != nil {
		request.Parameters = r.texts(parameters, inBody.at("parameters"))
	}
	request.Search = r.filtersOf(o)
	if sorts, given := o.get("sort"); given {
		list, _ := r.list(sorts, inBody.at("sort"))
		for i, item := range list {
			request.Sort = append(request.Sort, r.sort(item, inBody.at("sort", i)))
		}
	}
	if distinct, given := o.get("distinct"); given {
		request.Distinct, _ = r.flag(distinct, inBody.at("distinct"))
	}
	return request
}

// summary reads the body of a summary.
func (r *reader) summary(value any) (request jobdb.SummaryRequest) {
	o, ok := r.object(value, inBody)
	if !ok {
		return request
	}
	if grouping, ok := r.required(o, "grouping", inBody); ok {
		request.Grouping = r.texts(grouping, inBody.at("grouping"))
	}
	request.Search = r.filtersOf(o)
	return request
}

func (r *reader) filtersOf(o *object) []jobdb.FilterSpec {
	value, given := o.get("search")
	if !given {
		return nil
	}
	return r.filters(value, inBody.at("search"))
}

func (r *reader) filters(value any, at place) []jobdb.FilterSpec {
	list, ok := r.list(value, at)
	if !ok {
		return nil
	}
	filters := make([]jobdb.FilterSpec, len(list))
	for i, item := range list {
		filters[i] = r.filter(item, at.at(i))
	}
	return filters
}

func (r *reader) sort(value any, at place) (s jobdb.SortSpec) {
	o, ok := r.dict(value, at)
	if !ok {
		return s
	}
	if parameter, ok := r.required(o, "parameter", at); ok {
		s.Parameter, _ = r.text(parameter, at.at("parameter"))
	}
	if direction, ok := r.required(o, "direction", at); ok {
		s.Direction = r.oneOf(direction, at.at("direction"), "asc", "desc")
	}
	return s
}

// oneOf reads one of a few texts.
func (r *reader) oneOf(value any, at place, texts ...string) string {
	text, ok := value.(string)
	if !ok || !slices.Contains(texts, text) {
		r.fault("enum", at, "must be one of "+quotedList(texts), value)
	}
	return text
}

func quotedList(texts []string) string {
	list, _ := json.Marshal(texts) // texts can't fail
	return string(list[1 : len(list)-1])
}

// The reference takes a filter for one of these two, and tells the faults of both.
const (
	scalarSpec = "ScalarSearchSpec"
	vectorSpec = "VectorSearchSpec"
)

var (
	scalarOperators = []string{"eq", "neq", "gt", "lt", "like", "not like", "regex"}
	vectorOperators = []string{"in", "not in"}
	ourOperators    = []string{"gte", "lte", "ilike", "is null", "is not null"}
)

// filter reads one filter or group of filters. What is as the reference has
// it, but wrong, gets the reference's faults.
func (r *reader) filter(value any, at place) (f jobdb.FilterSpec) {
	o, ok := value.(*object)
	if !ok {
		r.dict(value, at.at(scalarSpec))
		r.dict(value, at.at(vectorSpec))
		return f
	}
	if f, ok := r.filterGroup(o, at); ok {
		return f
	}
	var scalar, vector reader
	f = scalar.scalarFilter(o, at.at(scalarSpec))
	if scalar.faults == nil {
		return f
	}
	f = vector.vectorFilter(o, at.at(vectorSpec))
	if vector.faults != nil {
		r.take(scalar)
		r.take(vector)
	}
	return f
}

// filterGroup reads a group, which the reference doesn't have.
func (r *reader) filterGroup(o *object, at place) (f jobdb.FilterSpec, ok bool) {
	if len(o.keys) != 1 {
		return f, false
	}
	value := o.values[o.keys[0]]
	switch key := o.keys[0]; key {
	case "or":
		f.Or = append([]jobdb.FilterSpec{}, r.filters(value, at.at(key))...)
	case "and":
		f.And = append([]jobdb.FilterSpec{}, r.filters(value, at.at(key))...)
	case "not":
		not := r.filter(value, at.at(key))
		f.Not = &not
	default:
		return f, false
	}
	return f, true
}

func (r *reader) scalarFilter(o *object, at place) (f jobdb.FilterSpec) {
	f.Parameter = r.parameterOf(o, at)
	if operator, ok := r.required(o, "operator", at); ok {
		if text, _ := operator.(string); slices.Contains(ourOperators, text) {
			f.Operator = text
		} else {
			f.Operator = r.oneOf(operator, at.at("operator"), scalarOperators...)
		}
	}
	if f.Operator == "is null" || f.Operator == "is not null" {
		return f
	}
	if value, ok := r.required(o, "value", at); ok {
		f.Value = r.scalar(value, at.at("value"))
	}
	return f
}

func (r *reader) parameterOf(o *object, at place) string {
	parameter, ok := r.required(o, "parameter", at)
	if !ok {
		return ""
	}
	text, _ := r.text(parameter, at.at("parameter"))
	return text
}

// scalar reads a text or a whole number, or a flag.
func (r *reader) scalar(value any, at place) any {
	var number reader
	switch value.(type) {
	case string, bool:
		return value
	}
	n, ok := number.integer(value, at.at("int"))
	if !ok {
		r.text(value, at.at("str"))
		r.take(number)
	}
	return n
}

func (r *reader) vectorFilter(o *object, at place) (f jobdb.FilterSpec) {
	f.Parameter = r.parameterOf(o, at)
	if operator, ok := r.required(o, "operator", at); ok {
		f.Operator = r.oneOf(operator, at.at("operator"), vectorOperators...)
	}
	if values, ok := r.required(o, "values", at); ok {
		f.Values = r.vector(values, at.at("values"))
	}
	return f
}

// vector reads a list of texts or a list of whole numbers.
func (r *reader) vector(value any, at place) []any {
	var texts, numbers reader
	texts.texts(value, at.at("list[str]"))
	list, _ := value.([]any)
	if texts.faults == nil {
		return list
	}
	numbers.list(value, at.at("list[int]"))
	whole := make([]any, len(list))
	for i, item := range list {
		n, _ := numbers.integer(item, at.at("list[int]", i))
		if _, flag := item.(bool); !flag {
			item = n
		}
		whole[i] = item
	}
	if numbers.faults != nil {
		r.take(texts)
		r.take(numbers)
	}
	return whole
}
