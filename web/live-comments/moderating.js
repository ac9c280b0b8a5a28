/** Taking comments back, one's own or as a moderator, and shutting people out: what the component offers for it. */

import { Problem } from "./http.js";
import { Menu } from "./menu.js";
import { whyNot } from "./row.js";

const SHORT_BAN_MINUTES = 10;

export class Moderating {
  menu;
  #does;

  /**
   * @param {{client: () => import("./client.js").LiveComments, words: () => any, tell: (text: string) => void,
   *   whenLost: () => void}} does  `tell` says a sentence to the viewer; `whenLost` see `Menu`
   */
  constructor(does) {
    this.#does = does;
    this.menu = new Menu(does.whenLost);
  }

  /** Whether this viewer can do anything with a comment. */
  may(comment) {
    const client = this.#does.client();
    return !comment.deleted && (client.moderates || comment.userId === client.userId);
  }

  /** Offer what can be done with a comment, at its button. */
  offer(comment, button) {
    const client = this.#does.client();
    const words = this.#does.words();
    const { id, userId, name = userId } = comment;
    const isOwn = userId === client.userId;
    const items = [{ text: isOwn ? words.deleteOwn : words.remove, does: () => this.#do(() => client.remove(id)) }];
    if (!isOwn && client.moderates) {
      const ban = (text, how) => ({ text, does: () => this.#do(() => client.ban(userId, how), words.banned(name)) });
      items.push(
        ban(words.banFor(name, SHORT_BAN_MINUTES), { forS: SHORT_BAN_MINUTES * 60 }),
        ban(words.banAndRemove(name), { comments: true }),
      );
    }
    this.menu.open(button, words.actions(name), items);
  }

  async #do(what, done = "") {
    try {
      await what();
      if (done) this.#does.tell(done);
    } catch (problem) {
      if (problem?.name === "AbortError") return; // the component has moved on to another video
      if (!(problem instanceof Problem)) throw problem;
      this.#does.tell(this.#does.words().notDone(whyNot(problem, this.#does.words())));
    }
  }
}
