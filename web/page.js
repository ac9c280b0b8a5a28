/** The page: which room, who is watching, and the parts put together. */

import { Crowd } from "./crowd.js";
import { anyName, Guest } from "./guest.js";
import { Problem } from "./live-comments/index.js";
import { Player } from "./pictures/player.js";
import { addressOf, pictureOf, ROOMS, roomOf } from "./rooms.js";

const GUEST_TRIES_MS = [0, 1_000, 3_000]; // waits before each; a service that is just starting is soon there

const ASK_WITHIN_MS = 10_000;

const part = (id) => document.getElementById(id);
const comments = part("comments");
const player = new Player(part("picture"));
const crowd = new Crowd();
let room;
let me = null; // the guest, null where none is taken
let entered = false;

function showRoom(asked) {
  room = roomOf(asked);
  document.title = `${room.title} · Live comments`;
  part("title").textContent = room.title;
  part("about").textContent = room.about;
  part("another").href = addressOf(room);
  document.querySelector("[data-mood=moment]").textContent = room.moment;
  part("watch").textContent = room.video;
  part("viewers").hidden = true;
  part("rooms").replaceChildren(...ROOMS.map(roomLink));
  part("rooms").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  crowd.stop();
  player.show(pictureOf(room));
  if (entered) comments.video = room.video;
}

function roomLink(one) {
  const link = document.createElement("a");
  link.href = addressOf(one);
  link.textContent = one.title;
  if (one.video === room.video) link.setAttribute("aria-current", "page");
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, "", addressOf(one));
    showRoom(one.video);
    part("rooms").querySelector("[aria-current]").focus();
  });
  return link;
}

function setUpPlayer() {
  const play = part("play");
  const set = (playing) => {
    player.playing = playing;
    play.classList.toggle("playing", playing);
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
  };
  play.addEventListener("click", () => set(!player.playing));
  set(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  setInterval(() => {
    const seconds = Math.floor(player.seconds);
    part("elapsed").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }, 500);
  part("lay-over").addEventListener("click", () => {
    const over = comments.toggleAttribute("overlay");
    part("main").classList.toggle("laid-over", over);
    part("lay-over").setAttribute("aria-pressed", String(over));
  });
}

function showAddressed() {
  showRoom(new URLSearchParams(location.search).get("video"));
}

/** Become a guest: the one of this tab, or a new one of some name. Where guests are not taken, there is the cookie. */
async function enter() {
  let guest = Guest.restore();
  for (const waitMs of GUEST_TRIES_MS) {
    if (guest) break;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    try {
      guest = await Guest.make(anyName());
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.kind === "refused") break;
    }
  }
  if (guest) beGuest(guest);
  else comments.token = null;
  part("me").hidden = !guest;
  entered = true;
  comments.video = room.video;
}

function beGuest(guest) {
  me = guest;
  comments.me = guest;
  comments.token = (renew) => guest.token(renew);
  part("name").textContent = guest.name;
}

function askName(asking) {
  part("rename").hidden = !asking;
  part("known").hidden = asking;
  part("refused").textContent = "";
  part("new-name").value = part("name").textContent;
  if (!asking) {
    part("change").focus();
    return;
  }
  part("new-name").focus();
  part("new-name").select();
}

async function rename(event) {
  event.preventDefault();
  try {
    beGuest(await me.renamed(part("new-name").value.trim()));
    askName(false);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    part("refused").textContent = problem.message;
  }
}

function setUpCrowd() {
  const moods = document.querySelectorAll("[data-mood]");
  for (const button of moods) {
    button.addEventListener("click", () => crowd.start(button.dataset.mood, room));
  }
  part("stop-crowd").addEventListener("click", () => {
    crowd.stop();
    moods[0].focus();
  });
  crowd.addEventListener("moment", () => player.moment());
  crowd.addEventListener("refused", () => {
    part("crowd-state").textContent = crowd.problem.message;
  });
  crowd.addEventListener("change", () => {
    const { mood, rate, secondsLeft } = crowd;
    for (const button of moods) button.setAttribute("aria-pressed", String(button.dataset.mood === mood));
    part("stop-crowd").disabled = mood === null;
    const left = `${Math.floor(secondsLeft / 60)}:${String(secondsLeft % 60).padStart(2, "0")}`;
    const perSecond = Math.round(rate) === 1 ? "1 comment" : `${Math.round(rate)} comments`;
    part("crowd-state").textContent = mood
      ? `${perSecond} a second, for another ${left}`
      : "Let in a crowd of made-up people";
  });
}

/** The operator's page is there where it is switched on, which nobody but the service knows. */
async function offerStatus() {
  const answer = await fetch("/status.json", { method: "HEAD", signal: AbortSignal.timeout(ASK_WITHIN_MS) }).catch(() => null);
  part("status").hidden = !answer?.ok;
}

comments.addEventListener("viewers", () => {
  part("viewers").hidden = comments.viewers === null;
  part("viewer-count").textContent = comments.viewers?.toLocaleString() ?? "";
});
addEventListener("popstate", showAddressed);
part("change").addEventListener("click", () => askName(true));
part("keep").addEventListener("click", () => askName(false));
part("rename").addEventListener("submit", rename);
part("rename").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) askName(false);
});
setUpCrowd();
showAddressed();
setUpPlayer();
enter();
offerStatus();
