import { html } from "../html.js";
export function Actions() { return html`<p>soon</p>`; }
