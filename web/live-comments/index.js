/** The component `<live-comments>`, and what it is made of for those who draw themselves. */

import { LiveCommentsElement } from "./element.js";

export { LiveComments } from "./client.js";
export { Problem } from "./http.js";
export { WORDS } from "./words.js";
export { LiveCommentsElement };

if (!customElements.get("live-comments")) customElements.define("live-comments", LiveCommentsElement);
