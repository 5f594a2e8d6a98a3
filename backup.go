package jobdb

import (
	"context"
	"errors"
	"fmt"

	"jobdb/internal/engine"
	"jobdb/internal/schema"
)

// ErrNotAFile says that a database is not a SQLite file: servers have their own programs for backups.
var ErrNotAFile = engine.ErrNoFile

// Backup writes a consistent copy of the SQLite file that url names to the path to, and has SQLite
// check the copy. Others may read and write the database meanwhile. The path must not exist yet. It
// appears once the copy is complete, readable by its owner only. Any other database is an
// [ErrNotAFile].
func Backup(ctx context.Context, url, to string) error {
	t, err := engine.ParseURL(url)
	if err == nil {
		err = engine.Backup(ctx, t, to)
	}
	if err != nil {
		return fmt.Errorf("back up the database: %w", err)
	}
	return nil
}

// Restore checks the backup at the path from, and copies it to the SQLite file that url names. If
// that file exists it is renamed to aside, which fails while another process has it open; with an
// empty aside it is an error. Any other database is an [ErrNotAFile].
func Restore(ctx context.Context, from, url, aside string) error {
	t, err := engine.ParseURL(url)
	if err != nil {
		return err
	}
	if err := checkBackup(ctx, from); err != nil {
		return fmt.Errorf("%s can't be restored: %w", from, err)
	}
	if err := engine.Restore(ctx, from, t, aside); err != nil {
		return fmt.Errorf("restore the database: %w", err)
	}
	return nil
}

// checkBackup refuses a file that is damaged or isn't a job database.
func checkBackup(ctx context.Context, path string) error {
	if err := engine.CheckFile(ctx, path); err != nil {
		return err
	}
	db, err := Open(ctx, "sqlite:"+path, Options{ReadOnly: true})
	if err != nil {
		return err
	}
	kind := db.schema.Kind
	if err := db.Close(); err != nil {
		return err
	}
	if kind == schema.KindEmpty || kind == schema.KindUnknown {
		return errors.New("it is no database of jobs")
	}
	return nil
}

// SQLiteFile returns the path of the SQLite file that url names, "" for any other database and for
// a URL that can't be parsed.
func SQLiteFile(url string) string {
	t, err := engine.ParseURL(url)
	if err != nil {
		return ""
	}
	return t.Path()
}

// CheckFile has SQLite check a whole file: its pages, its indexes, and the constraints of each row.
func CheckFile(ctx context.Context, path string) error { return engine.CheckFile(ctx, path) }
