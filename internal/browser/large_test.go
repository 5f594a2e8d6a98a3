package browser_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"jobdb"
	"jobdb/auth"
	"jobdb/jobdbtest"
)

// process is a jobdb that was built and runs by itself.
type process struct {
	binary, folder string
	command        *exec.Cmd
	ended          chan error
}

// TestLarge tries the page on the program that users have, with many jobs that go on: make page-large.
func TestLarge(t *testing.T) {
	if os.Getenv("JOBDB_PAGE_JOBS") == "" {
		t.Skip("with many jobs it takes an hour: make page-large")
	}
	jobs, minutes := setting(t, "JOBS", 0), setting(t, "MINUTES", 60)
	s := startProcess(t, jobs, minutes)
	t.Run("Measure", func(t *testing.T) { measure(t, s) })
	t.Run("Screens", func(t *testing.T) { tryScreens(t, s) })
	for name, try := range map[string]func(*testing.T, *server){
		"Roles": tryRoles, "Search": trySearch, "Brush": tryBrush, "Columns": tryColumns, "Download": tryDownload, "Keyboard": tryKeyboard,
		"HostileTexts": tryHostileTexts, "UnseenJobs": tryUnseenJobs, "Refusals": tryRefusals,
	} {
		t.Run(name, func(t *testing.T) { try(t, s) })
	}
	t.Run("Live", func(t *testing.T) { watchMemory(t, s, minutes) })
	t.Run("Kill", func(t *testing.T) { killInTheMiddle(t, s) })
	t.Run("AllThatMatch", func(t *testing.T) { tryAllThatMatch(t, s) })
}

// setting is a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("JOBDB_PAGE_"+name), strconv.Itoa(otherwise)))
	if err != nil {
		t.Fatalf("JOBDB_PAGE_%s: %v", name, err)
	}
	return n
}

// startProcess starts jobdb demo in JOBDB_PAGE_DATA or a folder of the test's, or jobdb serve where
// that has jobs already.
func startProcess(t *testing.T, jobs, minutes int) *server {
	t.Helper()
	browser(t) // skips
	folder := cmp.Or(os.Getenv("JOBDB_PAGE_DATA"), t.TempDir())
	s := &server{
		Server: &httptest.Server{}, process: &process{binary: filepath.Join(t.TempDir(), "jobdb"), folder: folder},
		lasts: time.Duration(minutes+60) * time.Minute, patience: 3 * time.Minute,
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", s.binary, "jobdb/cmd/jobdb").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	database := filepath.Join(folder, "jobs.db")
	args := []string{"serve"}
	if _, err := os.Stat(database); errors.Is(err, os.ErrNotExist) {
		args = []string{"demo", "--jobs", strconv.Itoa(jobs), "--rate", cmp.Or(os.Getenv("JOBDB_PAGE_RATE"), "2")}
	}
	s.run(t, "127.0.0.1:0", args...)
	t.Cleanup(s.kill)
	var err error
	if s.key, err = auth.OpenKey(folder); err != nil {
		t.Fatal(err)
	}
	s.db = jobdbtest.Open(t, "sqlite:"+database, jobdb.Options{FoldInterval: -1})
	return s
}

var listening = regexp.MustCompile(`msg="jobdb is listening" url=(\S+)`)

// run starts the program and waits until it listens.
func (s *server) run(t *testing.T, listen string, args ...string) {
	t.Helper()
	s.command = exec.CommandContext(context.WithoutCancel(t.Context()), s.binary, append(args, "--listen", listen, "--data-dir", s.folder)...)
	s.command.Env = []string{"HOME=" + s.folder, "PATH=" + os.Getenv("PATH")}
	stderr, err := s.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	s.ended = make(chan error, 1)
	urls, ended, command := make(chan string, 1), s.ended, s.command
	var said strings.Builder
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				urls <- found[1]
				break
			}
			fmt.Fprintln(&said, lines.Text())
		}
		_, _ = io.Copy(io.Discard, stderr)
		ended <- command.Wait()
	}()
	select {
	case s.URL = <-urls:
	case err := <-s.ended:
		t.Fatalf("jobdb %q ended: %v\n%s", args, err, said.String())
	}
}

// kill ends the program at once.
func (s *server) kill() {
	if s.command.Process.Kill() == nil {
		<-s.ended //nolint:errcheck // it was killed
	}
}

