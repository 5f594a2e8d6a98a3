package jobdb

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"jobdb/internal/tables"
)

const operatorNames = `eq, neq, gt, gte, lt, lte, in, "not in", like, ilike, "not like", regex, "is null", "is not null"`

// operands are the Value or the Values of a comparison, whichever its operator takes.
func (f FilterSpec) operands() ([]any, error) {
	switch _, known := comparisons[f.Operator]; {
	case !known:
		return nil, errReason("no operator " + quoteShort(f.Operator) + "; the operators are " + operatorNames)
	case f.Operator == "in" || f.Operator == "not in":
		if f.Values == nil {
			return nil, errReason("the operator " + quoteShort(f.Operator) + ` wants "values", a list`)
		}
		return f.Values, nil
	case f.Value == nil:
		return nil, errReason("the operator " + quoteShort(f.Operator) + ` wants a "value"`)
	}
	return []any{f.Value}, nil
}

// operands turns the values of one comparison into what a [Filter] on the column holds. The error
// is an errReason.
func (c Column) operands(values []any) ([]any, error) {
	if c.Kind() == tables.KindTime {
		return timeOperands(values)
	}
	operands := make([]any, len(values))
	for i, value := range values {
		var err error
		if operands[i], err = c.operand(value); err != nil {
			return nil, err
		}
	}
	return operands, nil
}

func (c Column) operand(value any) (any, error) {
	switch c.Kind() { //nolint:exhaustive // timeOperands has the times
	case tables.KindText:
		return textOperand(value)
	case tables.KindVerified:
		return flagOperand(value, verifiedNames)
	case tables.KindAccounted:
		return flagOperand(value, accountedNames)
	}
	return integerOperand(value)
}

// maxTimes is how many times the lists of one query may have together. Each becomes a comparison of
// its own. Engines need longer to plan thousands of them than to read all jobs.
const maxTimes = 500

// timeOperands are periods of one resolution, as DiracX wants them in a list.
func timeOperands(values []any) ([]any, error) {
	periods := make([]any, len(values))
	var first resolution
	for i, value := range values {
		p, res, err := timeOperand(value)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = res
		}
		if res != first {
			return nil, errReason("the times of one list must all be of one resolution")
		}
		periods[i] = p
	}
	return periods, nil
}

func integerOperand(value any) (int64, error) {
	text := ""
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	default:
		if n, err := toInteger(value); err == nil {
			return n.(int64), nil //nolint:forcetypeassert // what toInteger promises
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errReason(quoteShort(text) + " is outside the range of 64-bit integers")
	}
	if err != nil {
		return 0, errReason("wants an integer, not " + describe(value))
	}
	return n, nil
}

func textOperand(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, checkText(v)
	case json.Number:
		return v.String(), nil
	}
	if n, err := toInteger(value); err == nil {
		return strconv.FormatInt(n.(int64), 10), nil //nolint:forcetypeassert // what toInteger promises
	}
	return "", errReason("wants a text, not " + describe(value))
}

func flagOperand(value any, names []string) (string, error) {
	text := ""
	switch v := value.(type) {
	case bool:
		text = flagText(v)
	case string:
		text = v
	case AccountedFlag:
		text = string(v)
	}
	for _, name := range names {
		if strings.EqualFold(text, name) {
			return name, nil
		}
	}
	return "", errReason("wants one of " + strings.Join(names, ", ") + ", not " + describe(value))
}

func timeOperand(value any) (period, resolution, error) {
	switch v := value.(type) {
	case string:
		return parsePeriod(v)
	case json.Number:
		return parsePeriod(v.String())
	case time.Time:
		p, err := periodOf(v)
		return p, toSecond, err
	}
	return period{}, 0, errReason("wants a time, not " + describe(value))
}

// describe shows a refused value in a message.
func describe(value any) string {
	switch v := value.(type) {
	case string:
		return quoteShort(v)
	case json.Number:
		return quoteShort(v.String())
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "null"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "a value of another type"
	}
	return quoteShort(string(text))
}
