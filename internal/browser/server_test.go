// Package browser_test tries jobdb's own page in a headless Chromium, against the service itself.
package browser_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"jobdb"
	"jobdb/api"
	"jobdb/auth"
	"jobdb/internal/demo"
	"jobdb/web"
	"jobdb/wms"
)

// present is what time it is on the grid when it is made; the page's clock is set to it, too. It is
// the same in each run, so that screenshots are, too.
var present = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const issuer = "https://issuer.example/"

func person(name string, properties ...string) auth.Principal {
	return auth.Principal{Subject: "lhcb:" + name, Username: name, Group: "lhcb_user", VO: "lhcb", Properties: properties}
}

var (
	boss   = person("anna", auth.NormalUser, auth.JobAdministrator)
	reader = person("nobody", auth.GenericPilot)
)

// grids are databases with so many jobs of the demo. Each is made once: a copy takes less time.
var grids = struct {
	sync.Mutex
	files map[int][]byte
}{files: map[int][]byte{}}

func grid(t *testing.T, jobs int) []byte {
	t.Helper()
	grids.Lock()
	defer grids.Unlock()
	if file, ok := grids.files[jobs]; ok {
		return file
	}
	path := filepath.Join(t.TempDir(), "jobs.db")
	if err := makeGrid(t.Context(), "sqlite:"+path, jobs); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	grids.files[jobs] = file
	return file
}

func makeGrid(ctx context.Context, url string, jobs int) error {
	if jobs > 0 {
		return demo.Fill(ctx, url, jobs, 1, present, func(int) {})
	}
	db, err := jobdb.Open(ctx, url, jobdb.Options{})
	if err != nil {
		return err
	}
	_, err = db.Migrate(ctx)
	return errors.Join(err, db.Close())
}

// server is a service with its page.
type server struct {
	*httptest.Server

	db   *jobdb.DB
	jobs *wms.JobManager
	key  *auth.Key
	log  bytes.Buffer

	*process // nil: it is in this one

	lasts, patience time.Duration // of tabs, and of what they wait for; 0: as long as in tests of CI
}

// start starts a server with so many jobs of the demo. Its clock begins at present.
func start(t *testing.T, jobs int, change ...func(*server, *api.Config)) *server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jobs.db")
	if err := os.WriteFile(path, grid(t, jobs), 0o600); err != nil {
		t.Fatal(err)
	}
	ahead := time.Until(present)
	clock := func() time.Time { return time.Now().Add(ahead) }
	s := &server{}
	var err error
	if s.db, err = jobdb.Open(t.Context(), "sqlite:"+path, jobdb.Options{Clock: clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	if s.jobs, err = wms.NewJobManager(s.db, demo.Rules(), clock); err != nil {
		t.Fatal(err)
	}
	if s.key, err = auth.OpenKey(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewUnstartedServer(nil)
	s.URL = "http://" + s.Listener.Addr().String()
	config := api.Config{
		DB: s.db, Jobs: s.jobs, Keys: s.key.Keys(), Issuer: issuer, Visibility: auth.VisibleVO, Page: web.Files,
		Logins: auth.NewLogins(s.key, issuer, boss, time.Now), Clock: time.Now, Logger: slog.New(slog.NewTextHandler(&s.log, nil)),
	}
	for _, c := range change {
		c(s, &config)
	}
	s.Config.Handler = api.New(config)
	t.Cleanup(s.Close)
	var working sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	working.Go(func() { s.jobs.RunActions(ctx, config.Logger) })
	t.Cleanup(func() { stop(); working.Wait() })
	s.URL = "" // or else Start panics
	s.Start()
	return s
}

// token is an access token of somebody.
func (s *server) token(t *testing.T, who auth.Principal) string {
	t.Helper()
	from := issuer
	if s.process != nil {
		from = "http://jobdb.localhost/" // what a server is that has no other issuer
	}
	token, err := s.key.Mint(from, who, time.Now(), max(time.Hour, s.lasts))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// let lets pages of another origin sign in at the server, which must be new.
func (s *server) let(t *testing.T, origin, issuer string) {
	t.Helper()
	s.Config.Handler = api.New(api.Config{
		DB: s.db, Jobs: s.jobs, Keys: s.key.Keys(), Issuer: issuer, Visibility: auth.VisibleVO, Origins: []string{origin},
		Logins: auth.NewLogins(s.key, issuer, boss, time.Now), Clock: time.Now, Logger: slog.New(slog.NewTextHandler(&s.log, nil)),
	})
}

// newest is the ID of the newest job with a value.
func (s *server) newest(t *testing.T, column, value string) int64 {
	t.Helper()
	query, err := jobdb.SearchRequest{
		Parameters: []string{"JobID"}, Search: []jobdb.FilterSpec{{Parameter: column, Operator: "eq", Value: value}},
		Sort: []jobdb.SortSpec{{Parameter: "JobID", Direction: "desc"}},
	}.Parse(s.db.Limits())
	if err != nil {
		t.Fatal(err)
	}
	query.Scope, query.Page, query.PerPage = jobdb.Scope{VO: boss.VO}, 1, 1
	found, err := s.db.Search(t.Context(), query)
	if err != nil || len(found.Rows) == 0 {
		t.Fatalf("no job with %s=%s: %v", column, value, err)
	}
	id, _ := found.Rows[0][0].(int64)
	return id
}

// became is how often each of the jobs became a status, by their histories; those that never did are
// left out.
func (s *server) became(t *testing.T, status jobdb.Status, ids ...jobdb.JobID) map[jobdb.JobID]int {
	t.Helper()
	times := map[jobdb.JobID]int{}
	for some := range slices.Chunk(ids, 1000) {
		histories, err := s.db.History(t.Context(), some)
		if err != nil {
			t.Fatal(err)
		}
		for id, records := range histories {
			for _, record := range records {
				if record.Status == status {
					times[id]++
				}
			}
		}
	}
	return times
}
