// The language in which jobs are chosen, as the package choose reads it for the command line. Both are
// tested with choose/testdata/cases.json, and the files here have the names of those there.
import { condition } from "./condition.js";
import { splitLine } from "./line.js";
import { quote } from "./nearest.js";
import { STATUSES } from "../columns.js";

/** @typedef {import("../api.js").Filter} Filter */

/**
 * What terms may refer to. Times are in the browser's zone.
 * @typedef {{now: Date, user: string}} Reader
 */

/**
 * Jobs that were chosen: those with one of the IDs, if there are any, for which all filters hold.
 * @typedef {{ids: {first: number, last: number}[], search: Filter[]}} Choice
 */

/** Says what of a text can't be read, and what to write instead. */
export class ChoiceError extends Error {}

/** @param {string} reason @returns {never} */
export function refuse(reason) {
	throw new ChoiceError(reason);
}

/**
 * Reads a text of several terms, separated by spaces.
 * @param {Reader} reader
 * @param {string} text
 * @returns {Choice}
 */
export function readLine(reader, text) {
	/** @type {Choice} */
	const choice = { ids: [], search: [] };
	for (const term of splitLine(text)) {
		if (term.startsWith("@") || term === "-") refuse(`${quote(term)}: files are read on the command line only`);
		addTerm(reader, choice, term);
	}
	return choice;
}

const idsTerm = /^[0-9]+(?:-[0-9]+)?(?:[ \t]*,[ \t]*[0-9]+(?:-[0-9]+)?)*,?$/;
export const symbolsTerm = /^([\w.()-]+)[ \t]*(==|!=|>=|<=|=|>|<|~)([^]*)$/;
export const wordsTerm =
	/^([\w.()-]+)[ \t]+(is[ \t]+not[ \t]+null|is[ \t]+null|not[ \t]+like|not[ \t]+in|neq|eq|gte|gt|lte|lt|like|ilike|regex|in)(?:[ \t]+([^]*)|$)/i;

/** Operators that are written as signs. @type {Record<string, string>} */
export const symbols = { "=": "eq", "==": "eq", "!=": "neq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "~": "regex" };

/**
 * The parts of a condition, or null for what is none.
 * @param {string} term
 */
export function conditionParts(term) {
	let m = wordsTerm.exec(term);
	if (m) return { name: m[1], operator: m[2].toLowerCase().split(/[ \t]+/).join(" "), value: (m[3] || "").trim() };
	m = symbolsTerm.exec(term);
	return m && { name: m[1], operator: symbols[m[2]], value: m[3].trim() };
}

/**
 * Reads one term and adds it to a choice.
 * @param {Reader} reader
 * @param {Choice} choice
 * @param {string} text
 */
function addTerm(reader, choice, text) {
	const term = text.trim();
	if (idsTerm.test(term)) return void choice.ids.push(...readIDs(term));
	if (term.toLowerCase() === "mine") {
		if (!reader.user) refuse("mine: it isn't known who you are; write Owner=NAME");
		return void choice.search.push({ parameter: "Owner", operator: "eq", value: reader.user });
	}
	const parts = conditionParts(term);
	if (!parts) return notATerm(term);
	choice.search.push(...condition(reader, parts.name, parts.operator, parts.value));
}

/** @param {string} term @returns {never} */
function notATerm(term) {
	if (!term) refuse("it is empty; write a job's ID, or a condition such as Status=Failed");
	if (STATUSES.some((status) => status.toLowerCase() === term.toLowerCase())) {
		refuse(`${quote(term)} is neither a job's ID nor a condition; did you mean Status=${term}?`);
	}
	refuse(
		`${quote(term)} is neither a job's ID nor a condition; write Status=Failed, "JobName like prod%", since=2d and so on, ` +
			"and put a value with spaces in quotes",
	);
}

/** Reads 12,15-20. @param {string} text */
function readIDs(text) {
	return text.split(",").map((part) => part.trim()).filter(Boolean).map((part) => {
		const [first, last = first] = part.split("-");
		const [a, b] = [Number(first), Number(last)];
		if (!Number.isSafeInteger(a) || !Number.isSafeInteger(b)) refuse(`${part}: no job has such a large ID`);
		if (a > b) refuse(`${part}: the first ID is greater than the last; write ${last}-${first}`);
		return { first: a, last: b };
	});
}

/**
 * The filters of a search that finds the jobs that were chosen.
 * @param {Choice} choice
 * @returns {Filter[]}
 */
export function filtersOf({ ids, search }) {
	if (ids.length === 0) return search;
	const single = ids.filter(({ first, last }) => first === last).map(({ first }) => first);
	/** @type {Filter[]} */
	const parts = ids.filter(({ first, last }) => first !== last).map(({ first, last }) => ({
		and: [{ parameter: "JobID", operator: "gte", value: first }, { parameter: "JobID", operator: "lte", value: last }],
	}));
	if (single.length > 0) parts.unshift({ parameter: "JobID", operator: "in", values: single });
	return [parts.length === 1 ? parts[0] : { or: parts }, ...search];
}
