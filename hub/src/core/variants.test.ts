import { type AppSpec, appSpec } from "@muster/shared/model/definitions/app.ts";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import { describe, expect, it } from "vitest";
import {
  isUniform,
  otherSources,
  type RenderSpec,
  renderSpecOf,
  resolveVariants,
  type VariantCluster,
  type VariantInput,
} from "./variants.ts";

const resolve = (spec: RenderSpec, references: readonly string[]) => resolveVariants(spec, references, (text) => text);
const eu: VariantCluster = cluster("eu-1", { region: "eu" });
const us: VariantCluster = cluster("us-1", { region: "us" });
const other: VariantCluster = cluster("us-2", { region: "us" });

function cluster(name: string, labels: Record<string, string>, facts: Record<string, string> = {}): VariantCluster {
  return { id: `id-${name}` as ClusterId, name, labels, facts };
}

const specOf = (over: object): AppSpec =>
  appSpec.parse({ source: { name: "fleet", path: "apps/shop" }, clusters: { all: true }, ...over });

const inputOf = (over: object, at: VariantCluster | null, references: readonly string[] = []): VariantInput => {
  const resolved = resolve(renderSpecOf(specOf(over)), references)(at);
  if (resolved.kind === "invalid") throw new Error(JSON.stringify(resolved.problems));
  return resolved.variant.input;
};

const keyOf = (over: object, at: VariantCluster, references: readonly string[] = []): string => {
  const resolved = resolve(renderSpecOf(specOf(over)), references)(at);
  return resolved.kind === "variant" ? resolved.variant.key : "invalid";
};

