package api

import (
	"slices"

	"jobdb"
	"jobdb/api/internal/validation"
)

// How many values an answer has unless the request says otherwise.
const (
	defaultTop    = 10
	defaultValues = 20
)

func readFacetsObject(in *validation.Reader, value any) (request jobdb.FacetsRequest) {
	o, ok := readKnown(in, value, "columns", "search", "top")
	if !ok {
		return request
	}
	if columns, ok := in.Required(o, "columns", validation.Body); ok {
		request.Columns = in.Texts(columns, validation.Body.At("columns"))
	}
	if filters, given := o.Get("search"); given {
		request.Search = readFilters(in, filters, validation.Body.At("search"))
	}
	request.Top = readCount(in, o, "top", defaultTop, jobdb.MaxTop)
	return request
}

func readHistogramObject(in *validation.Reader, value any) (request jobdb.HistogramRequest) {
	o, ok := readKnown(in, value, "time", "from", "to", "bucket", "by", "top", "search")
	if !ok {
		return request
	}
	for _, field := range []struct {
		key  string
		text *string
	}{{"time", &request.Time}, {"from", &request.From}, {"to", &request.To}} {
		if value, ok := in.Required(o, field.key, validation.Body); ok {
			*field.text, _ = in.Text(value, validation.Body.At(field.key))
		}
	}
	if bucket, ok := in.Required(o, "bucket", validation.Body); ok {
		request.Bucket, _ = in.Integer(bucket, validation.Body.At("bucket"))
	}
	if by, given := o.Get("by"); given && by != nil {
		request.By, _ = in.Text(by, validation.Body.At("by"))
	}
	if filters, given := o.Get("search"); given {
		request.Search = readFilters(in, filters, validation.Body.At("search"))
	}
	request.Top = readCount(in, o, "top", defaultTop, jobdb.MaxSeries)
	return request
}

func readValuesObject(in *validation.Reader, value any) (request jobdb.ValuesRequest) {
	o, ok := readKnown(in, value, "column", "prefix", "limit")
	if !ok {
		return request
	}
	if column, ok := in.Required(o, "column", validation.Body); ok {
		request.Column, _ = in.Text(column, validation.Body.At("column"))
	}
	if prefix, given := o.Get("prefix"); given {
		request.Prefix, _ = in.Text(prefix, validation.Body.At("prefix"))
	}
	request.Limit = readCount(in, o, "limit", defaultValues, jobdb.MaxValues)
	return request
}

// readKnown reads an object of one of jobdb's own routes. Unknown keys are faults: a misspelt one
// would get a wrong answer.
func readKnown(in *validation.Reader, value any, known ...string) (*validation.Object, bool) {
	o, ok := in.Object(value, validation.Body)
	if !ok {
		return nil, false
	}
	for key, value := range o.All() {
		if !slices.Contains(known, key) {
			in.Fault("extra_forbidden", validation.Body.At(key), "is not something that this request has", value)
		}
	}
	return o, true
}

// readCount reads a whole number from 1 to most; it is standard if the key is missing.
func readCount(in *validation.Reader, o *validation.Object, key string, standard, most int) int {
	value, given := o.Get(key)
	if !given {
		return standard
	}
	return in.Count(value, validation.Body.At(key), most)
}
