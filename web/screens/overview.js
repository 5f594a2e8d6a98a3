// Overview: how many jobs there are by status, over time, and who has them.
import { addressOf, change } from "../address.js";
import { ask, Refusal, useAnswer } from "../api.js";
import { statusClass, STATUSES } from "../columns.js";
import { html, useEffect, useState } from "../html.js";
import { useActed } from "../parts/act.js";
import { OnePlot } from "../parts/plot.js";
import { count, Failure, Status } from "../parts/status.js";
import { written } from "../terms.js";
import { wireTime } from "../choose/times.js";

const HOURS = /** @type {[string, number, string][]} */ ([["1d", 24, "a day"], ["7d", 168, "7 days"], ["30d", 720, "30 days"]]);

/** @param {{query: URLSearchParams}} props */
export function Overview({ query }) {
	const version = useActed() + useTick();
	const span = query.get("span") || "1d";
	const facets = useAnswer(["facets", version], (signal) =>
		ask("POST", "/api/jobdb/facets", { columns: ["Status", "Site", "Owner", "JobType"], top: 12 }, signal));
	const hour = useAnswer(["hour", version], (signal) => ask("POST", "/api/jobs/summary", {
		grouping: ["Status"], search: [{ parameter: "LastUpdateTime", operator: "gte", value: wireTime(new Date(Date.now() - 3600_000)) }],
	}, signal));
	const sum = (/** @type {any[]} */ list) => list.reduce((total, v) => total + v.count, 0);
	return html`
		<h1>Overview</h1>
		<${Failure} error=${facets.error} />
		<${Series} span=${span} hidden=${(query.get("hide") || "").split(",").filter(Boolean)} version=${version} />
		<div class="cards">
			${facets.data && html`
				<${Counts} title=${`Jobs by status: ${count(sum(facets.data.Status.values))}${facets.data.Status.more ? "+" : ""}`} column="Status" values=${facets.data.Status.values} />`}
			<section><h2>Changed in the last hour</h2><${Failure} error=${hour.error} />
				${hour.data && (hour.data.length === 0 ? html`<p class="note">nothing</p>` : html`<${Table} column="Status" more="LastUpdateTime>=1h" values=${hour.data.map((/** @type {any} */ g) => ({ value: g.Status, count: g.count }))} />`)}</section>
			${facets.data && ["Site", "Owner", "JobType"].map((column) => html`<${Counts} key=${column} title=${"By " + column} column=${column} values=${facets.data[column].values} />`)}
		</div>`;
}

/** @param {any} props */
function Counts({ title, column, values }) {
	return html`<section><h2>${title}</h2><${Table} column=${column} values=${values} /></section>`;
}

/** @param {{column: string, values: {value: any, count: number}[], more?: string}} props */
function Table({ column, values, more = "" }) {
	const largest = Math.max(1, ...values.map((v) => v.count));
	const sorted = column === "Status" ? values.toSorted((a, b) => STATUSES.indexOf(a.value) - STATUSES.indexOf(b.value)) : values;
	return html`<table class="plain counts"><thead class="hidden"><tr><th scope="col">${column}</th><th scope="col">Jobs</th></tr></thead><tbody>${sorted.map(({ value, count: n }) => html`
		<tr key=${String(value)}><th scope="row"><a href=${addressOf("jobs", { q: `${column}=${written(value)} ${more}`.trim(), span: "30d" })}>${column === "Status" ? html`<${Status} status=${value} />` : String(value) || "(empty)"}</a></th>
			<td class="number">${count(n)}</td><td class="bar" aria-hidden="true"><span class=${column === "Status" ? statusClass(value) : "series-0"} style=${{ width: (100 * n) / largest + "%" }}></span></td></tr>`)}</tbody></table>`;
}

/** A number that changes as often as the server notes counts. */
function useTick() {
	const [n, set] = useState(0);
	useEffect(() => {
		const timer = setInterval(() => set((old) => old + 1), 300_000);
		return () => clearInterval(timer);
	}, []);
	return n;
}

/** The counts as the server noted them over time. @param {{span: string, hidden: string[], version: number}} props */
function Series({ span, hidden, version }) {
	const [, hours] = HOURS.find(([name]) => name === span) || HOURS[0];
	const { data, error } = useAnswer(["series", span, version], (signal) => {
		const now = Math.ceil(Date.now() / 60_000) * 60_000;
		return ask("POST", "/api/jobdb/series", {
			columns: ["Status"], from: new Date(now - hours * 3600_000).toISOString(), to: new Date(now).toISOString(), bucket: hours > 48 ? 3600 : 300, top: STATUSES.length,
		}, signal);
	});
	if (error instanceof Refusal && [400, 404].includes(error.status)) return null; // this database or server keeps none
	const plot = data && plotOf(data);
	const toggle = (/** @type {string} */ name) =>
		change({ hide: (hidden.includes(name) ? hidden.filter((other) => other !== name) : [...hidden, name]).join(",") });
	return html`
		<div class="controls"><h2>Jobs by status over</h2><select aria-label="Period" value=${span} onChange=${(/** @type {any} */ e) => change({ span: e.target.value })}>
			${HOURS.map(([name, , words]) => html`<option key=${name} value=${name}>${words}</option>`)}</select></div>
		<${Failure} error=${error} />
		${plot && (plot.times.length > 1 ? html`<${OnePlot} plot=${plot} hidden=${hidden} toggle=${toggle} />`
			: html`<p class="note">Not enough has been noted in this time yet: the server notes the numbers every five minutes while it runs.</p>`)}`;
}

/**
 * The series as a plot, without the ends for which nothing was noted.
 * @param {{from: string, bucket: number, series: {values: string[], counts: (number | null)[]}[], other: (number | null)[]}} data
 */
function plotOf({ from, bucket, series, other }) {
	const noted = other.map((n, i) => (n === null ? -1 : i)).filter((i) => i >= 0);
	const [first, end] = [noted[0] ?? 0, (noted.at(-1) ?? -1) + 1];
	const times = Array.from({ length: Math.max(0, end - first) }, (_, i) => new Date(from).getTime() / 1000 + (first + i) * bucket);
	const place = (/** @type {{name: string}} */ s) => STATUSES.indexOf(s.name);
	return {
		title: "Jobs by status", times,
		series: series.map(({ values: [name], counts }) => ({ name, values: counts.slice(first, end), colour: statusClass(name) })).sort((a, b) => place(a) - place(b)),
	};
}
