import type { UnverifiedReason, Verification } from "../../ports/commit-verifier.ts";

/** `message` is told as it is, and so must not steer a terminal: user ids and principals are anybody's text. */
export const unverified = (reason: UnverifiedReason, message: string): Verification => ({
  kind: "unverified",
  reason,
  message: printable(message),
});

/** Text for people: nothing in it moves a cursor, and it has an end. */
export const printable = (text: string): string => text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?").slice(0, 1_000);
