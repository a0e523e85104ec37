import { describe, expect, it } from "vitest";
import { ImpurityScan } from "./impure-templates.ts";
import { templateActions } from "./template-actions.ts";

function noticed(files: Record<string, string>): unknown {
  const scan = new ImpurityScan();
  for (const [path, text] of Object.entries(files)) scan.add({ path, text });
  return scan
    .notices()
    .map(({ code, message, where }) => [code, message.split(" ", 1)[0], `${where.path}:${where.line}`]);
}

describe("templates that are no function of their input", () => {
  it("are told with file, line and function", () => {
    const text =
      'a: 1\nb: {{ randAlphaNum 5 | quote }}\nc: {{- now | date "2006" }}\n{{ (lookup "v1" "Secret" "a" "b").data }}\n';
    expect(noticed({ "templates/a.yaml": text })).toEqual([
      ["NotReproducible", "randAlphaNum", "templates/a.yaml:2"],
      ["NotReproducible", "now", "templates/a.yaml:3"],
      ["NotReproducible", "lookup", "templates/a.yaml:4"],
    ]);
  });

  it.each([
    ["a comment", "{{/* randAlpha 1 }} */}}{{- /* now */ -}}"],
    ["text outside", "now randAlpha {{ .Values.x }} genCA"],
    ["quotes", '{{ "now }} \\" randAlpha" }}{{ `now` }}'],
    ["fields and variables", "{{ .Values.now }}{{ $now }}{{ $x.now }}"],
    ["a date of a given time", '{{ .Values.t | date "2006-01-02" }}'],
    ["an unclosed action", "{{/* now"],
  ])("are not found in %s", (_, text) => {
    expect(noticed({ "templates/a.yaml": text })).toEqual([]);
  });

  it("count where they are included from, and not where nobody does", () => {
    const library = [
      '{{ define "used" }}{{ if .x }}{{ include "deep" . }}{{ end }}{{ end }}',
      '{{ define "deep" }}',
      "{{ uuidv4 }}{{ end }}",
      '{{ define "unused" }}{{ genCA "x" 1 }}{{ end }}',
    ].join("\n");
    expect(noticed({ "templates/_lib.tpl": library, "templates/a.yaml": '{{ template "used" . }}' })).toEqual([
      ["NotReproducible", "uuidv4", "templates/_lib.tpl:3"],
    ]);
    expect(noticed({ "templates/_lib.tpl": library, "templates/NOTES.txt": "{{ now }}" })).toEqual([]);
  });

  it("takes time in proportion to the text", () => {
    const started = performance.now();
    const hostile = ["{{".repeat(500_000), '{{ "'.repeat(250_000), "{{/*".repeat(250_000), "{{ a".repeat(250_000)];
    for (const text of hostile) [...templateActions(text)];
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});
