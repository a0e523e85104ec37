import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import { describe, expect, it } from "vitest";
import { DOCUMENT_BYTES_MAX } from "../../ports/store.ts";
import { digestOf, intent, pin, sha } from "../../testing/facts.ts";
import { APPROVAL_APPS_MAX, APPROVAL_NAMES_MAX, APPROVAL_PAIRS_MAX, type Approval, approval } from "./approval.ts";
import { ASSIGNED_HISTORY_MAX, type AssignedEntry, SHARD_CLUSTERS_MAX } from "./assigned.ts";
import { INTENT_BYTES_MAX, INTENT_HISTORY_MAX, RECOVERY_CLUSTERS_MAX } from "./intent.ts";
import { OBSERVED_BYTES_MAX } from "./observed.ts";
import { type Operation, splitOperation } from "./operation.ts";

/** The longest that ids, counters and times become in years of use. */
const many = 9_999_999_999;
const now = 9_999_999_999_999;
const epoch = { number: 99_999, tag: "01234567" };
const uid = "0123456789abcdef01234567" as AppUid;
const id = (number: number) => `c-${String(number).padStart(16, "0")}` as ClusterId;
const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

describe("the largest document of each kind fits the store", () => {
  it("assigned: a full shard, with history", () => {
    const former = { epoch, generation: many, release: 9_999_999, payloadSha256: sha("a") };
    const entry: AssignedEntry = {
      epoch,
      generation: many,
      payloadSha256: sha("a"),
      since: now,
      content: {
        kind: "run",
        release: 9_999_999,
        digest: digestOf("1"),
        direction: "forward",
        removal: { approval: "ap-01234567", objectsMax: 1_000_000 },
      },
      leaving: { since: now, cause: "definition" },
      history: times(ASSIGNED_HISTORY_MAX, () => former),
    };
    const clusters = Object.fromEntries(times(SHARD_CLUSTERS_MAX, (number) => [id(number), entry]));
    expect(bytesOf({ app: uid, shard: 9_999, term: many, clusters })).toBeLessThanOrEqual(DOCUMENT_BYTES_MAX);
  });

  it("observed: a full shard beside as many that are only Ahead", () => {
    const summary = SHARD_CLUSTERS_MAX * (OBSERVED_BYTES_MAX + bytesOf(id(1)) + 2);
    const ahead = SHARD_CLUSTERS_MAX * bytesOf({ [id(1)]: { report: null, ahead: { epoch, generation: many } } });
    expect(summary + ahead).toBeLessThanOrEqual(DOCUMENT_BYTES_MAX);
  });

  it("intent: pinned, recovered by name and with all its history", () => {
    const full = intent({
      sequence: many,
      epoch,
      history: times(INTENT_HISTORY_MAX, () => ({ release: 9_999_999, since: now, completed: false })),
      pin: pin({ reason: "界".repeat(500), by: "界".repeat(100) }),
      reset: { kind: "rollback", sequence: many },
      recovery: { sequence: many, epoch, clusters: times(RECOVERY_CLUSTERS_MAX, id) },
      operations: times(32, () => uid),
      audit: times(8, (index) => ({
        id: `app.${uid}.${many + index}`,
        at: now,
        actor: { kind: "person" as const, name: "界".repeat(100), from: "127.0.0.1" },
        action: "AppRolledBack",
        detail: "界".repeat(600),
      })),
    });
    expect(bytesOf(full)).toBeLessThanOrEqual(INTENT_BYTES_MAX);
  });

  it("approval: with the longest names, and what it names with the longest ids", () => {
    const full: Approval = approval.parse({
      id: "ap-01234567",
      kind: "removal",
      key: `labels/${"c".repeat(64)}`,
      state: "denied",
      what: "界".repeat(500),
      why: "界".repeat(1_000),
      askedBy: "界".repeat(300),
      pairs: many,
      objects: many,
      passedBefore: many,
      apps: times(APPROVAL_APPS_MAX, () => ({
        uid,
        project: "p".repeat(63),
        name: "n".repeat(63),
        pairs: many,
        objects: many,
        clusters: times(APPROVAL_NAMES_MAX, () => "c".repeat(63)),
      })),
      release: null,
      parts: 9_999,
      created: now,
      decided: { by: "界".repeat(300), at: now, reason: "界".repeat(500) },
      closed: { at: now, reason: "界".repeat(500) },
      audit: [],
    });
    expect(bytesOf(full)).toBeLessThanOrEqual(DOCUMENT_BYTES_MAX / 2);
    const clusters = times(1, () => "c".repeat(64));
    const apps = times(APPROVAL_PAIRS_MAX, () => ({ uid: "u".repeat(24), changes: many, clusters }));
    expect(bytesOf({ approval: "ap-01234567", apps })).toBeLessThanOrEqual(DOCUMENT_BYTES_MAX);
  });

  it("operation: a thousand Apps on five hundred clusters each, in parts that keep the order", () => {
    const apps: Operation["apps"] = times(1_000, () => ({ app: uid, clusters: times(500, id), above: many }));
    const parts = splitOperation(apps);
    const rest = { id: uid, kind: "recover", reason: "界".repeat(500), by: "", at: now, audit: ["界".repeat(2_500)] };
    for (const part of parts) expect(bytesOf({ ...rest, apps: part })).toBeLessThanOrEqual(DOCUMENT_BYTES_MAX);
    expect(parts.flat()).toEqual(apps);
    expect(splitOperation(apps.slice(0, 2))).toHaveLength(1);
  });
});
