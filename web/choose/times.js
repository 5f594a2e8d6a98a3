// Reads times, in the browser's zone unless they end in Z or in an offset.
import { refuse } from "./choose.js";
import { quote } from "./nearest.js";

/** @typedef {import("../api.js").Filter} Filter */
/** From start up to, but not including, end; equal for a moment. @typedef {{start: Date, end: Date}} Period */

const agoText = /^(?:now\s*-\s*)?((?:[0-9]{1,6}\s*[smhdw]\s*){1,5})(?:ago)?$/;
const agoPart = /([0-9]+)\s*([smhdw])/g;
const dayText =
	/^(today|yesterday|monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tue|wed|thu|fri|sat|sun)(?:[ t]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?$/;
const dateText =
	/^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[ t]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?)?(z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?$/;

/** In seconds. @type {Record<string, number>} */
const agoUnits = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/**
 * Reads now, 2d, 2h30m, now-2h, today, yesterday, tuesday, "today 14:30", 2026-11, "2026-11-24 10:30" and so on.
 * @param {Date} present
 * @param {string} text
 * @returns {Period}
 */
export function readTime(present, text) {
	const lower = text.trim().toLowerCase();
	const now = new Date(Math.floor(present.getTime() / 1000) * 1000);
	if (lower === "now") return { start: now, end: now };
	let m = agoText.exec(lower);
	if (m) {
		let seconds = 0;
		for (const [, n, unit] of m[1].matchAll(agoPart)) seconds += Number(n) * agoUnits[unit];
		const at = new Date(now.getTime() - 1000 * seconds);
		return checkYears(text, { start: at, end: at });
	}
	m = dayText.exec(lower);
	if (m) return day(now, text, m);
	m = dateText.exec(lower);
	if (m) return date(text, m);
	return refuse(`${quote(text)} is not a time; write 2d, now-2h, today, tuesday, 2026-11, 2026-11-24, "2026-11-24 10:30" and so on`);
}

/** Refuses times that no database holds. @param {string} text @param {Period} period */
function checkYears(text, period) {
	const year = period.start.getUTCFullYear();
	return year < 1 || year > 9999 ? refuse(`${quote(text)}: there is no such time`) : period;
}

/** @param {Date} now @param {string} text @param {RegExpExecArray} m @returns {Period} */
function day(now, text, m) {
	const back = m[1] === "today" ? 0 : m[1] === "yesterday" ? 1 : (now.getDay() - weekdays.indexOf(m[1].slice(0, 3)) + 7) % 7;
	const parts = [now.getFullYear(), now.getMonth() + 1, now.getDate() - back];
	if (!m[2]) return between(text, parts, null);
	const time = [m[2], m[3], m[4]].filter(Boolean).map(Number);
	if (time[0] > 23 || time[1] > 59 || time[2] > 59) refuse(`${quote(text)}: there is no such time`);
	return between(text, [...parts, ...time], null);
}

/** @param {string} text @param {RegExpExecArray} m @returns {Period} */
function date(text, m) {
	const parts = m.slice(1, 7).filter(Boolean).map(Number);
	const t = moment(parts, 0);
	const real = [t.getUTCFullYear(), t.getUTCMonth() + 1, t.getUTCDate(), t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds()];
	if (parts.some((part, i) => part !== real[i])) refuse(`${quote(text)}: there is no such time`);
	return between(text, parts, m[7] ? offset(m[7]) : null);
}

/** The minutes of Z, +02:00 or -0330. @param {string} text */
function offset(text) {
	if (text === "z") return 0;
	const digits = text.slice(1).replace(":", "");
	return (text[0] === "-" ? -1 : 1) * (60 * Number(digits.slice(0, 2)) + Number(digits.slice(2)));
}

/**
 * A time of year, month and so on; with so many minutes of offset, or, for null, in the browser's zone.
 * @param {number[]} parts
 * @param {number | null} minutes
 */
function moment([year, month = 1, day = 1, hour = 0, minute = 0, second = 0], minutes) {
	const t = new Date(0); // and not new Date(year, …), for which 24 is 1924
	if (minutes === null) {
		t.setFullYear(year, month - 1, day);
		t.setHours(hour, minute, second, 0);
	} else {
		t.setUTCFullYear(year, month - 1, day);
		t.setUTCHours(hour, minute - minutes, second, 0);
	}
	return t;
}

/**
 * The year, month, day, hour, minute or second of which parts are given.
 * @param {string} text
 * @param {number[]} parts
 * @param {number | null} minutes
 */
function between(text, parts, minutes) {
	const next = parts.map((part, i) => (i === parts.length - 1 ? part + 1 : part));
	return checkYears(text, { start: moment(parts, minutes), end: moment(next, minutes) });
}

/** How times are sent: in UTC. @param {Date} time */
export const wireTime = (time) => time.toISOString().replace(/^\+0/, "").slice(0, 19).replace("T", " ");

/**
 * Compares a time with periods.
 * @param {Date} now
 * @param {string} parameter
 * @param {string} operator
 * @param {string[]} values
 * @returns {Filter[]}
 */
export function timeFilters(now, parameter, operator, values) {
	const periods = values.map((text) => {
		try {
			return readTime(now, text);
		} catch (error) {
			return refuse(`${parameter}: ${/** @type {Error} */ (error).message}`);
		}
	});
	/** @type {(operator: string, at: Date) => Filter} */
	const compare = (by, at) => ({ parameter, operator: by, value: wireTime(at) });
	const after = (/** @type {Period} */ p) => (p.end > p.start ? p.end : new Date(p.end.getTime() + 1000));
	const [first] = periods;
	switch (operator) {
		case "gt":
			return [compare("gte", first.end)];
		case "gte":
			return [compare("gte", first.start)];
		case "lt":
			return [compare("lt", first.start)];
		case "lte":
			return [compare("lt", first.end)];
		case "neq":
		case "not in":
			return periods.map((p) => ({ or: [compare("lt", p.start), compare("gte", after(p))] }));
		case "eq":
		case "in":
			if (periods.length === 1) return [compare("gte", first.start), compare("lt", after(first))];
			return [{ or: periods.map((p) => ({ and: [compare("gte", p.start), compare("lt", after(p))] })) }];
	}
	return refuse(`${parameter}: times can't be compared by ${operator}; write ${parameter}=2026-11 or ${parameter}>now-2h`);
}
