// All of one job.
import { addressOf, change, go } from "../address.js";
import { ask, useAnswer } from "../api.js";
import { COLUMNS, statusClass } from "../columns.js";
import { html, useMemo, useState } from "../html.js";
import { ActDialog, mayAct, TITLES, useActed } from "../parts/act.js";
import { useChanges } from "../parts/changes.js";
import { difference } from "../parts/difference.js";
import { useKeys } from "../parts/keys.js";
import { OnePlot } from "../parts/plot.js";
import { neighbours } from "../parts/results.js";
import { count, Failure, Status } from "../parts/status.js";
import { explain } from "../parts/why.js";
import { readSearch, written } from "../terms.js";
import { duration, Time } from "../times.js";
import { sortOf } from "./jobs.js";

/** @param {{path: string[], query: URLSearchParams, user: import("../app.js").User}} props */
export function Job({ path, query, user }) {
	const id = Number(path[1]);
	const text = query.get("q") || "";
	const [shown, setShown] = useState(0);
	const version = useActed() + shown;
	const valid = Number.isSafeInteger(id) && id > 0;
	const { data: job, error, busy } = useAnswer(valid ? [id, version] : null, (signal) =>
		ask("GET", `/api/jobdb/jobs/${id}?heartbeats=1000`, undefined, signal));
	const filters = useMemo(() => (valid ? [{ parameter: "JobID", operator: "eq", value: id }] : null), [id]);
	const { changed, more } = useChanges(filters, version);
	const beside = useAnswer(valid ? [id, text, query.get("sort")] : null, (signal) =>
		neighbours(text, sortOf(query), id, readSearch(text, user.name).search, signal));
	const [order, setOrder] = useState(/** @type {import("../parts/act.js").Order | null} */ (null));
	const to = (/** @type {number | undefined} */ other) => (other ? addressOf("job/" + other, { q: text, sort: query.get("sort") }) : null);
	const [before, after] = [to(beside.data?.before), to(beside.data?.after)];
	const back = addressOf("jobs", { q: text, sort: query.get("sort") });
	useKeys({
		j: () => after && go(after),
		k: () => before && go(before),
		u: () => go(back),
	});
	if (!valid) return html`<p class="failure" role="alert">${path[1] || "This"} is no ID of a job.</p>`;
	const here = job?.Attributes?.JobID === id ? job : null;
	return html`
		<div class="title">
			<h1>Job ${id}</h1>
			${here && html`<${Status} status=${here.Attributes.Status} />`}
			${(changed > 0 || more) && html`<button type="button" class="news" onClick=${() => setShown(shown + 1)}>It has changed, show</button>`}
			<span class="space"></span>
			<nav aria-label="Jobs of the search">
				${before && html`<a href=${before} rel="prev">previous</a>`} <a href=${back}>all</a> ${after && html`<a href=${after} rel="next">next</a>`}
			</nav>
			${here && mayAct(user, here.Attributes.Owner) && html`<span class="act" role="group" aria-label="Act on this job">${Object.entries(TITLES).map(([action, title]) => html`
				<button type="button" key=${action} onClick=${() => setOrder({ action: /** @type {any} */ (action), ids: [id] })}>${title} …</button>`)}</span>`}
		</div>
		<${Failure} error=${error} />
		${!here && busy && html`<p class="note" role="status">Loading …</p>`}
		${here && html`<${Details} job=${here} tab=${query.get("jdl") || ""} />`}
		${order && html`<${ActDialog} order=${order} close=${() => setOrder(null)} />`}`;
}

