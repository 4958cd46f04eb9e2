/** What an offer needs besides its tracks: the codec, the bitrate, all candidates. */

const GATHER_MS = 1500; // host candidates come at once; a dead STUN or mDNS must not hold up the start
const MAX_BITRATE = 2_500_000;

/** H264 first: the server encodes it about twice as fast as VP8. @param {RTCRtpTransceiver} transceiver */
export function preferH264(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const isH264 = (/** @type {RTCRtpCodec} */ codec) => codec.mimeType.toLowerCase() === "video/h264";
  if (!codecs.some(isH264)) return;
  transceiver.setCodecPreferences?.([...codecs.filter(isH264), ...codecs.filter((codec) => !isH264(codec))]);
}

/** Fewer frames rather than smaller ones: the tracker needs the pixels. @param {RTCRtpSender} sender */
export async function keepSharp(sender) {
  const parameters = sender.getParameters();
  parameters.degradationPreference = "maintain-resolution";
  for (const encoding of parameters.encodings) Object.assign(encoding, { maxBitrate: MAX_BITRATE, maxFramerate: Math.max(30, sender.track?.getSettings().frameRate ?? 0), scaleResolutionDownBy: 1 });
  await sender.setParameters(parameters).catch(() => {}); // a hint: browsers may not know all of it
}

/** The offer carries all candidates, so one request is enough. @param {RTCPeerConnection} connection @returns {Promise<void>} */
export function gathered(connection) {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, GATHER_MS);
    connection.addEventListener("icegatheringstatechange", () => connection.iceGatheringState === "complete" && resolve());
  });
}
