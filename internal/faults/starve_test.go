package faults_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// loadTime is how long each load lasts. JOBDB_FAULTS_LOAD sets another, such as 1m.
func loadTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("JOBDB_FAULTS_LOAD")
	if text == "" {
		return 2500 * time.Millisecond
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// manyJobs is how many jobs the loads search: their lines are several times what sockets hold.
const manyJobs = 20_000

// fill makes so many running jobs of alice's.
func fill(t *testing.T, address string, jobs int) {
	t.Helper()
	db := jobdbtest.Open(t, address, jobdb.Options{})
	const batch = 5_000
	for range jobs / batch {
		ids, err := db.CreateJobs(t.Context(), make([]string, batch))
		if err != nil {
			t.Fatal(err)
		}
		attributes := map[jobdb.JobID]jobdb.Attributes{}
		for i, id := range ids {
			attributes[id] = jobdb.Attributes{
				"VO": "local", "Owner": "alice", "Status": jobdb.StatusRunning, "JobName": "job " + strconv.Itoa(i%1000),
				"Site": "LCG.Site" + strconv.Itoa(i%100) + ".ch",
			}
		}
		if err := db.InsertJobAttributes(t.Context(), attributes); err != nil {
			t.Fatal(err)
		}
	}
}

// loaded is a server with many jobs, and who asks it.
type loaded struct {
	*server
	pilot, alice, root string       // tokens
	job                atomic.Int64 // the last that was beaten for or killed
}

func startLoaded(t *testing.T, address string) *loaded {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a server is built and loaded for this")
	}
	fill(t, address, manyJobs)
	return serveLoaded(t, address)
}

// serveLoaded starts a server on jobs that are there.
func serveLoaded(t *testing.T, address string) *loaded {
	t.Helper()
	s := &loaded{server: startServer(t, "--db", address)}
	s.pilot, s.alice, s.root = s.token("pilot", "GenericPilot"), s.token("alice", "NormalUser"), s.token("root", "JobAdministrator")
	return s
}

// beat sends a heartbeat of some job, and kill kills one: what must go on, whatever others ask.
func (s *loaded) beat() int {
	return s.patiently(s.pilot, "PATCH", "/api/jobs/heartbeat", fmt.Sprintf(`{"%d":{"LoadAverage":1}}`, 1+s.job.Add(1)%manyJobs))
}

func (s *loaded) kill() int {
	return s.patiently(s.alice, "PATCH", "/api/jobs/status",
		fmt.Sprintf(`{"%d":{"2026-01-01T00:00:00Z":{"Status":"Killed"}}}`, manyJobs-s.job.Add(1)%manyJobs))
}

func (s *loaded) ready() int { return s.patiently(s.pilot, "GET", "/api/health/ready", "") }

func (s *loaded) page() int {
	return s.patiently(s.alice, "POST", "/api/jobs/search", `{"search":[{"parameter":"JobID","operator":"eq","value":7}]}`)
}

// patiently sends a request, but waits no longer than half a minute for its answer.
func (s *loaded) patiently(token, method, path, body string) int {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	return s.sendIn(ctx, token, method, path, body).status
}

// measured are the times that requests of a kind took, one after the other, beside a load.
type measured struct {
	name  string
	times []time.Duration
}

func (m measured) String() string {
	if len(m.times) == 0 {
		return m.name + ": none was answered"
	}
	slices.Sort(m.times)
	return fmt.Sprintf("%s: %d, median %v, longest %v", m.name, len(m.times),
		m.times[len(m.times)/2].Round(time.Millisecond), m.longest().Round(time.Millisecond))
}

func (m measured) longest() time.Duration { return slices.Max(m.times) }

// measure sends requests of each kind, one after the other, for as long as a load lasts, and fails
// when one isn't answered with 200 within urgentBound.
func (s *loaded) measure(t *testing.T, kinds map[string]func() int) {
	t.Helper()
	lasts := loadTime(t)
	var all sync.WaitGroup
	for name, send := range kinds {
		all.Go(func() {
			m := measured{name: name}
			for ends := time.Now().Add(lasts); time.Now().Before(ends); time.Sleep(20 * time.Millisecond) {
				began := time.Now()
				if status := send(); status != http.StatusOK && status != http.StatusMultiStatus {
					t.Errorf("%s: %d", name, status)
				}
				m.times = append(m.times, time.Since(began))
			}
			t.Log(m)
			if m.longest() > urgentBound {
				t.Errorf("%s took %v, must be below %v", name, m.longest(), urgentBound)
			}
		})
	}
	all.Wait()
}

// urgent are the requests that no question and no reader may keep waiting.
func (s *loaded) urgent() map[string]func() int {
	return map[string]func() int{"heartbeats": s.beat, "kills": s.kill, "ready": s.ready}
}

