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

// Backup writes a copy of the SQLite file that url names, as it is at one moment, while others read and
// write it, and has SQLite check it. The copy must not exist; it is there once it is whole, readable
// by its owner only. Other databases are [ErrNotAFile].
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

// Restore makes the SQLite file that url names a copy of a backup, after it has checked that. A file
// that is there gets the name aside, or is left and an error where that is "". It fails while another
// process has it open. Other databases are [ErrNotAFile].
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

// checkBackup refuses a file that is damaged, or no database of jobs.
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

// SQLiteFile is the path of the file that a URL names; "" if it names another database.
func SQLiteFile(url string) string {
	t, err := engine.ParseURL(url)
	if err != nil {
		return ""
	}
	return t.Path()
}

// CheckFile has SQLite check all of a file: its pages, its indexes, and that each row has what its
// table demands.
func CheckFile(ctx context.Context, path string) error { return engine.CheckFile(ctx, path) }