// memory is how much of it the program has, in MB.
func (s *server) memory(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] == "VmRSS:" {
			kB, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			return kB / 1000
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// Everybody can use each screen.
func tryScreens(t *testing.T, s *server) {
	source := axe(t)
	b := newTab(t, s)
	b.signIn(boss, "")
	for _, screen := range screens {
		switch screen.name {
		case "job":
			screen.address = fmt.Sprintf("#/job/%d?q=Status%%3DDone", s.newest(t, "Status", "Done"))
		case "overview": // a large grid has no numbers of the hours before
			screen.ready = `document.querySelectorAll(".counts").length >= 4`
		}
		b.open(screen.address)
		b.wait(screen.ready)
		b.inBothThemes(source, screen.name)
	}
}

// watchMemory leaves the page open while jobs change. Neither it nor the server may grow.
func watchMemory(t *testing.T, s *server, minutes int) {
	if minutes == 0 {
		t.Skip("no minutes are given")
	}
	jobs := newTab(t, s)
	jobs.signIn(boss, "#/jobs")
	jobs.loaded()
	overview := newTab(t, s)
	overview.signIn(boss, "#/overview")
	overview.wait(`document.querySelectorAll(".counts").length >= 4`)
	const samples = 60
	names := []string{"the page with jobs", "the page with the overview", "the server"}
	grown := make([][]float64, len(names))
	for i := range samples + 1 {
		memory := []float64{jobs.memory(), overview.memory(), s.memory(t)}
		for k, mb := range memory {
			grown[k] = append(grown[k], mb)
		}
		if i%(samples/12) == 0 {
			t.Logf("memory after %.0f minutes: %.2f MB; %q; by the way %s", float64(i*minutes)/samples, memory, jobs.text("button.news"), jobs.total())
		}
		if i%5 == 4 {
			jobs.click("button.news", "show")
		}
		time.Sleep(time.Duration(minutes) * time.Minute / samples)
	}
	for k, name := range names {
		before, after := median(grown[k][samples/4:samples/2]), median(grown[k][samples*3/4:])
		t.Logf("%s: %.2f MB in the second quarter, %.2f MB in the last", name, before, after)
		if after > 1.1*before+1 {
			t.Errorf("%s grows: %.2f", name, grown[k])
		}
	}
}

// median is the middle one.
func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// memory is how much of it JavaScript has in the tab, in MB.
func (b *tab) memory() (mb float64) {
	b.t.Helper()
	b.run(page.BringToFront(), heapprofiler.CollectGarbage(), chromedp.ActionFunc(func(ctx context.Context) error {
		used, _, _, _, err := runtime.GetHeapUsage().Do(ctx)
		mb = used / 1e6
		return err
	}))
	return mb
}

// killed are the jobs of which an action deletes those that are Done.
const killed = 10_000

// killInTheMiddle kills the server while it works on an action. The page tells so and goes on; then
// each job has been done once.
func killInTheMiddle(t *testing.T, s *server) {
	b := newTab(t, s)
	b.expect("net::ERR_")
	b.signIn(boss, fmt.Sprintf("#/jobs?q=Status%%3DDone+JobID%%3C%%3D%d", killed))
	b.loaded()
	b.click(".act button", "Delete")
	b.wait(`document.querySelector("dialog [role=status] b")`)
	var digits string
	b.eval(`document.querySelector("dialog [role=status] b").innerText.replace(/\D/g, "")`, &digits)
	wanted, err := strconv.Atoi(digits)
	if err != nil || wanted < 3000 {
		t.Fatalf("%s jobs: %v", digits, err)
	}
	b.eval(`document.querySelector("dialog input[inputmode=numeric]").focus()`, nil)
	b.typeText(digits)
	b.click("dialog button.danger", "Delete")
	b.wait(`document.querySelector("dialog progress")?.value > 200`)
	first := make([]jobdb.JobID, killed)
	for i := range first {
		first[i] = jobdb.JobID(i + 1)
	}
	s.kill()
	done := s.became(t, jobdb.StatusDeleted, first...)
	b.wait(`document.querySelector(".banner").innerText.includes("can't be reached")`)
	s.run(t, strings.TrimPrefix(s.URL, "http://"), "serve")
	b.wait(`!document.querySelector(".banner").innerText`)
	b.wait(`document.querySelector("dialog").innerText.replace(/[^A-Za-z0-9:, ]/g, "").includes("Done: ` + digits + ` done, 0 refused")`)
	records := s.became(t, jobdb.StatusDeleted, first...)
	if len(done) == 0 || len(done) >= wanted || len(records) != wanted {
		t.Errorf("of %d jobs %d were deleted when the server was killed, %d in the end", wanted, len(done), len(records))
	}
	for id, times := range records {
		if times != 1 {
			t.Errorf("job %d was deleted %d times", id, times)
		}
	}
	t.Logf("killed after %d of %d jobs", len(done), wanted)
}