describe("resolveVariants", () => {
  const region = { matchLabels: { region: "eu" } };

  it("gives clusters with equal inputs one variant, whatever they are called", () => {
    const over = { overrides: [{ clusters: region, helm: { set: { replicas: 6 } } }] };
    expect(keyOf(over, us)).toBe(keyOf(over, other));
    expect(keyOf(over, eu)).not.toBe(keyOf(over, us));
  });

  it("applies overrides in their order, the later over the earlier", () => {
    const over = {
      render: { helm: { values: ["values.yaml"], valuesObject: { a: { x: 1, y: 1 } }, set: { "b.c": 1 } } },
      destination: { namespace: "shop" },
      overrides: [
        { clusters: { all: true }, helm: { valuesObject: { a: { y: 2 } }, set: { "b.c": 2 } }, namespace: "one" },
        {
          clusters: region,
          helm: { values: ["eu.yaml"], valuesObject: { a: { z: 3 } } },
          namespace: "shop-eu",
          namePrefix: "eu-",
          images: [{ name: "web", newTag: "2" }],
        },
      ],
    };
    expect(inputOf(over, eu)).toMatchObject({
      render: {
        helm: { values: ["values.yaml", "eu.yaml"], valuesObject: { a: { x: 1, y: 2, z: 3 } }, set: { "b.c": 2 } },
      },
      namespace: "shop-eu",
      transform: { namespace: "shop-eu", namePrefix: "eu-", images: [{ name: "web", newTag: "2" }] },
    });
    expect(inputOf(over, us)).toMatchObject({ namespace: "one", transform: { namespace: "one" } });
  });

  it("fills the cluster's name, labels and facts, and App variables, into its own fields", () => {
    const over = {
      source: { name: "fleet", path: "clusters/${cluster.name}" },
      vars: { host: "${cluster.name}.example.com", tier: "gold" },
      overrides: [{ clusters: region, vars: { tier: "platinum" } }],
      render: { helm: { set: { host: "${host}", tier: "${tier}", minor: "${cluster.facts.kubernetes:-unknown}" } } },
    };
    expect(inputOf(over, cluster("eu-1", { region: "eu" }, { kubernetes: "1.34" }))).toMatchObject({
      path: "clusters/eu-1",
      render: { helm: { set: { host: "eu-1.example.com", tier: "platinum", minor: "1.34" } } },
    });
    expect(inputOf(over, us)).toMatchObject({ render: { helm: { set: { tier: "gold", minor: "unknown" } } } });
  });

  it("names the field and the nearest variable when one has no value", () => {
    const spec = renderSpecOf(specOf({ source: { name: "fleet", path: "clusters/${cluster.labels.regoin}" } }));
    expect(resolve(spec, [])(eu)).toMatchObject({
      kind: "invalid",
      problems: [
        {
          code: "UnknownVariable",
          message: expect.stringContaining("Did you mean cluster.labels.region?"),
          where: { field: "spec.path" },
        },
      ],
    });
  });

  it.each(["Team_A", "", "a".repeat(64)])("refuses the namespace that a label makes: %j", (team) => {
    const spec = renderSpecOf(specOf({ destination: { namespace: "${cluster.labels.team}" } }));
    expect(resolve(spec, [])(cluster("eu-1", { team }))).toMatchObject({
      kind: "invalid",
      problems: [{ code: "InvalidField", where: { field: "spec.destination.namespace" } }],
    });
  });

  it("takes only the variables that manifests mention into the input, and only where they are filled in", () => {
    const over = { substitute: true, vars: { a: "1", b: "2" } };
    expect(inputOf(over, eu, ["a", "cluster.labels.region"]).values).toEqual({ a: "1", "cluster.labels.region": "eu" });
    expect(keyOf(over, us, ["cluster.labels.region"])).toBe(keyOf(over, other, ["cluster.labels.region"]));
    expect(keyOf(over, us, ["cluster.name"])).not.toBe(keyOf(over, other, ["cluster.name"]));
    expect(inputOf({ vars: { a: "1" } }, eu, ["a"]).values).toBeNull();
  });

  it("tells the name that a mistyped one may have meant, and tells no clusters apart by it", () => {
    const over = { substitute: true, vars: { greeting: "welcome ${cluster.name}" } };
    expect(inputOf(over, eu, ["greetin"]).values).toEqual({ greeting: "" });
    expect(inputOf(over, us, ["greetin", "greeting"]).values).toEqual({ greeting: "welcome us-1" });
    expect(inputOf(over, us, ["cluster.labels.regio", "motto"]).values).toEqual({});
    expect(keyOf({ substitute: true, vars: { a: "1" } }, us, ["cluster.nam"])).toBe(
      keyOf({ substitute: true, vars: { a: "1" } }, other, ["cluster.nam"]),
    );
  });

  it("lets no value of a mapping reach a prototype", () => {
    const valuesObject = JSON.parse('{"__proto__": {"polluted": true}}');
    const over = { render: { helm: {} }, overrides: [{ clusters: { all: true }, helm: { valuesObject } }] };
    inputOf(over, eu);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe("isUniform", () => {
  it.each<[string, object, readonly string[], boolean]>([
    ["nothing speaks of clusters", {}, [], true],
    ["an override", { overrides: [{ clusters: { all: true }, namespace: "a" }] }, [], false],
    ["a path with the cluster's name", { source: { name: "f", path: "${cluster.name}" } }, [], false],
    ["App variables only", { vars: { a: "1" }, source: { name: "f", path: "${a}" } }, [], true],
    ["manifests that mention the cluster, filled in", { substitute: true }, ["cluster.name"], false],
    ["manifests that mention the cluster, left alone", {}, ["cluster.name"], true],
    ["the cluster's own capabilities", { render: { capabilities: { live: true } } }, [], false],
  ])("%s", (_what, over, references, expected) => {
    expect(isUniform(renderSpecOf(specOf(over)), references)).toBe(expected);
  });
});

it("finds the other Sources that values come from, once each", () => {
  const values = ["own.yaml", { source: "env", path: "a.yaml" }, { source: "fleet", path: "b.yaml" }];
  const over = {
    render: { helm: { values } },
    overrides: [{ clusters: { all: true }, helm: { values: [values[1]] } }],
  };
  expect(otherSources(renderSpecOf(specOf(over)))).toEqual(["env"]);
});
