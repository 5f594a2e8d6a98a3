// Acting on jobs by the routes of DiracX, some at a time, for servers that keep no actions: those on a
// database of DiracX or DIRAC. It ends with the page.
import { ask, Refusal, searchPage } from "../api.js";

const AT_ONCE = 100;

/** What kill and delete make of jobs. @type {Record<string, {Status: string, MinorStatus: string}>} */
const ENDINGS = {
	kill: { Status: "Killed", MinorStatus: "Marked for termination" },
	delete: { Status: "Deleted", MinorStatus: "Checking accounting" },
};

/**
 * @param {import("./act.js").Order} order
 * @param {(state: any) => void} report  is told how far it has come, as the server's actions are
 */
export async function actHere(order, report) {
	const ids = order.ids || (await findAll(order.search || []));
	const state = { here: true, state: "running", action: order.action, total: ids.length, done: 0, refused: 0, failed: 0, outcomes: /** @type {any[]} */ ([]) };
	const refuse = (/** @type {number} */ id, /** @type {string} */ reason) => {
		state.refused++;
		if (state.outcomes.length < 1000) state.outcomes.push({ job_id: id, outcome: "refused", reason });
	};
	const some = async (/** @type {number[]} */ part) => {
		try {
			for (const [id, refusal] of await send(order.action, part)) refusal ? refuse(id, refusal) : state.done++;
		} catch (error) {
			if (!(error instanceof Refusal) || error.passing || error.status === 401) throw error;
			if (part.length === 1) return refuse(part[0], error.message);
			for (const half of [part.slice(0, part.length / 2), part.slice(part.length / 2)]) await some(half); // one that isn't the user's refuses all
		}
	};
	for (let i = 0; i < ids.length; i += AT_ONCE) {
		report({ ...state });
		await some(ids.slice(i, i + AT_ONCE));
	}
	report({ ...state, state: "done" });
}

/** The IDs of all jobs of a search, before any of them changes. @param {import("../api.js").Filter[]} search */
async function findAll(search) {
	/** @type {number[]} */
	const ids = [];
	for (let cursor = null, first = true; first || cursor; first = false) {
		const page = await searchPage({ search, sort: [{ parameter: "JobID", direction: "asc" }], parameters: ["JobID"] }, { perPage: 1000, cursor });
		ids.push(...page.rows.map((row) => row.JobID));
		cursor = page.next;
	}
	return ids;
}

/**
 * Does it to some jobs. For each it says why not, or "".
 * @param {string} action
 * @param {number[]} ids
 * @returns {Promise<[number, string][]>}
 */
async function send(action, ids) {
	const ending = ENDINGS[action];
	const update = ending && { [new Date().toISOString()]: { ...ending, Source: "User" } };
	const answer = ending ? await ask("PATCH", "/api/jobs/status", Object.fromEntries(ids.map((id) => [id, update]))) : await ask("POST", "/api/jobs/reschedule", { job_ids: ids });
	return ids.map((id) => {
		const done = answer.success?.[id];
		if (!done) return [id, String(answer.failed?.[id]?.detail || "refused")];
		return [id, ending && done.Status !== ending.Status ? String(done.Note || `its status doesn't allow it`) : ""];
	});
}
