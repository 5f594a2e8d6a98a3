package auth

import "errors"

// Action is what someone wants to do.
type Action uint8

// The actions.
const (
	Create Action = iota // submit jobs
	Query                // search and summarize jobs
)

// Visibility is which jobs a normal user sees.
type Visibility string

// The visibilities.
const (
	VisibleVO  Visibility = "vo"  // all of the user's VO
	VisibleOwn Visibility = "own" // the user's own
)

// Confinement is the jobs that an action may reach: those of a VO, and of an
// owner unless Owner is empty.
type Confinement struct{ VO, Owner string }

// ErrForbidden says that the policy doesn't allow it.
var ErrForbidden = errors.New("your token's properties don't allow this")

// Allow is the policy: it says which jobs the action may reach, or [ErrForbidden].
func Allow(p Principal, action Action, visibility Visibility) (Confinement, error) {
	if p.VO == "" || p.Username == "" {
		return Confinement{}, ErrForbidden // nobody may be confined to nothing
	}
	switch {
	case action == Create && p.Has(NormalUser):
		return Confinement{VO: p.VO, Owner: p.Username}, nil
	case action == Query && p.Has(JobAdministrator):
		return Confinement{VO: p.VO}, nil
	case action == Query && p.Has(NormalUser) && visibility == VisibleOwn:
		return Confinement{VO: p.VO, Owner: p.Username}, nil
	case action == Query && p.Has(NormalUser):
		return Confinement{VO: p.VO}, nil
	}
	return Confinement{}, ErrForbidden
}
