import { statusClass } from "../columns.js";
import { html } from "../html.js";

/** A status with its colour. @param {{status: unknown}} props */
export function Status({ status }) {
	return html`<span class=${"status " + statusClass(status)}>${String(status)}</span>`;
}

/** Why something can't be shown, with what to do. @param {{error: any}} props */
export function Failure({ error }) {
	return error && html`<p class="failure" role="alert">${String(error.message || error)}</p>`;
}

/** A whole number with narrow spaces between thousands, at which no line breaks. @param {number} n */
export const count = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
