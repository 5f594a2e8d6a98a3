package auth

import "errors"

// Action is what a caller wants to do.
type Action uint8

// The actions.
const (
	Create Action = iota // submit jobs
	Query                // search and summarize jobs
	Read                 // see everything about one job
	Manage               // change a job's status or metadata, or reschedule it
	Pilot                // report on a running job: heartbeats
	Force                // set a status that the rules of statuses don't permit
)

// Visibility is the server's setting for which jobs a normal user sees.
type Visibility string

// The visibilities. Any other value counts as [VisibleOwn].
const (
	VisibleVO  Visibility = "vo"  // all jobs of the user's VO
	VisibleOwn Visibility = "own" // only the user's own jobs
)

// Scope is the set of jobs that an action may reach. Whatever the action, jobs of another VO don't
// exist for the caller, unless AllVOs.
type Scope struct {
	VO    string // empty only with AllVOs
	Owner string // empty: every owner of the VO

	AllVOs bool // for operators, and only to read; VO and Owner are empty

	// Hidden matters where Owner is set. It says what happens to other owners' jobs in the VO:
	// true, they are reported as missing, like jobs of another VO; false, they are refused.
	Hidden bool
}

// ErrForbidden means that the policy doesn't allow the action.
var ErrForbidden = errors.New("your token's properties don't allow this")

// Allow returns the jobs of the principal's VO that the action may reach, or [ErrForbidden]. A
// principal with several properties gets the widest scope that any of them gives. Unknown
// properties give nothing, and neither does the group's name.
func Allow(p Principal, action Action, visibility Visibility) (Scope, error) {
	if p.VO == "" || p.Username == "" {
		return Scope{}, ErrForbidden // an empty VO or Owner would mean: any
	}
	user, admin, pilot := p.Has(NormalUser), p.Has(JobAdministrator), p.Has(GenericPilot)
	all := Scope{VO: p.VO}
	own := Scope{VO: p.VO, Owner: p.Username, Hidden: visibility != VisibleVO}
	switch action {
	case Create:
		if user { // being an administrator or a pilot is not enough: they own no jobs
			return own, nil
		}
	case Query, Read:
		if p.Operator {
			return Scope{AllVOs: true}, nil
		}
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
	return Scope{}, ErrForbidden
}
