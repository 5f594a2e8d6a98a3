// Acting on jobs: first what it would do, then the question, then the server's progress.
import { addressOf } from "../address.js";
import { ask, newKey, Refusal } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { actHere } from "./acthere.js";
import { Dialog } from "./dialog.js";
import { count, Failure } from "./status.js";

/**
 * What is to be done, to which jobs: to those with the IDs, or to all that match the search.
 * @typedef {{action: "kill" | "reschedule" | "delete", ids?: number[], search?: import("../api.js").Filter[], text?: string}} Order
 */

const TYPED_FROM = 100; // more jobs than this are confirmed by typing their number
export const TITLES = { kill: "Kill", reschedule: "Reschedule", delete: "Delete" };
const DONE = { kill: "killed", reschedule: "rescheduled", delete: "deleted" };
const DOES = {
	kill: "Killed jobs stop as soon as they can and stay killed.",
	reschedule: "Rescheduled jobs begin again from their original description.",
	delete: "Deleted jobs are marked Deleted, and removed from the database later.",
};

/** Views that show jobs read them again after an action of this tab or of another one. */
const acted = new BroadcastChannel("jobdb-acted");
acted.onmessage = () => dispatchEvent(new Event("acted"));

function tellActed() {
	acted.postMessage("");
	dispatchEvent(new Event("acted"));
}

/** A number that changes after each action. */
export function useActed() {
	const [n, set] = useState(0);
	useEffect(() => {
		const follow = () => set((old) => old + 1);
		addEventListener("acted", follow);
		return () => removeEventListener("acted", follow);
	}, []);
	return n;
}

/** Whether a user may act on any job at all. @param {import("../app.js").User} user @param {string} [owner]  of the one job in question */
export function mayAct(user, owner) {
	if (user.properties.includes("JobAdministrator")) return true;
	return user.properties.includes("NormalUser") && (owner === undefined || owner === user.name);
}

/** @param {{order: Order, close: () => void}} props */
export function ActDialog({ order, close }) {
	const [preview, setPreview] = useState(/** @type {any} */ (null));
	const [state, setState] = useState(/** @type {any} */ (null));
	const [reason, setReason] = useState("");
	const [typed, setTyped] = useState("");
	const [error, setError] = useState(/** @type {any} */ (null));
	const [sent, setSent] = useState(false);
	const [key] = useState(newKey);
	const { action, ids, search } = order;
	const request = { action, ...(ids ? { ids } : { search }) };
	useEffect(() => {
		const control = new AbortController();
		ask("POST", "/api/jobdb/actions", { ...request, dry_run: true }, control.signal).then(setPreview, (refused) => control.signal.aborted || setError(refused));
		return () => control.abort();
	}, []);
	useProgress(state, setState);
	const title = TITLES[action];
	const begin = async () => {
		setSent(true);
		setError(null);
		try {
			setState(await ask("POST", "/api/jobdb/actions", { ...request, reason }, undefined, key));
		} catch (refused) {
			if (refused instanceof Refusal && refused.status === 501) return actHere(order, setState).catch(setError);
			const lost = refused instanceof Refusal && refused.status === 0;
			setError(lost ? new Error("No answer came, so it isn't known whether it began. Try again: it begins only once.") : refused);
			setSent(false);
		}
	};
	const n = preview?.can ?? 0;
	const needsTyping = n > TYPED_FROM;
	return html`
		<${Dialog} title=${`${title} jobs`} close=${close}>
			<p>${ids ? html`<b>${count(ids.length)}</b> marked ${ids.length === 1 ? "job" : "jobs"}${ids.length <= 10 && ": " + ids.join(", ")}` : html`All jobs that match <code>${order.text || "everything"}</code>`}</p>
			${!state && html`<p class="note">${DOES[action]}</p>`}
			<${Failure} error=${error} />
			${!preview && !error && html`<p role="status">Counting what this would do …</p>`}
			${preview && !state && html`
				<p role="status"><b>${count(n)}</b> of ${count(preview.total)} can be ${DONE[action]}.</p>
				<${Cannot} preview=${preview} />
				${n > 0 && html`
					<label class="field">Reason, for others to read (optional)<input type="text" maxlength="200" value=${reason} onInput=${(/** @type {any} */ e) => setReason(e.target.value)} /></label>
					${needsTyping && html`<label class="field">Type ${n} to confirm<input type="text" inputmode="numeric" autocomplete="off" value=${typed} onInput=${(/** @type {any} */ e) => setTyped(e.target.value)} /></label>`}
				`}
				<div class="buttons">
					<button type="button" class="quiet" onClick=${close}>Cancel</button>
					${n > 0 && html`<button type="button" class="danger" disabled=${sent || (needsTyping && typed.replace(/\s/g, "") !== String(n))} onClick=${begin}>${title} ${count(n)} ${n === 1 ? "job" : "jobs"}</button>`}
				</div>`}
			${state && html`
				<${Progress} state=${state} />
				${state.here ? html`
					<p class="note">This server keeps no actions: it goes on as long as this page is open.</p>
					${state.outcomes.length > 0 && html`<ul class="cannot">${state.outcomes.slice(0, 100).map((/** @type {any} */ o) => html`<li key=${o.job_id}>${o.job_id}: ${o.reason}</li>`)}</ul>`}`
				: html`<p class="note">It goes on when this page is closed. <a href=${addressOf("actions/" + state.id)} onClick=${close}>All about this action</a></p>`}
				<div class="buttons"><button type="button" onClick=${close}>Close</button></div>`}
		<//>`;
}

/** How many can't, and why. @param {{preview: any}} props */
export function Cannot({ preview }) {
	const lines = Object.entries(preview.cannot || {}).map(([status, { count: n, reason }]) => [n, `${status}: ${reason}`]);
	if (preview.not_yours) lines.push([preview.not_yours, "of other owners: only they and administrators may"]);
	if (preview.missing) lines.push([preview.missing, "don't exist"]);
	if (lines.length === 0) return null;
	return html`<ul class="cannot">${lines.map(([n, words]) => html`<li key=${words}><b>${count(n)}</b> ${words}</li>`)}</ul>`;
}

/**
 * Asks how far an action has come until it has ended.
 * @param {any} state
 * @param {(state: any) => void} set
 */
export function useProgress(state, set) {
	const running = state && state.state === "running";
	useEffect(() => {
		if (!state) return;
		if (!running) return tellActed();
		if (state.here) return;
		const control = new AbortController();
		const timer = setTimeout(() => {
			ask("GET", "/api/jobdb/actions/" + state.id, undefined, control.signal).then(set, () => control.signal.aborted || set({ ...state })); // asked again
		}, 700);
		return () => {
			control.abort();
			clearTimeout(timer);
		};
	}, [state]);
}

/** @param {{state: any}} props */
export function Progress({ state }) {
	const ended = state.done + state.refused + state.failed;
	const [error, setError] = useState(/** @type {any} */ (null));
	const stop = () => ask("DELETE", "/api/jobdb/actions/" + state.id).then(() => setError(null), setError);
	const words = state.state === "done" ? "Done" : state.state === "stopped" ? "Stopped" : "At work";
	return html`
		<p role="status">${words}: ${count(state.done)} done, ${count(state.refused)} refused, ${count(state.failed)} failed, of ${count(state.total)}.</p>
		<progress max=${Math.max(1, state.total)} value=${ended} aria-label="Progress of the action"></progress>
		<${Failure} error=${error} />
		${state.state === "running" && !state.here && html`<button type="button" class="quiet" onClick=${stop}>Stop: leave the others as they are</button>`}`;
}
