// Package wms has the rules of the workload management system: what a submitted JDL becomes, which
// status may follow which, what a heartbeat does, what happens when a job runs again. They are the
// rules of DIRAC and DiracX, "the reference" in comments. The package knows no SQL and no HTTP.
//
// [NewJobManager] returns a [JobManager], whose methods are the requests of clients. Each takes a
// [Scope] or an [Owner], which says for whom it acts, and each is one transaction:
//
//	[JobManager.Submit], [JobManager.SubmitOnce]  make jobs of JDLs
//	[JobManager.SetStatus]                        changes statuses, as the state machine lets it
//	[JobManager.Heartbeat]                        notes that jobs are alive, returns commands for them
//	[JobManager.SetMetadata]                      sets values of jobs
//	[JobManager.Reschedule]                       makes jobs run again
//	[JobManager.PreviewJobs], [JobManager.PreviewSearch]
//	                                              say what an action would do to many jobs
//	[JobManager.StartAction], [JobManager.StartActionOnce]
//	                                              kill, delete or reschedule many jobs
//	[JobManager.Details]                          returns all of one job (it only reads, without a transaction)
//	[JobManager.FindByParameters]                 prepares a search for parameters that are in OpenSearch
//
// Work in the background is done by [JobManager.RunActions], [JobManager.CheckStalled] and
// [JobManager.Purge].
//
// # Files
//
//	manager.go                            the JobManager
//	scope.go                              which jobs a caller may act on
//	rules.go, platforms.go                what JDLs are checked against
//	book.go, age.go                       files of settings for all VOs; lengths of time in them
//	submit.go, submit_idempotent.go       submissions: the requests, and what they write
//	quota.go                              how many jobs an owner and a VO may have
//	prepare.go                            from a JDL to what is stored of a job
//	states.go                             the state machine
//	status.go, apply_status.go            changes of status: the request; what becomes of one job's updates
//	heartbeat.go                          heartbeats
//	metadata.go, details.go               values of jobs; all of one job
//	find_by_parameters.go                 searches for parameters that are in OpenSearch
//	reschedule.go                         rescheduling
//	actions.go, actions_once.go           actions on many jobs: previews, the requests
//	actions_run.go                        the work on actions
//	stalled.go, stalled_rules.go          jobs that aren't heard of, and when they become Stalled or Failed
//	purge.go, retention.go                old jobs are deleted, and when
//	check_jdls.go                         looks for damaged JDLs
//	attributes.go, batches.go             helpers: values of a job; a search's jobs, batch by batch
package wms
