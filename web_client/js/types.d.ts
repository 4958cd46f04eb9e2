/** The shapes that pass between modules and over the wire. What comes from the server is as docs/api.md and docs/takes.md say. */
import type { EN } from "./i18n/en.js";
import type { Phrase } from "./i18n.js";

// --- Texts -----------------------------------------------------------------------------------------------------------

/** The names of the values that a text has places for: "Saved as {file}." has "file". */
type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholders<Rest> : never;

export type Language = "en" | "zh";
export type Key = keyof typeof EN;
/** Keys of texts without values. */
export type PlainKey = { [K in Key]: [Placeholders<(typeof EN)[K]>] extends [never] ? K : never }[Key];
/** The arguments after a key: one object with every value of its text, or none. */
export type Values<K extends Key> = [Placeholders<(typeof EN)[K]>] extends [never]
  ? []
  : [values: Record<Placeholders<(typeof EN)[K]>, string | number | Phrase>];
/** What can be shown: a text that changes with the page's language, or one that does not. */
export type Wording = string | Phrase;
/** A heading and what to do. */
export type Trouble = [title: Wording, cure: Wording];

// --- The server's answers --------------------------------------------------------------------------------------------

/** What the server refuses, or what failed there. */
export interface ServerError { code: string; message: string }

export interface SessionState { session: string; kind: "browser" | "source" | "take"; device: string; precision: string }

export interface AvatarReport {
  kind: string;
  name: string;
  author: string;
  triangles: number;
  found: string[];
  missing: string[];
  expressions: string[];
  bones: string[];
  warnings: string[];
}

/** A person's calibration, which is also the file that is saved. */
export interface CalibrationProfile {
  face3d_calibration: number;
  person: string;
  created: string;
  expression: Record<string, number>;
  rotation: number[];
  translation: number[];
  range?: Record<string, number>;
}

/** What is recorded beside the movements. */
export interface RecordedMedia { seconds: number; bytes: number; left_out: number }

export interface RecordingState {
  take: string;
  recording: boolean;
  frames: number;
  seconds: number;
  bytes: number;
  sound?: RecordedMedia;
  render?: RecordedMedia;
  error?: ServerError;
}

export interface Take {
  take: string;
  name: string;
  created: string;
  seconds: number;
  frames: number | null;
  complete: boolean;
  recording: boolean;
  bytes: number;
  sound: boolean;
  render: boolean;
}

export interface Playing {
  take: string;
  name: string;
  session: string;
  loop: boolean;
  speed: number;
  start: number;
  position: number;
  seconds: number;
  frames: number;
}

export interface MappingProfile {
  version: number;
  preset?: string;
  mirror?: boolean;
  link?: string[];
  channels: Record<string, import("./curve.js").Changes>;
}

export interface Mappings { saved: string[]; presets: Record<string, { title: string; outputs: string[] }>; channels: string[] }

export interface OutputKind { title: string; port: number; names: string | null; rate: number }

export interface Output {
  id: string;
  kind: string;
  title: string;
  host: string;
  port: number;
  rate: number;
  names: string | null;
  mapping: string | null;
  profile: MappingProfile;
  enabled: boolean;
  state: "off" | "connecting" | "waiting" | "sending" | "failing";
  packets: number;
  fps: number;
  receivers: string[] | null;
  error: ServerError | null;
}

/** One output with what it sent last; null before the first frame. */
export interface OutputWithValues extends Output {
  values: { input?: number[] | null; expression: number[] | null; outputs: Record<string, number> | null };
}

/** box: x0, y0, x1, y1 in 0..1 of the upright photo. */
export interface Face { number: number; box: [number, number, number, number]; score: number }

/** A reconstruction; seconds of each stage that is over, files as name to bytes. */
export interface Job {
  job: string;
  state: "queued" | "running" | "done" | "failed";
  stage: string;
  progress: number;
  seconds: Record<string, number>;
  ahead: number;
  result?: string;
  files?: Record<string, number>;
  error?: ServerError;
}

/** What a photo can be refused or a result warned for, by code. */
export type Advice = Record<string, Record<Language, string>>;

// --- The sockets -----------------------------------------------------------------------------------------------------

/** How the server draws: radians; zoom 1 is as it is. */
export interface View { mode: string; yaw: number; pitch: number; zoom: number; pixels?: number }

/** What keys do to the face. */
export interface ActMessage { type: "act"; mode: "track" | "rest" | "hold"; expression: Record<string, number> }

/** The own head's hair or glasses: a style by name and "#rrggbb"; null: as it is seen. */
export interface Style { style: string | null; colour: string | null }

/** The control channel, page to server. */
export type ControlRequest = ({ type: "view" } & View) | { type: "calibrate" } | { type: "follow"; x: number; y: number } | ActMessage | ({ type: "hair" | "glasses" } & Style) | { type: "ping"; id: number; t: number };

/** The control channel, server to page; `rtt` is added by the page, in ms. */
export type ControlMessage =
  | { type: "hello"; session: string; device: string; names: string[]; version: string }
  | { type: "frame"; frame: number; t: number; face: boolean; expression: number[]; fps: number; ms: Record<string, number> }
  | { type: "quality"; hints: string[] }
  | { type: "pong"; id: number; t: number; rtt: number }
  | { type: "calibrated"; ok: boolean; reason: string; error?: ServerError }
  | { type: "notice"; code: string; message: string };

/** Text of the view socket of a session: whose pictures follow, null for nobody's. */
export interface ViewMessage { session: string | null; size: number }

/** How a finished head is drawn. */
export interface HeadLook extends View {
  expression: Record<string, number>; hair: string | null; shape: number[]; light: number; grid: boolean;
}

// --- Between the modules ---------------------------------------------------------------------------------------------

/** What becomes of a session. */
export type SessionEvent =
  | { state: "connecting" }
  | { state: "waiting" }
  | { state: "live" }
  | { state: "away"; reason: Wording; seconds: number }
  | { state: "refused"; reason: Wording; code: string };
