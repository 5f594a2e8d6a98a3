// Jobs over the time of their submission, stacked by a column. Dragging over it chooses a period.
import { ask, useAnswer } from "../api.js";
import { statusClass } from "../columns.js";
import { html, useRef, useState } from "../html.js";
import { localTime } from "../times.js";
import { periodOf } from "../terms.js";
import { count, Failure } from "./status.js";

const HOUR = 3600;
const BUCKETS = [60, 300, 600, 1800, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 7 * 24 * HOUR, 28 * 24 * HOUR, 366 * 24 * HOUR];
export const SPANS = /** @type {[string, string, number][]} */ ([["1d", "a day", 24], ["7d", "7 days", 168], ["30d", "30 days", 720], ["365d", "a year", 8760]]);
const HEIGHT = 90;

/**
 * @param {{filters: import("../api.js").Filter[] | null, version: number, span: string, by: string, choose: (from: Date, to: Date) => void}} props
 */
export function Histogram({ filters, version, span, by, choose }) {
	const asked = filters && askFor(filters, span, by);
	const { data, error, busy } = useAnswer(asked && [filters, span, by, version], (signal) => ask("POST", "/api/jobdb/histogram", asked, signal));
	return html`
		<div class="histogram" aria-busy=${busy}>
			<${Failure} error=${error} />
			${data ? html`<${Bars} data=${data} by=${by} choose=${choose} />` : html`<div class="bars"></div>`}
		</div>`;
}

/** @param {import("../api.js").Filter[]} filters @param {string} span @param {string} by */
function askFor(filters, span, by) {
	const hours = SPANS.find(([name]) => name === span)?.[2] || 168;
	const period = periodOf(filters);
	const to = period.to || new Date(Math.ceil(Date.now() / 60_000) * 60_000);
	const from = period.from || new Date(to.getTime() - hours * HOUR * 1000);
	const length = Math.max(60, (to.getTime() - from.getTime()) / 1000);
	const bucket = BUCKETS.find((size) => length / size <= 100) || BUCKETS[BUCKETS.length - 1];
	return { time: "SubmissionTime", from: from.toISOString(), to: new Date(from.getTime() + length * 1000).toISOString(), bucket, by, top: 8, search: filters };
}

/** @param {any} props */
function Bars({ data, by, choose }) {
	const box = useRef(/** @type {SVGElement | null} */ (null));
	const [drag, setDrag] = useState(/** @type {number[] | null} */ (null));
	const series = [...data.series, { value: "others", counts: data.other }].filter((s) => s.counts.some(Boolean));
	const n = data.other.length;
	const totals = Array.from({ length: n }, (_, i) => series.reduce((sum, s) => sum + s.counts[i], 0));
	const largest = Math.max(1, ...totals);
	const start = new Date(data.from).getTime();
	const timeOf = (/** @type {number} */ bucket) => new Date(start + bucket * data.bucket * 1000);
	const bucketAt = (/** @type {PointerEvent} */ event) => {
		const { left, width } = /** @type {SVGElement} */ (box.current).getBoundingClientRect();
		return Math.max(0, Math.min(n - 1, Math.floor(((event.clientX - left) / width) * n)));
	};
	const down = (/** @type {any} */ event) => {
		event.currentTarget.setPointerCapture(event.pointerId);
		setDrag([bucketAt(event), bucketAt(event)]);
	};
	const up = () => {
		if (!drag) return;
		const [a, b] = drag.toSorted((x, y) => x - y);
		setDrag(null);
		choose(timeOf(a), timeOf(b + 1));
	};
	const sum = totals.reduce((a, b) => a + b, 0);
	const label = `${count(sum)} jobs by the time of their submission, from ${localTime(timeOf(0))} to ${localTime(timeOf(n))}, at most ${count(largest)} in a bar`;
	const [left, right] = (drag || []).toSorted((x, y) => x - y);
	return html`
		<svg ref=${box} class="bars" role="img" aria-label=${label} viewBox=${`0 0 ${n} ${HEIGHT}`} preserveAspectRatio="none"
			onPointerDown=${down} onPointerMove=${(/** @type {any} */ event) => drag && setDrag([drag[0], bucketAt(event)])} onPointerUp=${up}
			onPointerCancel=${() => setDrag(null)}>
			${totals.map((total, i) => html`<g key=${i}><title>${localTime(timeOf(i))}: ${count(total)}${series.filter((s) => s.counts[i])
				.map((s) => `\n${s.value} ${count(s.counts[i])}`).join("")}</title>${stack(series, i, largest, by)}</g>`)}
			${drag && html`<rect class="brush" x=${left} width=${right - left + 1} y="0" height=${HEIGHT} />`}
		</svg>
		<div class="axis"><span>${localTime(timeOf(0)).slice(0, 16)}</span><span>at most ${count(largest)} in a bar</span><span>${localTime(timeOf(n)).slice(0, 16)}</span></div>
		<ul class="legend">${series.map((s, k) => html`<li key=${k}><span class=${"swatch " + colour(by, s.value, k)}></span>${String(s.value) || "(empty)"}</li>`)}</ul>`;
}

/** @param {string} by @param {unknown} value @param {number} k */
const colour = (by, value, k) => (by === "Status" ? statusClass(value) : value === "others" ? "status-other" : "series-" + (k % 8));

/** @param {any[]} series @param {number} i @param {number} largest @param {string} by */
function stack(series, i, largest, by) {
	let below = 0;
	return series.map((s, k) => {
		if (!s.counts[i]) return null;
		const height = (s.counts[i] / largest) * HEIGHT;
		below += height;
		return html`<rect class=${colour(by, s.value, k)} x=${i + 0.05} width="0.9" y=${HEIGHT - below} height=${height} />`;
	});
}
