// Package wms has the rules of the workload management system: what a
// submitted JDL becomes, which status may follow which, what a heartbeat does, what happens when a
// job is to run again. It knows no SQL and no HTTP.
//
//	submit.go, draft.go, once.go     from JDLs to jobs
//	rules.go, platforms.go           what JDLs are held against
//	states.go, change.go, status.go  the state machine and changes of status
//	heartbeat.go                     signs of life, commands in return
//	reschedule.go                    once more
//	metadata.go, details.go          values of jobs; all of one job
//	reach.go                         which jobs a caller may act on
package wms
