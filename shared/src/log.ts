import { type DestinationStream, pino } from "pino";

/** Ids of the flow first: `{ app, cluster, generation }`. An error goes under `err`. */
export type LogFields = Readonly<Record<string, unknown>>;

interface LogEvent {
  (fields: LogFields, message: string): void;
  (message: string): void;
}

/** What the code may do with a log. Messages are fixed text; what varies goes into the fields. */
export interface Log {
  readonly debug: LogEvent;
  readonly info: LogEvent;
  readonly warn: LogEvent;
  readonly error: LogEvent;
  /** A log whose every event carries these fields as well. */
  child(fields: LogFields): Log;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface LogOptions {
  /** The program: `hub`, `agent`. */
  readonly name: string;
  readonly level: LogLevel;
  /** Where lines of JSON go; standard output unless told. */
  readonly destination?: DestinationStream;
}

/** Never logged, at the top of an event or one or two levels below. A last line of defence: do not log secrets. */
const SECRET_FIELDS = [
  "authorization",
  "Authorization",
  "cookie",
  "credentials",
  "password",
  "privateKey",
  "secret",
  "token",
];
const secretPaths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

export function createLog({ name, level, destination }: LogOptions): Log {
  const options = {
    name,
    level,

    base: {}, // no host name: it is the name of the pod, which whoever collects the lines knows
    redact: { paths: secretPaths, censor: "[redacted]" },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return destination ? pino(options, destination) : pino(options);
}

/** Says nothing: for tests and for tools that talk to people. */
export const silentLog: Log = createLog({ name: "silent", level: "silent" });
