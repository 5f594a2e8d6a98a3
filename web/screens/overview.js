import { html } from "../html.js";
export function Overview() { return html`<p>soon</p>`; }
