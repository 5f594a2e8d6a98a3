// Makes filters of conditions.
import { COLUMNS, STATUSES } from "../columns.js";
import { refuse } from "./choose.js";
import { splitList, unquote } from "./line.js";
import { quote, unknown } from "./nearest.js";
import { timeFilters } from "./times.js";

/** @typedef {import("../api.js").Filter} Filter */

/** Other names of columns. @type {Record<string, string>} */
const aliases = { id: "JobID", group: "JobGroup", name: "JobName", type: "JobType", submitted: "SubmissionTime" };

const PARAMETER_PREFIX = "Parameters.";
const PILOT_STAMP = "PilotStamp";

/** Parameters of jobs that a server knows by their bare names. */
export const KNOWN_PARAMETERS = [
	"StandardOutput", "CPUNormalizationFactor", "NormCPUTime(s)", "TotalCPUTime(s)", "HostName", "GridCE", "ModelName", "PilotAgent",
	"Pilot_Reference", "Memory(MB)", "LocalAccount", "PayloadPID", "CEQueue", "BatchSystem",
];

const columnNames = Object.keys(COLUMNS);
const names = [...columnNames, ...KNOWN_PARAMETERS, PILOT_STAMP];

/**
 * The column or parameter that a name means, in upper or lower case.
 * @param {string} text
 */
export function nameOf(text) {
	const lower = text.toLowerCase();
	if (lower.startsWith(PARAMETER_PREFIX.toLowerCase()) && lower.length > PARAMETER_PREFIX.length) {
		return PARAMETER_PREFIX + text.slice(PARAMETER_PREFIX.length);
	}
	const name = Object.hasOwn(aliases, lower) ? aliases[lower] : names.find((known) => known.toLowerCase() === lower);
	return name || unknown("column", text, names, ", and Parameters.NAME for parameters of jobs");
}

/**
 * Makes filters of a name, an operator and the text of a value, which may be in quotes.
 * @param {import("./choose.js").Reader} reader
 * @param {string} name
 * @param {string} operator
 * @param {string} value
 * @returns {Filter[]}
 */
export function condition(reader, name, operator, value) {
	if (operator.endsWith("null")) {
		const parameter = nameOf(name);
		if (parameter === PILOT_STAMP) refuse(`${PILOT_STAMP} takes = and in only`);
		return [{ parameter, operator }];
	}
	if (!value) refuse(`${name}: a value is missing; write "" for an empty one`);
	let values = [unquote(value)];
	if (["eq", "neq", "in", "not in"].includes(operator)) {
		values = splitList(value);
		if (values.length === 0) refuse(`${name}: a value is missing`);
	}
	const lower = name.toLowerCase();
	if (lower === "since" || lower === "until") return shortTime(reader, lower, operator, values);
	const known = nameOf(name);
	if (Object.hasOwn(COLUMNS, known)) return columnFilters(reader, known, operator, values);
	return parameterFilters(known, operator, values);
}

/**
 * Makes filters of since=… and until=….
 * @param {import("./choose.js").Reader} reader
 * @param {"since" | "until"} name
 * @param {string} operator
 * @param {string[]} values
 */
function shortTime(reader, name, operator, values) {
	if (operator !== "eq" || values.length !== 1) refuse(`${name}: write ${name}=2d, ${name}=yesterday or ${name}=2026-11-24`);
	return timeFilters(reader.now, "SubmissionTime", name === "since" ? "gte" : "lte", values);
}

/**
 * @param {import("./choose.js").Reader} reader
 * @param {string} name
 * @param {string} operator
 * @param {string[]} values
 */
function columnFilters(reader, name, operator, values) {
	if (COLUMNS[name] === "time") return timeFilters(reader.now, name, operator, values);
	const whole = !operator.endsWith("like") && operator !== "regex";
	/** @type {(text: string) => any} */
	let read = (text) => text;
	if (whole && COLUMNS[name] === "integer") read = (text) => readInteger(name, text);
	else if (whole && name === "VerifiedFlag") read = (text) => readWord(name, text, ["True", "False"]);
	else if (whole && name === "AccountedFlag") read = (text) => readWord(name, text, ["True", "False", "Failed"]);
	else if (name === "Status" && ["eq", "neq", "in", "not in"].includes(operator)) read = readStatus;
	return filters(name, operator, values, read);
}

/**
 * Makes one filter of values: a list where there are several of them.
 * @param {string} parameter
 * @param {string} operator
 * @param {string[]} texts
 * @param {(text: string) => any} read
 * @returns {Filter[]}
 */
function filters(parameter, operator, texts, read) {
	const values = texts.map(read);
	if (operator === "eq" && values.length > 1) return [{ parameter, operator: "in", values }];
	if (operator === "neq" && values.length > 1) return [{ parameter, operator: "not in", values }];
	if (operator === "in" || operator === "not in") return [{ parameter, operator, values }];
	return [{ parameter, operator, value: values[0] }];
}

/**
 * Filters for what is no column, which fewer operators compare.
 * @param {string} name
 * @param {string} operator
 * @param {string[]} values
 */
function parameterFilters(name, operator, values) {
	if (name === PILOT_STAMP && operator !== "eq" && operator !== "in") refuse(`${PILOT_STAMP} takes = and in only`);
	if (["gt", "gte", "lt", "lte", "regex"].includes(operator)) {
		refuse(`${name}: parameters of jobs are texts; compare them by =, !=, in, like or null`);
	}
	return filters(name, operator, values, (text) => text);
}

/** @param {string} name @param {string} text */
function readInteger(name, text) {
	if (!/^-?[0-9]+$/.test(text)) refuse(`${name}: wants a whole number, not ${quote(text)}`);
	const n = BigInt(text);
	if (BigInt.asIntN(64, n) !== n) refuse(`${name}: ${text} is too large`);
	return Number.isSafeInteger(Number(text)) ? Number(text) : text; // the server reads numbers from texts, too
}

/** @param {string} name @param {string} text @param {string[]} words */
function readWord(name, text, words) {
	return words.find((word) => word.toLowerCase() === text.toLowerCase()) || refuse(`${name}: wants ${words.join(" or ")}, not ${quote(text)}`);
}

/** Takes the statuses that DIRAC knows, in upper or lower case. @param {string} text */
function readStatus(text) {
	return STATUSES.find((status) => status.toLowerCase() === text.toLowerCase()) ||
		unknown("status", text, STATUSES, '; one of an extension of DIRAC is found with "Status like NAME"');
}
