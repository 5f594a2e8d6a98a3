package auth

import "slices"

// Principal is the caller that a token stands for.
type Principal struct {
	Subject    string // never reused: "lhcb:b824d4dc…"
	Username   string // the Owner of this user's jobs
	Group      string
	VO         string // never empty in a verified principal
	Properties []string

	// Operator says that the server's settings let the caller read all VOs. No token says so itself.
	Operator bool
}

// The properties that give rights.
const (
	NormalUser       = "NormalUser"
	JobAdministrator = "JobAdministrator"
	GenericPilot     = "GenericPilot"
)

// Has reports whether the principal has a property.
func (p Principal) Has(property string) bool { return slices.Contains(p.Properties, property) }
