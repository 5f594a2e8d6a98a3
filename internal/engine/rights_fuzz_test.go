package engine

import "testing"

// FuzzMySQLGrant reads any line as one of SHOW GRANTS.
func FuzzMySQLGrant(f *testing.F) {
	for _, line := range []string{
		"GRANT SELECT, INSERT ON `a``b`.* TO `u`@`%`", `GRANT ALL PRIVILEGES ON *.* TO "u"@"h" WITH GRANT OPTION`, "GRANT UPDATE (`c`) ON `d`.`t` TO x", "GRANT `r` TO u",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		grant, ok := parseMySQLGrant(line)
		if ok && len(grant.rights) == 0 {
			t.Fatalf("%q: a grant of nothing", line)
		}
		grants := mysqlGrants{database: "d", lines: []mysqlGrant{grant}}
		if grants.covers("t", "SELECT") && !ok {
			t.Fatalf("%q: a right without a grant", line)
		}
	})
}
