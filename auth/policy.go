package auth

import "errors"

// Action is what someone wants to do.
type Action uint8

// The actions.
const (
	Create Action = iota // submit jobs
	Query                // search and summarize jobs
	Read                 // see all of one job
	Manage               // change a job: its status or metadata, reschedule it
	Pilot                // speak for a running job: heartbeats
	Force                // set a status against the rules of statuses
)

// Visibility is which jobs a normal user sees.
type Visibility string

// The visibilities. Any other value counts as [VisibleOwn].
const (
	VisibleVO  Visibility = "vo"  // all of the user's VO
	VisibleOwn Visibility = "own" // the user's own
)

// Confinement is the jobs that an action may reach. Jobs of another VO never
// exist for the caller, whatever the action.
type Confinement struct {
	VO    string // never empty where the action is allowed
	Owner string // empty: every owner of the VO

	// Hidden says what the other owners' jobs are when Owner is set: true,
	// they are missing like those of another VO; false, they are refused.
	Hidden bool
}

// ErrForbidden says that the policy doesn't allow it.
var ErrForbidden = errors.New("your token's properties don't allow this")

// Allow is the policy (contract 4.4): it says which jobs of the principal's
// VO the action may reach, or [ErrForbidden]. A principal of several
// properties has the widest of what they give; other properties than the
// three known here give nothing, and neither does the group's name.
func Allow(p Principal, action Action, visibility Visibility) (Confinement, error) {
	if p.VO == "" || p.Username == "" {
		return Confinement{}, ErrForbidden // nobody may be confined to nothing
	}
	user, admin, pilot := p.Has(NormalUser), p.Has(JobAdministrator), p.Has(GenericPilot)
	all := Confinement{VO: p.VO}
	own := Confinement{VO: p.VO, Owner: p.Username, Hidden: visibility != VisibleVO}
	switch action {
	case Create:
		if user { // an administrator or a pilot as such owns no jobs
			return own, nil
		}
	case Query, Read:
		if admin || user && visibility == VisibleVO {
			return all, nil
		}
		if user {
			return own, nil
		}
	case Manage, Pilot:
		if admin || pilot {
			return all, nil
		}
		if user {
			return own, nil
		}
	case Force:
		if admin {
			return all, nil
		}
	}
	return Confinement{}, ErrForbidden
}
