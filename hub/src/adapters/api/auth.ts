import { createHash, timingSafeEqual } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import type { FastifyRequest } from "fastify";
import type { Actor } from "../../ports/hub-commands.ts";

/** Who holds this token, or null when nobody does. The address is filled in by the API. */
export type Authenticate = (token: string) => Actor | null;

/** One token, known by the hex SHA-256 of itself only. Compared in constant time. */
export function authenticateByHash(tokenSha256: string, actorName: string): Authenticate {
  const expected = Buffer.from(tokenSha256, "hex");
  return (token) => {
    const presented = createHash("sha256").update(token).digest();
    const isKnown = expected.length === presented.length && timingSafeEqual(expected, presented);
    return isKnown ? { kind: "person", name: actorName, from: null } : null;
  };
}

const TOKEN_LENGTH_MAX = 4_096;

/** The actor of a request. @throws AppError "unauthenticated". */
export function actorOf(request: FastifyRequest, authenticate: Authenticate): Actor {
  const header = request.headers.authorization ?? "";
  const token = /^Bearer +([\x21-\x7e]+)$/i.exec(header)?.[1] ?? "";
  if (token === "") {
    throw new AppError("unauthenticated", "This call needs a token.", {
      fix: "Send the header `Authorization: Bearer TOKEN`; the first token is in the hub's admin-token file.",
    });
  }
  const actor = token.length > TOKEN_LENGTH_MAX ? null : authenticate(token);
  if (actor === null) {
    throw new AppError("unauthenticated", "The hub does not know this token.", {
      fix: "Use the token in the hub's admin-token file; a hub whose data was made anew has a new one.",
    });
  }
  return { ...actor, from: request.ip };
}
