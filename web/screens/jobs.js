// Jobs: the search line, values with counts, jobs over time, and the table.
import { addressOf, change, go } from "../address.js";
import { send } from "../api.js";
import { COLUMNS, DEFAULT_COLUMNS } from "../columns.js";
import { html, useEffect, useMemo, useState } from "../html.js";
import { ActDialog, mayAct, TITLES, useActed } from "../parts/act.js";
import { useChanges } from "../parts/changes.js";
import { ColumnChooser } from "../parts/columnchooser.js";
import { Facets } from "../parts/facets.js";
import { Histogram, SPANS } from "../parts/histogram.js";
import { useKeys } from "../parts/keys.js";
import { remember } from "../parts/results.js";
import { useRows } from "../parts/rows.js";
import { SearchLine } from "../parts/searchline.js";
import { count, Failure } from "../parts/status.js";
import { Table } from "../parts/table.js";
import { periodOf, readSearch, withPeriod } from "../terms.js";

/** @typedef {import("../api.js").Row} Row */

/** @param {URLSearchParams} query */
export function sortOf(query) {
	const text = query.get("sort") || "-JobID";
	const parameter = text.replace(/^-/, "");
	return { parameter: parameter in COLUMNS ? parameter : "JobID", direction: text.startsWith("-") ? "desc" : "asc" };
}

/** @param {{query: URLSearchParams, user: import("../app.js").User}} props */
export function Jobs({ query, user }) {
	const text = query.get("q") || "";
	const by = query.get("by") || "Status";
	const span = query.get("span") || "7d";
	const chosen = (query.get("columns") || "").split(",").filter((name) => name in COLUMNS || name.startsWith("Parameters."));
	const columns = chosen.length > 0 ? chosen : DEFAULT_COLUMNS;
	const sort = sortOf(query);
	const [shown, setShown] = useState(0); // how often changes were shown
	const version = useActed() + shown;
	const { search: filters, error } = useMemo(() => readSearch(text, user.name), [text, user.name, version]);
	const asked = error ? null : filters;
	const request = asked && { search: asked, sort: [sort, ...(sort.parameter === "JobID" ? [] : [{ parameter: "JobID", direction: "desc" }])],
		parameters: [...new Set(["JobID", ...columns])] };
	const list = useRows(request, version);
	const { changed, more } = useChanges(asked, version);
	const [current, setCurrent] = useState(-1);
	const [marks, setMarks] = useState(/** @type {Set<number>} */ (new Set()));
	const [order, setOrder] = useState(/** @type {import("../parts/act.js").Order | null} */ (null));
	const [choosing, setChoosing] = useState(false);
	useEffect(() => {
		setMarks(new Set()); // a mark never outlives the search in which it was set: nothing unseen is acted on
		setCurrent(-1);
	}, [text]);
	useEffect(() => remember(text, sort, list.rows.map((row) => row.JobID)), [list.rows]);

	const search = (/** @type {string} */ q) => change({ q });
	const link = (/** @type {Row} */ row) => addressOf("job/" + row.JobID, { q: text, sort: query.get("sort") });
	const mark = (/** @type {number} */ from, /** @type {number} */ to, /** @type {boolean} */ on) => {
		const next = new Set(marks);
		for (const row of list.rows.slice(from, to + 1)) on ? next.add(row.JobID) : next.delete(row.JobID);
		setMarks(next);
	};
	const sortBy = (/** @type {string} */ column) => {
		const descends = sort.parameter === column ? sort.direction === "asc" : column === "JobID" || COLUMNS[column] === "time";
		change({ sort: (descends ? "-" : "") + column });
	};
	useKeys({
		"/": () => document.getElementById("search")?.focus(),
		j: () => setCurrent(Math.min(list.rows.length - 1, current + 1)),
		k: () => setCurrent(Math.max(0, current - 1)),
		x: () => current >= 0 && list.rows[current] && mark(current, current, !marks.has(list.rows[current].JobID)),
		e: () => go(addressOf("errors", { q: text })),
	});
	const total = list.total ?? list.rows.length;
	const known = list.total !== null || !list.next;
	const ids = [...marks].sort((a, b) => a - b);
	return html`
		<h1 class="hidden">Jobs</h1>
		<${SearchLine} text=${text} error=${error} search=${search} />
		<div class="jobs">
			<${Facets} text=${text} filters=${asked} version=${version} search=${search} />
			<section aria-label="Jobs found">
				<div class="controls">
					<label>Over <select value=${span} disabled=${!!periodOf(filters).from} onChange=${(/** @type {any} */ e) => change({ span: e.target.value })}>
						${SPANS.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}</select></label>
					<label>by <select value=${by} onChange=${(/** @type {any} */ e) => change({ by: e.target.value })}>
						${["Status", "Site", "MinorStatus", "Owner", "JobGroup", "JobType"].map((name) => html`<option key=${name}>${name}</option>`)}</select></label>
				</div>
				<${Histogram} filters=${asked} version=${version} span=${span} by=${by} choose=${(/** @type {Date} */ a, /** @type {Date} */ b) => search(withPeriod(text, a, b))} />
				<div class="controls">
					<span role="status"><b>${count(total)}${known ? "" : "+"}</b> ${total === 1 ? "job" : "jobs"}</span>
					${(changed > 0 || more) && html`<button type="button" class="news" onClick=${() => setShown(shown + 1)}>${changed > 0 && `+${changed}`}${changed > 0 && more && " and more"}${changed === 0 && "Others have"} changed, show</button>`}
					<span class="space"></span>
					<button type="button" class="quiet" onClick=${() => setChoosing(true)}>Columns</button>
					<${Downloads} request=${request} />
					${mayAct(user) && html`<${ActButtons} ids=${ids} filters=${asked} text=${text} act=${setOrder} clear=${() => setMarks(new Set())} />`}
				</div>
				<${Failure} error=${list.error} />
				<${Table} of=${JSON.stringify([text, sort])} ...${list} total=${known ? total : null} columns=${columns} sort=${sort} sortBy=${sortBy} marks=${marks} mark=${mark} current=${current}
					setCurrent=${setCurrent} link=${link} />
				${!list.busy && list.rows.length === 0 && !error && html`<p class="note">No job matches.</p>`}
			</section>
		</div>
		${order && html`<${ActDialog} order=${order} close=${() => setOrder(null)} />`}
		${choosing && html`<${ColumnChooser} columns=${columns} choose=${(/** @type {string[]} */ names) => change({ columns: names.join(",") === DEFAULT_COLUMNS.join(",") ? "" : names.join(",") })} close=${() => setChoosing(false)} />`}`;
}