/** @param {{job: any, tab: string}} props */
function Details({ job, tab }) {
	const a = job.Attributes;
	const states = statesOf(job.History, a);
	return html`
		<div class="why" role="note">${explain(job).map((line) => html`<p key=${line}>${line}</p>`)}</div>
		${job.Note && html`<p class="note">${job.Note}</p>`}
		${states.length > 0 && html`
			<h2>States</h2>
			<div class="states" aria-hidden="true">${states.map((s, i) => html`<span key=${i} class=${statusClass(s.status)} style=${{ flexGrow: Math.max(1, s.seconds) }} title=${`${s.status}: ${duration(s.seconds)}`}></span>`)}</div>
			<ul class="legend">${states.map((s, i) => html`<li key=${i}><${Status} status=${s.status} /> ${duration(s.seconds)}</li>`)}</ul>`}
		<div class="cards">
			<section><h2>Attributes</h2><${Pairs} pairs=${Object.entries(a)} attributes /></section>
			<section class="double"><h2>History</h2><${History} records=${job.History} /></section>
			<section><h2>Jobs like it</h2><${Alike} a=${a} /><h2>The same elsewhere</h2><${Elsewhere} id=${a.JobID} /></section>
			<${Parameters} job=${job} />
			${job.InputData.length > 0 && html`<section><h2>Input data</h2><${List} head=${["LFN", "Status"]} rows=${job.InputData.map((/** @type {any} */ f) => [f.LFN, html`<span class="whole">${f.Status}</span>`])} /></section>`}
			${job.Commands.length > 0 && html`<section><h2>Commands</h2><${List} head=${["Command", "Status", "Set", "Sent"]}
				rows=${job.Commands.map((/** @type {any} */ c) => [`${c.Command} ${c.Arguments}`, c.Status, html`<${Time} time=${c.ReceptionTime} />`, html`<${Time} time=${c.ExecutionTime} />`])} /></section>`}
		</div>
		<${Heartbeats} beats=${job.Heartbeats} />
		<${Descriptions} job=${job} tab=${tab} />`;
}

/**
 * The states of a job one after the other, with their lengths.
 * @param {any[]} history
 * @param {any} attributes
 */
function statesOf(history, attributes) {
	/** @type {{status: string, from: number, seconds: number}[]} */
	const states = [];
	for (const record of history) {
		const at = new Date(record.StatusTime).getTime();
		const last = states[states.length - 1];
		if (last) last.seconds = Math.max(0, (at - last.from) / 1000);
		if (!last || last.status !== record.Status) states.push({ status: record.Status, from: at, seconds: 0 });
		else last.seconds = Math.max(0, (at - last.from) / 1000);
	}
	const last = states[states.length - 1];
	const ended = ["Done", "Failed", "Killed", "Deleted", "Completed"].includes(attributes.Status);
	if (last && !ended) last.seconds = Math.max(0, (Date.now() - last.from) / 1000);
	return states;
}

/** @param {{pairs: [string, any][], attributes?: boolean}} props */
function Pairs({ pairs, attributes }) {
	return html`<div class="scroll" tabindex="0" role="group" aria-label=${attributes ? "Attributes" : "Values"}><table class="plain"><tbody>${pairs.map(([name, value]) => html`
		<tr key=${name}><th scope="row">${name}</th><td>${attributes && COLUMNS[name] === "time" ? html`<${Time} time=${value} />` : value === null ? "" : String(value)}</td></tr>`)}</tbody></table></div>`;
}

