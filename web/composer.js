/** The field in which a comment is written: Enter sends, Shift+Enter begins a line. */

const MAX_CHARACTERS = 500; // Unicode code points, white space at the ends not counted
const SAY_FROM = 100; // characters left, from which on it says how many

export class Composer {
  #form;
  #field;
  #left;
  #send;
  #mayPost;
  #post;
  #open = new AbortController();

  /** @param {{post: (text: string) => void, mayPost: () => boolean}} does */
  constructor({ form, field, left, send }, { post, mayPost }) {
    this.#form = form;
    this.#field = field;
    this.#left = left;
    this.#send = send;
    this.#post = post;
    this.#mayPost = mayPost;
    const { signal } = this.#open;
    field.addEventListener("input", () => this.update(), { signal });
    field.addEventListener("keydown", (event) => this.#key(event), { signal });
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        this.#submit();
      },
      { signal },
    );
    this.update();
  }

  /** Leave the page's elements to another composer. */
  close() {
    this.#open.abort();
  }

  get #text() {
    return this.#field.value.trim();
  }

  get #charactersLeft() {
    return MAX_CHARACTERS - [...this.#text].length;
  }

  /** Say how much room is left, and whether it can be sent. */
  update() {
    const left = this.#charactersLeft;
    this.#left.textContent = left < SAY_FROM ? left.toLocaleString() : "";
    this.#left.classList.toggle("over", left < 0);
    this.#send.disabled = left < 0 || this.#text === "" || !this.#mayPost();
    this.#field.parentElement.dataset.text = this.#field.value; // page.css: what makes the field as high as its text
  }

  focus() {
    this.#field.focus();
  }

  #key(event) {
    // While an input method composes, Enter picks a word (229: Safari says so after the composition has ended).
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  #submit() {
    if (this.#text === "" || this.#charactersLeft < 0 || !this.#mayPost()) return;
    this.#post(this.#text.toWellFormed?.() ?? this.#text);
    this.#field.value = "";
    this.update();
  }
}
