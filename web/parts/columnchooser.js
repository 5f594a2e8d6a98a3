// Which columns the table has, and in which order.
import { COLUMNS, DEFAULT_COLUMNS } from "../columns.js";
import { html, useState } from "../html.js";
import { Dialog } from "./dialog.js";

/** @param {{columns: string[], choose: (columns: string[]) => void, close: () => void}} props */
export function ColumnChooser({ columns, choose, close }) {
	const [list, setList] = useState(columns);
	const [parameter, setParameter] = useState("");
	const move = (/** @type {number} */ i, /** @type {number} */ by) => {
		const next = [...list];
		[next[i], next[i + by]] = [next[i + by], next[i]];
		setList(next);
	};
	const others = Object.keys(COLUMNS).filter((name) => !list.includes(name));
	const add = (/** @type {string} */ name) => name && !list.includes(name) && setList([...list, name]);
	return html`
		<${Dialog} title="Columns" close=${close}>
			<ol class="columns">${list.map((name, i) => html`<li key=${name}><span>${name}</span>
				<button type="button" class="quiet" aria-label=${name + " further left"} disabled=${i === 0} onClick=${() => move(i, -1)}>↑</button>
				<button type="button" class="quiet" aria-label=${name + " further right"} disabled=${i === list.length - 1} onClick=${() => move(i, 1)}>↓</button>
				<button type="button" class="quiet" aria-label=${"Without " + name} disabled=${list.length === 1} onClick=${() => setList(list.filter((n) => n !== name))}>✕</button></li>`)}</ol>
			<p class="others">${others.map((name) => html`<button type="button" key=${name} class="quiet" onClick=${() => add(name)}>+ ${name}</button>`)}</p>
			<label class="field">A parameter of jobs, such as HostName<input type="text" value=${parameter} onInput=${(/** @type {any} */ e) => setParameter(e.target.value)} /></label>
			<button type="button" class="quiet" onClick=${() => { add(parameter.trim() && "Parameters." + parameter.trim().replace(/^Parameters\./, "")); setParameter(""); }}>Add the parameter</button>
			<div class="buttons">
				<button type="button" class="quiet" onClick=${() => setList(DEFAULT_COLUMNS)}>As at first</button>
				<button type="button" onClick=${() => { choose(list); close(); }}>Show these</button>
			</div>
		<//>`;
}
