import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

/** A small chart as `helm package` makes it: one ConfigMap that tells the version, and more files when they are given. */
export async function chartArchive(chart: {
  name: string;
  version: string;
  files?: Readonly<Record<string, string>>;
}): Promise<Uint8Array> {
  const { name, version } = chart;
  const files: Record<string, string> = {
    "Chart.yaml": `apiVersion: v2\nname: ${name}\nversion: ${JSON.stringify(version)}\ndescription: A chart for tests\n`,
    "values.yaml": "replicas: 1\n",
    "templates/config.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "{{ .Release.Name }}" }\ndata: { version: ${JSON.stringify(version)} }\n`,
    ...chart.files,
  };
  const tar = pack();
  for (const [path, content] of Object.entries(files))
    tar.entry({ name: `${name}/${path}`, mtime: new Date(0) }, content);
  tar.finalize();
  return gzipSync(await buffer(tar));
}
