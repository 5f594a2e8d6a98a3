package engine

import "testing"

func TestMySQLGrants(t *testing.T) {
	for _, test := range []struct {
		line, database, table, right string
		covers                       bool
	}{
		{"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", "jobs", "Jobs", "TRIGGER", true},
		{"GRANT SELECT, TRIGGER ON `jobs`.* TO `u`@`%`", "jobs", "Jobs", "TRIGGER", true},
		{"GRANT SELECT, TRIGGER ON `jobs`.* TO `u`@`%`", "jobs2", "Jobs", "TRIGGER", false},
		{"GRANT SELECT ON `jobs`.* TO `u`@`%`", "jobs", "Jobs", "TRIGGER", false},
		{`GRANT TRIGGER ON "my_jobs".* TO "u"@"%"`, "my-jobs", "Jobs", "TRIGGER", true},
		{"GRANT TRIGGER ON `my\\_jobs`.* TO `u`@`%`", "my-jobs", "Jobs", "TRIGGER", false},
		{"GRANT TRIGGER ON `my\\_jobs`.* TO `u`@`%`", "my_jobs", "Jobs", "TRIGGER", true},
		{"GRANT TRIGGER ON `grid%`.* TO `u`@`%`", "grid_jobs", "Jobs", "TRIGGER", true},
		{"GRANT TRIGGER ON `jobs`.`Jobs` TO `u`@`%`", "jobs", "Jobs", "TRIGGER", true},
		{"GRANT TRIGGER ON `jobs`.`Jobs` TO `u`@`%`", "jobs", "JobJDLs", "TRIGGER", false},
		{"GRANT SELECT (`TRIGGER`) ON `jobs`.`Jobs` TO `u`@`%`", "jobs", "Jobs", "TRIGGER", false},
		{"GRANT CONNECTION_ADMIN,SUPER ON *.* TO `u`@`%`", "jobs", "Jobs", "SUPER", true},
		{"GRANT `TRIGGER` TO `u`@`%`", "jobs", "Jobs", "TRIGGER", false},
		{"GRANT EXECUTE ON PROCEDURE `jobs`.`TRIGGER` TO `u`@`%`", "jobs", "Jobs", "EXECUTE", false},
		{"GRANT TRIGGER ON `a``b`.* TO `u`@`%`", "a`b", "Jobs", "TRIGGER", true},
	} {
		g := mysqlGrants{database: test.database}
		if grant, ok := parseMySQLGrant(test.line); ok {
			g.lines = append(g.lines, grant)
		}
		if got := g.covers(test.table, test.right); got != test.covers {
			t.Errorf("%s covers %s on %s.%s: %v", test.line, test.right, test.database, test.table, got)
		}
	}
}

func TestMySQLGrantOfWhatIsMissing(t *testing.T) {
	g := mysqlGrants{user: "o'neil@10.%", database: "my_jobs"}
	if got, want := g.grant([]string{"TRIGGER"}), "GRANT TRIGGER ON `my_jobs`.* TO 'o''neil'@'10.%'"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	g.lines = []mysqlGrant{{rights: []string{"SELECT"}, database: `my\_jobs`}}
	if got, want := g.grant([]string{"ALTER", "TRIGGER"}), "GRANT ALTER, TRIGGER ON `my\\_jobs`.* TO 'o''neil'@'10.%'"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
