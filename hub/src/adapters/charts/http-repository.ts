import { AppError } from "@muster/shared/errors.ts";
import type { Credentials } from "../../ports/credentials.ts";
import type { HttpAnswer } from "../../ports/http-client.ts";

/** The value of `Authorization` for a chart repository. @throws AppError "invalid" for an SSH key. */
export function authorizationOf(credentials: Credentials | null, repository: string): string | null {
  const auth = credentials?.auth;
  switch (auth?.kind) {
    case undefined:
    case "none":
      return null;
    case "basic":
      return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}`;
    case "token":
      return `Bearer ${auth.token}`;
    case "ssh":
      throw new AppError("invalid", `the credential for ${repository} is an SSH key, which no chart repository takes`, {
        fix: "Mount one with username and password, or with token.",
      });
  }
}

/** @throws AppError for every status that is no success: "not-found", "unauthenticated", "unavailable". */
export function checkAnswer({ status }: HttpAnswer, repository: string, what: string): void {
  if (status >= 200 && status < 300) return;
  switch (status) {
    case 404:
    case 410:
      throw new AppError("not-found", `${repository} has no ${what}`, {
        fix: "Check the address: a chart repository is what index.yaml is directly below.",
      });
    case 401:
    case 403:
      throw new AppError("unauthenticated", `${repository} does not let these credentials, or none, read ${what}`, {
        fix: "Mount a credential for this address in the hub, and name it beside the address; it may also have expired.",
      });
    case 429:
      throw new AppError("unavailable", `${repository} asks to be left alone for a while: too many requests`);
    default:
      throw new AppError("unavailable", `${repository} answered with status ${status} when asked for ${what}`);
  }
}
