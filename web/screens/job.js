import { html } from "../html.js";
export function Job() { return html`<p>soon</p>`; }
