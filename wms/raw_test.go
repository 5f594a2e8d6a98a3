package wms_test

import (
	"database/sql"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"jobdb"
	"jobdb/jobdbtest"
)

// wantGapless wants the numbers 1 to n of a job's records.
func wantGapless(t *testing.T, db *sql.DB, id jobdb.JobID, n int) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT "JobID", "SeqNum" FROM "LoggingInfo" ORDER BY "JobID", "SeqNum"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var numbers, want []int
	for rows.Next() {
		var job jobdb.JobID
		var number int
		if err := rows.Scan(&job, &number); err != nil {
			t.Fatal(err)
		}
		if job == id {
			numbers = append(numbers, number)
			want = append(want, len(numbers))
		}
	}
	if rows.Err() != nil || len(numbers) != n || !slices.Equal(numbers, want) {
		t.Errorf("the records of job %d have the numbers %v (%v), want 1 to %d", id, numbers, rows.Err(), n)
	}
}

// rawHistory reads the records as they are stored, where History tells what they mean: SeqNum,
// Status, MinorStatus, ApplicationStatus, StatusTime, StatusSource. It is for SQLite only.
func rawHistory(t *testing.T, address string) map[jobdb.JobID][][]any {
	t.Helper()
	rows, err := jobdbtest.Raw(t, address).QueryContext(t.Context(), `SELECT "JobID", "SeqNum", "Status", "MinorStatus", "ApplicationStatus",
		CAST("StatusTime" AS TEXT), "StatusSource" FROM "LoggingInfo" ORDER BY "JobID", "SeqNum"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	history := map[jobdb.JobID][][]any{}
	for rows.Next() {
		var id jobdb.JobID
		var number float64 // as in JSON
		var status, minor, application, at, source string
		if err := rows.Scan(&id, &number, &status, &minor, &application, &at, &source); err != nil {
			t.Fatal(err)
		}
		stored, err := time.Parse("2006-01-02 15:04:05.999999", at)
		if err != nil {
			t.Fatal(err)
		}
		history[id] = append(history[id], []any{number, status, minor, application, stored.Format(micro), source})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return history
}

// statementCounter stands between a client and a MariaDB and counts the statements.
type statementCounter struct {
	url   string
	count atomic.Int64
}

func countStatements(t *testing.T, address string) *statementCounter {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	server := u.Host
	u.Host = listener.Addr().String()
	s := &statementCounter{url: u.String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil { // closed: the test has ended
				return
			}
			go s.serve(client, server)
		}
	}()
	return s
}

func (s *statementCounter) serve(client net.Conn, server string) {
	defer client.Close()
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer upstream.Close()
	go func() {
		_, _ = io.Copy(client, upstream)
		_ = client.Close()
	}()
	// A packet is three bytes of length, its number in the exchange, and the rest; the first of an
	// exchange begins with the command.
	const query, execute = 0x03, 0x17
	for {
		header := make([]byte, 5)
		if _, err := io.ReadFull(client, header); err != nil {
			return
		}
		if header[3] == 0 && (header[4] == query || header[4] == execute) {
			s.count.Add(1)
		}
		length := int64(binary.LittleEndian.Uint32(append(header[:3:3], 0)))
		if _, err := upstream.Write(header); err != nil {
			return
		}
		if _, err := io.CopyN(upstream, client, length-1); err != nil {
			return
		}
	}
}
