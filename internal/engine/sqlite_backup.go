package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNoFile is the error for a database that isn't a file, so that it can't be copied as one.
var ErrNoFile = errors.New("the database is not a SQLite file")

// ErrOpenElsewhere is the error for a file that another process has open.
var ErrOpenElsewhere = errors.New("another process, such as a server, has the database open; stop it first")

// Backup writes a copy of a SQLite file as it is at one moment, while others read and write, and
// checks the copy. The file to write must not exist; it is readable by its owner only, and there
// only once it is whole. Of several backups to one name at once the others fail.
func Backup(ctx context.Context, t Target, to string) (err error) {
	if t.Path() == "" {
		return ErrNoFile
	}
	if _, err := os.Stat(to); err == nil {
		return fmt.Errorf("%s exists already", to)
	}
	if err := refuseLeftLog(to); err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(to), draftOf(to)) // SQLite writes into a file that is empty
	if err != nil {
		return err
	}
	partial := draft.Name()
	defer os.Remove(partial) //nolint:errcheck // it is gone when all went well
	if err := draft.Close(); err != nil {
		return err
	}
	// On a connection of its own, because writers would have to wait for theirs while the copy is
	// made.
	err = withFile(t.path, false, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "VACUUM INTO ?", partial)
		return err
	})
	if err != nil {
		return err
	}
	if err := CheckFile(ctx, partial); err != nil {
		return fmt.Errorf("the copy is damaged: %w", err)
	}
	if err := syncFile(partial); err != nil {
		return err
	}
	return errors.Join(place(partial, to), syncFile(filepath.Dir(to)))
}

// draftOf is the pattern of names of a file until it is whole.
func draftOf(path string) string { return filepath.Base(path) + ".*.partial" }

// place gives a file that is whole its name, unless there is one of that name.
func place(draft, path string) error {
	err := os.Link(draft, path) // unlike a rename, fails if it exists
	if err == nil {
		return os.Remove(draft)
	}
	if _, statErr := os.Stat(path); errors.Is(err, fs.ErrExist) || statErr == nil {
		return fmt.Errorf("%s exists already", path)
	}
	return os.Rename(draft, path) // where there are no links
}

// CheckFile has SQLite check all of a file: its pages, its indexes, and the constraints of each
// row.
func CheckFile(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	return withFile(path, true, func(db *sql.DB) error {
		found, err := AskText(ctx, db, "PRAGMA integrity_check(1)")
		if err == nil && found != "ok" {
			err = errors.New(found)
		}
		return err
	})
}

// withFile runs fn with a pool of one connection to a file.
func withFile(path string, readOnly bool, fn func(*sql.DB) error) error {
	db, err := sql.Open(SQLiteDriver, sqliteDSN(path, readOnly, true))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(fn(db), db.Close())
}

// Restore copies the file from to a SQLite file. If that exists it is renamed to aside; it is
// ErrOpenElsewhere if another process has it open. With an empty aside none may exist.
func Restore(ctx context.Context, from string, t Target, aside string) error {
	if t.Path() == "" {
		return ErrNoFile
	}
	if log := logBeside(from); log != "" {
		return fmt.Errorf("%s may have what isn't in %s yet, which somebody writes or wrote when it was copied; restore what jobdb backup makes of it", log, from)
	}
	if err := refuseLeftLog(t.path); err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(t.path), draftOf(t.path))
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name()) //nolint:errcheck // it is gone when all went well
	if err := copyFile(from, draft); err != nil {
		return err
	}
	if _, statErr := os.Stat(t.path); statErr == nil && aside != "" {
		if err := putAside(ctx, t.path, aside); err != nil {
			return err
		}
		err = os.Rename(draft.Name(), t.path)
	} else {
		err = place(draft.Name(), t.path)
	}
	if err == nil {
		err = withFile(t.path, false, func(db *sql.DB) error {
			_, err := AskText(ctx, db, "PRAGMA journal_mode = WAL")
			return err
		})
	}
	return errors.Join(err, syncFile(filepath.Dir(t.path)))
}

// putAside gives a file another name. Before that it makes SQLite merge the log into the file,
// which fails while another process has it open. Where links are possible the file keeps its old
// name, too, until the new file takes it, so that there is always a database of that name.
func putAside(ctx context.Context, path, aside string) error {
	linked := os.Link(path, aside) // first, so that one of several does it
	if _, err := os.Stat(aside); err == nil && linked != nil {
		return fmt.Errorf("%s exists already: move it away first", aside)
	}
	err := withFile(path, false, func(db *sql.DB) error {
		mode, err := AskText(ctx, db, "PRAGMA journal_mode = DELETE")
		if classifySQLite(err) == ClassRetry || err == nil && mode != "delete" {
			return ErrOpenElsewhere
		}
		return err
	})
	switch {
	case err != nil && linked == nil:
		return errors.Join(err, os.Remove(aside))
	case err != nil || linked == nil:
		return err
	}
	return os.Rename(path, aside)
}

// logBeside returns the log file beside a database: SQLite's write-ahead log or rollback journal;
// "" if there is none.
func logBeside(path string) string {
	for _, log := range []string{path + "-wal", path + "-journal"} {
		if info, err := os.Stat(log); err == nil && info.Size() > 0 {
			return log
		}
	}
	return ""
}

// refuseLeftLog refuses to make a database where the log of one is left that was moved away. SQLite
// would delete that log with all it has, or play it into the new database and damage it.
func refuseLeftLog(path string) error {
	log := logBeside(path) // before the file: another server may just be making both
	if log == "" {
		return nil
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s belongs to a database that isn't there any more, and may have what was written to it last: put it beside that, under the same name, or move it away", log)
}

// copyFile copies a file into an open one, and closes that.
func copyFile(from string, target *os.File) error {
	source, err := os.Open(from)
	if err != nil {
		return errors.Join(err, target.Close())
	}
	defer source.Close() //nolint:errcheck // it was only read
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Sync(), target.Close())
}

// syncFile writes a file, or the names in a folder, to the disk.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
