package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"jobdb"
)

const routesIssuer = "http://lhcbdirac.cern.ch/"

// pair is our server and the reference's, on databases of their own with the same jobs.
type pair struct{ ours, reference *server }

func (p *pair) stop() {
	for _, s := range []*server{p.ours, p.reference} {
		if s != nil {
			s.stop()
		}
	}
}

// startPair starts both servers, which trust the same keys, and submits some jobs to each.
func startPair(ctx context.Context, s settings, d *database, folder, command string) (p *pair, err error) {
	p = &pair{}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	keys := filepath.Join(folder, d.engine+"-keys.json")
	if err := runCommand(ctx, s.python(), "oracle/keys.py", "new", keys); err != nil {
		return p, err
	}
	tokens, err := makeTokens(ctx, s.python(), keys)
	if err != nil {
		return p, err
	}
	jobs, err := d.jobsOf(ctx, "lhcb")
	if err != nil {
		return p, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return p, err
	}
	profiles := fmt.Sprintf("127.0.0.1:%d", port)
	p.ours, err = startServer(ctx, `listening" url=(\S+)`, filepath.Join(folder, d.engine+"-ours.log"), "env", "JOBDB_PROFILE="+profiles,
		command, "serve", "--listen", "127.0.0.1:0", "--issuer", routesIssuer, "--keys", keys, "--db", d.url, "--data-dir", folder)
	if err != nil {
		return p, err
	}
	p.ours.profiles = profiles
	if s.reference != "" {
		if err := p.startReference(ctx, s.reference, d, folder, keys); err != nil {
			return p, err
		}
	}
	for _, server := range []*server{p.ours, p.reference} {
		if server == nil {
			continue
		}
		server.tokens, server.jobs = tokens, jobs
		if err := server.submit(ctx, 160); err != nil {
			return p, err
		}
	}
	return p, nil
}

// startReference makes and fills the reference's database, and starts its service.
func (p *pair) startReference(ctx context.Context, python string, d *database, folder, keys string) error {
	databases, err := d.referenceCopy(ctx, python, folder)
	if err != nil {
		return fmt.Errorf("fill the reference's database: %w", err)
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	p.reference, err = startServer(ctx, `(ready)`, filepath.Join(folder, d.engine+"-reference.log"), python,
		"oracle/service.py", "--port", strconv.Itoa(port),
		"--keystore", keys, "--issuer", routesIssuer, "--wal", "--jobdb", databases[0], "--loggingdb", databases[1])
	if err == nil {
		p.reference.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	}
	return err
}

// python is a Python interpreter that can make keys and tokens.
func (s settings) python() string {
	return cmp.Or(s.reference, os.Getenv("JOBDB_ORACLE_PYTHON"), ".cache/oracle-venv/bin/python")
}

// submit submits n jobs, which can then be rescheduled, one after another: the reference is slow
// with lists.
func (s *server) submit(ctx context.Context, n int) error {
	r := routes()[0]
	for range n {
		request, err := http.NewRequestWithContext(ctx, r.method, s.url+r.path, strings.NewReader(r.body(target{})))
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+s.tokens[0])
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("submit to %s: %w", s.url, err)
		}
		text, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return err
		}
		var jobs []struct{ JobID jobdb.JobID }
		if err := json.Unmarshal(text, &jobs); err != nil || len(jobs) != 1 {
			return fmt.Errorf("submit to %s: %s: %.300s", s.url, response.Status, text)
		}
		s.submitted = append(s.submitted, jobs[0].JobID)
	}
	return nil
}

// makeTokens makes a token for each connection.
func makeTokens(ctx context.Context, python, keys string) ([]string, error) {
	var tokens []string
	for i := range connections {
		token, err := exec.CommandContext(ctx, python, "oracle/keys.py", "token", keys, "--issuer", routesIssuer,
			"--user", "user"+strconv.Itoa(i), "--group", "lhcb_user", "--vo", "lhcb",
			"--property", "NormalUser", "--property", "GenericPilot", "--seconds", "86400").Output()
		if err != nil {
			return nil, fmt.Errorf("make a token: %w", err)
		}
		tokens = append(tokens, strings.TrimSpace(string(token)))
	}
	return tokens, nil
}

