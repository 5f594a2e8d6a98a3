package auth_test

import (
	"testing"

	"jobdb/auth"
)

func TestParseOperator(t *testing.T) {
	for text, want := range map[string]auth.Operator{
		"dirac/dirac_admin": {VO: "dirac", Group: "dirac_admin"}, "ServiceAdministrator": {Property: "ServiceAdministrator"},
	} {
		if got, err := auth.ParseOperator(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", " ", "/", "a/", "/b", "a/b/c", " a", "a/b ", auth.NormalUser, auth.GenericPilot} {
		if got, err := auth.ParseOperator(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestOperatorIs(t *testing.T) {
	group, property := auth.Operator{VO: "lhcb", Group: "lhcb_user"}, auth.Operator{Property: "Watcher"}
	watcher, elsewhere, lower := alice, alice, alice
	watcher.Group, watcher.Properties = "others", []string{"Watcher"}
	elsewhere.VO = "belle"
	lower.Properties = []string{"watcher"}
	if !group.Is(alice) || !property.Is(watcher) {
		t.Error("an operator isn't recognized")
	}
	if group.Is(watcher) || group.Is(elsewhere) || property.Is(alice) || property.Is(lower) || (auth.Operator{}).Is(auth.Principal{}) {
		t.Error("somebody else is taken for an operator")
	}
}
