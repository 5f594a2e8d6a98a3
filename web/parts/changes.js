// What changes on the server: a stream of which jobs did, which goes on after every interruption.
import { Refusal, send, setLost } from "../api.js";
import { useEffect, useRef, useState } from "../html.js";

const MOST = 1000; // jobs that are told apart; more are "more than"

/**
 * Splits a stream of server-sent events.
 * @param {ReadableStream<Uint8Array>} body
 * @param {(event: {type: string, id: string, data: string}) => void} take
 */
export async function readEvents(body, take) {
	const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
	let rest = "";
	let event = { type: "message", id: "", data: "" };
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return;
		const lines = (rest + value).split(/\r\n|\r|\n/);
		rest = lines.pop() || "";
		for (const line of lines) {
			if (line === "") {
				if (event.data || event.id) take(event);
				event = { type: "message", id: "", data: "" };
				continue;
			}
			const [, field, text] = /^([^:]*):? ?([^]*)$/.exec(line) || [];
			if (field === "event") event.type = text;
			else if (field === "id") event.id = text;
			else if (field === "data") event.data += (event.data ? "\n" : "") + text;
		}
	}
}

/**
 * How many jobs of a search have changed since they were shown last.
 * @param {import("../api.js").Filter[] | null} filters
 * @param {number} version  changes when they are shown
 * @returns {{changed: number, more: boolean}}
 */
export function useChanges(filters, version) {
	const [state, set] = useState({ changed: 0, more: false });
	const seen = useRef(/** @type {Set<number>} */ (new Set()));
	const key = filters && JSON.stringify(filters);
	useEffect(() => {
		seen.current = new Set();
		set({ changed: 0, more: false });
	}, [key, version]);
	useEffect(() => {
		if (!key) return;
		const control = new AbortController();
		follow(key, control.signal, (jobs, others) => {
			for (const job of jobs) if (seen.current.size < MOST) seen.current.add(job.JobID);
			set((old) => ({ changed: seen.current.size, more: old.more || others || seen.current.size >= MOST }));
		});
		return () => control.abort();
	}, [key]);
	return state;
}

/**
 * Follows the changes until the signal ends it.
 * @param {string} search  in JSON
 * @param {AbortSignal} signal
 * @param {(jobs: import("../api.js").Row[], more: boolean) => void} take  more: others changed, too
 */
export async function follow(search, signal, take) {
	let since = "";
	for (let wait = 1000; !signal.aborted; ) {
		try {
			const query = new URLSearchParams({ search, ...(since && { since }) });
			const answer = await send("GET", "/api/jobdb/changes?" + query, { accept: "text/event-stream", signal });
			setLost("");
			wait = 1000;
			await readEvents(/** @type {ReadableStream<Uint8Array>} */ (answer.body), (event) => {
				since = event.id || since;
				if (event.type !== "changes") return;
				const { jobs, more } = JSON.parse(event.data);
				if (jobs.length > 0 || more) take(jobs, !!more);
			});
		} catch (error) {
			if (signal.aborted) return;
			if (error instanceof Refusal && !error.passing) {
				if (!since || error.status === 401 || error.status === 403) return; // a server without changes, or none for this user
				since = ""; // its place is no longer known
			} else if (error instanceof Refusal) setLost(error.message);
		}
		await new Promise((resolve) => setTimeout(resolve, wait));
		wait = Math.min(2 * wait, 15_000);
	}
}
