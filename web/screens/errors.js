// Errors: a table of two columns' values with numbers of jobs; a click goes to the jobs.
import { addressOf, change } from "../address.js";
import { ask, useAnswer } from "../api.js";
import { html, useMemo } from "../html.js";
import { useActed } from "../parts/act.js";
import { useKeys } from "../parts/keys.js";
import { SearchLine } from "../parts/searchline.js";
import { count, Failure } from "../parts/status.js";
import { readSearch, withValues } from "../terms.js";

const COLUMNS = ["Site", "MinorStatus", "ApplicationStatus", "Owner", "OwnerGroup", "JobGroup", "JobType", "JobName", "Status"];
const [ROWS, ACROSS] = [40, 14]; // more are put together in a last one
export const STANDARD = "Status=Failed since=1w";

/** @param {{query: URLSearchParams, user: import("../app.js").User}} props */
export function Errors({ query, user }) {
	const text = query.has("q") ? query.get("q") || "" : STANDARD;
	const down = query.get("down") || "Site";
	const across = query.get("across") || "MinorStatus";
	const version = useActed();
	const { search: filters, error } = useMemo(() => readSearch(text, user.name), [text, user.name, version]);
	const answer = useAnswer(error ? null : [filters, down, across, version], (signal) =>
		ask("POST", "/api/jobs/summary", { grouping: [...new Set([down, across])], search: filters }, signal));
	const matrix = useMemo(() => answer.data && matrixOf(answer.data, down, across), [answer.data]);
	const search = (/** @type {string} */ q) => change({ q: q || " " });
	useKeys({ "/": () => document.getElementById("search")?.focus() });
	const choose = (/** @type {string} */ label, /** @type {string} */ name, /** @type {string} */ value) => html`
		<label>${label} <select value=${value} onChange=${(/** @type {any} */ e) => change({ [name]: e.target.value })}>${COLUMNS.map((c) => html`<option key=${c}>${c}</option>`)}</select></label>`;
	return html`
		<h1 class="hidden">Errors</h1>
		<${SearchLine} text=${text} error=${error} search=${search} />
		<div class="controls">${choose("Down", "down", down)} ${choose("across", "across", across)}
			${matrix && html`<span role="status"><b>${count(matrix.total)}</b> jobs</span>`} <a href=${addressOf("jobs", { q: text })}>show them</a></div>
		<${Failure} error=${answer.error} />
		${matrix && (matrix.total === 0 ? html`<p class="note">No job matches.</p>` : html`<${Heat} matrix=${matrix} text=${text} down=${down} across=${across} busy=${answer.busy} />`)}`;
}

/**
 * The largest rows and columns of a summary, the others put together.
 * @param {any[]} groups
 * @param {string} down
 * @param {string} across
 */
function matrixOf(groups, down, across) {
	const sums = (/** @type {string} */ column, /** @type {number} */ most) => {
		/** @type {Map<string, number>} */
		const by = new Map();
		for (const group of groups) by.set(String(group[column]), (by.get(String(group[column])) || 0) + group.count);
		const all = [...by].sort((a, b) => b[1] - a[1]);
		const rest = all.slice(most).reduce((sum, [, n]) => sum + n, 0);
		return { shown: all.slice(0, most), rest, hidden: Math.max(0, all.length - most) };
	};
	/** @type {Map<string, number>} */
	const cells = new Map();
	for (const group of groups) cells.set(group[down] + "\0" + group[across], group.count);
	return { rows: sums(down, ROWS), columns: sums(across, ACROSS), cells, total: groups.reduce((sum, group) => sum + group.count, 0) };
}

/** @param {{matrix: ReturnType<typeof matrixOf>, text: string, down: string, across: string, busy: boolean}} props */
function Heat({ matrix, text, down, across, busy }) {
	const { rows, columns, cells } = matrix;
	const largest = Math.max(1, ...cells.values());
	const to = (/** @type {[string, string][]} */ ...chosen) =>
		addressOf("jobs", { q: chosen.reduce((q, [column, value]) => withValues(q, column, [value]), text) });
	const cell = (/** @type {string} */ row, /** @type {string} */ column) => {
		const n = cells.get(row + "\0" + column);
		if (!n) return html`<td key=${column}></td>`;
		const strength = 0.08 + 0.42 * Math.sqrt(n / largest);
		return html`<td key=${column} style=${{ backgroundColor: `rgb(var(--heat) / ${strength.toFixed(2)})` }}>
			<a href=${to([down, row], [across, column])} aria-label=${`${count(n)} jobs: ${row}, ${column}`}>${count(n)}</a></td>`;
	};
	return html`
		<div class="heat" tabindex="0" role="region" aria-label=${`${down} by ${across}`} aria-busy=${busy}><table class="plain">
			<thead><tr><th scope="col">${down}</th><th scope="col">All</th>${columns.shown.map(([name, n]) => html`<th scope="col" key=${name}><a href=${to([across, name])}>${name || "(empty)"}</a> <span class="count">${count(n)}</span></th>`)}
				${columns.hidden > 0 && html`<th scope="col">${columns.hidden} others <span class="count">${count(columns.rest)}</span></th>`}</tr></thead>
			<tbody>${rows.shown.map(([name, n]) => html`
				<tr key=${name}><th scope="row"><a href=${to([down, name])}>${name || "(empty)"}</a></th><td>${count(n)}</td>${columns.shown.map(([column]) => cell(name, column))}
				${columns.hidden > 0 && html`<td>${count(n - columns.shown.reduce((sum, [column]) => sum + (cells.get(name + "\0" + column) || 0), 0)) || ""}</td>`}</tr>`)}</tbody>
			${rows.hidden > 0 && html`<tfoot><tr><th scope="row">${rows.hidden} others</th><td>${count(rows.rest)}</td></tr></tfoot>`}
		</table></div>`;
}
