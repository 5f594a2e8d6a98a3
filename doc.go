// Package jobdb is the job database of the DIRAC grid. It stores everything that is known of a job,
// in SQLite, MariaDB, MySQL or PostgreSQL, and answers the same on each. It creates its own tables,
// or uses the tables of a DiracX or DIRAC installation unchanged.
//
// # Tour
//
// [Open] a database by its URL, or pass a *sql.DB of your own to [OpenDB]. [DB.Migrate] makes the
// tables of a new database; the database of a DiracX or DIRAC installation is never migrated. On a
// [DB] each call of a method is one transaction; on the [Tx] that [DB.Tx] hands out the calls share
// one.
//
// A job is created in two steps: [DB.CreateJobs] gives it its [JobID] and keeps its JDL, and
// [DB.InsertJobAttributes] fills its row of the table Jobs. From then on
//
//   - its status changes ([DB.SetJobAttributes]), and whoever changes it adds a record to its
//     history ([DB.InsertHistory]), which no other method does;
//   - the values that it reports in heartbeats are kept ([DB.AddHeartbeatData]);
//   - commands for it are stored ([DB.SetJobCommands]) and handed out with its next heartbeat
//     ([DB.TakeJobCommands]);
//   - it has parameters ([DB.SetJobParameters]), which move to an archive when it is rescheduled
//     ([DB.ArchiveJobParameters]);
//   - it is deleted, with everything that belongs to it ([DB.DeleteJobs]).
//
// Questions are written as clients send them ([SearchRequest], [SummaryRequest]). Parse checks one
// and gives a [Search] or a [Summary]. Set its [Scope]: which VO's, or which owner's, jobs it may
// see. [DB.Search] answers with a page, [DB.Stream] with all rows one by one, [DB.Summary] with
// counts, [DB.Job] with one job. To read page by page set Page to 1, then for each further page
// Page to 0 and Cursor to the Next of the page before, until Next is "". Page 0 without a Cursor
// means all rows. For what a web page shows beside the jobs there are [DB.Facets] (the most frequent
// values of some columns), [DB.Histogram] (numbers of jobs over time) and [DB.Values] (values that
// complete what somebody types).
//
// Errors are told apart by [errors.Is]: [ErrInvalidQuery], [ErrInvalidValue], [ErrNotFound],
// [ErrConflict], [ErrUnavailable] (worth another try later) and [ErrSchema]; [ErrNoScope] means a
// bug in the calling program.
//
// The package knows nothing of HTTP, of tokens, or of the rules of a workload management system.
// Those are in packages built on it: wms (which status may follow which, what a submission
// becomes), auth (who may do what) and api (HTTP).
//
// # Glossary
//
//   - job: a row of the table Jobs, with its JDL in JobJDLs. Its columns are its attributes.
//   - JDL: the job description language, in which a user says what to run. This package stores the
//     text that it is given; package jdl turns it into the compressed form that DIRAC stores, and
//     back.
//   - VO: the virtual organisation, the community that a job belongs to. VOs don't see each other's
//     jobs.
//   - owner, owner group: who submitted the job, and with which rights.
//   - site: the computing centre where a job runs; ANY before it is matched to one.
//   - status, minor status, application status: what the job does, in three levels of detail. The
//     last one is the payload's own text.
//   - pilot: the agent on a worker node that fetches jobs and runs them. A pilot stamp names one.
//   - heartbeat: a running job's sign of life, with measurements of itself.
//   - command: something to tell a job with its next heartbeat, most often Kill.
//   - parameter: a named text that belongs to a job. Optimizer parameters are those of DIRAC's
//     optimizers.
//   - reschedule: to run a job again under its ID. Each run is a cycle.
//   - history: the record of a job's statuses, the table LoggingInfo.
//   - live database: one that DiracX or DIRAC made and perhaps still uses.
//   - counts: numbers of jobs for each value of some columns. Triggers keep them up to date; totals
//     and summaries are read from them. Only our own schema has them.
//
// # Methods of DiracX's JobDB and ours
//
//	summary                  Summary, EachSummaryRow
//	search                   Search, SearchEach, Stream, Job
//	create_job               CreateJob, CreateJobs, ReserveJobs, CreateReservedJobs
//	delete_jobs              DeleteJobs
//	insert_input_data        InsertInputData
//	insert_job_attributes    InsertJobAttributes
//	update_job_jdls          UpdateJobJDLs
//	set_job_attributes       SetJobAttributes
//	get_job_jdls             JobJDLs, OriginalJDLs, EachOriginalJDL
//	set_job_commands         SetJobCommands
//	set_properties           SetProperties
//	add_heartbeat_data       AddHeartbeatData
//	get_job_commands         TakeJobCommands
//
// Methods that DiracX's JobDB doesn't have, by table:
//
//	JobParameters            SetJobParameters, SetJobParameterValues, JobParameters,
//	                         JobParametersNamed
//	OptimizerParameters      SetOptimizerParameters, OptimizerParameters
//	AtticJobParameters (the archive)
//	                         ArchiveJobParameters, ArchiveParameters, ArchivedJobParameters
//	InputData                InputData
//	HeartBeatLoggingInfo     Heartbeats
//	JobCommands              JobCommands, ExpireJobCommands, ConfirmJobCommands
//	LoggingInfo              InsertHistory, History, RecentHistory, StatusTimes, RecentStatusTimes,
//	                         DeleteHistory
//	Answers (ours only)      SaveReply, SavedReply
//	JobSums (ours only)    FoldCounts, VerifyCounts, RebuildCounts
//	ParametersOutbox (ours only)
//	                         WaitingJobs, ParametersChanges, RemoveParametersChanges,
//	                         CountParametersChanges, QueueAllParameters
//	Actions, ActionParts (ours only)
//	                         CreateAction, Action, Actions, StopAction, ActionParts, TakeActionTurn,
//	                         KeepActionTurn, LeaveActions, NextActionPart, EndActionPart
//	Series (ours only)       NoteSeries, Series, DropSeries
//	Tasks (ours only)        RunTasks, RunTask, TaskState
//	several                  DeleteHeartbeats, ThinHeartbeats, DeleteJobCommands,
//	                         DeleteArchivedParameters, DeleteOldReplies, CheckRows
//	Jobs                     Facets, Histogram, Values, JobAttributes; LockJobs and LockJobsOf lock rows
//	of no table              Stats, Backlog, CostlySearch, CostlySummary, CostlyFacets, CostlyValues,
//	                         JobsToSearch, Connections
//
// The pilots' database is another one: [OpenPilots].
//
// # Where things are
//
//	job.go, status.go        jobs, commands, heartbeats, history; the list of statuses
//	columns.go, kinds.go     the columns of Jobs and what they hold
//	errors.go                the classes of errors
//	query.go, filter.go, filter_operand.go, period.go, limits.go, cursor.go
//	                         what clients send is checked here; no SQL is written
//	compile.go               the SQL of searches, summaries and the like; testdata/compile shows it.
//	                         compile_filter.go: conditions, compile_groups.go: GROUP BY,
//	                         compile_places.go: the rows after a cursor
//	regex.go                 a regular expression becomes the list of values that it matches
//	match.go                 whether a filter holds for a row in memory
//	page.go, read.go         run queries: pages and streams; summaries, JDLs, input data
//	facets.go, histogram.go, values.go
//	                         the most frequent values; numbers over time; values that begin with a text
//	plan.go, walk.go         which index to go along, where the engine doesn't know
//	costly.go, estimate.go   which questions may have to look at all jobs, and at how many
//	open.go, db.go           Open, Options, DB
//	hooks.go, stats.go       what a DB reports of its work, for metrics and traces
//	clock.go, watch.go       the database's time; what a DB checks every few seconds
//	tx.go                    transactions; engines' errors become this package's
//	retry.go                 transactions and queries that are run again
//	bulk.go, scan.go         writing in batches; reading rows
//	write.go, numbered.go, reserve.go
//	                         jobs are created, changed, deleted; the IDs of new ones
//	lock.go                  locks rows of jobs until a Tx ends
//	commands.go, heartbeat.go, parameters.go, history.go
//	                         what their names say
//	actions.go, actions_turn.go
//	                         actions on many jobs; servers take turns at their parts
//	idempotency.go           replies to requests that may come again
//	fit.go                   texts cut to what a column holds
//	refused.go               which job a foreign key or a primary key refused
//	counts.go                which counts are kept; counts_fold.go, counts_tally.go: how;
//	                         counts_check.go: are they right
//	parameters_archive.go    parameters of jobs that are rescheduled, but are kept elsewhere
//	parameters_limits.go     how much a job may have, and a call returns, of parameters
//	history_recent.go        long histories: their last records, and which they keep
//	parameters_outbox.go     changes of parameters that are to be copied elsewhere
//	series.go, series_note.go
//	                         counts of jobs over time: read, noted
//	tasks.go                 background work that one of all servers does
//	retention.go             parts of old jobs are deleted
//	check.go, backup.go      what is wrong in a database; copies of SQLite files
//	pilots.go, taskqueues*.go
//	                         the neighbours: pilots, DiracX's task queues
//	schema.go                Migrate, CheckSchema
//	internal/tables          the list of all tables and columns
//	internal/engine          all that differs between engines: dialects, drivers, URLs, errors
//	internal/schema          who made a database (jobdb, DiracX, DIRAC) and what it lacks; migrations
//
// # The packages around this one
//
//	cmd/jobdb                the binary: the server and the command line
//	api                      the service: routes, JSON, errors as status codes
//	auth                     who is the caller (token), and which jobs may they reach (policy.go)
//	wms                      the rules; wms/states.go says which status may follow which
//	choose                   the language in which people choose jobs: IDs, conditions, times
//	jdl                      reading, writing and compressing JDLs
//	metrics, traces          what a server tells Prometheus and OpenTelemetry
//	opensearch               parameters in the OpenSearch of DiracX: reads, writes, deliveries
//	web                      the web page
//	internal/demo            an invented grid's jobs, to try jobdb with
//	internal/transfer        jobdb import: all jobs of a database into another one
//	internal/shadow          jobdb shadow: asks two services the same questions and compares
//	internal/files           reading the files that settings name
//	internal/conformance     the test suite that defines what the methods of DB and Tx promise
//	internal/differential    tests that compare jobdb with DiracX's own code
//	oracle                   DiracX itself, and databases as DiracX and DIRAC make them, for tests
//	jobdbtest                databases for tests, on servers found or started
//	internal/faults          tests of the built server while machines, networks and databases fail
//	internal/browser, e2e    tests of the page, and of diracx-web, in Chromium
//	compat                   DiracX's own clients against the server (Python)
//	bench                    measurements
//
// A heartbeat shows how they work together. api checks the token and reads the body, auth.Allow
// says whose jobs the caller may reach, and wms.JobManager.Heartbeat does the rest in one
// transaction: it locks the jobs (LockJobs), makes Matched and Stalled ones Running and notes of
// the others that they are alive (StatusTimes, SetJobAttributes, InsertHistory), stores the values
// (AddHeartbeatData) and the standard output (SetJobParameters), and takes the commands
// (TakeJobCommands). api answers with the commands, each with its job's ID; a header names the jobs
// that don't exist.
package jobdb
