import { appDefinition } from "@muster/shared/model/definitions/app.ts";
import { expect, it } from "vitest";
import { renderSpecOf } from "../../core/variants.ts";
import { appOf } from "../../testing/hub-fixture.ts";
import { toRenderRequest } from "./render-request.ts";
import { variantsOf } from "./variants-of.ts";

it("says of a chart what it is, wherever that was found: a Release also notes where it came from", () => {
  const chart = { repository: "https://charts.example.com", name: "web", version: "1.0.0" };
  const { spec } = appDefinition.parse(appOf("shop", { render: { helm: { chart } } }));
  const resolved = variantsOf(renderSpecOf(spec), [])(null);
  if (resolved.kind === "invalid") throw new Error("no variant");
  const frozen = { ...chart, digest: "sha256:1" };
  const { options } = toRenderRequest(resolved.variant.input, {
    kind: "helm",
    appName: "shop",
    chart: frozen,
    kubernetes: "1.34",
  });
  expect(options).toMatchObject({ kind: "helm" });
  expect(options.kind === "helm" && options.chart).toEqual({ name: "web", version: "1.0.0", digest: "sha256:1" });
});
