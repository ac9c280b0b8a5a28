/** The page: which video, who is watching, and the parts put together. */

import { LiveComments } from "./client.js";
import { Composer } from "./composer.js";
import { Guest } from "./guest.js";
import { Problem } from "./http.js";
import { Picture } from "./picture.js";
import { View } from "./view.js";

const FIRST_VIDEO = "demo";
const VIDEO_ID = /^[A-Za-z0-9_-]{1,64}$/;
const COPIED_MS = 1_600;
const SAMPLED_MS = 2_500; // the service says it every second, while it is so

const part = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search).get("video") ?? FIRST_VIDEO;
const video = VIDEO_ID.test(asked) ? asked : FIRST_VIDEO;

const STATES = {
  connecting: "connecting …",
  live: "live",
  away: "reconnecting …",
  ended: "not connected",
};

let leave = () => {};
let sampledTimer;

function addressOf(id) {
  return `${location.origin}${location.pathname}?video=${id}`;
}

function showPlayer() {
  document.title = `${video} · Live comments`;
  part("title").textContent = video;
  part("another").href = addressOf(video);
  part("copy").addEventListener("click", copyLink);
  const picture = new Picture(part("picture"), video);
  const play = part("play");
  const set = (playing) => {
    picture.playing = playing;
    play.classList.toggle("playing", playing);
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
  };
  play.addEventListener("click", () => set(!picture.playing));
  set(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  setInterval(() => {
    const seconds = Math.floor(picture.seconds);
    part("elapsed").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }, 500);
}

async function copyLink() {
  const copy = part("copy");
  const said = copy.textContent;
  try {
    await navigator.clipboard.writeText(addressOf(video));
    copy.textContent = "Copied";
  } catch {
    copy.textContent = "Could not copy";
  }
  setTimeout(() => {
    copy.textContent = said;
  }, COPIED_MS);
}

/** Ask for a video and a name. */
function ask(name, refused = "") {
  part("room").hidden = true;
  part("state").hidden = true;
  part("join").hidden = false;
  part("video").value = video;
  part("name").value = name;
  part("refused").textContent = refused;
  part("name").focus();
}

async function join(event) {
  event.preventDefault();
  const [chosen, name] = [part("video").value.trim(), part("name").value.trim()];
  part("enter").disabled = true;
  part("refused").textContent = "";
  try {
    const known = Guest.restore();
    const guest = known?.name === name ? known : await Guest.make(name);
    leave();
    if (chosen === video) enter(guest);
    else location.assign(addressOf(chosen));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    part("refused").textContent = problem.message;
  } finally {
    part("enter").disabled = false;
  }
}

function enter(guest) {
  const client = new LiveComments({
    video,
    token: (renew) => guest.token(renew),
    userId: () => guest.userId,
  });
  const view = new View(client, guest, {
    scroller: part("scroller"),
    list: part("list"),
    newer: part("newer"),
    note: part("note"),
  });
  const composer = new Composer(
    { form: part("composer"), field: part("message"), left: part("left"), send: part("send") },
    {
      mayPost: () => !client.outbox.full,
      post: (text) => {
        client.post(text);
        view.follow();
      },
    },
  );
  client.addEventListener("change", () => composer.update());
  client.addEventListener("state", () => showState(client));
  client.addEventListener("sampled", () => showSampled(client));
  client.addEventListener("viewers", () => {
    part("viewers").hidden = false;
    part("viewer-count").textContent = client.viewers.toLocaleString();
  });
  leave = () => {
    client.stop();
    view.close();
    composer.close();
  };
  part("join").hidden = true;
  part("room").hidden = false;
  part("me").textContent = guest.name;
  showState(client);
  if (matchMedia("(pointer: fine)").matches) composer.focus(); // elsewhere that would bring up a keyboard
  client.start();
}

/** More comments come than anybody can read: say how many of them are shown, for as long as that is so. */
function showSampled({ sampled: { shown, of }, state }) {
  if (state !== "live") return;
  clearTimeout(sampledTimer);
  part("state").textContent = `live · ${shown.toLocaleString()} of ${of.toLocaleString()} shown`;
  sampledTimer = setTimeout(() => {
    if (part("state").classList.contains("live")) part("state").textContent = STATES.live;
  }, SAMPLED_MS);
}

function showState({ state, problem }) {
  const shown = part("state");
  shown.hidden = false;
  shown.className = `state ${state}`;
  shown.textContent = problem ? problem.message : STATES[state];
}

showPlayer();
part("join").addEventListener("submit", join);
part("change").addEventListener("click", () => ask(part("me").textContent));
const guest = Guest.restore();
if (guest) enter(guest);
else ask("");
