package engine

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// SQLite's write-ahead log can begin anew only while nobody reads from it. If readers overlap all
// the time, that never happens, and the log grows without end. So when it is large, new readers
// wait until those that run have ended.
const (
	logLimit = 128 << 20 // bytes from which on the log is made to begin anew

	// logPatience is how long new readers wait for those that run, for each logLimit of the log.
	// When the log has logMost times logLimit, long questions among the readers are ended.
	logPatience = time.Second
	logMost     = 8
	// A plain copy of the file lacks what only the log has. So the log is copied into the file when
	// nothing was written for idleTime, and otherwise after busyTime, or when so many pages wait. They
	// are many, so that pages that many transactions change are copied once.
	idleTime  = 2 * time.Second
	busyTime  = 30 * time.Second
	copyPages = 10_000
	// checkpointWait is how long writers wait for readers in other processes.
	checkpointWait = 100 * time.Millisecond
)

// ErrLetGo is the cause of the end of a question that was ended so that SQLite's log could begin
// anew.
var ErrLetGo = errors.New("it was ended because SQLite's log could not begin anew while it ran; ask for less, or try again later")

// allReaders is more readers than there ever are.
const allReaders = 1 << 30

// sqliteLog keeps the log of a file small.
type sqliteLog struct {
	path    string
	limit   int64 // logLimit; tests have less
	groups  *GroupCommit
	readers *semaphore.Weighted // each reader holds one of allReaders
	written chan struct{}       // something was written since the log was checked
	copier  *sql.DB             // a connection of its own: readers may have all others

	mutex    sync.Mutex
	letGo    context.Context // ends when questions have to end; then there is a new one
	endThese context.CancelFunc
}

// keepLogSmall keeps the log of a file small until stop is called, which closes copier.
func keepLogSmall(path string, groups *GroupCommit, copier *sql.DB) (_ *sqliteLog, stop func() error) {
	l := &sqliteLog{
		path: path + "-wal", limit: logLimit, groups: groups,
		readers: semaphore.NewWeighted(allReaders), written: make(chan struct{}, 1), copier: copier,
	}
	l.letGo, l.endThese = context.WithCancel(context.Background())
	groups.committed = func() {
		select {
		case l.written <- struct{}{}:
		default:
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { l.loop(ctx) })
	return l, func() error {
		cancel()
		loop.Wait()
		return copier.Close()
	}
}

// LogSize is the size of SQLite's write-ahead log in bytes; 0 where there is none.
func (e *Engine) LogSize() int64 {
	if e.log == nil {
		return 0
	}
	info, err := os.Stat(e.log.path)
	if err != nil { // it is made with the first write
		return 0
	}
	return info.Size()
}

func (l *sqliteLog) loop(ctx context.Context) {
	tried := int64(0)     // the log's size when it didn't begin anew
	var written time.Time // the log's time of modification when it was last checked
	var idle, busy <-chan time.Time
	for {
		select {
		case <-l.written:
		case <-idle:
			idle, busy = nil, nil
			l.copyToFile(ctx)
			continue
		case <-busy:
			busy = nil
			l.copyToFile(ctx)
			continue
		case <-ctx.Done():
			return
		}
		info, err := os.Stat(l.path)
		if err != nil {
			tried = 0
			continue
		}
		if !info.ModTime().Equal(written) { // transactions that change nothing don't count
			written, idle = info.ModTime(), time.After(idleTime)
			if busy == nil {
				busy = time.After(busyTime)
			}
			if l.uncopied(ctx) >= copyPages {
				l.copyToFile(ctx)
			}
		}
		switch {
		case info.Size() < l.limit:
			tried = 0
		case info.Size() >= tried+l.limit/2: // else the last try was only just before
			if tried = info.Size(); l.beginAnew(ctx, tried) {
				tried = 0
			}
		}
	}
}

// beginAnew tries to make a log of this size empty, and reports whether it is.
func (l *sqliteLog) beginAnew(ctx context.Context, size int64) bool {
	times := size / l.limit
	if times >= logMost {
		l.endQuestions()
	}
	ctx, cancel := context.WithTimeout(ctx, logPatience*time.Duration(times))
	defer cancel()
	if l.readers.Acquire(ctx, allReaders) != nil {
		return false
	}
	defer l.readers.Release(allReaders)
	busy := 1
	err := l.groups.alone(ctx, func(writer *sql.Conn) error {
		if _, err := writer.ExecContext(ctx, pragmaBusyTimeout(checkpointWait)); err != nil {
			return err
		}
		var pages, done int
		err := writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done)
		_, reset := writer.ExecContext(context.WithoutCancel(ctx), pragmaBusyTimeout(lockStep*time.Millisecond))
		return errors.Join(err, reset)
	})
	return err == nil && busy == 0
}

// copyToFile copies the log into the file, as far as readers of older snapshots allow. Nobody waits
// for it. If it fails SQLite does it later.
func (l *sqliteLog) copyToFile(ctx context.Context) {
	var busy, pages, done int
	_ = l.copier.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &done)
}

// uncopied is how many pages only the log has.
func (l *sqliteLog) uncopied(ctx context.Context) int {
	var busy, pages, done int
	_ = l.copier.QueryRowContext(ctx, "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &pages, &done)
	return pages - done
}

func pragmaBusyTimeout(d time.Duration) string {
	return "PRAGMA busy_timeout = " + strconv.FormatInt(d.Milliseconds(), 10)
}

func (l *sqliteLog) endQuestions() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.endThese()
	l.letGo, l.endThese = context.WithCancel(context.Background())
}

// Reading must be called before a read outside of write transactions, and done after it. It may
// wait until the log has begun anew.
func (e *Engine) Reading(ctx context.Context) (done func(), err error) {
	if e.log == nil {
		return func() {}, nil
	}
	if err := e.log.readers.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { e.log.readers.Release(1) }, nil
}

// Question returns a context for a question that may take long. It ends, with the cause [ErrLetGo],
// when the question has to end so that the log can begin anew.
func (e *Engine) Question(ctx context.Context) (context.Context, context.CancelFunc) {
	if e.log == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	e.log.mutex.Lock()
	defer e.log.mutex.Unlock()
	stop := context.AfterFunc(e.log.letGo, func() { cancel(ErrLetGo) })
	return ctx, func() { stop(); cancel(nil) }
}
