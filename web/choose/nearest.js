// Names that are most like a text that is none of them.

import { refuse } from "./choose.js";

/**
 * Refuses a name that is none of those that there are: says the nearest or, if none is alike, all.
 * @param {string} what
 * @param {string} text
 * @param {string[]} names
 * @param {string} others
 * @returns {never}
 */
export function unknown(what, text, names, others) {
	const name = nearest(text, names);
	refuse(`no ${what} is called ${quote(text)}` + (name ? `; did you mean ${name}?` : `; there are ${names.join(", ")}${others}`));
}

/** Shows a part of what was written. @param {string} text */
export function quote(text) {
	const runes = [...text];
	return JSON.stringify(runes.length > 60 ? runes.slice(0, 60).join("") + "…" : text);
}

/**
 * The name that is a few letters away from the text, or else the shortest that contains it; "" if
 * none is alike.
 * @param {string} text
 * @param {string[]} names
 */
export function nearest(text, names) {
	const lower = text.toLowerCase();
	let best = "";
	let least = Math.floor([...lower].length / 3) + 2;
	for (const name of names) {
		const d = distance(lower, name.toLowerCase());
		if (d < least) [best, least] = [name, d];
	}
	if (best || lower.length < 3) return best;
	for (const name of names) {
		if (name.toLowerCase().includes(lower) && (!best || name.length < best.length)) best = name;
	}
	return best;
}

/**
 * How many letters must be put in, taken out or replaced to make b of a.
 * @param {string} a
 * @param {string} b
 */
function distance(a, b) {
	const to = [...b];
	const row = [...to.keys(), to.length];
	[...a].forEach((r, i) => {
		let before = row[0];
		row[0] = i + 1;
		to.forEach((s, j) => {
			const replaced = before + (r === s ? 0 : 1);
			before = row[j + 1];
			row[j + 1] = Math.min(replaced, row[j] + 1, row[j + 1] + 1);
		});
	});
	return row[to.length];
}
