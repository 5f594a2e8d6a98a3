// Changes to the text of a search line, so that clicks and typing say the same in one language.
import { ChoiceError, conditionParts, filtersOf, readLine } from "./choose/choose.js";
import { nameOf } from "./choose/condition.js";
import { splitLine, splitList } from "./choose/line.js";
import { readTime } from "./choose/times.js";
import { COLUMNS } from "./columns.js";
import { localTime } from "./times.js";

/** @typedef {import("./api.js").Filter} Filter */

/**
 * The filters of a text, or why it can't be read.
 * @param {string} text
 * @param {string} user
 * @returns {{search: Filter[], error: string}}
 */
export function readSearch(text, user) {
	try {
		return { search: filtersOf(readLine({ now: new Date(), user }, text)), error: "" };
	} catch (error) {
		if (error instanceof ChoiceError) return { search: [], error: error.message };
		throw error;
	}
}

/** The terms of a text; a text that can't be read has none. @param {string} text */
export function termsOf(text) {
	try {
		return splitLine(text);
	} catch {
		return [];
	}
}

/** The column that a term is about, or "". @param {string} term */
function columnOf(term) {
	try {
		return nameOf(conditionParts(term)?.name || "");
	} catch {
		return "";
	}
}

/** A value as it stands in a term. @param {unknown} value */
export function written(value) {
	const text = String(value);
	return text !== "" && !/[\s,"'\\]/.test(text) ? text : '"' + text.replace(/["\\]/g, "\\$&") + '"';
}

/** @param {string} term @param {string} column */
const chooses = (term, column) => columnOf(term) === column && ["eq", "in"].includes(conditionParts(term)?.operator || "");

/**
 * The values that a text chooses of a column, with = or in.
 * @param {string} text
 * @param {string} column
 */
export function valuesOf(text, column) {
	return termsOf(text).filter((term) => chooses(term, column)).flatMap((term) => splitList(conditionParts(term)?.value || ""));
}

/**
 * The text that chooses these values of a column instead of those that it chose; none: any.
 * @param {string} text
 * @param {string} column
 * @param {string[]} values
 */
export function withValues(text, column, values) {
	const others = termsOf(text).filter((term) => !chooses(term, column));
	return [...others, ...(values.length > 0 ? [`${column}=${values.map(written).join(",")}`] : [])].join(" ");
}

/** The text without one of its terms. @param {string} text @param {number} index */
export const withoutTerm = (text, index) => termsOf(text).filter((_, i) => i !== index).join(" ");

/** Whether a term is about when jobs were submitted. @param {string} term */
const isPeriod = (term) => /^(since|until)$/i.test(conditionParts(term)?.name || "") || columnOf(term) === "SubmissionTime";

/**
 * The text for a period of submission, in whole minutes, in place of what it says of one.
 * @param {string} text
 * @param {Date | null} from  null: any
 * @param {Date | null} to    not part of the period
 */
export function withPeriod(text, from, to) {
	const at = (/** @type {Date} */ time) => `"${localTime(time).slice(0, 16)}"`;
	const terms = termsOf(text).filter((term) => !isPeriod(term));
	if (from) terms.push("since=" + at(from));
	if (to) terms.push("SubmissionTime<" + at(to));
	return terms.join(" ");
}

/**
 * The period of submission that filters leave, as far as they say one.
 * @param {Filter[]} search
 */
export function periodOf(search) {
	/** @type {{from: Date | null, to: Date | null}} */
	const period = { from: null, to: null };
	for (const { parameter, operator, value } of search) {
		if (parameter !== "SubmissionTime") continue;
		const at = new Date(String(value).replace(" ", "T") + "Z");
		if (operator === "gte" && (!period.from || at > period.from)) period.from = at;
		if (operator === "lt" && (!period.to || at < period.to)) period.to = at;
	}
	return period;
}

/**
 * What a term's relative time means at present, or "".
 * @param {string} term
 */
export function absoluteTime(term) {
	const parts = conditionParts(term);
	if (!parts || !(COLUMNS[columnOf(term)] === "time" || /^(since|until)$/i.test(parts.name)) || /^["']?\d{4}/.test(parts.value)) return "";
	try {
		const period = readTime(new Date(), splitList(parts.value)[0] || "");
		return localTime(parts.name.toLowerCase() === "until" ? period.end : period.start);
	} catch {
		return "";
	}
}
