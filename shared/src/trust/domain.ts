/**
 * What a signature is about. The domain and a NUL stand before the payload, so that bytes signed for one purpose are
 * never valid for another; the version in it lets the format change without old signatures changing their meaning.
 */
export const DOMAIN = {
  assignment: "muster/assignment/v1",
  keySet: "muster/key-set/v1",
  enrolmentAnswer: "muster/enrolment-answer/v1",
  join: "muster/join/v1",
  renew: "muster/renew/v1",
} as const;
export type Domain = (typeof DOMAIN)[keyof typeof DOMAIN];

export const inDomain = (domain: Domain, payload: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`${domain}\0`, "utf8"), payload]);
