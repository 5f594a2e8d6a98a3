// The table of jobs. Only the rows in sight are in the document, however many were read.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../html.js";
import { COLUMNS } from "../columns.js";
import { Time } from "../times.js";
import { Status } from "./status.js";

const ROW = 32; // pixels; style.css has the same
const AROUND = 12; // rows beyond those in sight

/** @typedef {import("../api.js").Row} Row */

/**
 * @param {{
 *   of: string, rows: Row[], total: number | null, columns: string[], sort: {parameter: string, direction: string},
 *   sortBy: (column: string) => void, marks: Set<number>, mark: (from: number, to: number, on: boolean) => void,
 *   current: number, setCurrent: (index: number) => void, link: (row: Row) => string, more: () => void, busy: boolean,
 * }} props
 */
export function Table({ of, rows, total, columns, sort, sortBy, marks, mark, current, setCurrent, link, more, busy }) {
	const box = useRef(/** @type {HTMLElement | null} */ (null));
	const [view, setView] = useState({ top: 0, height: 600 });
	const last = useRef(-1); // the row that was marked last, for Shift
	const measure = () => {
		const b = box.current;
		if (b) setView((old) => (old.top === b.scrollTop && old.height === b.clientHeight ? old : { top: b.scrollTop, height: b.clientHeight }));
	};
	useLayoutEffect(() => {
		if (box.current) box.current.scrollTop = 0;
	}, [of]);
	useLayoutEffect(() => {
		measure();
		const observer = new ResizeObserver(measure);
		observer.observe(/** @type {HTMLElement} */ (box.current));
		return () => observer.disconnect();
	}, []);
	const top = Math.max(0, Math.min(view.top, rows.length * ROW - view.height)); // there may be fewer rows than there were
	const first = Math.max(0, Math.floor(top / ROW) - AROUND);
	const end = Math.min(rows.length, Math.ceil((top + view.height) / ROW) + AROUND);
	useEffect(() => {
		if (end > rows.length - 50) more();
	}, [end, rows.length]);
	useLayoutEffect(() => {
		const b = box.current;
		if (current < 0 || !b) return;
		const head = ROW; // which stays in sight
		if (current * ROW < b.scrollTop) b.scrollTop = current * ROW;
		else if ((current + 2) * ROW + head > b.scrollTop + b.clientHeight) b.scrollTop = (current + 2) * ROW + head - b.clientHeight;
	}, [current]);
	const follows = useRef(false); // the focus follows the current row, and not the other way round
	useEffect(() => {
		if (current < 0) return;
		follows.current = true;
		/** @type {HTMLElement | null} */ (box.current?.querySelector(`tr[aria-rowindex="${current + 2}"] a`))?.focus({ preventScroll: true });
		follows.current = false;
	}, [current, first, end]);

	const click = (/** @type {MouseEvent} */ event, /** @type {Row} */ row) => {
		const target = /** @type {HTMLElement} */ (event.target);
		if (target.closest("a, label, input") || String(getSelection())) return;
		location.hash = link(row);
	};
	const check = (/** @type {any} */ event, /** @type {number} */ i) => {
		const from = event.shiftKey && last.current >= 0 ? last.current : i;
		mark(Math.min(from, i), Math.max(from, i), !marks.has(rows[i].JobID));
		last.current = i;
	};
	return html`
		<div class="tablebox" ref=${box} onScroll=${measure} tabindex="0" role="region" aria-label="Jobs" aria-busy=${busy}>
			<table aria-rowcount=${(total ?? rows.length) + 1}>
				<thead><tr aria-rowindex="1">
					<th class="mark"><span class="hidden">Marked</span></th>
					${columns.map((column) => html`<th key=${column} aria-sort=${sort.parameter === column ? (sort.direction === "asc" ? "ascending" : "descending") : null}>
						${column in COLUMNS ? html`<button type="button" onClick=${() => sortBy(column)}>${column}${sort.parameter === column && (sort.direction === "asc" ? " ▲" : " ▼")}</button>` : column}</th>`)}
				</tr></thead>
				<tbody>
					<tr aria-hidden="true" class="space" style=${{ height: first * ROW + "px" }}></tr>
					${rows.slice(first, end).map((row, k) => html`
						<tr key=${row.JobID} aria-rowindex=${first + k + 2} class=${(first + k === current ? "current" : "") + (marks.has(row.JobID) ? " marked" : "")}
							onClick=${(/** @type {MouseEvent} */ event) => click(event, row)}>
							<td class="mark"><label><input type="checkbox" tabindex="-1" aria-label=${"Mark job " + row.JobID} checked=${marks.has(row.JobID)}
								onClick=${(/** @type {any} */ event) => check(event, first + k)} /></label></td>
							${columns.map((column) => html`<td key=${column}>${cell(row, column, link, () => follows.current || setCurrent(first + k))}</td>`)}
						</tr>`)}
					<tr aria-hidden="true" class="space" style=${{ height: (rows.length - end) * ROW + "px" }}></tr>
				</tbody>
			</table>
		</div>`;
}

/** @param {Row} row @param {string} column @param {(row: Row) => string} link @param {() => void} focused */
function cell(row, column, link, focused) {
	const value = row[column];
	if (column === "JobID") return html`<a href=${link(row)} onFocus=${focused}>${value}</a>`;
	if (column === "Status") return html`<${Status} status=${value} />`;
	if (COLUMNS[column] === "time") return html`<${Time} time=${value} />`;
	const text = value === null || value === undefined ? "" : String(value);
	return html`<span title=${text}>${text}</span>`;
}
