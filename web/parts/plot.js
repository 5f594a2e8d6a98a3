// Plots of values over time, by uPlot, which is loaded when the first plot is drawn.
import { html, useEffect, useRef, useState } from "../html.js";
import { duration, localTime } from "../times.js";

/** @typedef {{title: string, times: number[], series: {name: string, values: (number | null)[], colour?: string}[]}} Plot  times in seconds since 1970 */

/** @type {Promise<any> | undefined} */
let library;

function loadLibrary() {
	library ||= new Promise((resolve, reject) => {
		const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "vendor/uPlot.min.css" });
		const script = Object.assign(document.createElement("script"), { src: "vendor/uPlot.iife.min.js" });
		script.onload = () => resolve(/** @type {any} */ (globalThis).uPlot);
		script.onerror = () => {
			library = undefined;
			reject(new Error("the plots can't be loaded"));
		};
		document.head.append(style, script);
	});
	return library;
}

/** @param {{plots: Plot[]}} props */
export function Plots({ plots }) {
	return html`<div class="plots">${plots.map((plot) => html`<${OnePlot} key=${plot.title} plot=${plot} />`)}</div>`;
}

const COLOURS = ["--blue", "--orange", "--green", "--violet", "--amber", "--teal", "--pink", "--red"];

/** @param {{plot: Plot, height?: number}} props */
export function OnePlot({ plot, height = 150 }) {
	const box = useRef(/** @type {HTMLElement | null} */ (null));
	const [failed, setFailed] = useState("");
	useEffect(() => {
		const element = /** @type {HTMLElement} */ (box.current);
		let drawn = /** @type {any} */ (null);
		let gone = false;
		const draw = async () => {
			try {
				const UPlot = await loadLibrary();
				if (gone) return;
				drawn?.destroy();
				drawn = new UPlot(optionsOf(plot, element.clientWidth, height), [plot.times, ...plot.series.map((s) => s.values)], element);
			} catch (error) {
				setFailed(String(/** @type {Error} */ (error).message));
			}
		};
		draw();
		const observer = new ResizeObserver(() => drawn?.setSize({ width: element.clientWidth, height }));
		observer.observe(element);
		const dark = matchMedia("(prefers-color-scheme: dark)");
		dark.addEventListener("change", draw);
		return () => {
			gone = true;
			observer.disconnect();
			dark.removeEventListener("change", draw);
			drawn?.destroy();
		};
	}, [JSON.stringify(plot)]);
	const values = plot.series.flatMap((s) => s.values.filter((v) => v !== null));
	const label = `${plot.title}: from ${short(Math.min(...values))} to ${short(Math.max(...values))}, last ${short(values.at(-1) ?? 0)}; ` +
		`${duration((plot.times.at(-1) ?? 0) - plot.times[0])} from ${localTime(new Date(plot.times[0] * 1000))}`;
	return html`<figure class="plot"><figcaption>${plot.title}</figcaption><div ref=${box} role="img" aria-label=${label}></div>${failed && html`<p class="failure">${failed}</p>`}</figure>`;
}

/** @param {number} n */
const short = (n) => Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(n);

/** @param {Plot} plot @param {number} width @param {number} height */
function optionsOf(plot, width, height) {
	const style = getComputedStyle(document.documentElement);
	const colour = (/** @type {string} */ name) => style.getPropertyValue(name);
	const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "11px sans-serif" };
	return {
		width, height, legend: { show: plot.series.length > 1 }, cursor: { drag: { x: true, y: false } },
		axes: [axis, { ...axis, size: 48, values: (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map(short) }],
		scales: { y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
		series: [{ value: (/** @type {any} */ _, /** @type {number} */ t) => (t ? localTime(new Date(t * 1000)) : "") },
			...plot.series.map((s, i) => ({ label: s.name, stroke: colour(s.colour || COLOURS[i % COLOURS.length]), width: 1.5, points: { show: plot.times.length < 3 } }))],
	};
}