// jobsOf returns the jobs of a VO.
func (d *database) jobsOf(ctx context.Context, vo string) ([]jobdb.JobID, error) {
	var ids []jobdb.JobID
	rows, err := d.bare.reader.QueryContext(ctx, d.bare.text(`SELECT "JobID" FROM "Jobs" WHERE "VO" = ? ORDER BY "JobID"`), vo)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id jobdb.JobID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// referenceCopy makes databases by the reference's own create_all, copies all
// rows there and returns their URLs in SQLAlchemy's form: JobDB and JobLoggingDB.
func (d *database) referenceCopy(ctx context.Context, python, folder string) (urls [2]string, err error) {
	names := [2]string{"reference_jobs", "reference_history"}
	addresses := [2]string{}
	for i, name := range names {
		if d.engine == "sqlite" {
			path := filepath.Join(folder, name+".db")
			addresses[i], urls[i] = "sqlite:"+path, "sqlite+aiosqlite:///"+path
			names[i] = path
			continue
		}
		if err := d.exec(ctx, "DROP DATABASE IF EXISTS "+name); err != nil {
			return urls, err
		}
		if err := d.exec(ctx, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4"); err != nil {
			return urls, err
		}
		addresses[i] = d.url[:strings.LastIndexByte(d.url, '/')+1] + name
		urls[i] = "mysql+aiomysql" + strings.TrimPrefix(addresses[i], "mysql")
	}
	create := exec.CommandContext(ctx, python, "oracle/create_all.py")
	create.Stdin = strings.NewReader(strings.Join(addresses[:], "\n") + "\n")
	if said, err := create.CombinedOutput(); err != nil || strings.TrimSpace(string(said)) != "done\ndone" {
		return urls, fmt.Errorf("create_all: %s, %w", said, err)
	}
	connection, err := d.unmeasured.writer.Conn(ctx)
	if err != nil {
		return urls, err
	}
	defer connection.Close()
	for i, tables := range [][]string{
		{"JobJDLs", "Jobs", "JobParameters", "HeartBeatLoggingInfo", "JobCommands", "InputData", "OptimizerParameters", "AtticJobParameters"},
		{"LoggingInfo"},
	} {
		if err := d.copyTables(ctx, connection, names[i], tables); err != nil {
			return urls, err
		}
	}
	return urls, nil
}

// copyTables copies the rows of our tables to another database on the same server, or to another
// file. A few commands are left out: where the reference keeps whole seconds, they have the key of
// another.
func (d *database) copyTables(ctx context.Context, connection *sql.Conn, other string, tables []string) error {
	list := `SELECT group_concat('"' || ours.name || '"') FROM pragma_table_info(?, 'main') AS ours
		JOIN pragma_table_info(?, 'other') AS theirs ON ours.name = theirs.name`
	arguments := func(table string) []any { return []any{table, table} }
	insert := "INSERT OR IGNORE INTO "
	if d.engine == "sqlite" {
		if _, err := connection.ExecContext(ctx, `ATTACH ? AS other`, other); err != nil {
			return err
		}
		defer func() { _, _ = connection.ExecContext(ctx, `DETACH other`) }() // it ends with the connection, too
		other = "other"
	} else {
		list = "SELECT group_concat(concat('`', ours.COLUMN_NAME, '`')) FROM information_schema.COLUMNS ours " +
			"JOIN information_schema.COLUMNS theirs USING (TABLE_NAME, COLUMN_NAME) " +
			"WHERE TABLE_NAME = ? AND ours.TABLE_SCHEMA = database() AND theirs.TABLE_SCHEMA = ?"
		arguments = func(table string) []any { return []any{table, other} }
		insert = "INSERT IGNORE INTO "
	}
	for _, table := range tables {
		var columns string
		if err := connection.QueryRowContext(ctx, list, arguments(table)...).Scan(&columns); err != nil {
			return fmt.Errorf("columns of %s: %w", table, err)
		}
		if _, err := connection.ExecContext(ctx, insert+other+"."+table+" ("+columns+") SELECT "+columns+" FROM "+table); err != nil {
			return fmt.Errorf("copy %s: %w", table, err)
		}
	}
	return nil
}

// startServer starts a command and waits until its log matches the pattern that welcome is. The
// first group is the URL.
func startServer(ctx context.Context, welcome, logFile, name string, args ...string) (*server, error) {
	out, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = out, out
	if err := command.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // what it says is in its log
		close(ended)
	}()
	s := &server{pid: command.Process.Pid, stop: func() {
		_ = command.Process.Signal(os.Interrupt)
		<-ended
	}}
	pattern := regexp.MustCompile(welcome)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		said, err := os.ReadFile(logFile)
		if found := pattern.FindSubmatch(said); err == nil && found != nil {
			s.url = string(found[1])
			return s, nil
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("%s did not start: %s", name, said)
		case <-time.After(50 * time.Millisecond):
		}
	}
	s.stop()
	return nil, fmt.Errorf("%s does not say that it listens: see %s", name, logFile)
}

func freePort(ctx context.Context) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // it is one
}

func runCommand(ctx context.Context, name string, args ...string) error {
	start := time.Now()
	if said, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{name}, args...), " "), err, said)
	}
	log.Printf("%s took %v", filepath.Base(name), time.Since(start).Round(time.Millisecond))
	return nil
}
