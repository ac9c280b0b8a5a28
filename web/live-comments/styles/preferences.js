/** What a viewer has asked for of all pages; last, as it outweighs the rest. */

export const preferences = `
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
`;
