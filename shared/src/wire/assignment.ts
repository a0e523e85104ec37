import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { AppError } from "../errors.ts";
import { type Assignment, assignment, type RemovalLimit, type SignedAssignment } from "../model/assignment.ts";
import type { Policy } from "../model/policy.ts";
import {
  type Assignment as AssignmentMessage,
  type Assignment_Policy as AssignmentMessage_Policy,
  AssignmentSchema,
  SignedAssignmentSchema,
} from "./generated/muster/v1/assignment_pb.js";
import { MESSAGE_BYTES_MAX, PAYLOAD_BYTES_MAX, readCount, readMessage, readModel } from "./read.ts";
import { signedFromMessage, signedToMessage } from "./signed.ts";

/**
 * The bytes that are signed. Encoded once, by the hub; whoever passes them on passes on these bytes. Equal assignments
 * have equal bytes: fields are written in the order of their numbers and there is no map among them.
 */
export function encodeAssignment(value: Assignment): Uint8Array {
  const bytes = toBinary(AssignmentSchema, create(AssignmentSchema, toMessage(value)));
  if (bytes.byteLength > PAYLOAD_BYTES_MAX) {
    throw new AppError("too-large", `an assignment has ${bytes.byteLength} bytes; ${PAYLOAD_BYTES_MAX} is the most`);
  }
  return bytes;
}

/** What every version of an assignment says, even if this version cannot understand the rest. */
export interface AssignmentHeader {
  readonly hubId: Assignment["hubId"];
  readonly clusterId: Assignment["clusterId"];
  readonly app: Assignment["app"];
  readonly epoch: Assignment["epoch"];
  readonly generation: number;
  readonly requires: readonly string[];
}

const header = assignment.omit({ content: true });

/** Read `requires` from this before anything else. @throws AppError "corrupt", "invalid", "too-large". */
export function decodeAssignmentHeader(payload: Uint8Array): AssignmentHeader {
  return headerOf(readAssignment(payload));
}

/**
 * Decode only what was verified. @throws AppError "corrupt", "invalid", "too-large"; "unsupported" when it is of a kind
 * that a later version invented.
 */
export function decodeAssignment(payload: Uint8Array): Assignment {
  const message = readAssignment(payload);
  const { content } = message;
  const common = headerOf(message);
  switch (content.case) {
    case "run": {
      const run = content.value;
      return readModel(
        assignment,
        {
          ...common,
          content: {
            kind: "run",
            bundle: {
              digest: run.bundleDigest,
              objects: run.bundleObjects,
              bytes: readCount(run.bundleBytes, "assignment: bundle bytes"),
            },
            release: { number: run.releaseNumber, commit: run.releaseCommit, direction: run.direction },
            destination: { namespace: run.namespace, createNamespace: run.createNamespace },
            sync: { adopt: run.adopt, drift: run.drift, prune: run.prune },
            ...readLimit(run.removal),
            ...readPolicy(run.policy),
            ...(run.takesOverFrom.length === 0 ? {} : { takesOverFrom: run.takesOverFrom }),
          },
        },
        "assignment",
      );
    }
    case "remove":
      return readModel(
        assignment,
        { ...common, content: { kind: "remove", action: content.value.action, ...readLimit(content.value.removal) } },
        "assignment",
      );
    default:
      throw new AppError(
        "unsupported",
        `assignment of ${common.app.project}/${common.app.name}: its content is of a kind this version does not know (it requires ${common.requires.join(", ") || "nothing by name"})`,
        { fix: "Upgrade this agent." },
      );
  }
}

/** The envelope as bytes of its own, for a store or a bus. The payload inside stays as it was signed. */
export function encodeSignedAssignment(signed: SignedAssignment): Uint8Array {
  return toBinary(SignedAssignmentSchema, create(SignedAssignmentSchema, signedToMessage(signed)));
}

/** @throws AppError "corrupt", "invalid", "too-large". */
export function decodeSignedAssignment(bytes: Uint8Array): SignedAssignment {
  const what = "signed assignment";
  return signedFromMessage(readMessage(SignedAssignmentSchema, bytes, { what, bytesMax: MESSAGE_BYTES_MAX }), what);
}

function readAssignment(payload: Uint8Array): AssignmentMessage {
  return readMessage(AssignmentSchema, payload, { what: "assignment", bytesMax: PAYLOAD_BYTES_MAX });
}

function headerOf(message: AssignmentMessage): AssignmentHeader {
  return readModel(
    header,
    {
      hubId: message.hubId,
      clusterId: message.clusterId,
      app: message.app,
      epoch: message.epoch,
      generation: readCount(message.generation, "assignment: generation"),
      requires: message.requires,
    },
    "assignment",
  );
}

function toMessage(value: Assignment): MessageInitShape<typeof AssignmentSchema> {
  const { content } = value;
  return {
    hubId: value.hubId,
    clusterId: value.clusterId,
    app: value.app,
    epoch: value.epoch,
    generation: BigInt(value.generation),
    requires: value.requires,
    content:
      content.kind === "remove"
        ? { case: "remove", value: { action: content.action, ...writeLimit(content.removal) } }
        : {
            case: "run",
            value: {
              bundleDigest: content.bundle.digest,
              bundleObjects: content.bundle.objects,
              bundleBytes: BigInt(content.bundle.bytes),
              releaseNumber: content.release.number,
              releaseCommit: content.release.commit,
              direction: content.release.direction,
              namespace: content.destination.namespace,
              createNamespace: content.destination.createNamespace,
              adopt: content.sync.adopt,
              drift: content.sync.drift,
              prune: content.sync.prune,
              ...writeLimit(content.removal),
              ...writePolicy(content.policy),
              takesOverFrom: content.takesOverFrom ?? [],
            },
          },
  };
}

/** An empty id is no approval. Optional in both directions: an older end writes and reads none. */
function readLimit(limit: { approval: string; objectsMax: number } | undefined): { removal?: RemovalLimit } {
  if (limit === undefined) return {};
  return { removal: { approval: limit.approval === "" ? null : limit.approval, objectsMax: limit.objectsMax } };
}

const writeLimit = (limit: RemovalLimit | undefined) =>
  limit === undefined ? {} : { removal: { approval: limit.approval ?? "", objectsMax: limit.objectsMax } };

function readPolicy(policy: AssignmentMessage_Policy | undefined): { policy?: Policy } {
  if (policy === undefined) return {};
  const { namespaces, namespacedKinds, clusterKinds, serviceAccount } = policy;
  return {
    policy: {
      namespaces,
      kinds: { namespaced: namespacedKinds, cluster: clusterKinds },
      ...(serviceAccount === "" ? {} : { serviceAccount }),
    },
  };
}

const writePolicy = (policy: Policy | undefined) =>
  policy === undefined
    ? {}
    : {
        policy: {
          namespaces: policy.namespaces,
          namespacedKinds: policy.kinds.namespaced,
          clusterKinds: policy.kinds.cluster,
          serviceAccount: policy.serviceAccount ?? "",
        },
      };
