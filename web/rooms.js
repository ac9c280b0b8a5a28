/** The rooms of the demonstration: what is on in each, and its picture. Any other id of a video is a room as well. */

import { Flight } from "./pictures/flight.js";
import { Match } from "./pictures/match.js";

const VIDEO_ID = /^[A-Za-z0-9_-]{1,64}$/;

export const ROOMS = [
  { video: "demo", title: "Northport – Larkfield", about: "Cup final, second half", moment: "A goal!", theme: "match" },
  { video: "night-flight", title: "Night flight", about: "Over the hills until dawn", moment: "Shooting stars", theme: "sky" },
  { video: "far-north", title: "Lights of the north", about: "From a window seat", moment: "Shooting stars", theme: "sky" },
];

/** The room of a video's id, as an address asks for it; the first room where it asks for none. */
export function roomOf(asked) {
  const known = ROOMS.find(({ video }) => video === asked);
  if (known) return known;
  if (!VIDEO_ID.test(asked ?? "")) return ROOMS[0];
  return { video: asked, title: asked, about: "A room of your own", moment: "Shooting stars", theme: "sky" };
}

export function pictureOf(room) {
  return room.theme === "match" ? new Match(room.video) : new Flight(room.video);
}

export function addressOf(room) {
  return `${location.pathname}?video=${room.video}`;
}
