// Requests to the server.
import { accessToken, forget, renew, renewEarly } from "./auth.js";
import { useEffect, useRef, useState } from "./html.js";

/** @typedef {{parameter?: string, operator?: string, value?: any, values?: any[], or?: Filter[], and?: Filter[], not?: Filter}} Filter */
/** @typedef {Record<string, any>} Row */

/** An answer that is no success, in words. */
export class Refusal extends Error {
	/**
	 * @param {number} status  0: no answer came
	 * @param {string} message
	 */
	constructor(status, message) {
		super(message);
		this.status = status;
	}

	/** Whether the same may go well later. */
	get passing() {
		return this.status === 0 || this.status === 429 || this.status >= 502;
	}
}

/**
 * What an answer's body says went wrong, as one text.
 * @param {any} body
 * @returns {string}
 */
export function textOf(body) {
	const detail = body?.detail;
	if (typeof detail === "string") return detail;
	if (Array.isArray(detail)) {
		return detail.map((fault) => [(fault.loc || []).slice(1).join("."), fault.msg].filter(Boolean).join(": ")).join("; ");
	}
	return "";
}

/**
 * Sends a request and returns its answer, whose body is unread. A token that has ended is renewed.
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, accept?: string, signal?: AbortSignal, key?: string}} [options]  key: by which the server knows it again
 * @returns {Promise<Response>}
 */
export async function send(method, path, { body, accept = "application/json", signal, key } = {}) {
	for (let attempt = 1; ; attempt++) {
		let answer, token;
		try {
			await renewEarly();
			token = accessToken();
			/** @type {Record<string, string>} */
			const headers = { Accept: accept, Authorization: "Bearer " + token };
			if (body !== undefined) headers["Content-Type"] = "application/json";
			if (key) headers["Idempotency-Key"] = key;
			answer = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
			if (answer.status === 401 && attempt === 1 && (await renew(token))) continue;
		} catch (error) {
			if (signal?.aborted) throw error;
			throw new Refusal(0, "The server can't be reached.");
		}
		if (answer.ok) return answer;
		if (answer.status === 401) forget(token);
		const text = textOf(await answer.json().catch(() => null));
		throw new Refusal(answer.status, text || `The server answered ${answer.status}.`);
	}
}

/**
 * Sends a request and returns the JSON of its answer.
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @param {AbortSignal} [signal]
 * @param {string} [key]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body, signal, key) {
	return (await send(method, path, { body, signal, key })).json();
}

/** A key for a request that must not be done twice when it is sent again. */
export function newKey() {
	return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

/**
 * One page of a search.
 * @typedef {{rows: Row[], next: string | null, total: number | null}} Page
 * @param {{search: Filter[], sort?: {parameter: string, direction: string}[], parameters: string[]}} request
 * @param {{perPage: number, cursor?: string | null, signal?: AbortSignal}} options
 * @returns {Promise<Page>}
 */
export async function searchPage(request, { perPage, cursor, signal }) {
	const where = cursor ? `cursor=${encodeURIComponent(cursor)}` : "page=1&uncounted=true";
	const answer = await send("POST", `/api/jobs/search?${where}&per_page=${perPage}`, { body: request, signal });
	const rows = await answer.json();
	return { rows, next: answer.headers.get("Jobdb-Next-Cursor"), total: cursor || answer.status === 206 ? null : rows.length };
}

/**
 * How many jobs a search finds. To count them may take longer than to find a page.
 * @param {Filter[]} search
 * @param {AbortSignal} signal
 * @returns {Promise<number>}
 */
export async function countJobs(search, signal) {
	const answer = await send("POST", "/api/jobs/search?page=1&per_page=1", { body: { search, parameters: ["JobID"] }, signal });
	const total = /\/(\d+)$/.exec(answer.headers.get("Content-Range") || "")?.[1];
	return total ? Number(total) : (await answer.json()).length;
}

// Whether the server is out of reach, for the banner that says so.
/** @type {Set<(lost: string) => void>} */
const banners = new Set();
let lost = "";

/** @param {string} reason  "" when it answers */
export function setLost(reason) {
	if (reason === lost) return;
	lost = reason;
	banners.forEach((show) => show(reason));
}

/** Why the server doesn't answer, or "". */
export function useLost() {
	const [reason, show] = useState(lost);
	useEffect(() => {
		banners.add(show);
		return () => void banners.delete(show);
	}, []);
	return reason;
}

/**
 * What a question to the server is answered with. It is asked when its key changes, and again, after
 * a while, when no answer comes or the server is busy. Meanwhile the last answer stays.
 * @template T
 * @param {any} key  null: nothing is asked
 * @param {(signal: AbortSignal) => Promise<T>} question
 * @returns {{data: T | undefined, error: Refusal | Error | null, busy: boolean}}
 */
export function useAnswer(key, question) {
	const text = key === null ? null : JSON.stringify(key);
	const [state, set] = useState(/** @type {{of: any, data: any, error: any}} */ ({ of: null, data: undefined, error: null }));
	const latest = useRef(question);
	latest.current = question;
	useEffect(() => {
		if (text === null) return;
		const control = new AbortController();
		let timer = 0;
		const attempt = async (/** @type {number} */ wait) => {
			try {
				const data = await latest.current(control.signal);
				if (control.signal.aborted) return;
				setLost("");
				set({ of: text, data, error: null });
			} catch (error) {
				if (control.signal.aborted) return;
				if (error instanceof Refusal && error.passing) {
					setLost(error.message);
					timer = setTimeout(attempt, wait, Math.min(2 * wait, 15_000));
				} else set((old) => ({ of: text, data: old.data, error }));
			}
		};
		attempt(1000);
		return () => {
			control.abort();
			clearTimeout(timer);
		};
	}, [text]);
	return { data: state.data, error: state.of === text ? state.error : null, busy: text !== null && state.of !== text };
}
