import swagger, { type FastifyDynamicSwaggerOptions, type SwaggerTransformObject } from "@fastify/swagger";
import { definition } from "@muster/shared/model/definitions.ts";
import { enrolmentAnswer, joinRequest, renewRequest } from "@muster/shared/model/joining.ts";
import { problem } from "@muster/shared/model/problem.ts";
import { clusterSelector } from "@muster/shared/model/selector.ts";
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import * as views from "../../core/views.ts";
import { problemBody } from "./problems.ts";
import type { Api } from "./routes.ts";

/** Schemas that get a name of their own in the document, and so a type of their own in every client. */
const named = {
  Problem: problem,
  ProblemBody: problemBody,
  Definition: definition,
  ClusterSelector: clusterSelector,
  Cluster: views.clusterView,
  LabelResult: views.labelResult,
  Registration: views.registration,
  Source: views.sourceView,
  Release: views.releaseView,
  Trace: views.traceView,
  Pin: views.pinView,
  Placement: views.placementView,
  PlacementDetail: views.placementDetailView,
  App: views.appView,
  AppDetail: views.appDetailView,
  Status: views.statusView,
  Why: views.whyView,
  ApplyRequest: views.applyRequest,
  ApplyResult: views.applyResult,
  AppSet: views.appSetView,
  Project: views.projectView,
  HandOverRequest: views.handOverRequest,
  HandOver: views.handOverResult,
  Approval: views.approvalView,
  RollbackRequest: views.rollbackRequest,
  Rollback: views.rollbackView,
  RecoverRequest: views.recoverRequest,
  JoinRequest: joinRequest,
  RenewRequest: renewRequest,
  EnrolmentAnswer: enrolmentAnswer,
};

/** Registers the maker of the OpenAPI document; call before any route is added. */
export async function describeApi(api: Api, { version }: { version: string }): Promise<void> {
  const schemaRegistry = z.registry<{ id?: string }>();
  for (const [id, schema] of Object.entries(named)) schemaRegistry.add(schema as z.ZodType, { id });
  const options: FastifyDynamicSwaggerOptions = {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Muster hub",
        version,
        description:
          "GitOps for fleets of Kubernetes clusters. Refusals are RFC 9457 problems with code, field and fix.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
    transform: createJsonSchemaTransform({ schemaRegistry }),
    transformObject: (input) => withoutUnused(createJsonSchemaTransformObject({ schemaRegistry })(input)),
  };
  await api.register(swagger, options);
  // Every route may refuse, and always in the same shape.
  api.addHook("onRoute", (route) => {
    const response = route.schema?.response as Record<string, unknown> | undefined;
    if (route.schema && response && !("default" in response)) {
      route.schema = { ...route.schema, response: { ...response, default: PROBLEM_RESPONSE } };
    }
  });
}

/** Each named schema is written in a reading and a writing form; those that no route uses would only be noise. */
function withoutUnused(document: object): ReturnType<SwaggerTransformObject> {
  const { components, ...rest } = document as { components: { schemas: Record<string, unknown> } };
  const used = new Map<string, unknown>();
  const follow = (part: unknown): void => {
    for (const [, name = ""] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (used.has(name)) continue;
      used.set(name, components.schemas[name]);
      follow(components.schemas[name]);
    }
  };
  follow(rest);
  const schemas = Object.fromEntries([...used].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...rest, components: { ...components, schemas } } as ReturnType<SwaggerTransformObject>;
}

const PROBLEM_RESPONSE = {
  description: "refused or failed",
  content: { "application/problem+json": { schema: problemBody } },
};
