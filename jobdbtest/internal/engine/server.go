package engine

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// supervisor is the shell program around a server. Its standard input is a pipe whose other end
// this process holds: however we end, the pipe closes, and the supervisor stops the server and
// removes the folder. (A death signal would not remove the folder, and needs Linux.) Until then it
// takes orders by the pipe.
const supervisor = `
cleanup() { cd / && rm -rf "$DIR"; }
trap cleanup EXIT
%s
run
server=$!
exec >>"$DIR/again.log" 2>&1 # now the server alone holds the pipe of its messages
while read -r order; do
  case $order in
  kill) kill -KILL "$server"; wait "$server"; : >"$DIR/killed" ;;
  run)
    sleep 0.05 # whereby the shell learns of children that have ended
    kill -0 "$server" || { run; server=$!; } ;;
  esac
done
while kill -%s "$server"; do sleep 0.05; done # again: one that comes while the server starts is lost
`

// What a slow, busy machine may need to prepare and start a server, and one that was killed to do
// again what it had done since it last wrote its tables.
const (
	startTimeout   = 2 * time.Minute
	recoverTimeout = 10 * time.Minute
)

// A Server is a running server of ours.
type Server struct {
	URL string // of its administrator, who may create databases

	supervisor *exec.Cmd
	folder     string
	probe      string         // what a server answers that is ready
	lifeline   io.WriteCloser // takes orders; closing it ends the server
}

// Start prepares an empty data folder and starts a server on a free port of 127.0.0.1, as an
// unprivileged user when we are root. It returns when the server answers. The server ends with
// Stop, or with this process.
func (e *Engine) Start(ctx context.Context, durable bool) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	programs, err := e.find()
	if err != nil {
		return nil, err
	}
	// Between our look at a port and the server's, somebody may take it.
	for range 3 {
		var server *Server
		if server, err = e.startOnce(ctx, programs, durable); err == nil {
			return server, nil
		}
		if !errors.Is(err, errPortTaken) {
			break
		}
	}
	return nil, fmt.Errorf("start %s: %w", e.Name, err)
}

// errPortTaken means that a server ended because it could not listen.
var errPortTaken = errors.New("the port is taken")

func (e *Engine) startOnce(ctx context.Context, programs []string, durable bool) (*Server, error) {
	credential, err := e.credential()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "jobdb-"+strings.ToLower(e.Name)+"-")
	if err != nil {
		return nil, err
	}
	if credential != nil {
		if err := os.Chown(dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
	}
	port, password := freePort(), cmp.Or(e.password, strings.ToLower(rand.Text()))
	settings := e.fast
	if durable {
		settings = e.durable
	}

	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf(supervisor, e.script, e.stop))
	cmd.Dir = dir
	cmd.Env = append([]string{
		"DIR=" + dir, "TMPDIR=" + dir, "HOME=" + dir, "LC_ALL=C", "PORT=" + port, "PASSWORD=" + password, "SETTINGS=" + settings,
		"PATH=" + strings.Join(append(programs, os.Getenv("PATH"), "/usr/sbin:/usr/bin:/sbin:/bin"), ":"),
	}, e.environment...)
	// A process group of its own: Ctrl-C reaches us, and we end it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential}
	messages, err := supervise(cmd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("run /bin/sh in %s (TMPDIR must be a folder that its user can enter): %w", dir, err),
			os.Remove(dir))
	}

	address := url.URL{Scheme: e.scheme, User: url.UserPassword("jobdb", password), Host: "127.0.0.1:" + port, Path: "/" + e.adminDB}
	server := &Server{URL: address.String(), supervisor: cmd, folder: dir, probe: cmp.Or(e.probe, "SELECT 1"), lifeline: messages.lifeline}
	if err := awaitAnswer(ctx, server.URL, messages); err != nil {
		server.Stop()
		return nil, err
	}
	return server, nil
}

// Stop ends the server, removes its folder and returns when both are gone.
func (s *Server) Stop() {
	_ = s.lifeline.Close()
	_ = s.supervisor.Wait() // its exit code says nothing: it also waits for a killed server
}

// Kill ends the server by SIGKILL, as a crash does, and returns when it has ended, so that nobody
// takes the last answers of the old one for those of the next. Its data stay.
func (s *Server) Kill() error {
	killed := filepath.Join(s.folder, "killed")
	if _, err := io.WriteString(s.lifeline, "kill\n"); err != nil {
		return err
	}
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err := os.Remove(killed); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("the killed server has not ended in %s", startTimeout)
}

// Run starts a server that has ended again, on the data and the port that it had, and returns when
// it answers. What still holds its data, such as an orphan of a killed PostgreSQL, is waited for.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recoverTimeout)
	defer cancel()
	db, err := Open(s.URL)
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		if _, err := io.WriteString(s.lifeline, "run\n"); err != nil {
			return err
		}
		for range 20 {
			if _, err = db.ExecContext(ctx, s.probe); err == nil {
				return nil
			}
			time.Sleep(50 * time.Millisecond)
		}
		if ctx.Err() != nil {
			said, _ := os.ReadFile(filepath.Join(s.folder, "again.log"))
			return fmt.Errorf("the server doesn't start again: %w; its last messages:\n%s", err, said[max(0, len(said)-4096):])
		}
	}
}

// credential returns the unprivileged user that a server runs as, or nil when that is us.
func (e *Engine) credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 || e.account == "" {
		return nil, nil
	}
	account, err := user.Lookup(e.account)
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("%s refuses to run as root, and there is no user %s or nobody: %w", e.Name, e.account, err)
	}
	uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}

// freePort picks a port that nobody listens on. It stays below the range from which the system
// takes the ports of outgoing connections, so that a busy test run is unlikely to take it before
// the server does.
func freePort() string {
	for {
		port := strconv.Itoa(15_000 + mathrand.IntN(17_000))
		if listener, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = listener.Close()
			return port
		}
	}
}

// output is what a supervised server prints.
type output struct {
	lifeline io.WriteCloser
	ended    chan struct{} // closed when the server has ended

	mutex sync.Mutex
	last  []byte // the last few kB
}

// supervise starts the command with a lifeline as its standard input, and collects what it prints.
func supervise(cmd *exec.Cmd) (*output, error) {
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		_ = reader.Close()
		return nil, err
	}
	o := &output{lifeline: lifeline, ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		defer reader.Close()
		_, _ = io.Copy(o, reader)
	}()
	return o, nil
}

// Write keeps the end of what was written.
func (o *output) Write(text []byte) (int, error) {
	const keep = 4 << 10
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.last = append(o.last, text...)
	if excess := len(o.last) - keep; excess > 0 {
		o.last = bytes.Clone(o.last[excess:])
	}
	return len(text), nil
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return strings.TrimSpace(string(o.last))
}

// awaitAnswer returns nil when the server at the address answers, and an error with its messages
// when it ended or took too long.
func awaitAnswer(ctx context.Context, address string, messages *output) error {
	db, err := Open(address)
	if err != nil {
		return err
	}
	defer db.Close()
	ping, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // so that we don't wait for whoever else has the port
		select {
		case <-messages.ended:
			cancel()
		case <-ping.Done():
		}
	}()
	for {
		if err := db.PingContext(ping); err == nil {
			return nil
		}
		select {
		case <-messages.ended:
			if said := messages.String(); strings.Contains(said, "already in use") {
				return fmt.Errorf("%w:\n%s", errPortTaken, said)
			}
			return fmt.Errorf("the server ended; its last messages:\n%s", messages)
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w; its last messages:\n%s", context.Cause(ctx), messages)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
