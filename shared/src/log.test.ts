import { describe, expect, it } from "vitest";
import { AppError } from "./errors.ts";
import { createLog, type LogLevel } from "./log.ts";

const captured = (level: LogLevel) => {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({ name: "hub", level, destination: { write: (line) => lines.push(JSON.parse(line)) } });
  return { log, lines };
};

describe("createLog", () => {
  it("writes events with ids, the program's name and an ISO time", () => {
    const { log, lines } = captured("info");
    log.child({ app: "shop/web" }).info({ generation: 3 }, "assignment published");
    log.debug("too fine");
    expect(lines).toEqual([
      {
        level: "info",
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        name: "hub",
        app: "shop/web",
        generation: 3,
        msg: "assignment published",
      },
    ]);
  });

  it("never writes secrets, wherever in an event they stand", () => {
    const { log, lines } = captured("info");
    log.info({ token: "hunter2", join: { token: "hunter2", http: { authorization: "hunter2" } } }, "joined");
    log.child({ privateKey: "hunter2" }).info({ source: { credentials: { any: "hunter2" } } }, "fetched");
    expect(JSON.stringify(lines)).not.toContain("hunter2");
    expect(lines[0]).toMatchObject({ token: "[redacted]" });
  });

  it("writes an error with its code and cause", () => {
    const { log, lines } = captured("info");
    const err = new AppError("unavailable", "fetch fleet", { cause: new Error("ECONNREFUSED") });
    log.warn({ err }, "source not reachable");
    expect(lines[0]).toMatchObject({ err: { code: "unavailable", message: expect.stringContaining("fetch fleet") } });
    expect(JSON.stringify(lines)).toContain("ECONNREFUSED");
  });
});
