/** Over the picture: no panel, and light letters on a dark veil, whatever the page's colours are. */

export const overlay = `
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
`;
