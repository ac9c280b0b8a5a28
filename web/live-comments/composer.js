/** The field in which a comment is written: Enter sends, Shift+Enter begins a line. */

import { element, icon } from "./dom.js";

const MAX_CHARACTERS = 500; // Unicode code points, white space at the ends not counted
const SAY_FROM = 100; // characters left, from which on it says how many
const ARROW_UP = "M8 2.5 13 7.5l-1.2 1.2L8.8 5.7V13.5H7.2V5.7l-3 3L3 7.5Z";

export class Composer {
  form;
  #field;
  #grows;
  #left;
  #send;
  #words;
  #does;
  #hint;
  #composing = false;
  #maySend = true;

  /** @param {{post: (text: string) => void, mayPost: () => boolean, wrote: (text: string) => void}} does */
  constructor(words, does) {
    this.#does = does;
    this.#field = element("textarea", {
      rows: 1,
      enterkeyhint: "send",
      autocomplete: "off",
      spellcheck: "true",
      "aria-describedby": "left hint",
      part: "field",
    });
    this.#grows = element("span", { class: "grows" }, this.#field);
    this.#left = element("span", { class: "left", id: "left" });
    this.#send = element("button", { class: "send", type: "submit", part: "send", disabled: true }, icon(ARROW_UP));
    this.#hint = element("p", { class: "hint", id: "hint", hidden: true });
    this.form = element(
      "form",
      { class: "composer", part: "composer" },
      this.#hint,
      element("div", { class: "field" }, this.#grows, this.#left, this.#send),
    );
    this.#field.addEventListener("input", () => this.#changed());
    this.#field.addEventListener("compositionstart", () => {
      this.#composing = true;
    });
    this.#field.addEventListener("compositionend", () => {
      this.#composing = false;
      this.#changed();
    });
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.say(words);
  }

  /** Use other words from now on. */
  say(words) {
    this.#words = words;
    this.#field.placeholder = words.placeholder;
    this.#field.setAttribute("aria-label", words.field);
    this.#send.setAttribute("aria-label", words.send);
    this.#send.title = words.send;
    this.update();
  }

  /**
   * Say what stands in the way, if anything. What has been written stays, and so does the focus.
   * @param {{hint: string, mayWrite: boolean, maySend: boolean}} how
   */
  limit({ hint, mayWrite, maySend }) {
    this.#hint.textContent = hint;
    this.#hint.hidden = hint === "";
    this.#field.readOnly = !mayWrite;
    this.#maySend = mayWrite && maySend;
    this.form.classList.toggle("closed", !mayWrite);
    this.update();
  }

  /** Say how much room is left, and whether it can be sent. */
  update() {
    const left = this.#charactersLeft;
    this.#left.textContent = left < SAY_FROM ? left.toLocaleString() : "";
    this.#left.title = left < SAY_FROM ? this.#words.left(left) : "";
    this.#left.classList.toggle("over", left < 0);
    const maySend = left >= 0 && this.#trimmed !== "" && this.#mayPost;
    const { activeElement } = /** @type {ShadowRoot} */ (this.form.getRootNode());
    if (!maySend && activeElement === this.#send) this.focus(); // a button that is switched off would lose it
    this.#send.disabled = !maySend;
    this.#field.setAttribute("aria-invalid", String(left < 0));
    this.#grows.dataset.text = this.text; // what makes the field as high as its text
  }

  focus(options) {
    this.#field.focus(options);
  }

  /** What stands in the field, as it was typed. */
  get text() {
    return this.#field.value;
  }

  set text(text) {
    this.#field.value = text;
    this.#changed();
  }

  /** Put a text back, to be written anew; what is there already comes after it. */
  edit(text) {
    this.text = [text, this.text].filter((part) => part !== "").join("\n");
    this.focus();
  }

  get #mayPost() {
    return this.#maySend && this.#does.mayPost();
  }

  get #trimmed() {
    return this.text.trim();
  }

  get #charactersLeft() {
    return MAX_CHARACTERS - [...this.#trimmed].length;
  }

  #changed() {
    this.update();
    this.#does.wrote(this.text);
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey) return;
    // While an input method composes, Enter picks a word (229: Safari says so after the composition has ended).
    if (event.isComposing || this.#composing || event.keyCode === 229) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  #submit() {
    const text = this.#trimmed;
    if (text === "" || this.#charactersLeft < 0 || !this.#mayPost) return;
    this.#does.post(text.toWellFormed?.() ?? text);
    this.text = "";
  }
}
