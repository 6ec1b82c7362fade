import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseAllDocuments } from "yaml";
import { createApp } from "../../lib/http/app.ts";
import { loadFunctions } from "../../lib/loader/loader.ts";
import { CLOSE_LIMIT } from "../../lib/runner/runner.ts";
import { parseArguments } from "../../lib/settings/config.ts";
import { OPTIONS } from "../../lib/settings/options.ts";
import { FakeOperator } from "../http/fake_operator.ts";
import { FakeRunner } from "../http/fake_runner.ts";
import { folder } from "../loader/folder.ts";

const ROOT = new URL("../../", import.meta.url);
const FOLDER = new URL("deploy/kubernetes/", ROOT);
const DOCKERFILE = Deno.readTextFileSync(new URL("Dockerfile", ROOT));

// deno-lint-ignore no-explicit-any
type Manifest = any;

/** Every document of every file, by kind and name. */
function readManifests(): Map<string, Manifest> {
  const all = new Map<string, Manifest>();
  for (const { name } of [...Deno.readDirSync(FOLDER)].sort((one, other) => one.name < other.name ? -1 : 1)) {
    if (name.endsWith(".patch.yaml")) continue;
    for (const manifest of parse(name)) all.set(`${name} ${manifest.kind} ${manifest.metadata.name}`, manifest);
  }
  return all;
}

function parse(name: string): Manifest[] {
  return parseAllDocuments(Deno.readTextFileSync(new URL(name, FOLDER))).map((document) => {
    assertEquals(document.errors.map(({ message }: { message: string }) => message), [], name);
    return document.toJS();
  });
}

const manifests = readManifests();
const deployment = manifests.get("deployment.yaml Deployment warren");
const service = manifests.get("deployment.yaml Service warren");
const secret = manifests.get("secret.yaml Secret warren");
const pod = deployment.spec.template.spec;
const [container] = pod.containers;
const labels = deployment.spec.template.metadata.labels;

/** The environment of the container, as the image and the manifest make it. */
const IMAGE_ENV: Record<string, string> = Object.fromEntries(
  [...DOCKERFILE.matchAll(/^ENV (.*)$/gm)].flatMap(([, line]) => line.split(" ").map((pair) => pair.split("="))),
);
const ENV: Record<string, string> = Object.fromEntries(
  container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
);

Deno.test("the manifests are those that the docs speak of", () => {
  assertEquals([...manifests.keys()], [
    "deployment.yaml Deployment warren",
    "deployment.yaml Service warren",
    "disruption-budget.yaml PodDisruptionBudget warren",
    "functions-config-map.yaml ConfigMap warren-functions",
    "scaled-object-from-zero.yaml ScaledObject warren",
    "scaled-object-from-zero.yaml TriggerAuthentication warren-broker",
    "scaled-object.yaml ScaledObject warren",
    "scaled-object.yaml TriggerAuthentication warren-api",
    "secret.yaml Secret warren",
  ]);
  for (const [name, { apiVersion }] of manifests) assertMatch(apiVersion, /^([a-z.]+\/)?v\d/, name);
});

Deno.test("each variable is an option that takes its value, and each secret is a file of the mounted secret", async () => {
  const { mountPath } = container.volumeMounts.find(({ name }: Manifest) => name === "secrets");
  const volume = pod.volumes.find(({ name }: Manifest) => name === "secrets");
  assertEquals(volume.secret.secretName, secret.metadata.name);
  await using files = await folder(secret.stringData);
  const known = new Set(OPTIONS.flatMap(({ env, secret }) => secret ? [env, `${env}_FILE`] : [env]));
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(ENV)) {
    assert(known.has(name), `${name} is no option`);
    assertEquals(typeof value, "string", `${name} has to be text`);
    const isFile = name.endsWith("_FILE");
    if (isFile) assert(value.startsWith(`${mountPath}/`), `${name} is not in ${mountPath}`);
    env[name] = isFile ? files.path + value.slice(mountPath.length) : value;
  }
  const { options } = parseArguments([], { ...imageOptions(known), ...env });
  assertEquals([options.managementUrl, options.strictReady], [secret.stringData["management-url"], true]);
  assertEquals([options.amqpUrl, options.apiToken, options.apiReadToken, options.broker], [
    [secret.stringData["amqp-url"]],
    secret.stringData["api-token"],
    secret.stringData["api-read-token"],
    "none",
  ]);
});

/** Those of the image's variables that are options. */
function imageOptions(known: ReadonlySet<string>): Record<string, string> {
  return Object.fromEntries(Object.entries(IMAGE_ENV).filter(([name]) => known.has(name)));
}

Deno.test("the image's own command line runs, with the port that the probes and the service use", () => {
  assertEquals([container.command, container.args], [undefined, undefined]);
  const [port] = container.ports;
  assertEquals([String(port.containerPort), service.spec.ports[0].targetPort], [ENV.PORT, port.name]);
  for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
    assertEquals(container[probe].httpGet.port, port.name, probe);
  }
});

