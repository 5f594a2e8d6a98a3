package auth

import "slices"

// Principal is who a token stands for.
type Principal struct {
	Subject    string // unique for ever: "lhcb:b824d4dc…"
	Username   string // the Owner of this user's jobs
	Group      string
	VO         string // never empty in a principal that was verified
	Properties []string
}

// The properties that the policy knows.
const (
	NormalUser       = "NormalUser"
	JobAdministrator = "JobAdministrator"
	GenericPilot     = "GenericPilot"
)

// Has tells whether the principal has a property.
func (p Principal) Has(property string) bool { return slices.Contains(p.Properties, property) }
