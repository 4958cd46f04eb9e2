/** The finished head as the live page's avatar: kept in this browser like one that was dropped there. */
import { sentence } from "../advice.js";
import { ApiError, received, request } from "../api.js";
import { storeAvatar } from "../avatar_store.js";
import { byId } from "../dom.js";
import { pictureOf } from "../gallery.js";
import { keep } from "../kept.js";
import { withFragment } from "../token.js";

const FILE_MS = 60000;

/** @param {string} job whose head it is @param {import("../status.js").Notice} notice */
export async function useLive(job, notice) {
  try {
    const response = await request("GET", `api/jobs/${job}/files/head.glb`, { timeout: FILE_MS });
    const head = await received(() => response.blob()), name = `head-${job.slice(0, 6)}.glb`;
    await storeAvatar(name, head, await pictureOf(byId("head", HTMLCanvasElement)));
    keep("avatar", `file:${name}`);
    location.assign(withFragment(`./${location.search}`));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    notice.show(await sentence(error), { warn: true });
  }
}
