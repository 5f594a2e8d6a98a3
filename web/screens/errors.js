import { html } from "../html.js";
export function Errors() { return html`<p>soon</p>`; }
