/**
 * Repositories as teams have them, from a push to objects on real API servers. Files and definitions are those of the
 * guides, read from the pages themselves.
 */
import { afterEach, expect, test } from "vitest";
import type { TestCluster } from "../control-plane/provider.ts";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout, timed } from "../fleet/eventually.ts";
import { type FollowedGuide, type FollowOptions, followGuide } from "../fleet/follow-guide.ts";
import type { Definition } from "../fleet/guide-example.ts";
import type { Schemas } from "../fleet/hub-api.ts";
import { counter } from "../fleet/hub-metrics.ts";
import { configMap } from "../fleet/manifests.ts";
import { renderToolFlags, renderToolsAvailability } from "../fleet/render-tools.ts";

const tools = await renderToolsAvailability();
const named = [
  { name: "prod-eu-1", labels: { tier: "prod", region: "eu" } },
  { name: "prod-us-1", labels: { tier: "prod", region: "us" } },
  { name: "staging-1", labels: { tier: "staging", region: "eu" } },
];
// Every test takes its Apps away again.
const guard = ["--removal-guard-pairs", "1000", "--removal-guard-objects", "1000"];
const flags = [...renderToolFlags, ...guard];
const options = { clusters: 3, fleet: { named, hub: { flags } } };

if (tools.ok) {
  await describeFleet("a repository laid out", options, ({ fleet }) => {
    const followed: FollowedGuide[] = [];
    const follow = async (page: string, heading: string, more?: FollowOptions): Promise<FollowedGuide> => {
      const guide = await followGuide(fleet(), page, heading, more);
      followed.push(guide);
      return guide;
    };
    afterEach(() => Promise.all(followed.splice(0).map((guide) => guide.end())));
    const clusterOf = (name: string): TestCluster => {
      const member = fleet().members.find((one) => one.name === name);
      if (member === undefined) throw new Error(`there is no ${name}`);
      return member.cluster;
    };
    const [eu, us, staging] = ["prod-eu-1", "prod-us-1", "staging-1"].map((name) => () => clusterOf(name)) as [
      () => TestCluster,
      () => TestCluster,
      () => TestCluster,
    ];
    /** One key of a ConfigMap on every cluster, in the order above; null where there is no such object. */
    const everywhere = async (guide: FollowedGuide, namespace: string, name: string, key: string) =>
      Promise.all(
        [eu(), us(), staging()].map(async (cluster) => (await guide.data(cluster, namespace, name))?.[key] ?? null),
      );
    const untilEverywhere = (
      guide: FollowedGuide,
      [namespace, name, key]: [string, string, string],
      values: (string | null)[],
    ) => eventually(async () => expect(await everywhere(guide, namespace, name, key)).toEqual(values));
    /** What changes with any write to the object. */
    const versions = async (guide: FollowedGuide, namespace: string, name: string) =>
      Promise.all(
        [eu(), us(), staging()].map(
          async (cluster) => (await guide.object(cluster, namespace, `configmaps/${name}`))?.metadata.resourceVersion,
        ),
      );

    test("as one repository with several Apps: a commit reaches the clusters of the App it touches", async () => {
      const guide = await follow("sources", "Several Apps in one repository");
      await guide.running("shop");
      await guide.running("bank");
      await untilEverywhere(guide, ["shop", "shop-settings", "greeting"], ["welcome", "welcome", "welcome"]);
      await untilEverywhere(guide, ["bank", "bank-settings", "currency"], ["EUR", "EUR", null]);

      const before = await versions(guide, "shop", "shop-settings");
      const commit = await guide
        .copy()
        .commitAndPush({ "apps/bank/settings.yaml": configMap("bank-settings", { currency: "CHF" }) }, "Move");
      await guide.running("bank", { commit });
      await untilEverywhere(guide, ["bank", "bank-settings", "currency"], ["CHF", "CHF", null]);
      expect(await guide.api().releases("shop")).toHaveLength(1);
      expect(await versions(guide, "shop", "shop-settings")).toEqual(before);
    });

    test("as a repository for each team: Apps of the same name in two projects", async () => {
      const guide = await follow("sources", "A repository for each team");
      await untilEverywhere(guide, ["web", "settings", "team"], ["web", "web", "web"]);
      await untilEverywhere(guide, ["payments", "settings", "team"], ["payments", "payments", null]);

      const commit = await guide
        .copy("bank.git")
        .commitAndPush({ "settings.yaml": configMap("settings", { team: "payments", step: "2" }) }, "Step 2");
      await guide.running("api", { project: "payments", commit });
      await untilEverywhere(guide, ["payments", "settings", "step"], ["2", "2", null]);
      expect(await guide.api("web").releases("api")).toHaveLength(1);
      expect(await everywhere(guide, "web", "settings", "step")).toEqual([null, null, null]);
    });

    test("as a branch for each environment: a merge is the promotion", async () => {
      const guide = await follow("sources", "A branch for each environment", {
        prepare: async (copy, { files }) => {
          const shop = copy("shop.git");
          await shop.commit(files.get("shop.git") ?? {}, "Begin");
          for (const branch of ["production", "staging"]) {
            await shop.checkout(branch, { from: "main" });
            await shop.push();
          }
        },
      });
      await untilEverywhere(guide, ["shop", "settings", "greeting"], ["welcome", "welcome", "welcome"]);
      const shop = guide.copy("shop.git");
      const next = await shop.commitAndPush(
        { "settings.yaml": configMap("settings", { greeting: "hello" }) },
        "Say hello",
      );
      await guide.running("shop-staging", { commit: next });
      await untilEverywhere(guide, ["shop", "settings", "greeting"], ["welcome", "welcome", "hello"]);
      expect(await guide.api().releases("shop-production")).toHaveLength(1);

      await shop.checkout("production");
      await shop.git("merge", "--quiet", "staging");
      await shop.push();
      await guide.running("shop-production", { commit: next });
      await untilEverywhere(guide, ["shop", "settings", "greeting"], ["hello", "hello", "hello"]);
    });

    test("as a directory for each cluster: each has its own, and a change in one reaches that one", async () => {
      const guide = await follow("sources", "A directory for each cluster");
      await guide.running("baseline");
      const at = (key: string): [string, string, string] => ["baseline", "settings", key];
      await untilEverywhere(guide, at("cluster"), ["prod-eu-1", "prod-us-1", "staging-1"]);
      await untilEverywhere(guide, at("replicas"), ["6", "4", "1"]);

      const before = await versions(guide, "baseline", "settings");
      const changed = configMap("settings", { cluster: "prod-us-1", replicas: "8" });
      const commit = await guide
        .copy()
        .commitAndPush({ "clusters/prod-us-1/settings.yaml": changed }, "More in the US");
      await guide.running("baseline", { commit });
      await untilEverywhere(guide, at("replicas"), ["6", "8", "1"]);
      const after = await versions(guide, "baseline", "settings");
      expect(after.map((version, index) => version === before[index])).toEqual([true, false, true]);

      // Without its directory it says for whom, and everything stays.
      await guide.copy().commitAndPush({ "clusters/staging-1": null }, "Lose one");
      await eventually(async () => {
        const { problems } = await guide.api().app("baseline");
        expect(problems[0]).toMatchObject({ code: "PathNotFound", message: expect.stringContaining("staging-1") });
      });
      expect(await everywhere(guide, "baseline", "settings", "replicas")).toEqual(["6", "8", "1"]);
    });

    test("as a chart with values for each cluster, some of them of another repository", async () => {
      const guide = await follow("rendering", "Helm: a chart in Git, with values for each cluster");
      await guide.running("shop");
      const at = (key: string): [string, string, string] => ["shop", "shop-settings", key];
      await untilEverywhere(guide, at("greeting"), ["bienvenue", "welcome", "bienvenue"]);
      await untilEverywhere(guide, at("replicas"), ["6", "6", "1"]);
      await untilEverywhere(
        guide,
        at("host"),
        named.map(({ name }) => `${name}.example.com`),
      );

      // Values of another repository: a commit there, and not in the chart's.
      const before = await versions(guide, "shop", "shop-settings");
      await guide.copy("env.git").commitAndPush({ "staging.yaml": "replicas: 2\n" }, "Two in staging");
      await untilEverywhere(guide, at("replicas"), ["6", "6", "2"]);
      await guide.running("shop");
      const after = await versions(guide, "shop", "shop-settings");
      expect(after.map((version, index) => version === before[index])).toEqual([true, true, false]);

      // A values file of some clusters.
      const commit = await guide
        .copy()
        .commitAndPush({ "apps/shop/values-eu.yaml": "greeting: willkommen\n" }, "German");
      await guide.running("shop", { commit });
      await untilEverywhere(guide, at("greeting"), ["willkommen", "welcome", "willkommen"]);

      // A chart that does not render says where.
      await guide
        .copy()
        .commitAndPush({ "apps/shop/templates/broken.yaml": "{{ .Values.nothing.at.all }}\n" }, "Break it");
      await eventually(async () => {
        const { problems } = await guide.api().app("shop");
        expect(problems[0]).toMatchObject({ code: "RenderFailed", where: { path: "apps/shop/templates/broken.yaml" } });
      });
    });

    test("as overlays with a shared base: a change in it renders its dependants, and nothing else", async () => {
      const guide = await follow("rendering", "Kustomize: overlays with a shared base");
      const [shop] = guide.definitions.filter(({ kind }) => kind === "App") as [Definition];
      const other: Definition = {
        ...shop,
        metadata: { name: "other" },
        spec: { ...shop.spec, source: { name: "fleet", path: "apps/other" }, clusters: { all: true } },
      };
      await guide.copy().commitAndPush(
        {
          "apps/other/kustomization.yaml": "resources: [other.yaml]\n",
          "apps/other/other.yaml": configMap("other", { step: "1" }),
        },
        "Add another",
      );
      await guide.apply(other);
      for (const app of ["shop", "shop-next", "other"]) await guide.running(app);
      const at = (key: string): [string, string, string] => ["shop", "settings", key];
      await untilEverywhere(guide, at("tier"), ["prod", "prod", "staging"]);
      await untilEverywhere(guide, at("greeting"), ["welcome", "welcome", "welcome"]);

      const before = await counter(fleet().hub, "renders");
      const base = configMap("settings", { greeting: "hello", tier: "none" });
      const commit = await guide.copy().commitAndPush({ "apps/shop/base/settings.yaml": base }, "Say hello");
      await guide.running("shop", { commit });
      await guide.running("shop-next", { commit });
      await untilEverywhere(guide, at("greeting"), ["hello", "hello", "hello"]);
      await untilEverywhere(guide, at("tier"), ["prod", "prod", "staging"]);
      expect((await counter(fleet().hub, "renders")) - before).toBe(2);
      expect(await guide.api().releases("other")).toHaveLength(1);

      // What nobody references is nobody's change.
      await guide.copy().commitAndPush({ "apps/shop/base/notes.yaml": configMap("notes") }, "Write notes");
      const overlay = "resources: [../../base]\nnamePrefix: next-\n";
      const last = await guide
        .copy()
        .commitAndPush({ "apps/shop/overlays/staging/kustomization.yaml": overlay }, "Next");
      await guide.running("shop-next", { commit: last });
      await eventually(async () =>
        expect(await guide.data(staging(), "shop", "next-settings")).toMatchObject({ greeting: "hello" }),
      );
      expect((await counter(fleet().hub, "renders")) - before).toBe(3);
      expect(await guide.api().releases("shop")).toHaveLength(2);
    });

    test("as plain manifests with what is left out", async () => {
      const guide = await follow("rendering", "Plain manifests");
      await guide.running("shop");
      await untilEverywhere(guide, ["shop", "settings", "greeting"], ["welcome", "welcome", "welcome"]);
      expect(await guide.data(eu(), "shop", "example")).toBeUndefined();
    });

    test("with variables in manifests: defaults and escapes, and an unknown one is an error", async () => {
      const guide = await follow("overrides", "Variables");
      await guide.running("shop");
      const data = (cluster: string, greeting: string) => ({
        cluster,
        greeting,
        motto: "open all day",
        script: "echo ${HOME}",
      });
      expect(await guide.data(eu(), "shop", "settings")).toEqual(data("prod-eu-1", "bienvenue"));
      expect(await guide.data(us(), "shop", "settings")).toEqual(data("prod-us-1", "welcome"));
      expect(await guide.data(staging(), "shop", "settings")).toEqual(data("staging-1", "bienvenue"));

      const typo = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata:\n  greeting: ${greetin}\n";
      const commit = await guide.copy().commitAndPush({ "apps/shop/settings.yaml": typo }, "Mistype");
      const problem = await eventually(async () => {
        const [first] = (await guide.api().app("shop")).problems;
        expect(first?.code).toBe("UnknownVariable");
        return first;
      });
      expect(problem?.where).toMatchObject({ path: "apps/shop/settings.yaml", line: 5, commit });
      expect(`${problem?.message} ${problem?.fix}`).toContain("greeting");
      expect(await guide.data(us(), "shop", "settings")).toEqual(data("prod-us-1", "welcome"));
    });

    test("with images, replicas and patches of some clusters", async () => {
      const guide = await follow("overrides", "Images, replicas and patches");
      const found = async (cluster: TestCluster) => {
        const web = await guide.object(cluster, "web", "apps/v1/deployments/web");
        const [container] = web?.spec.template.spec.containers ?? [];
        return {
          replicas: web?.spec.replicas,
          image: container?.image,
          env: container?.env,
          region: web?.metadata.annotations?.["example.com/region"],
        };
      };
      const [plain, american] = ["registry.example.com/web:1.0", "us.registry.example.com/web:1.0"];
      await eventually(async () => {
        expect(await found(eu())).toEqual({ replicas: 3, image: plain });
        expect(await found(us())).toEqual({ replicas: 3, image: american, region: "us" });
        expect(await found(staging())).toEqual({
          replicas: 1,
          image: plain,
          env: [{ name: "DEBUG", value: "true" }],
        });
      });
    });

    test("for a cluster that is labelled anew: another variant, within a second, as a Release of that cause", async () => {
      const guide = await follow("overrides", "Variables");
      await guide.running("shop");
      const relabel = async (region: string, greeting: string): Promise<number> => {
        const { ms } = await timed(async () => {
          await fleet().hub.api.label("prod-us-1", { region });
          await eventually(async () => expect((await guide.data(us(), "shop", "settings"))?.greeting).toBe(greeting));
        });
        return ms;
      };
      const there = await relabel("eu", "bienvenue");
      const [release] = await guide.api().releases("shop");
      expect(release).toMatchObject({ number: 2, cause: { kind: "cluster" } });
      const back = await relabel("us", "welcome");
      console.info(`relabelled and running after ${Math.round(there)} ms, and back after ${Math.round(back)} ms`);
      // One of the two may meet a compiler on the same cores.
      expect(Math.min(there, back)).toBeLessThan(1_000);
    });

    test("of which a cluster that joined later gets an earlier Release by a rollback", async () => {
      const guide = await follow("rendering", "Helm: a chart in Git, with values for each cluster");
      const [, , app] = guide.definitions as [Definition, Definition, Definition];
      await guide.apply({ ...app, spec: { ...app.spec, clusters: { matchLabels: { tier: "prod" } } } });
      await eventually(async () => {
        const { placements } = await guide.running("shop");
        expect(placements.map(({ cluster }) => cluster)).toEqual(["prod-eu-1", "prod-us-1"]);
      });
      const first = (await guide.api().app("shop")).release as Schemas["Release"];
      const commit = await guide
        .copy()
        .commitAndPush({ "apps/shop/values.yaml": "greeting: second\nreplicas: 2\n" }, "Two");
      await guide.running("shop", { commit });

      // It comes to a Release that was never rendered for it, and then to one that is older still.
      await fleet().hub.api.label("staging-1", { tier: "prod", region: "asia" });
      try {
        await eventually(async () =>
          expect(await guide.data(staging(), "shop", "shop-settings")).toMatchObject({
            greeting: "second",
            host: "staging-1.example.com",
          }),
        );
        await guide.api().rollback("shop", `r${first.number}`);
        await eventually(async () => {
          expect(await guide.data(staging(), "shop", "shop-settings")).toEqual({
            greeting: "welcome",
            replicas: "6",
            host: "staging-1.example.com",
          });
          expect((await guide.data(eu(), "shop", "shop-settings"))?.greeting).toBe("bienvenue");
        });
      } finally {
        await fleet().hub.api.label("staging-1", { tier: "staging", region: "eu" });
      }
    });

    test("for many clusters with three distinct inputs: three renders", async () => {
      const guide = await follow("rendering", "Helm: a chart in Git, with values for each cluster");
      await guide.running("shop");
      await guide.end(); // its Apps would get the clusters that are registered now
      const ghosts = Array.from({ length: 27 }, (_, index) => `ghost-${index}`);
      for (const [index, name] of ghosts.entries()) {
        await fleet().hub.api.register(name, { batch: "many", region: ["eu", "us", "asia"][index % 3] ?? "" });
      }
      try {
        const [, , app] = guide.definitions as [Definition, Definition, Definition];
        const { values: _, set: __, ...helm } = app.spec.render.helm;
        const before = await counter(fleet().hub, "renders");
        const wide: Definition = {
          ...app,
          metadata: { name: "wide" },
          spec: {
            ...app.spec,
            render: { helm },
            clusters: { matchLabels: { batch: "many" } },
            overrides: ["eu", "us"].map((region) => ({
              clusters: { matchLabels: { region } },
              helm: { set: { greeting: region } },
            })),
          },
        };
        await guide.apply(wide);
        const digests = await eventually(async () => {
          const { placements } = await guide.api().app("wide");
          expect(placements).toHaveLength(ghosts.length);
          expect(placements.every(({ assigned }) => assigned !== null)).toBe(true);
          return new Set(placements.map(({ assigned }) => assigned?.digest));
        });
        expect(digests.size).toBe(3);
        await throughout(300, async () => expect((await counter(fleet().hub, "renders")) - before).toBe(3));
      } finally {
        for (const name of ghosts) await fleet().hub.api.removeCluster(name);
      }
    });
  });
}
