// Values of some columns with their numbers of jobs, each without the conditions on the column itself.
import { ask, useAnswer } from "../api.js";
import { html, useState } from "../html.js";
import { valuesOf, withValues } from "../terms.js";
import { count, Failure, Status } from "./status.js";

// Those that the server counts anyway are asked together, and first; the others one by one, when open.
const QUICK = ["Status", "Site", "Owner", "JobGroup", "JobType"];
const OTHERS = ["MinorStatus", "ApplicationStatus", "OwnerGroup", "JobName"];
const TOP = 8;

/**
 * @param {{text: string, filters: import("../api.js").Filter[] | null, version: number, search: (text: string) => void}} props
 */
export function Facets({ text, filters, version, search }) {
	const answer = useAnswer(filters && [filters, version], (signal) =>
		ask("POST", "/api/jobdb/facets", { columns: QUICK, search: filters, top: TOP }, signal));
	return html`
		<aside class="facets" aria-label="Values with their numbers of jobs" aria-busy=${answer.busy}>
			<${Failure} error=${answer.error} />
			${[...QUICK, ...OTHERS].map((column) => html`
				<${Facet} key=${column} column=${column} given=${answer.data?.[column]} text=${text} filters=${filters} version=${version} search=${search} />`)}
		</aside>`;
}

/** @param {any} props */
function Facet({ column, given, text, filters, version, search }) {
	const quick = QUICK.includes(column);
	const chosen = valuesOf(text, column);
	const [open, setOpen] = useState(["Status", "Site", "Owner"].includes(column) || chosen.length > 0);
	const [more, setMore] = useState(false);
	const asks = filters && open && (!quick || more);
	const own = useAnswer(asks ? [column, filters, version, more] : null, (signal) =>
		ask("POST", "/api/jobdb/facets", { columns: [column], search: filters, top: more ? 100 : TOP }, signal));
	const facet = own.data?.[column] || given;
	const values = facet?.values || [];
	const unseen = chosen.filter((value) => !values.some((/** @type {any} */ v) => String(v.value).toLowerCase() === value.toLowerCase()));
	const toggle = (/** @type {string} */ value) => {
		const others = chosen.filter((other) => other.toLowerCase() !== value.toLowerCase());
		search(withValues(text, column, others.length < chosen.length ? others : [...chosen, value]));
	};
	return html`
		<details open=${open} onToggle=${(/** @type {any} */ event) => setOpen(event.target.open)}>
			<summary>${column}${chosen.length > 0 && html` <small>${chosen.length} chosen</small>`}</summary>
			<${Failure} error=${own.error} />
			<ul>
				${[...unseen.map((value) => ({ value, count: 0 })), ...values].map(({ value, count: jobs }) => html`
					<li key=${String(value)}><label title=${String(value)}>
						<input type="checkbox" checked=${chosen.some((c) => c.toLowerCase() === String(value).toLowerCase())} onChange=${() => toggle(String(value))} />
						<span class="value">${column === "Status" ? html`<${Status} status=${value} />` : String(value) || "(empty)"}</span>
						<span class="count">${count(jobs)}</span>
					</label></li>`)}
			</ul>
			${facet?.more && !more && html`<button type="button" class="link" onClick=${() => setMore(true)}>more of ${column}</button>`}
		</details>`;
}
