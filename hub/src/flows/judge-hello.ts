import type { AppUid, ClusterId, HubId } from "@muster/shared/model/ids.ts";
import { compareMarks, type Mark } from "@muster/shared/model/mark.ts";
import type { Hello } from "@muster/shared/model/session.ts";
import { decodeAssignment } from "@muster/shared/wire/assignment.ts";
import type { AssignedEntry } from "../core/documents/assigned.ts";
import { type HeldMark, judgeHeld } from "../core/epoch.ts";
import type { AssignmentSigner } from "../ports/assignment-signer.ts";
import { sha256Hex } from "./assignment-payload.ts";

export interface HelloVerdict {
  /** What the agent holds, as far as it is believed. */
  readonly held: Map<AppUid, HeldMark>;
  /** Proven marks that the hub does not remember giving. */
  readonly ahead: readonly { readonly app: AppUid; readonly mark: HeldMark }[];
  /** Marks above what the hub knows whose proof is forged, altered or another's: taken as not held. */
  readonly ignored: readonly AppUid[];
}

/**
 * What to make of the marks in a Hello. A mark that the hub gave needs no proof: believing it sends nothing. One that
 * the hub does not remember counts only if the assignment that came with it was signed by this hub, for this cluster.
 */
export function judgeHello(input: {
  readonly hubId: HubId;
  readonly cluster: ClusterId;
  readonly have: Hello["have"];
  readonly entries: ReadonlyMap<AppUid, AssignedEntry>;
  readonly signer: Pick<AssignmentSigner, "verify">;
}): HelloVerdict {
  const held = new Map<AppUid, HeldMark>();
  const ahead: { app: AppUid; mark: HeldMark }[] = [];
  const ignored: AppUid[] = [];
  for (const { mark, proof } of input.have) {
    const app = mark.appUid;
    if (mark.hubId !== input.hubId) {
      ignored.push(app);
      continue;
    }
    const standing = judgeHeld(mark, input.entries.get(app));
    if (standing !== "ahead") {
      held.set(app, mark);
      continue;
    }
    const kind = provenKind(input, mark, proof);
    if (kind === null) ignored.push(app);
    // A tombstone of an App that is long gone from here: both sides agree that there is nothing.
    else if (kind === "remove" && !input.entries.has(app)) held.set(app, mark);
    else {
      held.set(app, mark);
      ahead.push({ app, mark });
    }
  }
  return { held, ahead, ignored };
}

/** What the proof assigns, or null when it proves nothing of this mark. */
function provenKind(
  { hubId, cluster, signer }: Pick<Parameters<typeof judgeHello>[0], "hubId" | "cluster" | "signer">,
  mark: Mark,
  proof: Hello["have"][number]["proof"],
): "run" | "remove" | null {
  try {
    if (sha256Hex(proof.payload) !== mark.payloadSha256 || !signer.verify(proof)) return null;
    const assignment = decodeAssignment(proof.payload);
    const isOfMark =
      assignment.hubId === hubId &&
      assignment.clusterId === cluster &&
      assignment.app.uid === mark.appUid &&
      compareMarks(assignment, mark) === "same";
    return isOfMark ? assignment.content.kind : null;
  } catch {
    return null;
  }
}
