import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export interface HookCall {
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Exactly the bytes that were sent: they are what is signed. */
  readonly body: Uint8Array;
}

export type HookVerdict =
  | {
      readonly kind: "signed";
      /** What this delivery is called, if it has a name: a second one of the same name is a repetition. */
      readonly delivery: string | null;
    }
  | { readonly kind: "forged" }
  /** Signed with a secret that is known, but not now: a repetition, or a clock that is wrong. */
  | { readonly kind: "stale" };

/** Either way: clocks differ, and a delivery may have to wait. */
export const SIGNATURE_AGE_MS_MAX = 5 * 60_000;

/**
 * Whether a call carries what its kind of Git host makes of a shared secret:
 *
 * | header | of | holds |
 * | --- | --- | --- |
 * | `x-hub-signature-256` | GitHub, Gitea, Forgejo | `sha256=` and the body's HMAC in hex |
 * | `x-hub-signature` | Bitbucket Cloud and Data Center | the same |
 * | `x-gitea-signature`, `x-forgejo-signature` | Gitea, Forgejo | the body's HMAC in hex |
 * | `x-gitlab-token` | GitLab, secret token | the secret itself |
 * | `webhook-signature` | GitLab, signing token, and whoever follows Standard Webhooks | `v1,` and the HMAC of id, time and body in base64 |
 * | `x-muster-signature` | anything else | `t=<unix seconds>,v1=<HMAC of "t.body" in hex>` |
 *
 * The same work is done whatever the call carries, and with a secret of nobody's when there is none.
 */
export function verifyHook(call: HookCall, secrets: readonly string[], now: number): HookVerdict {
  const header = (name: string): string => {
    const value = call.headers[name];
    return typeof value === "string" ? value : "";
  };
  const known = secrets.filter((secret) => secret !== "");
  const verdicts = (known.length === 0 ? [null] : known).flatMap((secret) => [
    ...judgeBody(header, call.body, secret ?? "unset"),
    judgeToken(header, secret ?? "unset"),
    judgeStandard(header, call.body, secret ?? "unset", now),
    judgeMuster(header, call.body, secret ?? "unset", now),
  ]);
  if (known.length === 0) return { kind: "forged" };
  return (
    verdicts.find(({ kind }) => kind === "signed") ??
    verdicts.find(({ kind }) => kind === "stale") ?? { kind: "forged" }
  );
}

type Header = (name: string) => string;

/** What hosts call a delivery. None of these is signed: they spare work, and are no protection. */
const DELIVERY_HEADERS = [
  "x-github-delivery",
  "x-forgejo-delivery",
  "x-gitea-delivery",
  "idempotency-key",
  "x-gitlab-event-uuid",
  "x-request-uuid",
  "x-request-id",
] as const;

function deliveryOf(header: Header): string | null {
  const name = DELIVERY_HEADERS.map((candidate) => header(candidate)).find((value) => value !== "");
  return name === undefined ? null : digestOf(name);
}

function judgeBody(header: Header, body: Uint8Array, secret: string): HookVerdict[] {
  const expected = createHmac("sha256", secret).update(body).digest();
  const presented = [
    hexAfter("sha256=", header("x-hub-signature-256")),
    hexAfter("sha256=", header("x-hub-signature")),
    hexAfter("", header("x-gitea-signature")),
    hexAfter("", header("x-forgejo-signature")),
  ];
  const delivery = deliveryOf(header);
  return presented.map((signature) =>
    isEqual(signature, expected) ? { kind: "signed", delivery } : { kind: "forged" },
  );
}

/** The digests are compared, so that not even the secret's length shows. */
function judgeToken(header: Header, secret: string): HookVerdict {
  const [presented, expected] = [header("x-gitlab-token"), secret].map((text) =>
    createHash("sha256").update(text).digest(),
  );
  const isToken = isEqual(presented ?? null, expected ?? Buffer.alloc(0)) && header("x-gitlab-token") !== "";
  return isToken ? { kind: "signed", delivery: deliveryOf(header) } : { kind: "forged" };
}

/** https://www.standardwebhooks.com: several signatures stand side by side while a secret is exchanged. */
function judgeStandard(header: Header, body: Uint8Array, secret: string, now: number): HookVerdict {
  const [id, time] = [header("webhook-id"), header("webhook-timestamp")];
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : Buffer.from(secret);
  const expected = createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest();
  const isSigned = header("webhook-signature")
    .split(" ")
    .slice(0, 8)
    .map((entry) => (entry.startsWith("v1,") ? Buffer.from(entry.slice(3), "base64") : null))
    .map((signature) => isEqual(signature, expected))
    .includes(true);
  return timed(isSigned && id !== "", time, now, `standard ${id}`);
}

function judgeMuster(header: Header, body: Uint8Array, secret: string, now: number): HookVerdict {
  const [, time = "", signature = ""] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/i.exec(header("x-muster-signature")) ?? [];
  const expected = createHmac("sha256", secret).update(`${time}.`).update(body).digest();
  return timed(isEqual(hexAfter("", signature), expected), time, now, `muster ${expected.toString("hex")}`);
}

function timed(isSigned: boolean, time: string, now: number, delivery: string): HookVerdict {
  if (!isSigned || !/^\d{1,12}$/.test(time)) return { kind: "forged" };
  if (Math.abs(now - Number(time) * 1_000) > SIGNATURE_AGE_MS_MAX) return { kind: "stale" };
  return { kind: "signed", delivery: digestOf(delivery) };
}

function hexAfter(prefix: string, text: string): Buffer | null {
  const hex = text.slice(prefix.length);
  return text.startsWith(prefix) && /^[0-9a-f]{64}$/i.test(hex) ? Buffer.from(hex, "hex") : null;
}

/** A comparison is made for every header, there or not. */
function isEqual(presented: Buffer | null, expected: Buffer): boolean {
  const isComparable = presented !== null && presented.length === expected.length;
  return timingSafeEqual(isComparable ? presented : Buffer.alloc(expected.length), expected) && isComparable;
}

/** Names of deliveries are the caller's: what is remembered of one has a length of its own. */
const digestOf = (text: string): string => createHash("sha256").update(text).digest("base64url");
