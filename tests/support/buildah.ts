const BASE = "docker.io/denoland/deno:2.9.6";
const STAND_IN = `a stand-in of that name is Debian bookworm with this machine's deno binary, a user deno, and this ` +
  `machine's certificate authorities`;
const STAND_IN_LABEL = "warren.stand-in";

/** What an image says of itself. */
export interface ImageConfig {
  Env: string[];
  Entrypoint: string[];
  Cmd: string[];
  User: string;
  WorkingDir: string;
  Labels?: Record<string, string>;
  /** Only images in Docker's own format have one. */
  Healthcheck?: { Test: string[] };
}

/** Whether this machine can build images and run them: root, buildah, debootstrap and unshare. */
export async function canBuildImages(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  try {
    await run("buildah", ["--version"]);
    await run("debootstrap", ["--version"]);
    await run("unshare", ["--mount", "--net", "true"]);
    return true;
  } catch {
    return false;
  }
}

/** Runs `buildah` with an isolation that needs no container engine. */
export async function buildah(...args: string[]): Promise<string> {
  return await run("buildah", args);
}

/** Environment, user, directory and command of an image. */
export async function imageConfig(image: string): Promise<ImageConfig> {
  const { OCIv1, Docker } = JSON.parse(await buildah("inspect", "--type", "image", image));
  return { ...OCIv1.config, Healthcheck: Docker?.config?.Healthcheck };
}

/** The image's own command in a container, as its own user, on the host's network. The child is buildah's. */
export function runContainer(container: string, image: ImageConfig, env: Record<string, string>): Deno.ChildProcess {
  const flags = Object.entries(env).map(([key, value]) => `--env=${key}=${value}`);
  const command = [...image.Entrypoint, ...image.Cmd];
  return spawn("buildah", ["run", "--isolation", "chroot", ...flags, container, "--", ...command]);
}

/** Runs one more command in a container and gives its exit code. */
export async function exitCodeIn(container: string, env: Record<string, string>, command: string[]): Promise<number> {
  const flags = Object.entries(env).map(([key, value]) => `--env=${key}=${value}`);
  const { code } = await spawn("buildah", ["run", "--isolation", "chroot", ...flags, container, "--", ...command])
    .output();
  return code;
}

export interface ReadOnlyOptions {
  env?: Record<string, string>;
  /** Instead of the image's own arguments. */
  args?: string[];
  /** Whether it shares the host's network; else it has none at all but its own loopback. @default true */
  network?: boolean;
}

/**
 * The image's own command on a read-only root file system with an empty /tmp, which `buildah run` cannot give.
 * The child is the command itself.
 */
export async function runReadOnly(
  container: string,
  image: ImageConfig,
  { env = {}, args = image.Cmd, network = true }: ReadOnlyOptions = {},
): Promise<Deno.ChildProcess> {
  const root = (await buildah("mount", container)).trim();
  const variables = [...image.Env, ...Object.entries(env).map(([key, value]) => `${key}=${value}`)];
  return spawn("unshare", [
    "--mount",
    ...(network ? [] : ["--net"]),
    ...["sh", "-euc", network ? READ_ONLY : `ip link set lo up\n${READ_ONLY}`, root, image.WorkingDir, image.User],
    ...["env", "-i", "HOME=/", ...variables, ...image.Entrypoint, ...args],
  ]);
}

const READ_ONLY = `
root=$0 directory=$1 user=$2
shift 2 # what is left is the command
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot --userspec="$user" "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$directory" "$@"
`;

/**
 * The base image, pulled where a registry answers, and else a stand-in under the same name.
 *
 * @returns what differs from the real one; empty for the real one
 */
export async function baseImage(): Promise<string> {
  try {
    await buildah("pull", "--quiet", "--retry", "0", "--policy=missing", BASE);
  } catch {
    await standIn();
  }
  const { Labels = {} } = await imageConfig(BASE);
  return STAND_IN_LABEL in Labels ? `${BASE} cannot be pulled here: ${STAND_IN}.` : "";
}

async function standIn(): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "warren-base-" });
  try {
    await run("debootstrap", ["--variant=minbase", "bookworm", root]);
    await Deno.copyFile(Deno.execPath(), `${root}/usr/bin/deno`);
    await Deno.chmod(`${root}/usr/bin/deno`, 0o755);
    await run("chroot", [root, "useradd", "--create-home", "--uid", "1993", "deno"]);
    await Deno.mkdir(`${root}/etc/ssl/certs`, { recursive: true });
    await Deno.copyFile("/etc/ssl/certs/ca-certificates.crt", `${root}/etc/ssl/certs/ca-certificates.crt`);
    const container = (await buildah("from", "scratch")).trim();
    await buildah("copy", "--quiet", container, root, "/");
    await buildah("config", "--env", "DENO_CERT=/etc/ssl/certs/ca-certificates.crt", container);
    await buildah("config", "--label", `${STAND_IN_LABEL}=true`, container);
    await buildah("commit", "--quiet", "--rm", container, BASE);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const ENV = { BUILDAH_ISOLATION: "chroot" };

function spawn(command: string, args: string[]): Deno.ChildProcess {
  return new Deno.Command(command, { args, env: ENV, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
}

async function run(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, env: ENV, stdin: "null" }).output();
  const said = new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${command} ${args.join(" ")} failed: ${said.slice(-2000)}`);
  return new TextDecoder().decode(stdout);
}
