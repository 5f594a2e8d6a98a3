// Splits a line into terms: JobName like "a b" is one, and so is Status in Done, Failed.
import { refuse } from "./choose.js";
import { quote } from "./nearest.js";

/** @param {string} text @returns {string[]} */
export function splitLine(text) {
	let words = splitWords(text);
	const terms = [];
	while (words.length > 0) {
		const n = words[0].toLowerCase() === "and" ? 0 : termLength(words);
		if (n > 0) terms.push(words.slice(0, n).join(" "));
		words = words.slice(n || 1);
	}
	return terms;
}

/** Splits at spaces that are not in quotes. The quotes stay. @param {string} text */
function splitWords(text) {
	const words = [];
	let [word, inQuotes, escaped] = ["", "", false];
	for (const r of text) {
		if (inQuotes) {
			word += r;
			if (r === inQuotes && !escaped) inQuotes = "";
			escaped = inQuotes === '"' && r === "\\" && !escaped;
		} else if (" \t\n\r".includes(r)) {
			if (word) words.push(word);
			word = "";
		} else {
			// Quotes begin where a word, a value or an item of a list does; others are letters like all.
			if ((r === '"' || r === "'") && (!word || /[=<>~,]$/.test(word))) [inQuotes, escaped] = [r, false];
			word += r;
		}
	}
	if (inQuotes) refuse(`a ${inQuotes} is missing at the end of ${quote(word)}`);
	if (word) words.push(word);
	return words;
}

const operatorWords = /^(neq|eq|gte|gt|lte|lt|like|ilike|regex|in)$/i;
const bareName = /^[\w.()-]+$/;
const beginsSymbol = /^(==|!=|>=|<=|=|>|<|~)/;
const onlyNameAnd = /^[\w.()-]+(==|!=|>=|<=|=|>|<|~)$/;
const onlySymbol = /^(==|!=|>=|<=|=|>|<|~)$/;

/** How many of the words make up the first term. @param {string[]} words */
function termLength(words) {
	const [, second, third, fourth] = words.map((word) => word.toLowerCase());
	let n = 1; // words before the value, or with it
	if (!bareName.test(words[0])) {
		if (onlyNameAnd.test(words[0])) n = 2; // Status= Failed
	} else if (second === "is" && third === "null") return 3;
	else if (second === "is" && third === "not" && fourth === "null") return 4;
	else if (second === "not" && (third === "like" || third === "in")) n = 4;
	else if (words.length > 1 && (operatorWords.test(words[1]) || onlySymbol.test(words[1]))) n = 3;
	else if (words.length > 1 && beginsSymbol.test(words[1])) n = 2; // Status =Failed
	n = Math.min(n, words.length);
	while (n < words.length && (words[n - 1].endsWith(",") || words[n].startsWith(","))) n++; // Done, Failed
	return n;
}

/**
 * Takes the quotes from a value that is in quotes. In "…" a \" is a quote and \\ a backslash; '…'
 * stands for itself.
 * @param {string} text
 */
export function unquote(text) {
	if (text.length < 2 || text[0] !== text[text.length - 1]) return text;
	const inner = text.slice(1, -1);
	if (text[0] === "'") return inner;
	return text[0] === '"' ? inner.replace(/\\([\\"])/g, "$1") : text;
}

/**
 * Splits at commas that are not in quotes, and takes the quotes from the items. What is empty is left
 * out.
 * @param {string} text
 */
export function splitList(text) {
	/** @type {string[]} */
	const items = [];
	let [item, inQuotes, escaped] = ["", "", false];
	const add = () => {
		if (item.trim()) items.push(unquote(item.trim()));
		item = "";
	};
	for (const r of text) {
		if (r === "," && !inQuotes) {
			add();
			continue;
		}
		if (!inQuotes && (r === '"' || r === "'") && !item.trim()) [inQuotes, escaped] = [r, false];
		else if (inQuotes && r === inQuotes && !escaped) inQuotes = "";
		else if (inQuotes) escaped = inQuotes === '"' && r === "\\" && !escaped;
		item += r;
	}
	add();
	return items;
}
