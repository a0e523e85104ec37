import { AppError } from "@muster/shared/errors.ts";
import type { ChartRef, ChartSource } from "../../ports/chart-source.ts";
import type { HttpClient } from "../../ports/http-client.ts";
import { createHttpCharts } from "./http-charts.ts";

/** Charts from wherever their repository is, told by its address: `https://…` or `oci://…`. Closes `oci` too. */
export function createChartSource(options: { http: HttpClient; oci: ChartSource }): ChartSource {
  const { oci } = options;
  const overHttp = createHttpCharts(options);
  const sourceOf = ({ repository }: ChartRef): ChartSource => {
    if (/^oci:\/\//.test(repository)) return oci;
    const url = URL.parse(repository);
    if (url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") return overHttp;
    // Without what may be a password.
    const shown = repository.replace(/\/\/[^/@]*@/, "//").slice(0, 200);
    throw new AppError("invalid", `${JSON.stringify(shown)} is not the address of a chart repository`, {
      fix: "Write https://charts.example.com or oci://registry.example.com/charts, without user or password.",
    });
  };
  return {
    resolve: async (chart, opts) => sourceOf(chart).resolve(chart, opts),
    pull: async (chart, resolved, opts) => sourceOf(chart).pull(chart, resolved, opts),
    async close() {
      await overHttp.close();
      await oci.close();
    },
  };
}
