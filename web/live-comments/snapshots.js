/** What snapshots say to somebody who polls them, beyond their comments: what was there before and is gone now. */

export class Snapshots {
  #before = []; // numbers of the comments of the last one

  /**
   * The numbers of comments that were removed between the snapshot before and this one, oldest first: a snapshot does
   * not say so itself. It has all that there is up to `newest`; one of an edge that is a little behind ends earlier.
   */
  removed({ comments, newest }) {
    const here = new Set(comments.map(({ number }) => number));
    const first = comments[0]?.number ?? Number.POSITIVE_INFINITY;
    const beyond = this.#before.filter((number) => number > newest);
    const gone = this.#before.filter((number) => number > first && number <= newest && !here.has(number));
    this.#before = [...here, ...beyond];
    return gone;
  }

  /** The stream has taken over, and says itself what is removed. */
  forget() {
    this.#before = [];
  }
}
