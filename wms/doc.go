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
//	[JobManager.Details]                          returns all of one job (it only reads, without a transaction)
//
// # Files
//
//	manager.go                            the JobManager
//	scope.go                              which jobs a caller may act on
//	rules.go, platforms.go                what JDLs are checked against
//	submit.go, submit_idempotent.go       submissions: the requests, and what they write
//	prepare.go                            from a JDL to what is stored of a job
//	states.go                             the state machine
//	status.go, apply_status.go            changes of status: the request; what becomes of one job's updates
//	heartbeat.go                          heartbeats
//	metadata.go, details.go               values of jobs; all of one job
//	reschedule.go                         rescheduling
package wms
