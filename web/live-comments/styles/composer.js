/** The field in which a comment is written. */

export const composer = `
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

@media (width <= 900px) {
  .composer {
    padding: 8px 10px max(8px, env(safe-area-inset-bottom));
  }

  .field {
    font-size: 16px; /* smaller, and phones zoom in when it is touched */
  }
}
`;
