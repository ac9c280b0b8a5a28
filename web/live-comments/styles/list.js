/** The box that scrolls, and what lies over its ends. */

export const list = `
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
`;
