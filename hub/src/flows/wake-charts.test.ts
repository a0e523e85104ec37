import { parseDefinition } from "@muster/shared/model/parse-definition.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { expect, it } from "vitest";
import type { StoredApp } from "../core/documents/definition.ts";
import { appOf } from "../testing/hub-fixture.ts";
import { wakeCharts } from "./wake-charts.ts";

function stored(name: string, version: string | null): StoredApp {
  const chart = { repository: "https://charts.example.com", name: "shop", version };
  const parsed = parseDefinition(appOf(name, version === null ? {} : { render: { helm: { chart } } }));
  if (parsed.kind !== "valid") throw new Error(JSON.stringify(parsed));
  return { kind: "App", uid: name, definition: parsed.definition } as unknown as StoredApp;
}

it("looks at Apps whose chart has a range, every so often, and asks the repositories anew", async () => {
  const clock = new FakeClock(0);
  const seen: string[] = [];
  const apps = [
    stored("ranged", "1.x"),
    stored("exact", "1.2.3"),
    stored("kept", "1.2.3"),
    stored("in-git", null),
    stored("wrong", "one"),
  ];
  const waking = wakeCharts({
    apps: () => apps,
    charts: { forget: () => void seen.push("forget") },
    isMakingDo: (app) => app === "kept",
    wake: (app) => void seen.push(app),
    everyMs: 1_000,
    clock,
    random: () => 1,
  });
  waking.start();
  await clock.advance(1_099);
  expect(seen).toEqual([]);
  await clock.advance(1);
  expect(seen).toEqual(["forget", "ranged", "kept"]);
  await clock.advance(1_100);
  expect(seen).toEqual(["forget", "ranged", "kept", "forget", "ranged", "kept"]);
  waking.stop();
  await clock.advance(5_000);
  expect(seen).toHaveLength(6);
});
