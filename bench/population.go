package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"jobdb"
)

const populationBatch = 5000

// populate fills the database through our bulk methods and the engine's INSERT … SELECT, always
// with the same jobs.
func (d *database) populate(ctx context.Context) error {
	found, err := queryInt(ctx, d.bare.reader, `SELECT count(*) FROM "Jobs"`)
	if err != nil {
		return err
	}
	switch {
	case found == d.jobs:
		if err := d.countAnew(ctx); err != nil {
			return err
		}
	case found > 0:
		return fmt.Errorf("the database that was kept has %d jobs; drop it", found)
	case d.grid:
		if err := d.fillFast(ctx, newGrid(d.jobs).row); err != nil {
			return fmt.Errorf("populate: %w", err)
		}
	case d.engine == "sqlite" && d.jobs >= minLarge:
		if err := d.fillFast(ctx, randomRows()); err != nil {
			return fmt.Errorf("populate: %w", err)
		}
	default:
		if err := d.fill(ctx); err != nil {
			return fmt.Errorf("populate: %w", err)
		}
	}
	if d.jobsOnly {
		_, err := d.db.FoldCounts(ctx)
		return errors.Join(err, d.refreshStatistics(ctx))
	}
	if err := d.loadIDs(ctx); err != nil {
		return err
	}
	ids := d.jobsToRead(d.maxBulk())
	if err := d.deleteRows(ctx, ids, childTables...); err != nil {
		return err
	}
	if err := d.addChildRows(ctx, ids); err != nil {
		return err
	}
	if _, err := d.db.FoldCounts(ctx); err != nil {
		return err
	}
	return errors.Join(d.refreshStatistics(ctx), d.waitForPurge(ctx))
}

// countAnew makes the counts of a database that was kept, where a migration since then has others.
func (d *database) countAnew(ctx context.Context) error {
	complete, err := queryInt(ctx, d.unmeasured.reader, `SELECT "Count" FROM "JobSums" WHERE "Kind" = 0`)
	if err != nil || complete > 0 {
		return err
	}
	return d.rebuildCounts(ctx, time.Now())
}

// waitForPurge waits until MariaDB or MySQL has removed deleted rows: until then every total reads past the
// count changes that were folded.
func (d *database) waitForPurge(ctx context.Context) error {
	length := map[string]string{
		"mariadb": `SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'INNODB_HISTORY_LIST_LENGTH'`,
		"mysql":   `SELECT "COUNT" FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'`,
	}[d.engine]
	for end := now().Add(15 * time.Second); length != "" && now().Before(end); time.Sleep(100 * time.Millisecond) {
		left, err := queryInt(ctx, d.unmeasured.reader, length)
		if err != nil || left == 0 {
			return err
		}
	}
	return nil
}

// fill stores the jobs, and then a row of each in the tables that grow most.
func (d *database) fill(ctx context.Context) error {
	if err := d.addAllJobs(ctx); err != nil {
		return err
	}
	return d.addHistoryAndParameters(ctx)
}

// addAllJobs stores the jobs batch by batch.
func (d *database) addAllJobs(ctx context.Context) error {
	random := rand.New(rand.NewPCG(1, 2))
	say := paced()
	for first := 0; first < d.jobs; first += populationBatch {
		if err := d.addJobs(ctx, random, first, min(populationBatch, d.jobs-first)); err != nil {
			return err
		}
		say("%s: %s of %s jobs are filled in", d.engine, withCommas(min(first+populationBatch, d.jobs)), withCommas(d.jobs))
	}
	return nil
}

// refreshStatistics tells the planner what is in the tables, as the servers would by themselves
// after a while.
func (d *database) refreshStatistics(ctx context.Context) error {
	switch d.engine {
	case "mariadb", "mysql":
		return d.exec(ctx, `ANALYZE TABLE "JobJDLs", "Jobs", "`+strings.Join(childTables, `", "`)+`"`)
	case "postgres":
		return d.exec(ctx, "VACUUM ANALYZE")
	}
	return nil
}

