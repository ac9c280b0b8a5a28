/** One comment, and the menu of what can be done with it. */

export const comment = `
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

@keyframes arrive {
  from {
    opacity: 0;
    transform: translateY(6px);
  }
}

@media (width <= 900px) {
  .comment {
    padding-inline: 14px;
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
`;
