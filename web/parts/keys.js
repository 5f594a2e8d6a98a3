// Keys of the keyboard. They are off while somebody types, and while a dialog is open.
import { html, useEffect, useRef } from "../html.js";
import { Dialog } from "./dialog.js";

/** When g was pressed last, in milliseconds of the page's life. */
let goPressed = -Infinity;

/**
 * Calls a function when its key is pressed. "g j" is g and then j.
 * @param {Record<string, () => void>} keys
 * @param {boolean} [active]
 */
export function useKeys(keys, active = true) {
	const latest = useRef(keys);
	latest.current = keys;
	useEffect(() => {
		if (!active) return;
		const press = (/** @type {KeyboardEvent} */ event) => {
			const target = /** @type {HTMLElement} */ (event.target);
			if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
			if (target.closest("input:not([type=checkbox]), textarea, select, dialog")) return;
			const after = performance.now() - goPressed < 1500 ? "g " : "";
			const act = latest.current[after + event.key];
			if (!act) return;
			event.preventDefault();
			goPressed = -Infinity;
			act();
		};
		addEventListener("keydown", press);
		return () => removeEventListener("keydown", press);
	}, [active]);
}

addEventListener("keydown", (event) => {
	const target = /** @type {HTMLElement} */ (event.target);
	if (event.key === "g" && target instanceof Element && !target.closest("input, textarea, select, dialog")) goPressed = performance.now();
});

const KEYS = [
	["/", "to the search line"],
	["j, k", "to the next and the previous job"],
	["Enter", "open the job"],
	["x", "mark the job, or take the mark off"],
	["e", "errors of these jobs"],
	["g j, g e, g o, g a", "go to jobs, errors, overview, actions"],
	["?", "this help"],
	["Esc", "close what is open"],
];

/** @param {{close: () => void}} props */
export function KeysHelp({ close }) {
	return html`
		<${Dialog} title="Keys" close=${close}>
			<dl class="keys">${KEYS.map(([key, does]) => html`<dt><kbd>${key}</kbd></dt><dd>${does}</dd>`)}</dl>
		<//>`;
}
