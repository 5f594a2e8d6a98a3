// Past and present actions, with their outcomes.
import { addressOf, change } from "../address.js";
import { ask, useAnswer } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { Cannot, Progress, TITLES, useActed, useProgress } from "../parts/act.js";
import { count, Failure } from "../parts/status.js";
import { Time } from "../times.js";

/** @param {{path: string[], query: URLSearchParams}} props */
export function Actions({ path, query }) {
	return path[1] ? html`<${One} id=${path[1]} outcomes=${query.get("outcomes") || "refused"} />` : html`<${All} />`;
}

/** @param {any} action */
const titleOf = (action) => /** @type {any} */ (TITLES)[action] || String(action);

function All() {
	const version = useActed();
	const { data, error } = useAnswer(["actions", version], (signal) => ask("GET", "/api/jobdb/actions", undefined, signal));
	const list = Array.isArray(data) ? data : data?.actions || [];
	return html`
		<h1>Actions</h1>
		<${Failure} error=${error} />
		${data && list.length === 0 && html`<p class="note">None yet. Mark jobs, or search for some, and choose Kill, Reschedule or Delete.</p>`}
		${list.length > 0 && html`<div class="scrollx" tabindex="0" role="region" aria-label="Actions"><table class="plain"><thead><tr>${["Action", "By", "Begun", "State", "Jobs", "Done", "Refused", "Failed", "Reason"].map((h) => html`<th scope="col" key=${h}>${h}</th>`)}</tr></thead>
			<tbody>${list.map((/** @type {any} */ a) => html`<tr key=${a.id}><td><a href=${addressOf("actions/" + a.id)}>${titleOf(a.action)} ${a.id}</a></td><td>${a.owner}</td><td><${Time} time=${a.created} /></td><td>${a.state}</td>
				<td class="number">${count(a.total)}</td><td class="number">${count(a.done)}</td><td class="number">${count(a.refused)}</td><td class="number">${count(a.failed)}</td><td>${a.reason}</td></tr>`)}</tbody></table></div>`}`;
}

/** @param {{id: string, outcomes: string}} props */
function One({ id, outcomes }) {
	const first = useAnswer(["action", id], (signal) => ask("GET", "/api/jobdb/actions/" + encodeURIComponent(id), undefined, signal));
	const [state, setState] = useState(/** @type {any} */ (null));
	useEffect(() => setState(first.data), [first.data]);
	useProgress(state, setState);
	const list = useAnswer(state ? [id, outcomes, state.state, state[outcomes]] : null, (signal) =>
		ask("GET", `/api/jobdb/actions/${encodeURIComponent(id)}?outcomes=${outcomes}`, undefined, signal));
	const found = list.data?.outcomes || [];
	return html`
		<p><a href=${addressOf("actions")}>All actions</a></p>
		<${Failure} error=${first.error} />
		${state && html`
			<h1>${titleOf(state.action)} ${state.id}</h1>
			<p>By ${state.owner} at <${Time} time=${state.created} />${state.reason && html`: ${state.reason}`}</p>
			<${Progress} state=${state} />
			<${Cannot} preview=${state} />
			<div class="controls"><label>Outcomes <select value=${outcomes} onChange=${(/** @type {any} */ e) => change({ outcomes: e.target.value })}>
				${["refused", "failed", "done", "waiting"].map((name) => html`<option key=${name}>${name}</option>`)}</select></label></div>
			<${Failure} error=${list.error} />
			${found.length === 0 ? html`<p class="note">none</p>` : html`<table class="plain"><thead><tr><th scope="col">Job</th><th scope="col">Outcome</th><th scope="col">Reason</th></tr></thead>
				<tbody>${found.map((/** @type {any} */ o) => html`<tr key=${o.job_id}><td><a href=${addressOf("job/" + o.job_id)}>${o.job_id}</a></td><td>${o.outcome}</td><td>${o.reason}</td></tr>`)}</tbody></table>`}`}`;
}
