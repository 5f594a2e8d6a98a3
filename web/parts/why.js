// Why a job is where it is, in words, from its own records.
import { duration, localTime } from "../times.js";

/** @param {any} value */
const said = (value) => (value && value !== "Unknown" ? String(value) : "");

/**
 * @param {any} job  as the server has it
 * @returns {string[]}
 */
export function explain(job) {
	const a = job.Attributes;
	const record = [...job.History].reverse().find((r) => r.Status === a.Status);
	const first = firstOf(job.History, a.Status);
	const since = first ? ` for ${duration((Date.now() - new Date(first.StatusTime).getTime()) / 1000)}` : "";
	const at = record ? ` at ${localTime(record.StatusTime)}` : "";
	const source = said(record?.Source) && ` (says ${record.Source})`;
	const reason = [said(a.MinorStatus), said(a.ApplicationStatus)].filter(Boolean).join("; ");
	const lines = [];
	switch (a.Status) {
		case "Failed":
			lines.push(`It failed${at}: ${reason || "no reason was recorded"}${source}.`, ...lastRunning(job));
			break;
		case "Waiting":
			lines.push(`It has been waiting${since} for a pilot that takes it${a.Site !== "ANY" ? `, at ${a.Site} only` : ", at any site"}.`, ...asks(job));
			break;
		case "Running":
			lines.push(`It has been running${since} at ${a.Site}${reason && ": " + reason}.`, ...heartbeat(a));
			break;
		case "Stalled":
			lines.push(`It should be running at ${a.Site}, but was not heard of: it is stalled${since}.`, ...heartbeat(a));
			break;
		case "Killed":
			lines.push(`It was killed${at}: ${reason || "no reason was recorded"}${source}.`);
			break;
		case "Done":
		case "Completed":
			lines.push(`It ended well${at}${reason && ": " + reason}.`);
			break;
		default:
			lines.push(`It has been ${a.Status}${since}${reason && ": " + reason}${source}.`);
	}
	if (a.RescheduleCounter > 0) lines.push(`It was rescheduled ${a.RescheduleCounter} ${a.RescheduleCounter === 1 ? "time" : "times"}${a.RescheduleTime ? `, last at ${localTime(a.RescheduleTime)}` : ""}.`);
	const open = job.Commands.filter((/** @type {any} */ c) => c.Status === "Received");
	if (open.length > 0) lines.push(`${open.length === 1 ? "A command waits" : open.length + " commands wait"} for its next heartbeat: ${open.map((/** @type {any} */ c) => c.Command).join(", ")}.`);
	return lines;
}

/** The first of the last records that all have the status. @param {any[]} history @param {string} status */
function firstOf(history, status) {
	let first = null;
	for (const record of [...history].reverse()) {
		if (record.Status !== status) break;
		first = record;
	}
	return first;
}

/** What a job was doing before it failed. @param {any} job */
function lastRunning(job) {
	const ran = [...job.History].reverse().find((r) => r.Status === "Running");
	if (!ran) return ["It never ran."];
	const doing = [said(ran.MinorStatus), said(ran.ApplicationStatus)].filter(Boolean).join("; ");
	return doing ? [`The last that is known of it while it ran, at ${job.Attributes.Site}: ${doing} (${localTime(ran.StatusTime)}).`] : [];
}

/** What a waiting job asks for, by its JDL. @param {any} job */
function asks(job) {
	const wanted = ["Site", "BannedSites", "Platform", "CPUTime", "NumberOfProcessors", "MinNumberOfProcessors", "Tags"].flatMap((name) => {
		const value = new RegExp(`^\\s*${name}\\s*=\\s*([^;]*);`, "im").exec(job.JDL || job.OriginalJDL)?.[1].replace(/\s+/g, " ").trim();
		return value && !/^"?(ANY)?"?$/i.test(value) ? [`${name} = ${value}`] : [];
	});
	return wanted.length > 0 ? [`By its JDL it asks for ${wanted.join(", ")}.`] : [];
}

/** @param {any} a */
function heartbeat(a) {
	if (!a.HeartBeatTime) return ["It has sent no heartbeat yet."];
	return [`Its last heartbeat came ${duration((Date.now() - new Date(a.HeartBeatTime).getTime()) / 1000)} ago.`];
}
