// Signing in. Tokens are kept in memory and in the tab's sessionStorage, never in an address or in
// localStorage. Tabs of this page share them: a new tab asks the others, which answer from memory.

/**
 * @typedef {object} Tokens
 * @property {string} access
 * @property {string} [refresh]
 * @property {number} [expires]   of access, in milliseconds since 1970
 * @property {string} [endpoint]  where refresh is good for new ones
 * @property {string} [revoke]    where refresh can be ended
 */

const CLIENT = "myDIRACClientID"; // all of DiracX's clients are called so
const STORED = "jobdb-tokens";
const PENDING = "jobdb-sign-in";
const CALLBACK = "#authentication-callback"; // as diracx-web has it; an issuer lets nothing else through

/** @type {Tokens | null} */
let tokens = read(STORED);
let ended = "";
/** @type {Set<() => void>} */
const followers = new Set();
const tabs = new BroadcastChannel("jobdb-tokens");

tabs.onmessage = ({ data }) => {
	if (data === "who" && tokens) tabs.postMessage(tokens);
	else if (data === "out") set(null, false);
	else if (data.access) set(data, false);
};

/** @param {string} key */
function read(key) {
	try {
		return JSON.parse(sessionStorage.getItem(key) || "null");
	} catch {
		return null;
	}
}

/**
 * @param {Tokens | null} to
 * @param {boolean} tell  the other tabs
 */
function set(to, tell = true) {
	tokens = to;
	if (to) {
		ended = "";
		sessionStorage.setItem(STORED, JSON.stringify(to));
	} else sessionStorage.removeItem(STORED);
	if (tell) tabs.postMessage(to || "out");
	followers.forEach((follow) => follow());
}

/** The token to send, or "" when nobody is signed in. */
export const accessToken = () => tokens?.access || "";

/**
 * Calls follow whenever somebody signs in or out.
 * @param {() => void} follow
 */
export function onTokens(follow) {
	followers.add(follow);
	return () => void followers.delete(follow);
}

/** Takes a token that was pasted. @param {string} access */
export const usePasted = (access) => set({ access: access.trim() });

/** Where this server's tokens come from. @returns {Promise<any>} */
export async function discover() {
	const answer = await fetch("/.well-known/openid-configuration");
	if (!answer.ok) throw new Error(`the server answered ${answer.status} when it was asked for its issuer`);
	return answer.json();
}

/** The VOs and groups that the issuer knows. @returns {Promise<any>} */
export async function organizations() {
	const answer = await fetch("/.well-known/dirac-metadata");
	const body = await answer.json().catch(() => ({}));
	if (!answer.ok) throw new Error(String(body.detail || `the server answered ${answer.status}`));
	return body.virtual_organizations;
}

/** @param {ArrayBuffer | Uint8Array} bytes */
const base64url = (bytes) =>
	btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/**
 * Sends the browser to the issuer, by OAuth's code flow with PKCE (RFC 7636). It comes back to finish.
 * @param {any} issuer  what discover returned
 * @param {string} scope
 */
export async function begin(issuer, scope) {
	if (!crypto.subtle) throw new Error("browsers sign in over https or on this machine only; use https, or paste a token");
	const verifier = base64url(crypto.getRandomValues(new Uint8Array(48)));
	const state = base64url(crypto.getRandomValues(new Uint8Array(24)));
	const redirect = location.origin + location.pathname + CALLBACK;
	const { token_endpoint: endpoint, revocation_endpoint: revoke } = issuer;
	sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, redirect, endpoint, revoke, back: location.hash }));
	const challenge = base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
	const target = new URL(issuer.authorization_endpoint);
	target.search = new URLSearchParams({
		response_type: "code", client_id: CLIENT, redirect_uri: redirect, scope, state, code_challenge: challenge, code_challenge_method: "S256",
	}).toString();
	location.assign(target);
}

/**
 * Finishes a sign-in, if the browser comes from the issuer. The code leaves the address at once. DiracX
 * writes it behind the callback, others, as RFC 3986 has it, before the #.
 */
export async function finish() {
	if (!location.hash.startsWith(CALLBACK)) return;
	const query = new URLSearchParams(location.hash.split("?")[1] || location.search);
	const pending = read(PENDING);
	sessionStorage.removeItem(PENDING);
	history.replaceState(null, "", location.pathname + (pending?.back || "#/"));
	if (query.get("error")) throw new Error("the issuer refused: " + (query.get("error_description") || query.get("error")));
	if (!pending || query.get("state") !== pending.state) throw new Error("this answer is not to a sign-in of this tab; sign in again");
	set(await requestTokens(pending.endpoint, pending.revoke, {
		grant_type: "authorization_code", code: query.get("code") || "", redirect_uri: pending.redirect, code_verifier: pending.verifier,
	}));
}

/**
 * @param {string} endpoint
 * @param {string | undefined} revoke
 * @param {Record<string, string>} form
 * @returns {Promise<Tokens>}
 */
async function requestTokens(endpoint, revoke, form) {
	const answer = await fetch(endpoint, { method: "POST", body: new URLSearchParams({ client_id: CLIENT, ...form }) });
	const body = await answer.json().catch(() => ({}));
	if (!answer.ok) throw new Error(String(body.error_description || body.detail || `the issuer answered ${answer.status}`));
	return { access: body.access_token, refresh: body.refresh_token, expires: Date.now() + 1000 * body.expires_in, endpoint, revoke };
}

/**
 * Gets a new token in place of one that has ended, or soon will; reports whether there is one. Tabs
 * take turns, since a refresh token is good once.
 * @param {string} ended
 * @returns {Promise<boolean>}
 */
export function renew(ended) {
	const attempt = async () => {
		if (tokens && tokens.access !== ended) return true; // another tab was first
		if (!tokens?.refresh || !tokens.endpoint) return false;
		try {
			set(await requestTokens(tokens.endpoint, tokens.revoke, { grant_type: "refresh_token", refresh_token: tokens.refresh }));
			return true;
		} catch (error) {
			if (error instanceof TypeError) throw error; // the network; the tokens may still be good
			return false;
		}
	};
	return navigator.locks ? navigator.locks.request("jobdb-renew", attempt) : attempt();
}

/** Renews the token when less than a minute of it is left. */
export async function renewEarly() {
	if (tokens?.expires && tokens.expires - Date.now() < 60_000) await renew(tokens.access);
}

/** Forgets the tokens, in all tabs. */
export function signOut() {
	const { refresh, revoke } = tokens || {};
	set(null);
	if (refresh && revoke) {
		const body = new URLSearchParams({ client_id: CLIENT, token: refresh, token_type_hint: "refresh_token" });
		fetch(revoke, { method: "POST", body }).catch(() => {}); // it ends by itself, too
	}
}

/** Forgets a token that the server refuses, in this tab. @param {string} refused */
export function forget(refused) {
	if (tokens?.access !== refused) return;
	ended = "The sign-in has ended, or the server refuses the token. Sign in again.";
	set(null, false);
}

/** Why nobody is signed in any more, or "". */
export const whyEnded = () => ended;

/** Asks the other tabs for their tokens; a new tab is signed in at once. */
export function askOtherTabs() {
	if (!tokens) tabs.postMessage("who");
}
