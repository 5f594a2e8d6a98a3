package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"jobdb/internal/tables"
)

// ReadGroups reads which VO each group belongs to: lines of GROUP = VO. Empty lines and those that
// begin with # are passed over.
func ReadGroups(r io.Reader) (map[string]string, error) {
	groups := map[string]string{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		group, vo, ok := strings.Cut(line, "=")
		group, vo = strings.TrimSpace(group), strings.TrimSpace(vo)
		if _, twice := groups[group]; twice {
			return nil, fmt.Errorf("line %d: the group %q comes twice", n, group)
		}
		if !ok || group == "" || vo == "" {
			return nil, fmt.Errorf("line %d: %q is not GROUP = VO", n, line)
		}
		if longest := tables.Jobs.Columns[columnOfVO].Length; len([]rune(vo)) > longest {
			return nil, fmt.Errorf("line %d: the VO %q has more than %d characters", n, vo, longest)
		}
		groups[group] = vo
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, errors.New("no group in it")
	}
	return groups, nil
}