/** @param {any} props */
function ActButtons({ ids, filters, text, act, clear }) {
	const marked = ids.length > 0;
	if (!filters) return null;
	return html`
		<span class="act" role="group" aria-label=${marked ? "Act on marked jobs" : "Act on all jobs that match"}>
			${marked ? html`<b>${count(ids.length)} marked</b> <button type="button" class="link" onClick=${clear}>none</button>` : html`<span>All that match:</span>`}
			${Object.entries(TITLES).map(([action, title]) => html`
				<button type="button" key=${action} onClick=${() => act(marked ? { action, ids } : { action, search: filters, text })}>${title} …</button>`)}
		</span>`;
}

/** @param {{request: any}} props */
function Downloads({ request }) {
	const [busy, setBusy] = useState("");
	const [error, setError] = useState(/** @type {any} */ (null));
	const download = async (/** @type {string} */ accept, /** @type {string} */ name) => {
		setBusy(name);
		setError(null);
		try {
			const answer = await send("POST", "/api/jobs/search", { body: request, accept });
			const link = document.createElement("a");
			link.href = URL.createObjectURL(await answer.blob());
			link.download = name;
			link.click();
			setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
		} catch (refused) {
			setError(refused);
		}
		setBusy("");
	};
	const one = (/** @type {string} */ title, /** @type {string} */ accept, /** @type {string} */ name) => html`
		<button type="button" class="quiet" disabled=${!request || busy} title=${"All jobs of this search as " + title} onClick=${() => download(accept, name)}>
			${busy === name ? "…" : title}</button>`;
	return html`${one("CSV", "text/csv", "jobs.csv")}${one("NDJSON", "application/x-ndjson", "jobs.ndjson")}<${Failure} error=${error} />`;
}
