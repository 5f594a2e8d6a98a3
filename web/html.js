// Preact with templates in place of JSX: html`<b>${text}</b>`. What stands in ${…} becomes text or an
// attribute's value, never markup; so nothing that comes from a job can be run or shown as markup.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
export { Fragment, render } from "preact";
export { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";

/** @typedef {import("preact").VNode | string | number | null | false | undefined | Array<any>} Content */
