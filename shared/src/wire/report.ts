import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Problem, problemCode } from "../model/problem.ts";
import { type Report, report } from "../model/report.ts";
import { healthState, syncState } from "../model/status.ts";
import type { Problem as ProblemMessage } from "./generated/muster/v1/common_pb.js";
import { type Report as ReportMessage, ReportSchema } from "./generated/muster/v1/report_pb.js";
import { MESSAGE_BYTES_MAX, readCount, readMessage, readModel } from "./read.ts";

export function encodeReport(value: Report): Uint8Array {
  return toBinary(ReportSchema, create(ReportSchema, reportToMessage(value)));
}

/** @throws AppError "corrupt", "invalid", "too-large". */
export function decodeReport(bytes: Uint8Array): Report {
  return reportFromMessage(readMessage(ReportSchema, bytes, { what: "report", bytesMax: MESSAGE_BYTES_MAX }));
}

/**
 * Words of a later version become the nearest that this one knows ("Unknown", "Internal"): a newer agent's new health
 * state must not silence everything else that it reports.
 * @throws AppError "invalid".
 */
export function reportFromMessage(message: ReportMessage): Report {
  const app = message.app === undefined ? "" : ` of ${message.app.project}/${message.app.name}`;
  const what = `report${app}`;
  return readModel(
    report,
    {
      app: message.app,
      epoch: message.epoch,
      generation: readCount(message.generation, `${what}: generation`),
      digest: message.digest === "" ? null : message.digest,
      phase: message.phase,
      sync: syncState.catch("Unknown").parse(message.sync),
      health: healthState.catch("Unknown").parse(message.health),
      message: message.message,
      counts: message.counts,
      objects: message.objects.map((object) => ({
        ref: object.ref,
        sync: syncState.catch("Unknown").parse(object.sync),
        health: healthState.catch("Unknown").parse(object.health),
        message: object.message,
      })),
      drift: message.drift.map((record) => ({
        object: record.object,
        field: record.field,
        expected: record.expected,
        found: record.found,
        ...(record.manager === "" ? {} : { manager: record.manager }),
        at: readCount(record.atMs, `${what}: drift.at`),
        healedAt: record.healedAtMs === 0n ? null : readCount(record.healedAtMs, `${what}: drift.healedAt`),
      })),
      problems: message.problems.map(problemFromMessage),
      observedAt: readCount(message.observedAtMs, `${what}: observedAt`),
    },
    what,
  );
}

export function reportToMessage(value: Report): MessageInitShape<typeof ReportSchema> {
  return {
    app: value.app,
    epoch: value.epoch,
    generation: BigInt(value.generation),
    digest: value.digest ?? "",
    phase: value.phase,
    sync: value.sync,
    health: value.health,
    message: value.message,
    counts: value.counts,
    objects: value.objects,
    drift: value.drift.map((record) => ({
      object: record.object,
      field: record.field,
      expected: record.expected,
      found: record.found,
      manager: record.manager ?? "",
      atMs: BigInt(record.at),
      healedAtMs: BigInt(record.healedAt ?? 0),
    })),
    problems: value.problems.map(problemToMessage),
    observedAtMs: BigInt(value.observedAt),
  };
}

function problemToMessage(problem: Problem) {
  const { where } = problem;
  return {
    code: problem.code,
    message: problem.message,
    repository: where.repository ?? "",
    commit: where.commit ?? "",
    path: where.path ?? "",
    line: where.line ?? 0,
    document: where.document ?? 0,
    field: where.field ?? "",
    ...(where.object === undefined ? {} : { object: where.object }),
    cluster: where.cluster ?? "",
    fix: problem.fix ?? "",
  };
}

/** What is empty on the wire is absent in the model. */
function problemFromMessage(message: ProblemMessage) {
  const { repository, commit, path, line, document, field, object, cluster } = message;
  const places = Object.entries({ repository, commit, path, line, document, field, object, cluster });
  return {
    code: problemCode.catch("Internal").parse(message.code),
    message: message.message,
    where: Object.fromEntries(places.filter(([, value]) => value !== "" && value !== 0 && value !== undefined)),
    ...(message.fix === "" ? {} : { fix: message.fix }),
  };
}
