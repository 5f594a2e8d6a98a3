import { html, useEffect, useRef } from "../html.js";

/**
 * A dialog over the page. Escape closes it; the focus goes back to where it was.
 * @param {{title: string, close: () => void, children?: any, wide?: boolean}} props
 */
export function Dialog({ title, close, children, wide }) {
	const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
	useEffect(() => {
		const before = /** @type {HTMLElement | null} */ (document.activeElement);
		ref.current?.showModal();
		return () => before?.focus?.();
	}, []);
	return html`
		<dialog ref=${ref} class=${wide ? "wide" : ""} aria-label=${title} onClose=${close} onCancel=${close}>
			<div class="dialog-head"><h2>${title}</h2><button type="button" class="quiet" aria-label="Close" onClick=${close}>✕</button></div>
			${children}
		</dialog>`;
}
