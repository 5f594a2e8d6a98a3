// The address of a screen holds all of its state, behind the #: #/jobs?q=Status%3DFailed. What stands
// there is not sent to any server.
import { useEffect, useState } from "./html.js";

/**
 * @typedef {object} Address
 * @property {string[]} path   such as ["job", "12"]
 * @property {URLSearchParams} query
 */

/** @returns {Address} */
export function currentAddress() {
	const [path, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
	return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query || "") };
}

/** @param {string} text */
function decode(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

/**
 * The address of a screen, for a link. Values that are empty are left out.
 * @param {string} path
 * @param {Record<string, string | null | undefined> | URLSearchParams} [query]
 */
export function addressOf(path, query = {}) {
	const entries = query instanceof URLSearchParams ? [...query] : Object.entries(query);
	const given = new URLSearchParams(/** @type {[string, string][]} */ (entries.filter(([, value]) => value)));
	const text = given.toString();
	return "#/" + path + (text ? "?" + text : "");
}

/**
 * Goes to an address. With replace the back button doesn't come back to the present one.
 * @param {string} address
 * @param {boolean} [replace]
 */
export function go(address, replace = false) {
	if (address === location.hash) return;
	history[replace ? "replaceState" : "pushState"](null, "", address);
	dispatchEvent(new Event("address"));
}

/**
 * Changes some values of the present address.
 * @param {Record<string, string | null | undefined>} changes
 * @param {boolean} [replace]
 */
export function change(changes, replace = false) {
	const { path, query } = currentAddress();
	for (const [name, value] of Object.entries(changes)) {
		if (value) query.set(name, value);
		else query.delete(name);
	}
	go(addressOf(path.map(encodeURIComponent).join("/"), query), replace);
}

/** The present address; the component is drawn again when it changes. */
export function useAddress() {
	const [address, set] = useState(currentAddress);
	useEffect(() => {
		const follow = () => set(currentAddress());
		for (const event of ["address", "popstate", "hashchange"]) addEventListener(event, follow);
		return () => ["address", "popstate", "hashchange"].forEach((event) => removeEventListener(event, follow));
	}, []);
	return address;
}
