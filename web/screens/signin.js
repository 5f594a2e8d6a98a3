// Signing in: by the issuer, or with a token that was pasted.
import { begin, discover, organizations, usePasted, whyEnded } from "../auth.js";
import { html, useState } from "../html.js";
import { useAnswer } from "../api.js";
import { Failure } from "../parts/status.js";

/** @param {{failed: string}} props */
export function SignIn({ failed }) {
	const issuer = useAnswer("issuer", discover);
	const known = useAnswer("organizations", organizations);
	const [vo, setVO] = useState("");
	const [group, setGroup] = useState("");
	const [pasted, setPasted] = useState("");
	const [error, setError] = useState(/** @type {any} */ (failed));
	const vos = Object.keys(known.data || {});
	const chosenVO = vo || vos[0];
	const groups = Object.keys(known.data?.[chosenVO]?.groups || {});
	const chosenGroup = groups.includes(group) ? group : known.data?.[chosenVO]?.default_group || groups[0];
	const local = issuer.data && new URL(issuer.data.authorization_endpoint).origin === location.origin && issuer.data.grant_types_supported?.includes("refresh_token")
		&& !issuer.data.grant_types_supported.includes("urn:ietf:params:oauth:grant-type:device_code");
	const signIn = () => {
		const scope = `vo:${chosenVO}` + (chosenGroup ? ` group:${chosenGroup}` : "");
		begin(issuer.data, scope).catch(setError);
	};
	return html`
		<main class="signin" id="content">
			<h1>jobdb</h1>
			<p>The jobs of the grid: where they are, and why they failed.</p>
			<${Failure} error=${error || whyEnded() || known.error || issuer.error} />
			${known.data && issuer.data && html`
				<form onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); signIn(); }}>
					${vos.length > 1 && html`<label class="field">Virtual organization
						<select value=${chosenVO} onChange=${(/** @type {any} */ e) => setVO(e.target.value)}>${vos.map((name) => html`<option key=${name}>${name}</option>`)}</select></label>`}
					${groups.length > 1 && html`<label class="field">Group
						<select value=${chosenGroup} onChange=${(/** @type {any} */ e) => setGroup(e.target.value)}>${groups.map((name) => html`<option key=${name}>${name}</option>`)}</select></label>`}
					<button type="submit" class="primary">${local ? "Sign in as the user of this machine" : `Sign in at ${new URL(issuer.data.authorization_endpoint).host}`}</button>
				</form>`}
			<details open=${!!(known.error || issuer.error)}>
				<summary>With a token</summary>
				<form onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); if (pasted.trim()) usePasted(pasted); else setError("Paste a token first."); }}>
					<label class="field">Access token, such as <code>jobdb token</code> prints
						<input type="password" autocomplete="off" value=${pasted} onInput=${(/** @type {any} */ e) => setPasted(e.target.value)} /></label>
					<button type="submit">Sign in with it</button>
				</form>
			</details>
			<p class="note">The sign-in is kept as long as the tab is open, and ends in all tabs with Sign out.</p>
		</main>`;
}
