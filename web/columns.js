// What is known of jobs' columns and statuses. A test compares both with the library.

/** Columns of Jobs, in the table's order, with their kinds. @type {Record<string, "integer" | "text" | "time" | "flag">} */
export const COLUMNS = {
	JobID: "integer", JobType: "text", JobGroup: "text", Site: "text", JobName: "text", Owner: "text", OwnerGroup: "text", VO: "text",
	SubmissionTime: "time", RescheduleTime: "time", LastUpdateTime: "time", StartExecTime: "time", HeartBeatTime: "time", EndExecTime: "time",
	Status: "text", MinorStatus: "text", ApplicationStatus: "text", UserPriority: "integer", RescheduleCounter: "integer",
	VerifiedFlag: "flag", AccountedFlag: "flag",
};

export const STATUSES = [
	"Submitting", "Received", "Checking", "Staging", "Scouting", "Waiting", "Matched", "Running", "Stalled", "Completing", "Done",
	"Completed", "Failed", "Deleted", "Killed", "Rescheduled",
];

/** Columns that are shown until others are chosen. */
export const DEFAULT_COLUMNS = ["JobID", "Status", "MinorStatus", "ApplicationStatus", "Site", "JobName", "Owner", "LastUpdateTime", "SubmissionTime"];

/**
 * The class of what is coloured by a status. Others than those that are known have no colour.
 * @param {unknown} status
 */
export const statusClass = (status) => (STATUSES.includes(String(status)) ? "status-" + status : "status-other");
