// Package jobdb is the job database of the DIRAC grid: what was asked of
// each job (its JDL), where it is, how it fares (status, heartbeats, history)
// and what it must be told (commands), on SQLite, MariaDB or MySQL, and
// PostgreSQL, with the same answers on each.
//
// # Use
//
// [Open] a database by its URL and let [DB.Migrate] make the tables, unless
// it is the live database of a DiracX or DIRAC installation, which is used as it is.
// Every method works on a [DB], as a transaction of its own, and on the [Tx] that
// [DB.Tx] gives, as a part of a larger one. Queries are written as clients send
// them ([SearchRequest], [SummaryRequest]), checked by Parse and then run. Errors
// are told apart with [errors.Is]: [ErrInvalidQuery], [ErrInvalidValue],
// [ErrNotFound], [ErrConflict], [ErrUnavailable], [ErrSchema].
//
// # From the seed's names to ours
//
//	summary                  Summary
//	search                   Search, Stream
//	create_job               CreateJob, CreateJobs
//	delete_jobs              DeleteJobs
//	insert_input_data        InsertInputData
//	insert_job_attributes    InsertJobAttributes
//	update_job_jdls          UpdateJobJDLs
//	set_job_attributes       SetJobAttributes
//	get_job_jdls             JobJDLs, OriginalJDLs
//	set_job_commands         SetJobCommands
//	set_properties           SetProperties
//	add_heartbeat_data       AddHeartbeatData
//	get_job_commands         TakeJobCommands
//
// What the tables need and the seed has no method for:
//
//	JobParameters            SetJobParameters, JobParameters
//	OptimizerParameters      SetOptimizerParameters, OptimizerParameters
//	AtticJobParameters       ArchiveJobParameters, ArchivedJobParameters
//	InputData                InputData
//	HeartBeatLoggingInfo     Heartbeats
//	JobCommands              JobCommands, ExpireJobCommands
//	LoggingInfo              InsertHistory, History, DeleteHistory, StatusTimes
//	Answers (ours only)      SaveReply, SavedReply
//	JobCounts (ours only)    FoldCounts, VerifyCounts, RebuildCounts
//	Jobs, until a Tx ends    LockJobs
//
// The pilots' database is another one: [OpenPilots].
//
// # Where things are
//
//	job.go                   jobs, commands, heartbeats, history records
//	columns.go               the one table of tables: names, kinds, lengths, defaults
//	errors.go                the classes of errors
//	query.go, filter.go, period.go
//	                         from what clients send to checked queries
//	compile.go               from checked queries to SQL
//	dialect.go               what differs between engines in the text of SQL
//	open_*.go, url.go, regexp.go
//	                         what differs in connecting; database URLs; SQLite's REGEXP
//	db.go, clock.go, tx.go, groupcommit.go
//	                         Open; transactions and their retries; SQLite's shared commits
//	bulk.go, scan.go         batches in, rows out
//	read.go, write.go, hold.go, commands.go, heartbeat.go, parameters.go, history.go, answers.go
//	                         the access layer
//	counts.go, counts_fold.go, counts_check.go
//	                         counts of jobs, from which totals and summaries are answered
//	cursor.go                pages that begin after a row
//	pilots.go                the pilots' database
//	migrate.go, migrate_lock.go, migrations/
//	                         our schema
//	schema.go, catalog.go, schema_check.go, schema_report.go, narrow.go
//	                         whose schema is this, what is missing or narrower
//
// The package knows nothing of HTTP, tokens or the rules of a workload
// management system; those stand on it.
package jobdb
