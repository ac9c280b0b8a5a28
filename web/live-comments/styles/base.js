/** The colours, the box that the component fills, and what holds for all of it. */

export const base = `
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
`;
