import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { openHubKeys } from "@muster/hub/adapters/keys/open-hub-keys.ts";
import type { SignedAssignment } from "@muster/shared/model/assignment.ts";
import { clusterId } from "@muster/shared/model/ids.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { decodeAssignment, encodeAssignment } from "@muster/shared/wire/assignment.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../control-plane/processes/free-port.ts";
import { type LinkRelay, startLinkRelay } from "../faults/link-relay.ts";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { FleetApp } from "../fleet/fleet-app.ts";
import { configMap } from "../fleet/manifests.ts";

await describeFleet("what stands between hub and agent", { clusters: 1, sharedFleet: false }, ({ ownFleet }) => {
  let fleet: Fleet;
  let relay: LinkRelay;
  beforeAll(async () => {
    const port = await freePort();
    fleet = await ownFleet({ hub: { advertisedLink: async () => `127.0.0.1:${port}` }, connected: false });
    relay = await startLinkRelay({ port, hub: fleet.hub, members: () => fleet.members });
    await fleet.untilConnected();
  }, 120_000);
  afterAll(() => relay?.close());

  describe("an assignment that the hub did not mean is refused and reported, and the former stays in force", () => {
    interface Forgery {
      readonly what: string;
      readonly code: string;
      /** From the assignments of generations 1 and 2 of one App; the second is in force. */
      readonly forge: (older: SignedAssignment, inForce: SignedAssignment) => Promise<SignedAssignment>;
    }
    const forgeries: readonly Forgery[] = [
      { what: "replayed from before", code: "GenerationOlder", forge: async (older) => older },
      {
        what: "altered on its way",
        code: "SignatureInvalid",
        forge: async (_, inForce) => ({
          ...inForce,
          payload: encodeAssignment(
            raised(inForce, (content) => ({ ...content, sync: { ...content.sync, prune: false } })),
          ),
        }),
      },
      {
        what: "signed by another key",
        code: "KeyUnknown",
        forge: async (_, inForce) => {
          const directory = join(fleet.folder, `other-keys-${randomBytes(4).toString("hex")}`);
          const other = await openHubKeys({ directory, clock: systemClock, random: (bytes) => randomBytes(bytes) });
          return other.signer.sign(encodeAssignment(raised(inForce)));
        },
      },
      {
        what: "of this generation, with other content",
        code: "GenerationForked",
        forge: async (older, inForce) => {
          const [was, is] = [older, inForce].map(({ payload }) => decodeAssignment(payload));
          if (!was || !is) throw new Error("two assignments are needed");
          return relay.keys.signer.sign(encodeAssignment({ ...is, content: was.content }));
        },
      },
      {
        what: "made for another cluster",
        code: "WrongCluster",
        forge: async (_, inForce) =>
          relay.keys.signer.sign(encodeAssignment({ ...raised(inForce), clusterId: clusterId.parse("c-another") })),
      },
    ];

    test.each(forgeries)("$what: $code", async ({ code, forge }) => {
      const app = await fleet.newApp("forged", { files: { "a.yaml": configMap("a", { step: "1" }) } });
      await app.released(await app.copy.head());
      const before = await app.released(await app.push({ "a.yaml": configMap("a", { step: "2" }) }));
      const [older, inForce] = passedOf(app);
      if (!older || !inForce) throw new Error("two assignments should have passed");
      const logged = refusalsLogged(code);

      relay.send(await forge(older, inForce));
      await eventually(() => expect(refusalsLogged(code)).toBe(logged + 1));
      if (code !== "WrongCluster") {
        const told = await eventually(async () => {
          const { problems } = await fleet.hub.api.placement(app.name, memberName());
          const problem = problems.find((candidate) => candidate.code === code);
          expect(problem).toBeDefined();
          return problem;
        });
        expect(told?.message).toMatch(/\S/);
        const { message } = await fleet.hub.api.why(app.name, memberName());
        expect(message).toContain("Healthy");
        expect(message).toContain(told?.message.slice(0, 60));
      }
      await throughout(300, async () => {
        expect(await stepOf(app)).toBe("2");
        // What is in force is told as it is: nothing that came in between makes it look undone.
        expect((await app.detail()).summary).toMatchObject({ clusters: 1, atTarget: 1, healthy: 1, failed: 0 });
      });
      expect((await app.detail()).placements[0]?.assigned).toEqual(before.placements[0]?.assigned);

      await app.released(await app.push({ "a.yaml": configMap("a", { step: "3" }) }));
      const { problems } = await fleet.hub.api.placement(app.name, memberName());
      expect(problems).toEqual([]);
    });
  });

  test("a newer assignment that was altered on its way is told as refused, until the true one comes", async () => {
    const app = await fleet.newApp("altered", { files: { "a.yaml": configMap("a", { step: "1" }) } });
    await app.released(await app.copy.head());
    relay.onAssignment((signed) =>
      isOf(app)(signed) ? [{ ...signed, payload: oneFlipped(signed.payload) }] : [signed],
    );
    try {
      await app.push({ "a.yaml": configMap("a", { step: "2" }) });
      await eventually(async () => {
        expect(await fleet.hub.api.why(app.name, memberName())).toMatchObject({
          reason: "Refused",
          message: expect.stringContaining("altered"),
        });
      });
      expect(await stepOf(app)).toBe("1");
    } finally {
      relay.onAssignment((signed) => [signed]);
    }
    await app.released(await app.push({ "a.yaml": configMap("a", { step: "3" }) }));
    expect(await stepOf(app)).toBe("3");
  });

  test("a bundle with one flipped byte is refused and reported; the true one is fetched again", async () => {
    // A bundle that the cluster has from another App would not be fetched.
    const app = await fleet.newApp("flipped", {
      files: { "a.yaml": configMap("a", { step: "1", of: "this App alone" }) },
    });
    await app.released(await app.copy.head());
    relay.onBundle(oneFlipped);
    try {
      await app.push({ "a.yaml": configMap("a", { step: "2", of: "this App alone" }) });
      await eventually(async () => {
        const { problems, observed } = await fleet.hub.api.placement(app.name, memberName());
        expect(problems.map(({ code }) => code)).toContain("DigestMismatch");
        expect(observed?.phase).toBe("Failed");
      });
      expect(await fleet.hub.api.why(app.name, memberName())).toMatchObject({ reason: "Failing" });
      expect(await stepOf(app)).toBe("1");
    } finally {
      relay.onBundle((bytes) => bytes);
    }
    await app.released(await app.copy.head(), { deadlineMs: 60_000 });
    expect(await stepOf(app)).toBe("2");
  });

  test("every assignment delivered three times over applies once", async () => {
    relay.onAssignment((signed) => [signed, signed, signed]);
    try {
      const app = await fleet.newApp("thrice", { files: { "a.yaml": configMap("a", { step: "1" }) } });
      await app.released(await app.copy.head());
      await app.released(await app.push({ "a.yaml": configMap("a", { step: "2" }) }));
      const versions = await versionOf(app);
      for (const signed of passedOf(app).slice(-1)) for (let n = 0; n < 20; n++) relay.send(signed);
      await throughout(500, async () => {
        expect(await versionOf(app)).toEqual(versions);
        expect((await app.detail()).summary).toMatchObject({ atTarget: 1, healthy: 1, failed: 0 });
      });
      const { problems } = await fleet.hub.api.placement(app.name, memberName());
      expect(problems).toEqual([]);
    } finally {
      relay.onAssignment((signed) => [signed]);
    }
  });

  const memberName = (): string => fleet.members[0]?.name ?? "";
  const isOf = (app: FleetApp) => (signed: SignedAssignment) => decodeAssignment(signed.payload).app.name === app.name;
  const passedOf = (app: FleetApp): SignedAssignment[] => relay.passed.filter(isOf(app));
  const refusalsLogged = (code: string): number =>
    (fleet.members[0]?.agent.logEvents() ?? []).filter(
      (event) => event.msg === "assignment refused" && event.code === code,
    ).length;
  const cluster = () => {
    const member = fleet.members[0];
    if (!member) throw new Error("a cluster is needed");
    return member.cluster;
  };
  const stepOf = async (app: FleetApp) => (await app.data(cluster(), "a"))?.step;
  const versionOf = async (app: FleetApp) => {
    const { json } = await cluster().request("GET", `/api/v1/namespaces/${app.namespace}/configmaps/a`);
    return { uid: json.metadata.uid, resourceVersion: json.metadata.resourceVersion };
  };
});

type Run = Extract<ReturnType<typeof decodeAssignment>["content"], { kind: "run" }>;

/** One generation above, so that nothing but the forgery itself stands against it. */
function raised(signed: SignedAssignment, change: (content: Run) => Run = (content) => content) {
  const value = decodeAssignment(signed.payload);
  if (value.content.kind !== "run") throw new Error("it assigns nothing");
  return { ...value, generation: value.generation + 1, content: change(value.content) };
}

/** In the middle of it, where the content is. */
function oneFlipped(bytes: Uint8Array): Uint8Array {
  const altered = Uint8Array.from(bytes);
  const at = Math.floor(altered.length / 2);
  altered[at] = (altered[at] ?? 0) ^ 0x01;
  return altered;
}
