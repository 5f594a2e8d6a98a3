package jobdbtest_test

import (
	"testing"

	"jobdb/jobdbtest"
)

// What a killed server had committed is there when it runs again.
func TestKilledProcess(t *testing.T) {
	for _, name := range []string{"MariaDB", "MySQL", "PostgreSQL"} {
		t.Run(name, func(t *testing.T) {
			process := jobdbtest.StartProcess(t, name, "")
			address := process.URL
			if name != "PostgreSQL" {
				address += "mysql"
			}
			db := jobdbtest.Raw(t, address)
			for _, text := range []string{"CREATE TABLE kept (n INT)", "INSERT INTO kept VALUES (7)"} {
				if _, err := db.ExecContext(t.Context(), text); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				process.Kill()
				process.Run()
				n := 0
				if err := jobdbtest.Raw(t, address).QueryRowContext(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
					t.Errorf("%d, %v", n, err)
				}
			}
		})
	}
}
