package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"jobdb"
)

type backupCommand struct {
	folderSettings
	databaseSettings

	File string `arg:"" help:"File to write; it must not exist." type:"path"`
}

// serverBackups says how databases on servers are backed up.
const serverBackups = `this database is on a server, whose own programs make backups while jobdb runs:

  PostgreSQL      pg_dump --format=custom --file=FILE DATABASE, or pg_basebackup with its log for any moment
  MariaDB         mariadb-dump --single-transaction --triggers --databases DATABASE, or mariabackup
  MySQL           mysqldump --single-transaction --triggers --databases DATABASE`

// Help is printed by jobdb backup --help.
func (*backupCommand) Help() string {
	return `Writes a copy of a SQLite database as it is at one moment, and checks it. Servers may run meanwhile. A plain copy of the file
may lack what was written last. Databases on servers have their own programs for backups; the command says which.

Examples:

  jobdb backup jobs-backup.db
  jobdb backup --db sqlite:/srv/jobs.db /backup/jobs.db`
}

// Run makes a backup.
func (c *backupCommand) Run(ctx context.Context, p *program) error {
	if _, err := os.Stat(c.database()); c.DB == "" && err != nil {
		return fmt.Errorf("there is no database yet: %w", err)
	}
	err := jobdb.Backup(ctx, c.url(c.folderSettings), c.File)
	if errors.Is(err, jobdb.ErrNotAFile) {
		return errors.New(serverBackups)
	}
	if err == nil {
		p.say("written and checked: %s", c.File)
	}
	return err
}

type restoreCommand struct {
	folderSettings
	databaseSettings

	File    string `arg:"" help:"Backup, as jobdb backup wrote it." type:"path"`
	Replace bool   `help:"Put a database that is there aside, under its name with .before-restore."`
}

// Help is printed by jobdb restore --help.
func (*restoreCommand) Help() string {
	return `Checks a backup, and makes the SQLite database a copy of it. No server may run. Jobs that were submitted after the backup are
not in it, and their numbers will be given again.

Examples:

  jobdb restore jobs-backup.db --data-dir /tmp/restored
  jobdb restore jobs-backup.db --replace`
}

// Run restores a backup.
func (c *restoreCommand) Run(ctx context.Context, p *program) error {
	if c.DB == "" {
		if err := c.makeFolder(); err != nil {
			return err
		}
	}
	url := c.url(c.folderSettings)
	path := jobdb.SQLiteFile(url)
	if path == "" {
		return errors.New("this database is on a server: restore it by the server's own programs (pg_restore, mariadb, mysql)")
	}
	aside := path + ".before-restore"
	if info, err := os.Stat(path); (err != nil || info.Size() > 0) && !c.Replace {
		if err == nil {
			return fmt.Errorf("%s is there already; with --replace it is put aside", path)
		}
		aside = ""
	}
	err := jobdb.Restore(ctx, c.File, url, aside)
	if err != nil {
		return err
	}
	p.say("restored: %s", path)
	if _, err := os.Stat(aside); aside != "" && err == nil {
		p.say("the database that was there: %s", aside)
	}
	return nil
}
