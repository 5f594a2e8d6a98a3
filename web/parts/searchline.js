// The search line, with completion, and chips of its conditions below it.
import { ask } from "../api.js";
import { COLUMNS, STATUSES } from "../columns.js";
import { KNOWN_PARAMETERS } from "../choose/condition.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { absoluteTime, termsOf, withoutTerm, written } from "../terms.js";

const TIMES = ["today", "yesterday", "1h", "2d", "1w", "monday"];

/**
 * What may stand where the cursor is: the texts to put in place of the last word.
 * @param {string} text  up to the cursor
 * @param {AbortSignal} signal
 * @returns {Promise<string[]>}
 */
async function completions(text, signal) {
	const word = /[^\s]*$/.exec(text)?.[0] || "";
	const m = /^([\w.()-]+)(==|!=|>=|<=|=|>|<)(.*)$/.exec(word);
	if (!m) {
		if (!word) return [];
		const names = [...Object.keys(COLUMNS).map((name) => name + "="), "since=", "until=", "mine", ...KNOWN_PARAMETERS.map((name) => name + "=")];
		return names.filter((name) => name.toLowerCase().startsWith(word.toLowerCase()));
	}
	const [, name, operator, list] = m;
	const before = name + operator + list.slice(0, list.lastIndexOf(",") + 1);
	const prefix = list.slice(list.lastIndexOf(",") + 1).replace(/^["']/, "");
	const column = Object.keys(COLUMNS).find((known) => known.toLowerCase() === name.toLowerCase());
	const begins = (/** @type {string} */ value) => value.toLowerCase().startsWith(prefix.toLowerCase());
	let values;
	if (/^(since|until)$/i.test(name) || (column && COLUMNS[column] === "time")) values = TIMES.filter(begins);
	else if (column === "Status") values = STATUSES.filter(begins);
	else if (!column || COLUMNS[column] !== "text") return [];
	else values = (await ask("POST", "/api/jobdb/values", { column, prefix, limit: 8 }, signal)).values.map(String);
	return values.map((/** @type {string} */ value) => before + written(value)).filter((/** @type {string} */ whole) => whole !== word);
}

/**
 * @param {{text: string, error: string, search: (text: string) => void}} props
 */
export function SearchLine({ text, error, search }) {
	const [draft, setDraft] = useState(text);
	const [list, setList] = useState(/** @type {string[]} */ ([]));
	const [at, setAt] = useState(-1);
	const input = useRef(/** @type {HTMLInputElement | null} */ (null));
	const [typed, setTyped] = useState(0); // counts what was typed
	useEffect(() => {
		setDraft(text);
		setList([]);
	}, [text]);
	useEffect(() => {
		if (!typed) return;
		const control = new AbortController();
		const timer = setTimeout(() => {
			completions(draft.slice(0, input.current?.selectionStart ?? draft.length), control.signal)
				.then((found) => {
					setList(found.slice(0, 8));
					setAt(-1);
				})
				.catch(() => setList([])); // there is none, which nobody misses
		}, 80);
		return () => {
			clearTimeout(timer);
			control.abort();
		};
	}, [typed]);

	const take = (/** @type {string} */ choice) => {
		const cursor = input.current?.selectionStart ?? draft.length;
		const begin = draft.slice(0, cursor).replace(/[^\s]*$/, "") + choice;
		const open = choice.endsWith("=");
		setDraft(begin + (open ? "" : " ") + draft.slice(cursor).trimStart());
		setList([]);
		if (open) setTyped(typed + 1);
		input.current?.focus();
	};
	const submit = (/** @type {string} */ what) => {
		setList([]);
		setTyped(0);
		search(what.trim());
	};
	const press = (/** @type {KeyboardEvent} */ event) => {
		if (event.key === "ArrowDown" && list.length > 0) setAt((at + 1) % list.length);
		else if (event.key === "ArrowUp" && list.length > 0) setAt((at + list.length - 1) % list.length);
		else if (event.key === "Escape") list.length > 0 ? setList([]) : input.current?.blur();
		else if ((event.key === "Enter" || event.key === "Tab") && list.length > 0 && at >= 0) take(list[at]);
		else if (event.key === "Enter") submit(draft);
		else return;
		if (event.key !== "Tab" || at >= 0) event.preventDefault();
	};
	return html`
		<div class="searchline" role="search">
			<input ref=${input} id="search" type="text" role="combobox" aria-label="Search jobs" autocomplete="off" spellcheck=${false}
				placeholder="Status=Failed since=2d   ( / )" value=${draft} aria-expanded=${list.length > 0 ? "true" : "false"} aria-controls="completions"
				aria-autocomplete="list" aria-activedescendant=${at >= 0 ? "completion-" + at : null} aria-invalid=${error ? "true" : null}
				aria-describedby=${error ? "search-error" : null}
				onInput=${(/** @type {any} */ event) => { setDraft(event.target.value); setTyped(typed + 1); }}
				onKeyDown=${press} onBlur=${() => setList([])} />
			<button type="button" onClick=${() => submit(draft)}>Search</button>
			<ul id="completions" role="listbox" aria-label="Completions" hidden=${list.length === 0}>
				${list.map((choice, i) => html`
					<li key=${choice} id=${"completion-" + i} role="option" aria-selected=${i === at ? "true" : "false"}
						onMouseDown=${(/** @type {Event} */ event) => { event.preventDefault(); take(choice); }}>${choice}</li>`)}
			</ul>
		</div>
		${error && html`<p id="search-error" class="failure" role="alert">${error}</p>`}
		<${Chips} text=${text} search=${search} />`;
}

/** @param {{text: string, search: (text: string) => void}} props */
function Chips({ text, search }) {
	const terms = termsOf(text);
	if (terms.length === 0) return null;
	return html`
		<ul class="chips" aria-label="Conditions">
			${terms.map((term, i) => {
				const absolute = absoluteTime(term);
				return html`<li key=${i + term}><span>${term}${absolute && html`<small> ${absolute}</small>`}</span>
					<button type="button" aria-label=${"Remove " + term} onClick=${() => search(withoutTerm(text, i))}>✕</button></li>`;
			})}
			${terms.length > 1 && html`<li class="plain"><button type="button" onClick=${() => search("")}>Remove all</button></li>`}
		</ul>`;
}
