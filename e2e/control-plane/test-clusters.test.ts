import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { controlPlaneAvailability } from "./test-clusters.ts";

describe("on a machine with neither Go nor binaries nor kind", () => {
  let empty: string;
  beforeEach(() => {
    empty = mkdtempSync(join(tmpdir(), "muster-empty-"));
    vi.stubEnv("PATH", empty);
    vi.stubEnv("XDG_CACHE_HOME", empty);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(empty, { recursive: true });
  });

  test("suites learn why they cannot run and what to install", async () => {
    expect(await controlPlaneAvailability({}, {})).toEqual({
      ok: false,
      reason: "there is no Go to build etcd, kubernetes-newest, kwok with",
      install: expect.stringMatching(/^install Go 1\.26 or later/),
    });
  });

  test("CI fails instead", async () => {
    await expect(controlPlaneAvailability({}, { CI: "true" })).rejects.toThrow(/^CI must run the suites that need/);
  });
});

test("an unknown provider is refused by name", async () => {
  await expect(controlPlaneAvailability({}, { MUSTER_TEST_PROVIDER: "minikube" })).rejects.toThrow(
    'MUSTER_TEST_PROVIDER is "minikube"; it must be built, kind or kubeconfig',
  );
});
