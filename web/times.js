// Times in the reader's zone, with UTC at hand.
import { html } from "./html.js";

const two = (/** @type {number} */ n) => String(n).padStart(2, "0");

/**
 * 2024-01-31 10:00:00 in the reader's zone.
 * @param {string | Date | null} time
 */
export function localTime(time) {
	if (!time) return "";
	const t = new Date(time);
	if (Number.isNaN(t.getTime())) return String(time);
	return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

/** 2024-01-31 10:00:00 UTC. @param {string | Date} time */
export const utcTime = (time) => new Date(time).toISOString().slice(0, 19).replace("T", " ") + " UTC";

/** An element that shows a time; its title is the same in UTC. @param {{time: string | null}} props */
export function Time({ time }) {
	if (!time) return null;
	return html`<time datetime=${time} title=${utcTime(time)}>${localTime(time)}</time>`;
}

/**
 * A length of time in its two largest units: "2 d 3 h".
 * @param {number} seconds
 */
export function duration(seconds) {
	const units = /** @type {[number, string][]} */ ([[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]);
	const at = units.findIndex(([size]) => seconds >= size);
	if (at < 0) return `${Math.max(0, Math.round(seconds * 10) / 10)} s`;
	const [[large, name], small] = [units[at], units[at + 1]];
	const rest = small && Math.floor((seconds % large) / small[0]);
	return `${Math.floor(seconds / large)} ${name}` + (rest ? ` ${rest} ${small[1]}` : "");
}
