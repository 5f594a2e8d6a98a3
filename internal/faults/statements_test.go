package faults_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"jobdb"
	"jobdb/jobdbtest"
)

// Searches whose lists are ever of another length leave the memory of a database server as it is:
// before, 400 of them took 7 GB of PostgreSQL, and 1,800 took 10 GB of MariaDB.
func TestRememberedStatements(t *testing.T) {
	needLinux(t)
	for name, open := range map[string]func(testing.TB) string{
		"MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			address := open(t)
			s := startMigrated(t, address)
			token := s.token("alice", "NormalUser")
			searchAll := func(seed uint64) {
				var all sync.WaitGroup
				for worker := range 4 {
					random := rand.New(rand.NewPCG(seed, uint64(worker)))
					all.Go(func() {
						for range 25 {
							if r := s.send(token, "POST", "/api/jobs/search", searchOfLists(random)); r.status != http.StatusOK {
								t.Errorf("%+v", r)
							}
						}
					})
				}
				all.Wait()
			}
			searchAll(1) // which opens the connections
			raw := jobdbtest.Raw(t, address)
			before := databaseMemory(t, raw)
			searchAll(2)
			more := databaseMemory(t, raw) - before
			t.Logf("100 searches more: %d MB in the server, which has %d", more/mega, before/mega)
			if more > 64*mega {
				t.Errorf("%d MB more in the server", more/mega)
			}
		})
	}
}

// searchOfLists has lists of up to 1,500 numbers, 1,500 texts and 500 times.
func searchOfLists(random *rand.Rand) string {
	list := func(most int, parameter, format string) string {
		values := make([]string, 1+random.IntN(most))
		for i := range values {
			values[i] = fmt.Sprintf(format, 1000+i)
		}
		return `{"parameter":"` + parameter + `","operator":"in","values":[` + strings.Join(values, ",") + `]}`
	}
	return `{"search":[` + list(1500, "JobID", "%d") + "," + list(1500, "Site", `"LCG.%d.ch"`) + "," + list(500, "LastUpdateTime", `"%d-01-01"`) + `]}`
}

// startMigrated starts a server on a new database.
func startMigrated(t *testing.T, address string) *server {
	t.Helper()
	migrate(t, address)
	return startServer(t, "--db", address)
}

func migrate(t *testing.T, address string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a server is built and loaded for this")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, "migrate", "--db", address).CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
}

// databaseMemory is what a database server has of memory of its own, in bytes: the whole of MariaDB
// and MySQL, and the processes of one database of PostgreSQL.
func databaseMemory(t *testing.T, db *sql.DB) (sum int64) {
	t.Helper()
	var file string
	if err := db.QueryRowContext(t.Context(), "SELECT @@pid_file").Scan(&file); err == nil { // MariaDB or MySQL
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return ownMemory(t, strings.TrimSpace(string(text)))
	}
	rows, err := db.QueryContext(t.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var pid int64
		if err := rows.Scan(&pid); err != nil {
			t.Fatal(err)
		}
		sum += ownMemory(t, strconv.FormatInt(pid, 10))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return sum
}

// ownMemory is what a process has in memory beside files and what it shares, in bytes. One that has
// ended meanwhile, as connections to PostgreSQL do, has none.
func ownMemory(t *testing.T, pid string) int64 {
	t.Helper()
	size, _ := statusField(t, pid, "RssAnon:")
	return size
}

// When a server remembers no more statements for anybody, jobdb goes on without, and gives its own
// back, so that others can go on, too.
func TestNoMoreStatements(t *testing.T) {
	for _, name := range []string{"MariaDB", "MySQL"} {
		t.Run(name, func(t *testing.T) {
			server, err := url.Parse(jobdbtest.Server(t, name, "--max-prepared-stmt-count=20"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := jobdbtest.Raw(t, server.String()).ExecContext(t.Context(), "CREATE DATABASE jobs CHARACTER SET utf8mb4"); err != nil {
				t.Fatal(err)
			}
			server.Path = "/jobs"
			db := jobdbtest.Open(t, server.String(), jobdb.Options{})
			ids, err := db.CreateJobs(t.Context(), []string{"[a]", "[b]", "[c]", "[d]", "[e]", "[f]", "[g]", "[h]"})
			if err != nil {
				t.Fatal(err)
			}
			attributes := map[jobdb.JobID]jobdb.Attributes{}
			for _, id := range ids {
				attributes[id] = jobdb.Attributes{"VO": "lhcb", "Owner": "alice"}
			}
			if err := db.InsertJobAttributes(t.Context(), attributes); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for _, id := range ids {
				all.Go(func() {
					for n := range 20 {
						value := map[jobdb.JobID]map[string]string{id: {"Vsize": strconv.Itoa(n)}}
						beat := db.AddHeartbeatData(t.Context(), value)
						set := db.SetJobParameters(t.Context(), value)
						stored, read := db.JobParameters(t.Context(), []jobdb.JobID{id})
						if err := errors.Join(beat, set, read); err != nil || stored[id]["Vsize"] != strconv.Itoa(n) {
							t.Errorf("job %d: %v, %v", id, err, stored)
						}
					}
				})
			}
			all.Wait()
		})
	}
}

// On a server whose sessions commit nothing by themselves, a change of one statement is kept all the same.
func TestServersThatCommitNothing(t *testing.T) {
	for _, name := range []string{"MariaDB", "MySQL"} {
		t.Run(name, func(t *testing.T) {
			server, err := url.Parse(jobdbtest.Server(t, name, "--autocommit=0"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := jobdbtest.Raw(t, server.String()).ExecContext(t.Context(), "CREATE DATABASE jobs CHARACTER SET utf8mb4"); err != nil {
				t.Fatal(err)
			}
			server.Path = "/jobs"
			db := jobdbtest.Open(t, server.String(), jobdb.Options{})
			id, err := db.CreateJob(t.Context(), "[a]")
			if err == nil {
				err = db.InsertJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{id: {"VO": "lhcb"}})
			}
			if err == nil {
				_, err = db.SetJobAttributes(t.Context(), map[jobdb.JobID]jobdb.Attributes{id: {"Site": "here"}}, jobdb.SetOptions{})
			}
			if err != nil {
				t.Fatal(err)
			}
			other := jobdbtest.Open(t, server.String(), jobdb.Options{})
			job, err := other.Job(t.Context(), jobdb.Scope{VO: "lhcb"}, id)
			if err != nil || job.Site != "here" {
				t.Errorf("%v, %+v", err, job)
			}
		})
	}
}
