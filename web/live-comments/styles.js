/**
 * How the component looks, part by part in `styles/`. A page changes it by the custom properties at the top of
 * `styles/base.js`, and by `::part(…)`; light or dark follows the page's `color-scheme`.
 */

import { base } from "./styles/base.js";
import { comment } from "./styles/comment.js";
import { composer } from "./styles/composer.js";
import { header } from "./styles/header.js";
import { list } from "./styles/list.js";
import { overlay } from "./styles/overlay.js";
import { preferences } from "./styles/preferences.js";

export const styles = new CSSStyleSheet();

styles.replaceSync([base, header, list, comment, composer, overlay, preferences].join("\n"));
