package api

import (
	"slices"

	"jobdb"
	"jobdb/api/internal/validation"
)

// DiracX takes a filter for one of these two models. Where it is neither, it reports the faults of
// both.
const (
	scalarSpec = "ScalarSearchSpec"
	vectorSpec = "VectorSearchSpec"
)

var (
	scalarOperators = []string{"eq", "neq", "gt", "lt", "like", "not like", "regex"}
	vectorOperators = []string{"in", "not in"}
	ourOperators    = []string{"gte", "lte", "ilike", "is null", "is not null"}
)

func readFilters(in *validation.Reader, value any, at validation.Location) []jobdb.FilterSpec {
	list, ok := in.List(value, at)
	if !ok {
		return nil
	}
	filters := make([]jobdb.FilterSpec, len(list))
	for i, item := range list {
		filters[i] = readFilter(in, item, at.At(i))
	}
	return filters
}

// readFilter reads one filter or group of filters. Faults are those that DiracX reports.
func readFilter(in *validation.Reader, value any, at validation.Location) (f jobdb.FilterSpec) {
	o, ok := value.(*validation.Object)
	if !ok {
		in.Dict(value, at.At(scalarSpec))
		in.Dict(value, at.At(vectorSpec))
		return f
	}
	if f, ok := readFilterGroup(in, o, at); ok {
		return f
	}
	var scalar, vector validation.Reader
	f = readScalarFilter(&scalar, o, at.At(scalarSpec))
	if scalar.Faults == nil {
		return f
	}
	f = readVectorFilter(&vector, o, at.At(vectorSpec))
	if vector.Faults != nil {
		in.Add(scalar)
		in.Add(vector)
	}
	return f
}

// readFilterGroup reads a group of filters, which DiracX doesn't have; ok is false for what is no
// group.
func readFilterGroup(in *validation.Reader, o *validation.Object, at validation.Location) (f jobdb.FilterSpec, ok bool) {
	if o.Len() != 1 {
		return f, false
	}
	for key, value := range o.All() {
		switch key {
		case "or":
			f.Or = append([]jobdb.FilterSpec{}, readFilters(in, value, at.At(key))...)
		case "and":
			f.And = append([]jobdb.FilterSpec{}, readFilters(in, value, at.At(key))...)
		case "not":
			not := readFilter(in, value, at.At(key))
			f.Not = &not
		default:
			return f, false
		}
	}
	return f, true
}

func readScalarFilter(in *validation.Reader, o *validation.Object, at validation.Location) (f jobdb.FilterSpec) {
	f.Parameter = readParameter(in, o, at)
	if operator, ok := in.Required(o, "operator", at); ok {
		if text, _ := operator.(string); slices.Contains(ourOperators, text) {
			f.Operator = text
		} else {
			f.Operator = in.OneOf(operator, at.At("operator"), scalarOperators...)
		}
	}
	if f.Operator == "is null" || f.Operator == "is not null" {
		return f
	}
	if value, ok := in.Required(o, "value", at); ok {
		f.Value = readScalar(in, value, at.At("value"))
	}
	return f
}

func readParameter(in *validation.Reader, o *validation.Object, at validation.Location) string {
	parameter, ok := in.Required(o, "parameter", at)
	if !ok {
		return ""
	}
	text, _ := in.Text(parameter, at.At("parameter"))
	return text
}

// readScalar reads a string, a whole number or a bool.
func readScalar(in *validation.Reader, value any, at validation.Location) any {
	var number validation.Reader
	switch value.(type) {
	case string, bool:
		return value
	}
	n, ok := number.Integer(value, at.At("int"))
	if !ok {
		in.Text(value, at.At("str"))
		in.Add(number)
	}
	return n
}

func readVectorFilter(in *validation.Reader, o *validation.Object, at validation.Location) (f jobdb.FilterSpec) {
	f.Parameter = readParameter(in, o, at)
	if operator, ok := in.Required(o, "operator", at); ok {
		f.Operator = in.OneOf(operator, at.At("operator"), vectorOperators...)
	}
	if values, ok := in.Required(o, "values", at); ok {
		f.Values = readVector(in, values, at.At("values"))
	}
	return f
}

// readVector reads a list of strings or a list of whole numbers.
func readVector(in *validation.Reader, value any, at validation.Location) []any {
	var texts, numbers validation.Reader
	texts.Texts(value, at.At("list[str]"))
	list, _ := value.([]any)
	if texts.Faults == nil {
		return list
	}
	numbers.List(value, at.At("list[int]"))
	whole := make([]any, len(list))
	for i, item := range list {
		n, _ := numbers.Integer(item, at.At("list[int]", i))
		whole[i] = n
		if _, isBool := item.(bool); isBool {
			whole[i] = item
		}
	}
	if numbers.Faults != nil {
		in.Add(texts)
		in.Add(numbers)
	}
	return whole
}
