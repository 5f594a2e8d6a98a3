package auth

import (
	"errors"
	"strings"
)

// Operator says who may read the jobs of all VOs: the members of a VO's group, or everybody with a
// property.
type Operator struct{ VO, Group, Property string }

// ParseOperator reads VO/GROUP, such as "dirac/dirac_admin", or the name of a property.
func ParseOperator(text string) (Operator, error) {
	vo, group, ofGroup := strings.Cut(text, "/")
	switch {
	case !ofGroup && text != "" && text == strings.TrimSpace(text):
		if text == NormalUser || text == GenericPilot {
			return Operator{}, errors.New("the property " + text + " would let everybody read all VOs; name a group or another property")
		}
		return Operator{Property: text}, nil
	case vo == "" || group == "" || strings.Contains(group, "/") || text != strings.TrimSpace(text):
		return Operator{}, errors.New("write VO/GROUP, such as dirac/dirac_admin, or the name of a property")
	}
	return Operator{VO: vo, Group: group}, nil
}

// Is reports whether a principal is such an operator.
func (o Operator) Is(p Principal) bool {
	if o.Property != "" {
		return p.Has(o.Property)
	}
	return o.VO != "" && o.Group != "" && p.VO == o.VO && p.Group == o.Group
}
