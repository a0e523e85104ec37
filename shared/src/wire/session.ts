import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { z } from "zod";
import { assertNever } from "../errors.ts";
import type { SignedAssignment } from "../model/assignment.ts";
import { type AppUid, appUid } from "../model/ids.ts";
import { mark } from "../model/mark.ts";
import type { Report } from "../model/report.ts";
import type { Hello, HelloAck, SignedKeySet } from "../model/session.ts";
import {
  AgentMessageSchema,
  type HelloAck as HelloAckMessage,
  type Hello as HelloMessage,
  HubMessageSchema,
} from "./generated/muster/v1/agent_pb.js";
import { MESSAGE_BYTES_MAX, readCount, readMessage, readModel } from "./read.ts";
import { reportFromMessage, reportToMessage } from "./report.ts";
import { signedFromMessage, signedToMessage } from "./signed.ts";

/** What an agent says on the control stream, whichever link carries it. `unknown` is of a later version: ignore it. */
export type AgentEnvelope =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "reports"; readonly sequence: number; readonly reports: readonly Report[] }
  | { readonly kind: "heartbeat"; readonly sequence: number }
  | { readonly kind: "acting"; readonly isActing: boolean }
  | { readonly kind: "unknown" };

export type HubEnvelope =
  | { readonly kind: "hello-ack"; readonly ack: HelloAck }
  | { readonly kind: "assignment"; readonly signed: SignedAssignment }
  | { readonly kind: "report-ack"; readonly sequence: number }
  | { readonly kind: "heartbeat"; readonly sequence: number }
  | { readonly kind: "in-sync" }
  | { readonly kind: "key-set"; readonly keySet: SignedKeySet }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  | { readonly kind: "ahead"; readonly apps: readonly AppUid[] }
  | { readonly kind: "unknown" };

export function encodeAgentEnvelope(envelope: Exclude<AgentEnvelope, { kind: "unknown" }>): Uint8Array {
  return toBinary(AgentMessageSchema, create(AgentMessageSchema, { kind: agentMessageOf(envelope) }));
}

export function encodeHubEnvelope(envelope: Exclude<HubEnvelope, { kind: "unknown" }>): Uint8Array {
  return toBinary(HubMessageSchema, create(HubMessageSchema, { kind: hubMessageOf(envelope) }));
}

/** @throws AppError "corrupt", "invalid", "too-large". */
export function decodeAgentEnvelope(bytes: Uint8Array): AgentEnvelope {
  const { kind } = readMessage(AgentMessageSchema, bytes, { what: "agent message", bytesMax: MESSAGE_BYTES_MAX });
  switch (kind.case) {
    case "hello":
      return { kind: "hello", hello: helloFromMessage(kind.value) };
    case "reports":
      return {
        kind: "reports",
        sequence: readCount(kind.value.sequence, "report batch: sequence"),
        reports: kind.value.reports.map(reportFromMessage),
      };
    case "heartbeat":
      return { kind: "heartbeat", sequence: readCount(kind.value.sequence, "heartbeat: sequence") };
    case "acting":
      return { kind: "acting", isActing: kind.value.isActing };
    default:
      return { kind: "unknown" };
  }
}

/** @throws AppError "corrupt", "invalid", "too-large". */
export function decodeHubEnvelope(bytes: Uint8Array): HubEnvelope {
  const { kind } = readMessage(HubMessageSchema, bytes, { what: "hub message", bytesMax: MESSAGE_BYTES_MAX });
  switch (kind.case) {
    case "helloAck":
      return { kind: "hello-ack", ack: helloAckFromMessage(kind.value) };
    case "assignment":
      return { kind: "assignment", signed: signedFromMessage(kind.value, "signed assignment") };
    case "reportAck":
      return { kind: "report-ack", sequence: readCount(kind.value.sequence, "report ack: sequence") };
    case "heartbeat":
      return { kind: "heartbeat", sequence: readCount(kind.value.sequence, "heartbeat: sequence") };
    case "inSync":
      return { kind: "in-sync" };
    case "keySet":
      return { kind: "key-set", keySet: signedFromMessage(kind.value, "signed key set") };
    case "refused":
      return { kind: "refused", ...readModel(refusal, kind.value, "refusal") };
    case "ahead":
      return { kind: "ahead", apps: readModel(z.array(appUid), kind.value.appUids, "ahead notice") };
    default:
      return { kind: "unknown" };
  }
}

