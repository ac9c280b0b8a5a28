/**
 * How the component looks. A page changes it by the custom properties at the top, and by `::part(…)`; light or dark
 * follows the page's `color-scheme`.
 */

export const styles = new CSSStyleSheet();

styles.replaceSync(`
:host {
  --_ground: var(--live-comments-ground, light-dark(#ffffff, #16181f));
  --_raised: var(--live-comments-raised, light-dark(#f1f1f5, #21242e));
  --_line: var(--live-comments-line, light-dark(#e2e2ea, #2a2d39));
  --_ink: var(--live-comments-ink, light-dark(#17181f, #eceef5));
  --_soft: var(--live-comments-soft, light-dark(#5d6170, #9aa0b3));
  --_accent: var(--live-comments-accent, light-dark(#5a48ef, #8a7dff));
  --_on-accent: var(--live-comments-on-accent, light-dark(#ffffff, #100c2b));
  --_good: var(--live-comments-good, light-dark(#12825a, #4fd09a));
  --_warn: var(--live-comments-warn, light-dark(#8a5000, #f2b04c));
  --_bad: var(--live-comments-bad, light-dark(#c21431, #ff7386));
  --_round: var(--live-comments-radius, 16px);
  position: relative;
  display: flex;
  flex-direction: column;
  min-block-size: 0;
  min-inline-size: 0;
  block-size: 100%;
  overflow: hidden;
  contain: layout paint style;
  border: 1px solid var(--_line);
  border-radius: var(--_round);
  background: var(--_ground);
  color: var(--_ink);
  font: var(--live-comments-font, 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
}

:host([hidden]),
[hidden] {
  display: none !important;
}

*,
*::before,
*::after {
  box-sizing: border-box;
}

h2,
p,
ol {
  margin: 0;
  padding: 0;
}

:focus-visible {
  outline: 2px solid var(--_accent);
  outline-offset: 2px;
}

svg {
  inline-size: 1em;
  block-size: 1em;
  fill: currentcolor;
  vertical-align: -0.125em;
}

.only-read {
  position: absolute;
  inline-size: 1px;
  block-size: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

.header {
  display: flex;
  flex: none;
  align-items: center;
  gap: 10px;
  min-block-size: 48px;
  padding: 8px 18px;
  border-block-end: 1px solid var(--_line);
}

h2 {
  flex: 1;
  min-inline-size: 0;
  overflow: hidden;
  font-size: 15px;
  font-weight: 650;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.viewers,
.state {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  color: var(--_soft);
  font-size: 13px;
  font-variant-numeric: tabular-nums;
  white-space: nowrap;
}

.state::before {
  content: "";
  flex: none;
  inline-size: 8px;
  block-size: 8px;
  border-radius: 50%;
  background: var(--_soft);
}

.state.live::before {
  background: var(--_good);
}

.state.away,
.state.ended {
  color: var(--_warn);
}

.state.away::before,
.state.ended::before {
  background: var(--_warn);
}

.state.connecting::before,
.state.away::before {
  animation: beat 1.2s ease-in-out infinite;
}

.scroller {
  position: relative;
  flex: 1;
  min-block-size: 0;
  overflow: hidden auto;
  overflow-anchor: none;
  overscroll-behavior: contain;
  scrollbar-width: thin;
  scrollbar-color: var(--_line) transparent;
}

.scroller:focus-visible {
  outline-offset: -2px;
}

.note {
  padding: 18px 18px 6px;
  color: var(--_soft);
  font-size: 13px;
  text-align: center;
}

.list {
  padding: 8px 0;
  list-style: none;
}

.comment {
  display: flex;
  gap: 11px;
  position: relative;
  padding: 6px 18px;
  contain: layout style;
  animation: arrive 180ms ease-out;
}

.lively .comment {
  animation: none;
}

.avatar {
  display: grid;
  place-items: center;
  flex: none;
  inline-size: 30px;
  block-size: 30px;
  margin-block-start: 2px;
  overflow: hidden;
  border-radius: 50%;
  background: linear-gradient(140deg, oklch(52% 0.15 var(--hue)), oklch(42% 0.14 calc(var(--hue) + 40)));
  color: #ffffff;
  font-size: 13px;
  font-weight: 650;
}

.body {
  flex: 1;
  min-inline-size: 0;
}

.head {
  display: flex;
  align-items: baseline;
  gap: 7px;
  font-size: 13px;
}

.actions {
  position: absolute;
  inset-block-start: 3px;
  inset-inline-end: 10px;
  display: grid;
  place-items: center;
  inline-size: 28px;
  block-size: 26px;
  padding: 0;
  border: 0;
  border-radius: 8px;
  background: var(--_ground);
  color: var(--_soft);
  font-size: 16px;
  cursor: pointer;
}

.actions:hover,
.actions[aria-expanded="true"] {
  background: var(--_raised);
  color: var(--_ink);
}

@media (hover: hover) {
  .comment:not(:hover, :focus-within) > .actions:not([aria-expanded="true"]) {
    opacity: 0;
  }
}

.menu {
  position: fixed;
  inset: auto;
  max-inline-size: min(320px, calc(100vw - 16px));
  margin: 0;
  padding: 5px;
  border: 1px solid var(--_line);
  border-radius: 12px;
  background: var(--_ground);
  color: var(--_ink);
  box-shadow: 0 12px 32px -8px rgb(0 0 0 / 45%);
}

.menu button {
  display: block;
  inline-size: 100%;
  padding: 8px 12px;
  border: 0;
  border-radius: 8px;
  background: none;
  color: inherit;
  font: inherit;
  font-size: 14px;
  overflow-wrap: anywhere;
  text-align: start;
  cursor: pointer;
}

.menu button:hover,
.menu button:focus-visible {
  background: var(--_raised);
}

.name {
  overflow: hidden;
  color: light-dark(oklch(47% 0.15 var(--hue)), oklch(82% 0.1 var(--hue)));
  font-weight: 640;
  text-overflow: ellipsis;
  white-space: nowrap;
  unicode-bidi: isolate;
}

.time {
  flex: none;
  color: var(--_soft);
  font-size: 12px;
  font-variant-numeric: tabular-nums;
}

.role {
  flex: none;
  padding: 0 6px;
  border-radius: 5px;
  background: var(--_accent);
  color: var(--_on-accent);
  font-size: 11px;
  font-weight: 650;
}

/* Marks stacked a thousand high stay inside their own comment. */
.text {
  display: -webkit-box;
  overflow: hidden;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 7;
  line-clamp: 7;
  overflow-wrap: anywhere;
  text-align: left; /* a text begins under its name, whichever way it runs */
  white-space: pre-wrap;
  unicode-bidi: isolate;
}

:host(:dir(rtl)) .text {
  text-align: right;
}

.open .text {
  display: block;
}

.gone .text {
  color: var(--_soft);
  font-size: 13px;
  font-style: italic;
}

.pending .text,
.pending .avatar {
  opacity: 0.75;
}

.pending.sent .text,
.pending.sent .avatar {
  opacity: 1;
}

.pending.failed .time,
.failed .why {
  color: var(--_bad);
}

.why {
  display: flex;
  flex-wrap: wrap;
  gap: 2px 12px;
  color: var(--_soft);
  font-size: 13px;
}

.link {
  padding: 0;
  border: 0;
  background: none;
  color: var(--_accent);
  font: inherit;
  font-size: 13px;
  font-weight: 600;
  cursor: pointer;
}

.link:hover {
  text-decoration: underline;
}

.below-header,
.above-composer {
  position: relative;
  flex: none;
  block-size: 0;
}

.newer {
  position: absolute;
  inset-block-end: 12px;
  inset-inline: 0;
  display: inline-flex;
  align-items: center;
  gap: 7px;
  inline-size: max-content;
  max-inline-size: calc(100% - 24px);
  margin-inline: auto;
  padding: 8px 16px;
  border: 0;
  border-radius: 999px;
  background: var(--_accent);
  color: var(--_on-accent);
  font: inherit;
  font-size: 14px;
  font-weight: 650;
  font-variant-numeric: tabular-nums;
  box-shadow: 0 6px 20px -4px rgb(0 0 0 / 40%);
  cursor: pointer;
}

.older {
  position: absolute;
  inset-block-start: 10px;
  inset-inline: 0;
  z-index: 1;
  inline-size: max-content;
  max-inline-size: calc(100% - 24px);
  margin-inline: auto;
  padding: 5px 13px;
  border-radius: 999px;
  background: var(--_ink);
  color: var(--_ground);
  font-size: 13px;
  animation: late 0.4s;
}

@keyframes late {
  from,
  80% {
    visibility: hidden;
  }
}

.told {
  position: absolute;
  inset-block-end: 12px;
  inset-inline: 12px;
  z-index: 1;
  padding: 9px 14px;
  border-radius: 12px;
  background: var(--_ink);
  color: var(--_ground);
  font-size: 14px;
  overflow-wrap: anywhere;
}

.newer:focus-visible {
  outline-color: var(--_ink);
}

.composer {
  flex: none;
  padding: 12px 14px;
  border-block-start: 1px solid var(--_line);
}

.hint {
  padding: 0 2px 9px 16px;
  padding-inline: 16px 2px;
  color: var(--_soft);
  font-size: 13px;
  font-variant-numeric: tabular-nums;
}

.closed .field {
  opacity: 0.6;
}

.field {
  display: flex;
  align-items: flex-end;
  gap: 6px;
  padding: 4px 4px 4px 16px;
  padding-inline: 16px 4px;
  border: 1px solid transparent;
  border-radius: 24px;
  background: var(--_raised);
}

.field:focus-within {
  border-color: var(--_accent);
}

/* The field lies over a copy of its own text, which gives it its height. */
.grows {
  display: grid;
  flex: 1;
  min-inline-size: 0;
  max-block-size: 8.5lh;
}

.grows::after {
  content: attr(data-text) " ";
  overflow: hidden;
  visibility: hidden;
}

.grows::after,
.field textarea {
  grid-area: 1 / 1;
  min-inline-size: 0;
  max-block-size: inherit;
  margin: 0;
  padding: 8px 0;
  border: 0;
  font: inherit;
  overflow-wrap: anywhere;
  white-space: pre-wrap;
}

.field textarea {
  block-size: 100%;
  overflow-y: auto;
  outline: 0;
  background: none;
  color: inherit;
  resize: none;
  scrollbar-width: none;
}

.field textarea::placeholder {
  color: var(--_soft);
  opacity: 1;
}

.left {
  padding-block: 9px;
  color: var(--_soft);
  font-size: 13px;
  font-variant-numeric: tabular-nums;
}

.left.over {
  color: var(--_bad);
  font-weight: 650;
}

.send {
  display: inline-grid;
  place-items: center;
  flex: none;
  inline-size: 38px;
  block-size: 38px;
  padding: 0;
  border: 0;
  border-radius: 50%;
  background: var(--_accent);
  color: var(--_on-accent);
  font-size: 18px;
  cursor: pointer;
}

.send:disabled {
  background: none;
  color: var(--_soft);
  cursor: default;
}

/* Over the picture: no panel, and light letters on a dark veil, whatever the page's colours are. */

:host([overlay]) {
  color-scheme: dark;
  border: 0;
  border-radius: 0;
  background: none;
  --_ink: #ffffff;
  --_soft: #e6e7ee;
  --_raised: rgb(20 21 30 / 72%);
  text-shadow: 0 1px 2px rgb(0 0 0 / 80%);
}

:host([overlay]) .header {
  border: 0;
}

:host([overlay]) h2 {
  visibility: hidden;
}

:host([overlay]) .scroller {
  mask-image: linear-gradient(transparent, #000000 22%);
  scrollbar-width: none;
}

:host([overlay]) .list {
  display: flex;
  flex-direction: column;
  align-items: flex-start;
  gap: 4px;
}

:host([overlay]) .comment {
  max-inline-size: calc(100% - 24px);
  margin-inline: 12px;
  padding: 5px 14px 6px 8px;
  padding-inline: 8px 14px;
  border-radius: 16px;
  background: rgb(12 13 20 / 66%);
}

:host([overlay]) .composer {
  border: 0;
}

@media (width <= 900px) {
  .header {
    min-block-size: 40px;
    padding: 5px 14px;
  }

  .comment {
    padding-inline: 14px;
  }

  .composer {
    padding: 8px 10px max(8px, env(safe-area-inset-bottom));
  }

  .field {
    font-size: 16px; /* smaller, and phones zoom in when it is touched */
  }
}

@keyframes beat {
  50% {
    opacity: 0.35;
  }
}

@keyframes arrive {
  from {
    opacity: 0;
    transform: translateY(6px);
  }
}

@media (prefers-reduced-motion: reduce) {
  *,
  *::before,
  *::after {
    animation: none !important;
  }
}

@media (forced-colors: active) {
  .send,
  .newer,
  .menu,
  .told {
    border: 1px solid;
  }
}
`);