// urgentBound is how long those may take, on a machine that has other work, too.
const urgentBound = 10 * time.Second

// Neither a thousand costly questions at once nor slow readers keep anybody waiting who acts, or asks
// whether the server is ready.
func TestLoad(t *testing.T) {
	for name, open := range map[string]func(testing.TB) string{
		"SQLite": jobdbtest.SQLite, "MariaDB": jobdbtest.MariaDB, "MySQL": jobdbtest.MySQL, "PostgreSQL": jobdbtest.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			s := startLoaded(t, open(t))
			t.Run("1000 questions", s.besideQuestions)
			t.Run("32 readers", func(t *testing.T) { s.besideReaders(t, 32) })
			t.Run("300 readers", func(t *testing.T) { s.besideReaders(t, 300) })
		})
	}
}

// besideQuestions asks a thousand costly questions at a time. Those that can't have an answer are told
// so.
func (s *loaded) besideQuestions(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	var answered, refused atomic.Int64
	for n := range 1000 {
		all.Go(func() {
			for ctx.Err() == nil {
				body := fmt.Sprintf(`{"search":[{"parameter":"JobName","operator":"like","value":"%%job %d%%"}]}`, n)
				switch status, retry := ask(ctx, client, s.url, []string{s.alice, s.root}[n%2], body); {
				case status == http.StatusServiceUnavailable && retry != "":
					refused.Add(1)
					_ = sleep(ctx, time.Second) // less than it is told
				case status != 0:
					answered.Add(1)
					if status != http.StatusOK && status != http.StatusPartialContent {
						t.Errorf("a search: %d", status)
					}
				}
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	s.measure(t, s.urgent())
	stop()
	all.Wait()
	t.Logf("%d searches answered, %d told to come later", answered.Load(), refused.Load())
	if answered.Load() == 0 {
		t.Error("no search was answered")
	}
}

// ask sends a search and returns its status, 0 where there was none, and the header Retry-After.
func ask(ctx context.Context, client *http.Client, url, token, body string) (status int, retry string) {
	return askFor(ctx, client, url+"/api/jobs/search", token, body)
}

func askFor(ctx context.Context, client *http.Client, url, token, body string) (status int, retry string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, ""
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, ""
	}
	return response.StatusCode, response.Header.Get("Retry-After")
}

func sleep(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// besideReaders has so many read lines at 80 kB a second. They don't keep other readers waiting
// either.
func (s *loaded) besideReaders(t *testing.T, readers int) {
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var read atomic.Int64
	for range readers {
		all.Go(func() {
			got := s.readSlowly(ctx, s.alice, "/api/jobs/search", "application/x-ndjson", 80_000)
			if read.Add(int64(got)); ctx.Err() == nil {
				t.Errorf("a reader's answer ended after %d bytes", got)
			}
		})
	}
	time.Sleep(time.Second)
	kinds := s.urgent()
	kinds["pages"] = s.page
	s.measure(t, kinds)
	stop()
	all.Wait()
	if read.Load() == 0 {
		t.Error("nobody read anything")
	}
}

// readSlowly asks for all jobs and reads so many bytes a second of the answer, until ctx or the
// answer ends. It returns how many bytes came.
func (s *server) readSlowly(ctx context.Context, token, path, accept string, perSecond int) (got int) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return 0
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10) //nolint:forcetypeassert // it was dialed as one
	_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\n\r\n", path, accept, token)
	piece := make([]byte, max(1, perSecond/10))
	for {
		n, err := conn.Read(piece)
		got += n
		if err != nil || perSecond == 0 && sleep(ctx, time.Hour) != nil || sleep(ctx, 100*time.Millisecond) != nil {
			return got
		}
	}
}

// Readers of large pages that don't read on hold a bounded part of the memory, and are cut off.
func TestReadersThatDoNotRead(t *testing.T) {
	needLinux(t)
	s := startLoaded(t, jobdbtest.SQLite(t))
	if status, _ := ask(t.Context(), http.DefaultClient, s.url, s.alice, "{}"); status != http.StatusPartialContent {
		t.Fatalf("a page: %d", status)
	}
	idle := s.peakMemory()
	s.forgetPeak()
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for n := range 300 {
		all.Go(func() {
			_ = sleep(ctx, time.Duration(n)*10*time.Millisecond)
			s.readSlowly(ctx, []string{s.alice, s.root}[n%2], "/api/jobs/search?per_page=10000", "application/json", 0)
		})
	}
	time.Sleep(3 * time.Second)
	s.measure(t, s.urgent())
	more := s.peakMemory() - idle
	stop()
	all.Wait()
	t.Logf("300 readers of pages that don't read: %d MB over idle (%d MB)", more/mega, idle/mega)
	if more > 256*mega {
		t.Errorf("%d MB over idle", more/mega)
	}
}