const refusal = z.object({ code: z.string().max(128), message: z.string().max(4_000) });

const words = (max: number) => z.string().max(max);
const hello = z.object({
  protocol: z.object({ min: z.int().min(1), max: z.int().min(1) }),
  agentVersion: words(128),
  capabilities: z.array(words(128)).max(256),
  kubernetesVersion: words(64),
  clusterUid: words(64).min(1),
  instance: words(128).min(1),
  isActing: z.boolean(),
});
const helloAck = z.object({
  protocol: z.int().min(1),
  hubId: words(64).min(1),
  hubVersion: words(128),
  heartbeatMs: z.int().min(10),
});

function helloFromMessage(message: HelloMessage): Hello {
  const { protocolMin: min, protocolMax: max } = message;
  return {
    ...readModel(hello, { ...message, protocol: { min, max } }, "hello"),
    have: message.have.map((held) => ({
      mark: readModel(
        mark,
        held.mark && { ...held.mark, generation: readCount(held.mark.generation, "hello: generation") },
        "hello: mark",
      ),
      proof: signedFromMessage(held.proof, "hello: proof"),
    })),
  };
}

function helloAckFromMessage(message: HelloAckMessage): HelloAck {
  return {
    ...readModel(helloAck, message, "hello ack"),
    keySet: signedFromMessage(message.keySet, "hello ack: key set"),
    hubTime: readCount(message.hubTimeMs, "hello ack: hub time"),
  };
}

type AgentKind = MessageInitShape<typeof AgentMessageSchema>["kind"];
type HubKind = MessageInitShape<typeof HubMessageSchema>["kind"];

function agentMessageOf(envelope: Exclude<AgentEnvelope, { kind: "unknown" }>): AgentKind {
  switch (envelope.kind) {
    case "hello": {
      const { protocol, have, capabilities, ...rest } = envelope.hello;
      return {
        case: "hello",
        value: {
          ...rest,
          capabilities: [...capabilities],
          protocolMin: protocol.min,
          protocolMax: protocol.max,
          have: have.map((held) => ({
            mark: { ...held.mark, generation: BigInt(held.mark.generation) },
            proof: signedToMessage(held.proof),
          })),
        },
      };
    }
    case "reports":
      return {
        case: "reports",
        value: { sequence: BigInt(envelope.sequence), reports: envelope.reports.map(reportToMessage) },
      };
    case "heartbeat":
      return { case: "heartbeat", value: { sequence: BigInt(envelope.sequence) } };
    case "acting":
      return { case: "acting", value: { isActing: envelope.isActing } };
    default:
      return assertNever(envelope);
  }
}

function hubMessageOf(envelope: Exclude<HubEnvelope, { kind: "unknown" }>): HubKind {
  switch (envelope.kind) {
    case "hello-ack": {
      const { keySet, hubTime, ...rest } = envelope.ack;
      return { case: "helloAck", value: { ...rest, keySet: signedToMessage(keySet), hubTimeMs: BigInt(hubTime) } };
    }
    case "assignment":
      return { case: "assignment", value: signedToMessage(envelope.signed) };
    case "report-ack":
      return { case: "reportAck", value: { sequence: BigInt(envelope.sequence) } };
    case "heartbeat":
      return { case: "heartbeat", value: { sequence: BigInt(envelope.sequence) } };
    case "in-sync":
      return { case: "inSync", value: {} };
    case "key-set":
      return { case: "keySet", value: signedToMessage(envelope.keySet) };
    case "refused":
      return { case: "refused", value: { code: envelope.code, message: envelope.message.slice(0, 4_000) } };
    case "ahead":
      return { case: "ahead", value: { appUids: [...envelope.apps] } };
    default:
      return assertNever(envelope);
  }
}
