package jobdb

import "regexp"

// newMatcher makes the function behind SQLite's REGEXP operator for one
// connection at a time; it keeps the last pattern compiled, since one query asks for one row after row.
func newMatcher() func(pattern string, text any) (any, error) {
	var last *regexp.Regexp
	return func(pattern string, text any) (any, error) {
		if last == nil || last.String() != pattern {
			expression, err := regexp.Compile(pattern)
			if err != nil {
				return nil, err
			}
			last = expression
		}
		switch t := text.(type) {
		case string:
			return matched(last.MatchString(t)), nil
		case []byte:
			return matched(last.Match(t)), nil
		}
		return nil, nil //nolint:nilnil // NULL matches nothing and doesn't not match either
	}
}

func matched(ok bool) int64 {
	if ok {
		return 1
	}
	return 0
}