func (d *database) loadIDs(ctx context.Context) error {
	rows, err := d.bare.reader.QueryContext(ctx, `SELECT "JobID" FROM "Jobs" ORDER BY "JobID"`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id jobdb.JobID
		if err := rows.Scan(&id); err != nil {
			return err
		}
		d.ids = append(d.ids, id)
	}
	return rows.Err()
}

func (d *database) addJobs(ctx context.Context, random *rand.Rand, first, n int) error {
	jdls := make([]string, n)
	rows := make([]jobdb.Attributes, n)
	for i := range rows {
		jdls[i] = originalJDL
		rows[i] = randomJob(random, first+i)
	}
	return d.db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		ids, err := tx.CreateJobs(ctx, jdls)
		if err != nil {
			return err
		}
		attributes := make(map[jobdb.JobID]jobdb.Attributes, n)
		for i, id := range ids {
			attributes[id] = rows[i]
		}
		return tx.InsertJobAttributes(ctx, attributes)
	})
}

// addHistoryAndParameters gives every job a row in each of the tables that grow most.
func (d *database) addHistoryAndParameters(ctx context.Context) error {
	statements := []string{
		`INSERT INTO "LoggingInfo"
			("JobID", "SeqNum", "Status", "MinorStatus", "ApplicationStatus", "StatusTime", "StatusTimeOrder", "StatusSource")
			SELECT "JobID", 1, 'Received', 'Job accepted', 'idem', "SubmissionTime", 500000000.125, 'JobManager' FROM "Jobs" ORDER BY "JobID"`,
		`INSERT INTO "JobParameters" ("JobID", "Name", "Value") SELECT "JobID", 'CPUNormalizationFactor', '19.5' FROM "Jobs" ORDER BY "JobID"`,
		`INSERT INTO "HeartBeatLoggingInfo" ("JobID", "Name", "Value", "HeartBeatTime")
			SELECT "JobID", 'LoadAverage', '1.25', "HeartBeatTime" FROM "Jobs" WHERE "HeartBeatTime" IS NOT NULL ORDER BY "JobID"`,
	}
	for _, statement := range statements {
		if err := d.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// childTables are all tables with rows of a job but Jobs and JobJDLs.
var childTables = []string{
	"InputData", "JobParameters", "OptimizerParameters", "AtticJobParameters", "HeartBeatLoggingInfo", "JobCommands", "LoggingInfo",
}

// addChildRows gives these jobs rows in every child table.
func (d *database) addChildRows(ctx context.Context, ids []jobdb.JobID) error {
	jdls := make(map[jobdb.JobID]string, len(ids))
	var commands []jobdb.Command
	for _, id := range ids {
		jdls[id] = originalJDL
		commands = append(commands, jobdb.Command{JobID: id, Command: jobdb.KillCommand})
		commands = append(commands, jobdb.Command{JobID: id, Command: "Peek", Arguments: "x"})
	}
	err := d.db.Tx(ctx, func(ctx context.Context, tx *jobdb.Tx) error {
		if err := tx.UpdateJobJDLs(ctx, jdls); err != nil {
			return err
		}
		if err := tx.InsertInputData(ctx, inputFiles(ids)); err != nil {
			return err
		}
		if err := tx.SetOptimizerParameters(ctx, parameters(ids, "v")); err != nil {
			return err
		}
		if err := tx.SetJobParameters(ctx, parameters(ids, "v")); err != nil {
			return err
		}
		if err := tx.ArchiveJobParameters(ctx, ids); err != nil {
			return err
		}
		if err := tx.SetJobParameters(ctx, parameters(ids, "w")); err != nil {
			return err
		}
		if err := tx.AddHeartbeatData(ctx, heartbeats(ids, "1024")); err != nil {
			return err
		}
		if err := tx.SetJobCommands(ctx, commands); err != nil {
			return err
		}
		return tx.InsertHistory(ctx, history(ids, "Waiting", "Matched", "Running"))
	})
	if err != nil {
		return fmt.Errorf("add rows of jobs: %w", err)
	}
	return nil
}
