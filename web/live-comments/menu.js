/**
 * What can be done with a comment: a menu that opens beside the comment's own button, in the browser's top layer, so that
 * nothing around it cuts it off and a click elsewhere or Escape closes it.
 */

import { element } from "./dom.js";

const GAP_PX = 4;

export class Menu {
  root = element("div", { class: "menu", role: "menu", popover: "auto", part: "menu" });
  #button = null;
  #whenLost;

  /** @param {() => void} whenLost  puts the focus somewhere when the comment has gone with its button */
  constructor(whenLost) {
    this.#whenLost = whenLost;
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.root.addEventListener("toggle", (event) => event.newState === "closed" && this.#closed());
  }

  /** Open it at a button. `items` are `{text, does}`; choosing one closes it. */
  open(button, label, items) {
    this.#button = button;
    this.root.setAttribute("aria-label", label);
    this.root.replaceChildren(
      ...items.map(({ text, does }) => {
        const chosen = () => {
          this.close();
          does();
        };
        return element("button", { type: "button", role: "menuitem", tabindex: -1, text, onclick: chosen });
      }),
    );
    button.setAttribute("aria-expanded", "true");
    this.root.showPopover();
    this.#place();
    this.root.firstElementChild.focus();
  }

  close() {
    if (this.root.matches(":popover-open")) this.root.hidePopover();
  }

  /** Below the button, or above it where there is no room; inside the window, on the side where the text begins. */
  #place() {
    const at = this.#button.getBoundingClientRect();
    const { width, height } = this.root.getBoundingClientRect();
    const fromRight = this.root.matches(":dir(rtl)") ? at.left : at.right - width;
    const below = at.bottom + GAP_PX;
    const top = below + height <= innerHeight ? below : at.top - GAP_PX - height;
    this.root.style.left = `${Math.max(GAP_PX, Math.min(fromRight, innerWidth - width - GAP_PX))}px`;
    this.root.style.top = `${Math.max(GAP_PX, top)}px`;
  }

  #closed() {
    const button = this.#button;
    this.#button = null;
    if (!button) return;
    button.setAttribute("aria-expanded", "false");
    const { activeElement } = /** @type {ShadowRoot} */ (this.root.getRootNode());
    if (activeElement && activeElement !== document.body && !this.root.contains(activeElement)) return;
    if (button.isConnected) button.focus({ preventScroll: true });
    else this.#whenLost();
  }

  #key(event) {
    const items = [...this.root.children];
    const at = items.indexOf(/** @type {ShadowRoot} */ (this.root.getRootNode()).activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Tab") this.close();
    if (to === undefined) return;
    event.preventDefault();
    items.at(to % items.length)?.focus();
  }
}
