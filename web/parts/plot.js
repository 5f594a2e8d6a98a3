// Plots of values over time.
import { html, useState } from "../html.js";
import { duration, localTime } from "../times.js";

/** @typedef {{title: string, times: number[], series: {name: string, values: (number | null)[], colour: string}[]}} Plot  times in seconds since 1970; colour: a class */

const [WIDTH, HEIGHT] = [1000, 100]; // of the drawing; style.css has its size

/** @param {number} n */
const short = (n) => Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(n);

/**
 * A plot of some series, with their values at the pointer. With toggle, each can be hidden, and the values of the end are told meanwhile.
 * @param {{plot: Plot, hidden?: string[], toggle?: (name: string) => void}} props
 */
export function OnePlot({ plot: { title, times, series }, hidden = [], toggle }) {
	const [pointer, setAt] = useState(-1); // what the pointer is at
	const shown = series.filter((s) => !hidden.includes(s.name));
	const values = shown.flatMap((s) => s.values.filter((v) => v !== null));
	const [low, high] = [Math.min(0, ...values), Math.max(...values, 1e-9)];
	const [start, end] = [times[0], /** @type {number} */ (times.at(-1))];
	const at = pointer >= 0 && pointer < times.length ? pointer : toggle ? times.length - 1 : -1;
	const said = (/** @type {number} */ i) => localTime(new Date(times[i] * 1000)) + shown.map((s) => {
		const value = s.values[i];
		return value === null ? "" : ` · ${series.length > 1 ? s.name + " " : ""}${short(value)}`;
	}).join("");
	const x = (/** @type {number} */ time) => (end > start ? ((time - start) / (end - start)) * WIDTH : WIDTH / 2);
	const y = (/** @type {number} */ value) => HEIGHT - ((value - low) / (high - low)) * HEIGHT;
	const label = `${title}: ${values.length ? `from ${short(Math.min(...values))} to ${short(Math.max(...values))}` : "nothing"}, ` +
		`${duration(end - start)} long; ${said(times.length - 1)}`;
	const point = (/** @type {any} */ event) => {
		const { left, width } = event.currentTarget.getBoundingClientRect();
		const time = start + ((event.clientX - left) / width) * (end - start);
		setAt(times.reduce((best, t, i) => (Math.abs(t - time) < Math.abs(times[best] - time) ? i : best), 0));
	};
	return html`
		<figure class=${"plot" + (toggle ? " tall" : "")}>
			<figcaption>${!toggle && title + " "}${at >= 0 && html`<span class="count">${said(at)}</span>`}</figcaption>
			<div class="scale"><span>${short(high)}</span><span>${short(low)}</span></div>
			<svg role="img" aria-label=${label} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" onPointerMove=${point} onPointerLeave=${() => setAt(-1)}>
				${shown.map((s) => html`<path key=${s.name} class=${s.colour} d=${pathOf(times.map(x), s.values.map((v) => (v === null ? null : y(v))))} />`)}
				${pointer >= 0 && at >= 0 && html`<path class="pointer" d=${`M${x(times[at])} 0V${HEIGHT}`} />`}
			</svg>
			<div class="axis"><span>${localTime(new Date(start * 1000)).slice(0, 16)}</span><span>${localTime(new Date(end * 1000)).slice(0, 16)}</span></div>
			${series.length > 1 && html`<ul class="legend">${series.map((s) => {
				const words = html`<span class=${"swatch " + s.colour}></span>${s.name}`;
				return html`<li key=${s.name}>${toggle ? html`<button type="button" class="quiet" aria-pressed=${!hidden.includes(s.name)} onClick=${() => toggle(s.name)}>${words}</button>` : words}</li>`;
			})}</ul>`}
		</figure>`;
}

/**
 * A line through the points, interrupted where there is no value. A single point is a short line.
 * @param {number[]} xs
 * @param {(number | null)[]} ys
 */
function pathOf(xs, ys) {
	return xs.map((x, i) => (ys[i] === null ? "" : `${i > 0 && ys[i - 1] !== null ? "L" : `M${(x - 2).toFixed(1)} ${ys[i]?.toFixed(1)}L`}${x.toFixed(1)} ${ys[i]?.toFixed(1)}`)).join("");
}
