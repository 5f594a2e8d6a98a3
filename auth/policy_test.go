package auth_test

import (
	"errors"
	"strings"
	"testing"

	"jobdb/auth"
)

// TestAllow goes through every action, set of properties and visibility. A cell is the scope: all
// jobs of the VO (all), own jobs with others refused (own) or hidden (hid), or none (-).
func TestAllow(t *testing.T) {
	const table = `
		                                              Create Query Read Manage Pilot Force
		vo  none                                      -      -     -    -      -     -
		vo  Other                                     -      -     -    -      -     -
		vo  NormalUser                                own    all   all  own    own   -
		vo  JobAdministrator                          -      all   all  all    all   all
		vo  GenericPilot                              -      -     -    all    all   -
		vo  NormalUser,JobAdministrator               own    all   all  all    all   all
		vo  NormalUser,GenericPilot                   own    all   all  all    all   -
		vo  JobAdministrator,GenericPilot             -      all   all  all    all   all
		vo  NormalUser,JobAdministrator,GenericPilot  own    all   all  all    all   all
		own none                                      -      -     -    -      -     -
		own Other                                     -      -     -    -      -     -
		own NormalUser                                hid    hid   hid  hid    hid   -
		own JobAdministrator                          -      all   all  all    all   all
		own GenericPilot                              -      -     -    all    all   -
		own NormalUser,JobAdministrator               hid    all   all  all    all   all
		own NormalUser,GenericPilot                   hid    hid   hid  all    all   -
		own JobAdministrator,GenericPilot             -      all   all  all    all   all
		own NormalUser,JobAdministrator,GenericPilot  hid    all   all  all    all   all
		x   NormalUser                                hid    hid   hid  hid    hid   -`
	const operators = `
		vo  operator                                  -      every  every -   -     -
		own operator,NormalUser                       hid    every  every hid hid   -
		own operator,GenericPilot                     -      every  every all all   -
		vo  operator,JobAdministrator                 -      every  every all all   all`
	cells := map[string]auth.Scope{
		"-": {}, "every": {AllVOs: true}, "all": {VO: "lhcb"}, "own": {VO: "lhcb", Owner: "alice"}, "hid": {VO: "lhcb", Owner: "alice", Hidden: true},
	}
	actions := []auth.Action{auth.Create, auth.Query, auth.Read, auth.Manage, auth.Pilot, auth.Force}
	lines := strings.Split(strings.TrimSpace(table+operators), "\n")
	names := strings.Fields(lines[0])
	for _, line := range lines[1:] {
		row := strings.Fields(line)
		who := alice
		who.Properties = strings.Split(row[1], ",")
		who.Operator = who.Has("operator")
		for i, action := range actions {
			want := cells[row[2+i]]
			got, err := auth.Allow(who, action, auth.Visibility(row[0]))
			if got != want || errors.Is(err, auth.ErrForbidden) != (row[2+i] == "-") {
				t.Errorf("visibility %s, %s, %s: %+v, %v; want %+v", row[0], row[1], names[i], got, err, want)
			}
		}
	}
}

// Who has everything, but no VO or name, must not get a scope whose empty field means: any.
func TestAllowNobody(t *testing.T) {
	everything := []string{auth.NormalUser, auth.JobAdministrator, auth.GenericPilot}
	for _, who := range []auth.Principal{{Username: "alice", Properties: everything}, {VO: "lhcb", Properties: everything}} {
		for action := auth.Create; action <= auth.Force+1; action++ {
			if got, err := auth.Allow(who, action, auth.VisibleVO); got != (auth.Scope{}) || !errors.Is(err, auth.ErrForbidden) {
				t.Errorf("%+v may do %d: %+v, %v", who, action, got, err)
			}
		}
	}
	all := alice
	all.Properties = everything
	if _, err := auth.Allow(all, auth.Force+1, auth.VisibleVO); !errors.Is(err, auth.ErrForbidden) {
		t.Errorf("an action that there isn't: %v", err)
	}
}

// The VO is the token's claim, whatever the group and subject are called.
func TestAllowGroupOfAnotherVO(t *testing.T) {
	who := auth.Principal{Subject: "belle:1", Username: "alice", Group: "belle_admin", VO: "lhcb", Properties: []string{auth.JobAdministrator}}
	if got, err := auth.Allow(who, auth.Manage, auth.VisibleVO); err != nil || got != (auth.Scope{VO: "lhcb"}) {
		t.Errorf("%+v, %v", got, err)
	}
}
