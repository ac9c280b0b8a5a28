/** The line above the comments. */

export const header = `
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

@keyframes beat {
  50% {
    opacity: 0.35;
  }
}

@media (width <= 900px) {
  .header {
    min-block-size: 40px;
    padding: 5px 14px;
  }
}
`;
