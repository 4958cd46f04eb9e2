/**
 * Drives Debian's Firefox through the live page and the studio: node firefox.js ADDRESS PHOTO.
 * Its last line is what was seen, as JSON.
 */
import { networkInterfaces } from "node:os";
import puppeteer from "puppeteer-core";

const [address, photo] = process.argv.slice(2);
const networked = Object.values(networkInterfaces()).flat().some((one) => !one.internal);
const patience = { timeout: 120_000 };
const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: "/usr/bin/firefox-esr",
  headless: true,
  protocolTimeout: patience.timeout,
  extraPrefsFirefox: {
    "media.navigator.streams.fake": true, // a camera that shows a pattern, and asks nobody
    "media.navigator.permission.disabled": true,
    // Firefox leaves the loopback out, as its users have it; on a machine without any network there is nothing else.
    "media.peerconnection.ice.loopback": !networked,
    "media.peerconnection.ice.obfuscate_host_addresses": networked,
    "ui.prefersReducedMotion": 1, // the head before the start stands still: it would take a core
    "app.update.enabled": false,
    "network.captive-portal-service.enabled": false,
    "network.connectivity-service.enabled": false,
  },
});
const seen = { faults: [] };

/** A page in a tab of its own; what it complains of is collected. */
async function open(path) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  page.on("pageerror", (error) => seen.faults.push(String(error)));
  page.on("console", (said) => said.type() === "error" && seen.faults.push(said.text()));
  // Few pictures: Firefox and the server share few cores here with other tests.
  await page.evaluateOnNewDocument(() => {
    try {
      localStorage.setItem("face3d-choices", '{"rate":8}');
    } catch { /* an empty document has none */ }
  });
  await page.goto(address + path);
  return page;
}

try {
  const page = await open("");
  await page.click("#sample");
  await page.waitForSelector('body[data-state="live"]', patience);
  await page.waitForSelector("[data-reading=face].seen", patience);
  await page.waitForFunction("document.querySelector('#avatar').currentTime > 1", patience);
  seen.picture = await page.$eval("#avatar", (video) => [video.videoWidth, video.videoHeight]);
  await page.click("#record");
  await page.waitForSelector('#record[aria-pressed="true"]', patience);
  await page.waitForFunction("/[1-9] kB/.test(document.querySelector('#recording').textContent)", patience);
  await page.click("#record");
  await page.waitForSelector("#takes li", patience);
  seen.takes = await page.$$eval("#takes li", (cards) => cards.length);
  await page.click("[data-language]");
  seen.chinese = await page.$eval("#record span", (label) => label.textContent);
  seen.wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
  await page.click("#stop");
  await page.waitForSelector('body:not([data-state="live"])', patience);
  await page.click("#start"); // the camera that shows a pattern: nobody is there
  await page.waitForSelector('body[data-state="live"]', patience);
  await page.waitForSelector("[data-reading=face]:not(.seen)", patience);
  await page.close();

  const studio = await open("studio.html");
  await (await studio.$("#file")).uploadFile(photo);
  await studio.waitForSelector("#make:enabled", patience);
  await studio.click("#make");
  await studio.waitForSelector('body[data-state="live"]', patience);
  await studio.waitForFunction(
    `(() => {
      const head = document.querySelector("#head");
      const { data } = head.getContext("2d").getImageData(0, 0, head.width, head.height);
      return data.some((value) => value > 0 && value < 255);
    })()`,
    patience,
  );
  seen.files = await studio.$$eval("#files a", (links) => links.length);
} finally {
  await browser.close();
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}