/** @param {{head: string[], rows: any[][]}} props */
function List({ head, rows }) {
	return html`<div class="scroll" tabindex="0" role="group" aria-label=${head.join(", ")}><table class="plain"><thead><tr>${head.map((h) => html`<th key=${h} scope="col">${h}</th>`)}</tr></thead>
		<tbody>${rows.map((row, i) => html`<tr key=${i}>${row.map((value, k) => html`<td key=${k}>${value}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** @param {{records: any[]}} props */
function History({ records }) {
	return html`<${List} head=${["Time", "Status", "Minor status", "Application status", "Source"]}
		rows=${records.map((r) => [html`<${Time} time=${r.StatusTime} />`, html`<${Status} status=${r.Status} />`, r.MinorStatus, r.ApplicationStatus, r.Source])} />`;
}

/** @param {{job: any}} props */
function Parameters({ job }) {
	const { RescheduleCounter: now } = job.Attributes;
	/** @type {Map<number, [string, string][]>} */
	const cycles = new Map();
	for (const p of job.ArchivedParameters) cycles.set(p.Cycle, [...(cycles.get(p.Cycle) || []), [p.Name, p.Value]]);
	return html`
		<section><h2>Parameters${now > 0 && ` of cycle ${now}`}</h2>
			${Object.keys(job.Parameters).length > 0 ? html`<${Pairs} pairs=${Object.entries(job.Parameters)} />` : html`<p class="note">none</p>`}
			${Object.keys(job.OptimizerParameters).length > 0 && html`<details><summary>Of the optimizers</summary><${Pairs} pairs=${Object.entries(job.OptimizerParameters)} /></details>`}
			${[...cycles].sort(([a], [b]) => b - a).map(([cycle, pairs]) => html`<details key=${cycle}><summary>Of cycle ${cycle}</summary><${Pairs} pairs=${pairs} /></details>`)}
		</section>`;
}

/** @param {{a: any}} props */
function Alike({ a }) {
	const links = [
		["the same minor status at the same site", `Status=${written(a.Status)} MinorStatus=${written(a.MinorStatus)} Site=${written(a.Site)}`],
		["the same minor status anywhere", `Status=${written(a.Status)} MinorStatus=${written(a.MinorStatus)}`],
		["the same group of jobs", `JobGroup=${written(a.JobGroup)}`],
		["the same name and owner", `JobName=${written(a.JobName)} Owner=${written(a.Owner)}`],
		["the same owner, about the same time", `Owner=${written(a.Owner)} SubmissionTime=${String(a.SubmissionTime).slice(0, 13)}Z`],
	];
	return html`<ul>${links.map(([words, q]) => html`<li key=${words}><a href=${addressOf("jobs", { q, span: "365d" })}>${words}</a></li>`)}</ul>`;
}

/** @param {{id: number}} props */
function Elsewhere({ id }) {
	const lines = [`jobdb show ${id}`, `curl -H "Authorization: Bearer $JOBDB_TOKEN" '${location.origin}/api/jobdb/jobs/${id}'`];
	return lines.map((line) => html`<div key=${line} class="controls"><code>${line}</code> <${Copy} text=${line} /></div>`);
}

/** @param {{text: string}} props */
function Copy({ text }) {
	const [done, setDone] = useState("");
	if (!navigator.clipboard) return null; // browsers have it over https and on this machine only
	return html`<button type="button" class="quiet" aria-label=${"Copy " + text} onClick=${() => navigator.clipboard.writeText(text).then(() => setDone("Copied"), () => setDone("Not allowed"))}>Copy</button>
		<span role="status">${done}</span>`;
}

/** @param {{beats: any[]}} props */
function Heartbeats({ beats }) {
	/** @type {Map<string, {time: number, value: number}[]>} */
	const series = new Map();
	for (const { Name, Value, Time: time } of beats) {
		const value = Number(Value);
		if (!Number.isFinite(value)) continue;
		if (!series.has(Name)) series.set(Name, []);
		series.get(Name)?.push({ time: new Date(time).getTime() / 1000, value });
	}
	if (series.size === 0) return null;
	for (const points of series.values()) points.sort((x, y) => x.time - y.time);
	const [cpu, wall] = ["CPUConsumed", "WallClockTime"].map((name) => series.get(name)?.at(-1)?.value || 0);
	return html`
		<h2>Heartbeats</h2>
		${wall > 0 && html`<p>CPU efficiency ${Math.round((100 * cpu) / wall)}%: ${duration(cpu)} of CPU in ${duration(wall)}, as the job reported them last.</p>`}
		<div class="plots">${[...series].map(([name, points]) => html`<${OnePlot} key=${name}
			plot=${{ title: name, times: points.map((p) => p.time), series: [{ name, values: points.map((p) => p.value), colour: "series-0" }] }} />`)}</div>`;
}

/** @param {{job: any, tab: string}} props */
function Descriptions({ job, tab }) {
	const tabs = [["", "Original JDL"], ["final", "JDL"], ["difference", "Difference"]];
	const text = tab === "final" ? job.JDL : job.OriginalJDL;
	return html`
		<h2>Description</h2>
		<div class="controls" role="group" aria-label="Description">${tabs.map(([key, title]) => html`<button type="button" key=${key} aria-pressed=${tab === key ? "true" : "false"} class=${tab === key ? "" : "quiet"} onClick=${() => change({ jdl: key }, true)}>${title}</button>`)}</div>
		<pre tabindex="0" aria-label="JDL">${tab !== "difference" ? text || "none" : difference(job.OriginalJDL, job.JDL).map(({ kind, line }, i) =>
			kind === "added" ? html`<ins key=${i}>+ ${line}</ins>` : kind === "removed" ? html`<del key=${i}>- ${line}</del>` : html`<span key=${i}>${line}</span>`)}</pre>
		<p class="note">${count(new Blob([text]).size)} bytes</p>`;
}
