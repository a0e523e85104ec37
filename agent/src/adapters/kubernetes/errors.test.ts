import { expect, test } from "vitest";
import { isImmutableFieldError } from "../../ports/cluster-api.ts";
import { parseStatus, refusalOf } from "./errors.ts";

/** As kube-apiserver 1.37 answers. */
const cases = [
  [
    409,
    {
      reason: "Conflict",
      details: {
        causes: [
          {
            reason: "FieldManagerConflict",
            message: 'conflict with "hpa" with subresource "scale" using apps/v1',
            field: ".spec.replicas",
          },
        ],
      },
    },
    "conflict",
    'Deployment shop/web: field spec.replicas is managed by "hpa"',
  ],
  [
    409,
    { reason: "AlreadyExists", message: 'configmaps "cm" already exists' },
    "conflict",
    'Deployment shop/web: configmaps "cm" already exists',
  ],
  [
    422,
    {
      reason: "Invalid",
      message: "spec.selector: Invalid value",
      details: {
        causes: [
          { reason: "FieldValueInvalid", message: "Invalid value: {}: field is immutable", field: "spec.selector" },
        ],
      },
    },
    "invalid",
    "Deployment shop/web: field spec.selector is immutable (spec.selector: Invalid value)",
  ],
  [
    403,
    {
      reason: "Forbidden",
      message:
        'deployments.apps "web" is forbidden: User "system:serviceaccount:muster-system:agent" cannot patch resource "deployments"',
    },
    "forbidden",
    /cannot patch resource "deployments"/,
  ],
  [
    403,
    { reason: "Forbidden", message: 'admission webhook "policy.example.com" denied the request: no' },
    "invalid",
    /denied the request/,
  ],
  [
    403,
    { reason: "Forbidden", message: "being terminated", details: { causes: [{ reason: "NamespaceTerminating" }] } },
    "conflict",
    /being terminated/,
  ],
  [
    500,
    {
      message:
        "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema",
    },
    "invalid",
    /\.spec\.replica: field not declared/,
  ],
  [
    500,
    { reason: "InternalError", message: 'failed calling webhook "x": connection refused' },
    "invalid",
    /failed calling webhook/,
  ],
  [500, { message: "etcdserver: request is too large" }, "too-large", /too large/],
  [413, { message: "Request entity too large: limit is 3145728" }, "too-large", /limit/],
  [429, { message: "too many requests" }, "unavailable", /asks to wait/],
  [401, { message: "Unauthorized" }, "unauthenticated", /credentials/],
] as const;

test.each(cases)("HTTP %i %j is %s", (status, answer, code, message) => {
  const error = refusalOf(status, answer, "Deployment shop/web");
  expect(error.code).toBe(code);
  if (typeof message === "string") expect(error.message).toBe(message);
  else expect(error.message).toMatch(message);
});

const typed = "failed to create typed patch object (default/bad; v1, Kind=X): ";

test.each([
  [
    "Deployment default/bad",
    `${typed}.spec.replicas: expected numeric (int or float), got &value.valueUnstructured{Value:"two"}`,
    "Deployment default/bad: .spec.replicas: expected numeric (int or float), got something else (value hidden)",
  ],
  [
    "Deployment default/bad",
    `${typed}.spec.replicas: expected numeric (int or float), got string`,
    "Deployment default/bad: .spec.replicas: expected numeric (int or float), got string",
  ],
  [
    "Deployment default/bad",
    `${typed}errors:\n  .spec.a: field not declared in schema\n  .spec.b: expected list, got &value.valueUnstructured{Value:map[string]interface {}{"x":"hunter2"}}`,
    "Deployment default/bad: .spec.a: field not declared in schema; .spec.b: expected list, got something else (value hidden)",
  ],
  [
    "Secret default/key",
    `${typed}.data.password: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"a":"hunter2"}}`,
    "Secret default/key: .data.password: expected string, got something else (value hidden)",
  ],
])("of a manifest that does not fit, %s keeps field and type, and no value", (subject, message, told) => {
  expect(refusalOf(500, { message }, subject).message).toBe(told);
});

test("a Secret's values are told by no refusal", () => {
  const message = 'Secret "key" is invalid: data[a]: Invalid value: "hunter\\"2": must be short';
  const error = refusalOf(422, { reason: "Invalid", message }, "Secret default/key");
  expect(error.message).toBe(
    'Secret default/key: Secret "key" is invalid: data[a]: Invalid value: (hidden): must be short',
  );
});

test("an immutable field is recognised, and has a way out", () => {
  const causes = [{ message: 'Invalid value: ["10.96.1.2"]: may not change once set', field: "spec.clusterIPs[0]" }];
  const error = refusalOf(422, { reason: "Invalid", message: "…", details: { causes } }, "Service shop/shop");
  expect(isImmutableFieldError(error)).toBe(true);
  expect(error.fix).toContain("delete the object in the cluster");
});

test("what is no Status becomes the message, cut short", () => {
  const page = `<html>${"x".repeat(2_000)}</html>`;
  expect(parseStatus(502, page).message).toHaveLength(500);
  expect(refusalOf(502, parseStatus(502, "bad gateway\n"), "list of pods").message).toBe("list of pods: bad gateway");
});
