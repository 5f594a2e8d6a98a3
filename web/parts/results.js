// What the last search found, for the next and the previous job on the screen of one.
import { searchPage } from "../api.js";

/** @type {{key: string, ids: number[]}} */
let last = { key: "", ids: [] };

/** @typedef {{parameter: string, direction: string}} Sort */

/** @param {string} text @param {Sort} sort */
const keyOf = (text, sort) => JSON.stringify([text, sort]);

/** @param {string} text @param {Sort} sort @param {number[]} ids */
export function remember(text, sort, ids) {
	last = { key: keyOf(text, sort), ids };
}

/**
 * The jobs before and after one. Who came by a link gets them in the order of their IDs.
 * @param {string} text
 * @param {Sort} sort
 * @param {number} id
 * @param {import("../api.js").Filter[]} search
 * @param {AbortSignal} signal
 * @returns {Promise<{before?: number, after?: number}>}
 */
export async function neighbours(text, sort, id, search, signal) {
	const at = last.key === keyOf(text, sort) ? last.ids.indexOf(id) : -1;
	if (at >= 0 && at < last.ids.length - 1) return { before: last.ids[at - 1], after: last.ids[at + 1] };
	const find = async (/** @type {string} */ operator, /** @type {string} */ direction) => {
		const filter = { parameter: "JobID", operator, value: id };
		const page = await searchPage({ search: [...search, filter], sort: [{ parameter: "JobID", direction }], parameters: ["JobID"] }, { perPage: 1, signal });
		return page.rows[0]?.JobID;
	};
	const [greater, less] = await Promise.all([find("gt", "asc"), find("lt", "desc")]);
	return sort.direction === "asc" ? { before: less, after: greater } : { before: greater, after: less };
}
