/** What snapshots say to somebody who polls them, beyond their comments: what was there before and is gone now. */

export class Snapshots {
  #before = new Set(); // ids of the last one
  #doubted = new Set(); // ids beyond the end of the last one: it may have been made by an edge that is a little behind

  /**
   * The numbers of comments that were removed between the snapshot before and this one, oldest first: a snapshot does
   * not say so itself.
   */
  removed(comments) {
    const ids = new Set(comments.map(({ id }) => id));
    const [first, last] = [comments[0]?.number ?? Number.POSITIVE_INFINITY, comments.at(-1)?.number ?? 0];
    const absent = [...this.#before].filter((id) => !ids.has(id) && Number(id) > first);
    const isGone = (id) => Number(id) < last || this.#doubted.has(id);
    const gone = absent.filter(isGone);
    this.#doubted = new Set(absent.filter((id) => !isGone(id)));
    this.#before = new Set([...ids, ...this.#doubted]);
    return gone.map(Number);
  }

  /** The stream has taken over, and says itself what is removed. */
  forget() {
    this.#before.clear();
    this.#doubted.clear();
  }
}
