package jobdbtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// OpenSearch is a throw-away OpenSearch of one node, without users and passwords. Its data stay when
// it is killed and started again, and go with the test.
type OpenSearch struct {
	Address string // 127.0.0.1:port

	folder   string
	remove   string // not empty: the folder goes with the process
	node     *exec.Cmd
	lifeline io.Closer // closing it kills the node
}

// OpenSearchAddress returns the address of an OpenSearch that the tests of this process share: the
// one in JOBDB_OPENSEARCH, or one that is started and ends with the process. Where there is none the
// test is skipped.
func OpenSearchAddress(tb testing.TB) string {
	tb.Helper()
	if address := os.Getenv("JOBDB_OPENSEARCH"); address != "" {
		return address
	}
	needOpenSearch(tb)
	node, err := sharedOpenSearch()
	if err != nil {
		tb.Fatal(err)
	}
	return node.Address
}

// sharedOpenSearch holds the node itself: without it the node's lifeline would be collected.
var sharedOpenSearch = sync.OnceValues(func() (*OpenSearch, error) {
	folder, err := os.MkdirTemp("", "jobdb-opensearch-")
	if err != nil {
		return nil, err
	}
	o := &OpenSearch{folder: folder, remove: "yes"}
	if err := o.reserve(); err != nil {
		return nil, err
	}
	return o, o.start(context.Background())
})

// needOpenSearch skips a test, loudly, where no OpenSearch can be started.
func needOpenSearch(tb testing.TB) {
	tb.Helper()
	if os.Getenv(openSearchClasspath) == "" {
		tb.Skip("\n\n!!! NOT TESTED: OpenSearch. `make test-opensearch` builds one and runs the tests that need it (Java 17, Maven).")
	}
}

// openSearchClasspath is the variable that has where Java finds the node of oracle/opensearch.
const openSearchClasspath = "JOBDB_OPENSEARCH_CLASSPATH"

// NewOpenSearch returns an OpenSearch of the test's own, still to be started. The test is skipped
// where [OpenSearchAddress] would skip it.
func NewOpenSearch(tb testing.TB) *OpenSearch {
	tb.Helper()
	needOpenSearch(tb)
	o := &OpenSearch{folder: tb.TempDir()}
	if err := o.reserve(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(o.Kill)
	return o
}

// Start starts it at the address that it had before, and returns when it answers.
func (o *OpenSearch) Start(tb testing.TB) {
	tb.Helper()
	if err := o.start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// Kill ends it at once, as a crash would.
func (o *OpenSearch) Kill() {
	if o.node != nil {
		_ = o.lifeline.Close()
		_ = o.node.Wait() // killed
		o.node = nil
	}
}

// reserve chooses an address that nobody listens on.
func (o *OpenSearch) reserve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	o.Address = listener.Addr().String()
	return listener.Close()
}

// keepNode runs a node until the standard input ends, which it does with this process, too.
const keepNode = `java -Xmx512m -cp "$JOBDB_OPENSEARCH_CLASSPATH" TestNode "$0" "$1" & node=$!; cat >/dev/null; kill -9 "$node"; wait "$node"; [ -z "$2" ] || rm -rf "$0"`

func (o *OpenSearch) start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return err
	}
	o.node = exec.Command("/bin/sh", "-c", keepNode, o.folder, port, o.remove)
	if o.lifeline, err = o.node.StdinPipe(); err != nil {
		return err
	}
	messages, err := o.node.StdoutPipe()
	if err != nil {
		return err
	}
	if err := o.node.Start(); err != nil {
		return err
	}
	last := ""
	for lines := bufio.NewScanner(messages); lines.Scan(); last = lines.Text() {
		if lines.Text() == "ready" {
			go io.Copy(io.Discard, messages) //nolint:errcheck // it ends with the node
			return o.awaitAnswer(ctx)
		}
	}
	return fmt.Errorf("OpenSearch didn't start: %s", last)
}

func (o *OpenSearch) awaitAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.Address+"/", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		time.Sleep(100 * time.Millisecond)
	}
}
