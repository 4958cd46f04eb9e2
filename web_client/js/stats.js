/** What the browser counts of the avatar's video. @param {RTCPeerConnection} connection @returns {Promise<RTCInboundRtpStreamStats | null>} */
export async function avatarStats(connection) {
  /** @type {RTCInboundRtpStreamStats[]} */
  const found = [];
  (await connection.getStats()).forEach((stats) => {
    if (stats.type === "inbound-rtp" && stats.kind === "video") found.push(stats);
  });
  return found[0] ?? null;
}
