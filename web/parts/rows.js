// The rows of a search, page after page by cursor.
import { countJobs, Refusal, searchPage, setLost, useAnswer } from "../api.js";
import { useCallback, useEffect, useRef, useState } from "../html.js";

const PAGE = 200;
const MOST_AGAIN = 1000; // rows that are read again when jobs have changed

/** @typedef {import("../api.js").Row} Row */

/**
 * @typedef {object} Rows
 * @property {Row[]} rows
 * @property {number | null} total  null while it isn't known
 * @property {string | null} next   cursor of the next page
 * @property {boolean} busy
 * @property {Error | null} error
 */

/**
 * Reads the rows of a search. When only the version changes, as many as there are are read again, and
 * stay until the new ones are there.
 * @param {any} request  null: none
 * @param {number} version
 * @returns {Rows & {more: () => void}}
 */
export function useRows(request, version) {
	const [state, set] = useState(/** @type {Rows} */ ({ rows: [], total: null, next: null, busy: true, error: null }));
	const key = request && JSON.stringify(request);
	const current = useRef({ key: "", rows: 0, loading: false, control: new AbortController() });

	const load = useCallback(async (/** @type {string | null} */ cursor, /** @type {number} */ perPage, wait = 1000) => {
		const { control } = current.current;
		current.current.loading = true;
		try {
			const page = await searchPage(JSON.parse(current.current.key), { perPage, cursor, signal: control.signal });
			if (control.signal.aborted) return;
			setLost("");
			current.current.loading = false;
			set((old) => {
				const rows = cursor ? [...old.rows, ...page.rows] : page.rows;
				current.current.rows = rows.length;
				return { rows, total: cursor ? old.total : page.total, next: page.next, busy: false, error: null };
			});
		} catch (error) {
			if (control.signal.aborted) return;
			if (error instanceof Refusal && error.passing) {
				setLost(error.message);
				setTimeout(() => control.signal.aborted || load(cursor, perPage, Math.min(2 * wait, 15_000)), wait);
			} else {
				current.current.loading = false;
				set((old) => ({ ...old, busy: false, error: /** @type {Error} */ (error), ...(error instanceof Refusal && error.status === 416 ? { rows: [], total: 0, error: null } : {}) }));
			}
		}
	}, []);

	useEffect(() => {
		if (!key) return;
		const again = key === current.current.key;
		current.current = { key, rows: again ? current.current.rows : 0, loading: false, control: new AbortController() };
		if (again) set((old) => ({ ...old, busy: true }));
		else set({ rows: [], total: null, next: null, busy: true, error: null });
		load(null, again ? Math.max(PAGE, Math.min(MOST_AGAIN, current.current.rows)) : PAGE);
		const { control } = current.current;
		return () => control.abort();
	}, [key, version]);

	const search = key && JSON.stringify(request.search);
	const counted = useAnswer(state.next && search && [search, version], async (signal) => ({ of: search, total: await countJobs(request.search, signal) }));
	const total = state.total ?? (counted.data && counted.data.of === search ? counted.data.total : null);

	const more = () => {
		if (state.next && !current.current.loading) load(state.next, PAGE);
	};
	return { ...state, total, more };
}
