// Package jobdb is the job database of the DIRAC grid: all that is known of a job, on SQLite, MariaDB,
// MySQL and PostgreSQL, with the same answers on each. It runs on tables of its own, or as it is on the
// live database of a DiracX or DIRAC installation.
//
// # Tour
//
// [Open] a database by its URL, or [OpenDB] it on a pool of your own. [DB.Migrate] makes the tables of a
// new one; a live database is left as it is. Every method works on a [DB], where it is a transaction of
// its own, and on the [Tx] that [DB.Tx] hands out, where it is a part of a larger one.
//
// A job is born by [DB.CreateJobs], which gives it its [JobID] and keeps its JDL, and
// [DB.InsertJobAttributes], which fills its row of the table Jobs. From then on
//
//   - its status changes ([DB.SetJobAttributes]) and each change is a record of its history ([DB.InsertHistory]);
//   - it sends heartbeats ([DB.AddHeartbeatData]) and takes the commands that wait for it ([DB.SetJobCommands],
//     [DB.TakeJobCommands]);
//   - it has parameters ([DB.SetJobParameters]), which move to an archive when it is rescheduled
//     ([DB.ArchiveJobParameters]);
//   - it goes with all that belongs to it ([DB.DeleteJobs]).
//
// Questions are written as clients send them ([SearchRequest], [SummaryRequest]). Parse checks one and gives
// a [Search] or a [Summary], which needs a [Scope]: whose jobs it is about. [DB.Search] answers with a page,
// [DB.Stream] with all rows one by one, [DB.Summary] with counts, [DB.Job] with one job.
//
// Errors are told apart by [errors.Is]: [ErrInvalidQuery], [ErrInvalidValue], [ErrNotFound], [ErrConflict],
// [ErrUnavailable] (worth another try later), [ErrSchema], and what only a mistake in a program brings about:
// [ErrNoScope], [ErrInTx], [ErrClosed].
//
// The package knows nothing of HTTP, of tokens, or of the rules of a workload management system (which
// status may follow which, what a submission becomes); those stand on it.
//
// # Glossary
//
//   - job: a row of the table Jobs, with its JDL in JobJDLs. Its columns are its attributes.
//   - JDL: the job description language, in which a user says what to run. Stored compressed.
//   - VO: the virtual organisation, the community that a job belongs to. VOs don't see each other's jobs.
//   - owner, owner group: who submitted the job, and with which rights.
//   - site: the computing centre where a job runs; ANY before it is matched to one.
//   - status, minor status, application status: what the job does, in three levels of detail. The last
//     one is the payload's own text.
//   - pilot: the agent on a worker node that fetches jobs and runs them. A pilot stamp names one.
//   - heartbeat: a running job's sign of life, with measurements of itself.
//   - command: something to tell a job with its next heartbeat, above all Kill.
//   - parameter: a named text that belongs to a job. Optimizer parameters are those of DIRAC's optimizers.
//   - reschedule: to run a job again under its ID. Each run is a cycle.
//   - history: the record of a job's statuses, the table LoggingInfo.
//   - live database: one that DiracX or DIRAC made and perhaps still uses.
//   - counts: numbers of jobs by values of columns, kept up by triggers of our own schema, from which
//     totals and summaries are answered.
//
// # Methods of DiracX's JobDB and ours
//
//	summary                  Summary
//	search                   Search, Stream, Job
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
// What the tables need beside these:
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
//	job.go, columns.go, kinds.go
//	                         jobs, commands, heartbeats, history; the columns of Jobs and what they hold
//	errors.go                the classes of errors
//	query.go, filter.go, period.go, limits.go, cursor.go
//	                         from what clients send to checked queries
//	compile.go               from checked queries to SQL: all SQL of a search is here
//	read.go                  runs queries: pages, streams, summaries
//	open.go, db.go, clock.go Open, Options, DB
//	tx.go                    transactions and their retries, errors of engines
//	bulk.go, scan.go         batches in, rows out
//	write.go, numbered.go, lock.go, commands.go, heartbeat.go, parameters.go, history.go, idempotency.go, refused.go
//	                         the access layer: everything that changes jobs
//	counts*.go               the counts of jobs
//	pilots.go                the pilots' database
//	taskqueues*.go           the task queues' database
//	parametersdb.go          parameters in OpenSearch
//	schema.go                Migrate, CheckSchema
//	internal/tables          the one table of tables: names, kinds, lengths, defaults
//	internal/engine          all that differs between engines: dialects, drivers, URLs, classes of errors
//	internal/schema          whose schema is this, what of it is missing or narrower; migrations
package jobdb