Deno.test("the probes are routes that need no token, and answer what Kubernetes expects", async () => {
  const runner = new FakeRunner();
  const app = createApp(runner, new FakeOperator(), { token: "write", host: ENV.HOST, maxBody: 1 });
  // Kubernetes asks the pod by its address.
  const status = async (probe: string) =>
    (await app.request(`http://10.0.0.7:8000${container[probe].httpGet.path}`)).status;
  assertEquals([await status("startupProbe"), await status("livenessProbe"), await status("readinessProbe")], [
    200,
    200,
    200,
  ]);
  runner.readiness = { ready: false, checks: [] };
  assertEquals([await status("livenessProbe"), await status("readinessProbe")], [200, 503]);
});

Deno.test("it runs as the image's user, by number, and writes only where a volume is", () => {
  assertEquals(pod.securityContext.runAsNonRoot, true);
  assert(pod.securityContext.runAsUser > 0);
  assertEquals(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  const writable = container.volumeMounts.filter(({ readOnly }: Manifest) => !readOnly);
  assertEquals(writable.map(({ mountPath }: Manifest) => mountPath).sort(), [IMAGE_ENV.WARREN_DATA, "/tmp"].sort());
  const volumes = pod.volumes.map(({ name }: Manifest) => name).sort();
  assertEquals(container.volumeMounts.map(({ name }: Manifest) => name).sort(), volumes);
});

Deno.test("Kubernetes waits for the drain, and for what comes before and after it", () => {
  const [, seconds] = container.lifecycle.preStop.exec.command;
  const { options: { drainTimeout } } = parseArguments([], {});
  const needed = Number(seconds) * 1_000 + drainTimeout + CLOSE_LIMIT;
  assert(pod.terminationGracePeriodSeconds * 1_000 >= needed, `it has to wait for ${needed} ms`);
});

Deno.test("service, disruption budget and spread are about the deployment's pods", () => {
  const budget = manifests.get("disruption-budget.yaml PodDisruptionBudget warren");
  const [spread] = pod.topologySpreadConstraints;
  for (
    const selected of [
      deployment.spec.selector.matchLabels,
      service.spec.selector,
      budget.spec.selector.matchLabels,
      spread.labelSelector.matchLabels,
    ]
  ) assertEquals(selected, labels);
});

Deno.test("the autoscaler asks a route that gives it a number, with a token that may only read", async () => {
  const { spec } = manifests.get("scaled-object.yaml ScaledObject warren");
  const { spec: { secretTargetRef: [reference] } } = manifests.get(
    "scaled-object.yaml TriggerAuthentication warren-api",
  );
  assertEquals([spec.scaleTargetRef.name, reference.name], [deployment.metadata.name, secret.metadata.name]);
  assert(spec.minReplicaCount >= 1, "nobody answers while there is no runner");
  const [{ metadata, authenticationRef }] = spec.triggers;
  assertEquals([metadata.authMode, reference.parameter, authenticationRef.name], ["bearer", "token", "warren-api"]);
  const url = new URL(metadata.url);
  assertEquals([url.hostname.split(".")[0], url.port], [service.metadata.name, String(service.spec.ports[0].port)]);

  const operator = new FakeOperator();
  operator.measured.set("hello", {
    function: "hello",
    queue: "hello",
    ready: 120,
    unacknowledged: 30,
    at: 0,
    source: "broker",
  });
  const [token, readToken] = [secret.stringData["api-token"], secret.stringData[reference.key]];
  const app = createApp(new FakeRunner(), operator, { token, readToken, host: ENV.HOST, maxBody: 1 });
  const headers = { authorization: `Bearer ${readToken}` };
  const answer = await (await app.request(metadata.url, { headers })).json();
  assertEquals(answer[metadata.valueLocation], 150);
  assert(Number(metadata.targetValue) > 0);
  assertEquals((await app.request(`${url.origin}/functions/hello/pause`, { method: "POST", headers })).status, 403);
});

Deno.test("from zero, RabbitMQ is asked about the function's queue with the URL of the secret", () => {
  const { spec } = manifests.get("scaled-object-from-zero.yaml ScaledObject warren");
  const authentication = manifests.get("scaled-object-from-zero.yaml TriggerAuthentication warren-broker");
  const [{ type, metadata, authenticationRef }] = spec.triggers;
  const [reference] = authentication.spec.secretTargetRef;
  assertEquals([spec.minReplicaCount, type, metadata.queueName, authenticationRef.name], [
    0,
    "rabbitmq",
    "hello",
    authentication.metadata.name,
  ]);
  assertEquals([reference.parameter, reference.name, reference.key in secret.stringData], ["host", "warren", true]);
});

Deno.test("the functions of the ConfigMap load, and are mounted where the image has its own", async () => {
  const map = manifests.get("functions-config-map.yaml ConfigMap warren-functions");
  await using files = await folder(map.data);
  const { functions } = await loadFunctions(files.path);
  assertEquals(functions.map((loaded) => "error" in loaded ? loaded.error : loaded.name), ["hello"]);
  const [patch] = parse("functions-config-map.patch.yaml");
  const { containers: [patched], volumes: [volume] } = patch.spec.template.spec;
  const workdir = /^WORKDIR (.*)$/m.exec(DOCKERFILE)![1];
  const { options } = parseArguments([], {});
  assertEquals([patched.name, patched.volumeMounts[0].mountPath], [
    container.name,
    `${workdir}/${options.functionsDir.replace("./", "")}`,
  ]);
  assertEquals([volume.name, volume.configMap.name], [patched.volumeMounts[0].name, map.metadata.name]);
});
