package oracle

import (
	"archive/zip"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"jobdb/jobdbtest"
)

// A Server makes a new, empty database with a character set: [jobdbtest.MariaDBWith] or
// [jobdbtest.MySQLWith].
type Server func(tb testing.TB, charset string) string

// DIRAC returns the URL of a new database with the tables of jobs and of their history as a release
// of DIRAC ("9.1.22") ships them; releases.txt has those that can be named. Without the packages it
// is as [Python] says, without the server as that says.
func DIRAC(tb testing.TB, release string, server Server) string {
	tb.Helper()
	jobs, history := shippedSQL(tb, release)
	address := server(tb, "utf8mb4")
	execute(tb, address, slices.Concat(jobs, history)...)
	return address
}

// DIRACApart is DIRAC with two databases on the server, as DIRAC has them: for jobs, and for their
// history in another character set.
func DIRACApart(tb testing.TB, release string, server Server, charset string) (jobs, history string) {
	tb.Helper()
	jobsSQL, historySQL := shippedSQL(tb, release)
	jobs, history = server(tb, "utf8mb4"), server(tb, charset)
	execute(tb, jobs, jobsSQL...)
	execute(tb, history, historySQL...)
	return jobs, history
}

// DIRACPilots is DIRAC with the tables of pilots instead.
func DIRACPilots(tb testing.TB, release string, server Server) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: without the releases of DIRAC")
	}
	pilots, err := packagedSQL("dirac-"+release, "DIRAC", "PilotAgentsDB")
	need(tb, err)
	address := server(tb, "utf8mb4")
	execute(tb, address, pilots...)
	return address
}

// LHCb is [DIRAC] with what LHCb's extension adds to the table Jobs.
func LHCb(tb testing.TB, release string, server Server) string {
	tb.Helper()
	address := DIRAC(tb, release, server)
	extension, err := packagedSQL("lhcbdirac-11.0.61", "LHCbDIRAC", "JobDB")
	need(tb, err)
	execute(tb, address, extension...)
	return address
}

// OfUser returns the URL of a database for a new user, who has rights on that database only.
func OfUser(tb testing.TB, address string) string {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	name, password := "u"+strings.ToLower(rand.Text()[:10]), rand.Text()
	admin := jobdbtest.Raw(tb, address)
	for _, statement := range []string{
		"CREATE USER '" + name + "'@'%' IDENTIFIED BY '" + password + "'",
		"GRANT ALL ON " + strings.TrimPrefix(u.Path, "/") + ".* TO '" + name + "'@'%'",
	} {
		if _, err := admin.ExecContext(tb.Context(), statement); err != nil {
			tb.Fatalf("make a user for the test: %v", err)
		}
	}
	tb.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "DROP USER '"+name+"'@'%'"); err != nil {
			tb.Errorf("drop the user of the test: %v", err)
		}
	})
	u.User = url.UserPassword(name, password)
	return u.String()
}

// ShippedSQL returns the statements that make the tables of jobs, and those that make their history,
// as a release of DIRAC ships them.
func ShippedSQL(release string) (jobs, history []string, err error) {
	if jobs, err = packagedSQL("dirac-"+release, "DIRAC", "JobDB"); err == nil {
		history, err = packagedSQL("dirac-"+release, "DIRAC", "JobLoggingDB")
	}
	return jobs, history, err
}

func shippedSQL(tb testing.TB, release string) (jobs, history []string) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: without the releases of DIRAC")
	}
	jobs, history, err := ShippedSQL(release)
	need(tb, err)
	return jobs, history
}

// packagedSQL are the statements that make a database of DIRAC's workload management, out of a wheel.
func packagedSQL(wheel, module, database string) ([]string, error) {
	file, err := findWheel(wheel)
	if err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	text, err := archive.Open(path.Join(module, "WorkloadManagementSystem", "DB", database+".sql"))
	if err != nil {
		return nil, err
	}
	defer text.Close()
	content, err := io.ReadAll(text)
	if err != nil {
		return nil, err
	}
	statements := strings.Split(notSQL.ReplaceAllString(string(content), ""), ";")
	return slices.DeleteFunc(statements, func(s string) bool { return strings.TrimSpace(s) == "" }), nil
}

// findWheel finds one by the beginning of its name in lower case, without the dash after the
// version.
func findWheel(name string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	wheels, err := filepath.Glob(filepath.Join(root, ".cache", "dirac", "*.whl"))
	if err != nil {
		return "", err
	}
	for _, wheel := range wheels {
		if strings.HasPrefix(strings.ToLower(filepath.Base(wheel)), name+"-") {
			return wheel, nil
		}
	}
	return "", fmt.Errorf("%w: no package %s in .cache/dirac\nto fetch it: make oracle", errMissing, name)
}

// notSQL is what the files hold beside statements: comments, and commands of the client that DIRAC
// installs with.
var notSQL = regexp.MustCompile(`(?m:^--.*$)|(?s:/\*.*?\*/)|(?m:^(?:USE|SOURCE) .*$)`)

func execute(tb testing.TB, address string, statements ...string) {
	tb.Helper()
	db := jobdbtest.Raw(tb, address)
	for _, statement := range statements {
		if _, err := db.ExecContext(tb.Context(), statement); err != nil {
			tb.Fatalf("%v\n%s", err, statement)
		}
	}
}
