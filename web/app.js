// The page: who is signed in, which screen is shown, and the keys that work everywhere.
import { addressOf, currentAddress, go, useAddress } from "./address.js";
import { ask, Refusal, setLost, useLost } from "./api.js";
import { accessToken, askOtherTabs, finish, onTokens, signOut } from "./auth.js";
import { html, render, useEffect, useState } from "./html.js";
import { KeysHelp, useKeys } from "./parts/keys.js";
import { Actions } from "./screens/actions.js";
import { Errors } from "./screens/errors.js";
import { Job } from "./screens/job.js";
import { Jobs } from "./screens/jobs.js";
import { Overview } from "./screens/overview.js";
import { SignIn } from "./screens/signin.js";

/**
 * Who is signed in.
 * @typedef {object} User
 * @property {string} name
 * @property {string} vo
 * @property {string} group
 * @property {string[]} properties
 */

/** @type {Record<string, {title: string, screen: any}>} */
const SCREENS = {
	jobs: { title: "Jobs", screen: Jobs },
	errors: { title: "Errors", screen: Errors },
	overview: { title: "Overview", screen: Overview },
	actions: { title: "Actions", screen: Actions },
	job: { title: "Job", screen: Job },
};

/** Asks who the token is of, until the server answers. */
function useUser() {
	const [token, setToken] = useState(accessToken);
	const [user, setUser] = useState(/** @type {User | null} */ (null));
	useEffect(() => {
		const follow = () => setToken(accessToken());
		follow(); // another tab may have answered before
		return onTokens(follow);
	}, []);
	useEffect(() => {
		if (!token) return setUser(null);
		if (user) return; // a renewed token is of the same user, or its requests are refused
		const control = new AbortController();
		let timer = 0;
		const attempt = async () => {
			try {
				const answer = await ask("GET", "/api/auth/userinfo", undefined, control.signal);
				setLost("");
				setUser({ name: answer.preferred_username, vo: answer.vo, group: answer.dirac_group, properties: answer.properties });
			} catch (error) {
				if (control.signal.aborted || !(error instanceof Refusal)) return;
				if (!error.passing) return; // the token was refused and is forgotten
				setLost(error.message);
				timer = setTimeout(attempt, 2000);
			}
		};
		attempt();
		return () => {
			control.abort();
			clearTimeout(timer);
		};
	}, [token]);
	return { token, user };
}

/** @param {{failed: string}} props */
function App({ failed }) {
	const { path, query } = useAddress();
	const { token, user } = useUser();
	const [help, setHelp] = useState(false);
	const name = Object.hasOwn(SCREENS, path[0]) ? path[0] : "jobs";
	useEffect(() => {
		document.title = (name === "job" ? "Job " + (path[1] || "") : SCREENS[name].title) + " · jobdb";
	}, [name, path[1]]);
	useKeys({
		"?": () => setHelp(true),
		"g j": () => go(addressOf("jobs")),
		"g e": () => go(addressOf("errors")),
		"g o": () => go(addressOf("overview")),
		"g a": () => go(addressOf("actions")),
	}, !!user);
	if (!token) return html`<${Lost} /><${SignIn} failed=${failed} />`;
	const Screen = SCREENS[name].screen;
	return html`
		<a class="skip" href="#content" onClick=${skip}>To the content</a>
		<header>
			<b class="name">jobdb</b>
			<nav aria-label="Screens">
				${["jobs", "errors", "overview", "actions"].map((key) => html`
					<a key=${key} href=${addressOf(key)} aria-current=${key === name ? "page" : null}>${SCREENS[key].title}</a>`)}
			</nav>
			<span class="who">${user && `${user.name} · ${user.vo}`}</span>
			<button type="button" class="quiet" aria-label="Keys" title="Keys (?)" onClick=${() => setHelp(true)}>?</button>
			<button type="button" class="quiet" onClick=${signOut}>Sign out</button>
		</header>
		<${Lost} />
		<main id="content" tabindex="-1">
			${user ? html`<${Screen} key=${name} path=${path} query=${query} user=${user} />` : html`<p class="note" role="status">Signing in …</p>`}
		</main>
		${help && html`<${KeysHelp} close=${() => setHelp(false)} />`}`;
}

/** @param {Event} event */
function skip(event) {
	event.preventDefault(); // the address is for the screens
	document.getElementById("content")?.focus();
}

/** Says that the server doesn't answer; whoever asks it goes on trying. */
function Lost() {
	const reason = useLost();
	return html`<div class="banner" role="status">${reason && `${reason} Trying again; nothing is lost.`}</div>`;
}

async function start() {
	let failed = "";
	try {
		await finish();
	} catch (error) {
		failed = String(/** @type {Error} */ (error).message);
	}
	askOtherTabs();
	if (currentAddress().path.length === 0) go(addressOf("jobs"), true);
	const page = /** @type {HTMLElement} */ (document.getElementById("page"));
	page.replaceChildren();
	render(html`<${App} failed=${failed} />`, page);
}

start();
