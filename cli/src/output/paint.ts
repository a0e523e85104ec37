import { type InspectColor, styleText } from "node:util";

/** Words that carry meaning, so that a palette is chosen in one place. */
export type Tone = "good" | "busy" | "bad" | "quiet" | "strong" | "title";

/** Colours a text, or leaves it as it is where nobody would see colours. */
export type Paint = (tone: Tone, text: string) => string;

const STYLES: Record<Tone, InspectColor | InspectColor[]> = {
  good: "green",
  busy: "yellow",
  bad: "red",
  quiet: "dim",
  strong: "bold",
  title: ["bold", "cyan"],
};

export const createPaint = (hasColour: boolean): Paint =>
  hasColour
    ? (tone, text) => (text === "" ? "" : styleText(STYLES[tone], text, { validateStream: false }))
    : (_, text) => text;

/** How a state word feels. */
export function toneOf(state: string): Tone | null {
  switch (state) {
    case "Healthy":
    case "Synced":
    case "Connected":
    case "Ready":
    case "Applied":
      return "good";
    case "Progressing":
    case "Pending":
    case "Held":
    case "Applying":
    case "Pruning":
    case "Registered":
    case "OutOfSync":
    case "Suspended":
    case "Disconnected":
      return "busy";
    case "Degraded":
    case "Missing":
    case "Failed":
    case "Failing":
    case "Refused":
    case "Revoked":
      return "bad";
    default:
      return null;
  }
}
