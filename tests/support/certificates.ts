import { join } from "node:path";

/** Files in PEM form. */
export interface Certificates {
  /** Of an authority that no machine knows. */
  ca: string;
  /** For `localhost`, signed by that authority. */
  certificate: string;
  key: string;
}

/** Makes an authority and a server's certificate with the openssl command, in `folder`. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const [ca, caKey, certificate, key, request, extensions] = [
    ...["ca.pem", "ca.key", "server.pem", "server.key", "server.csr", "extensions"],
  ].map((name) => join(folder, name));
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl("req", "-x509", ...newKey, "-keyout", caKey, "-out", ca, "-days", "2", "-subj", "/CN=Warren test CA");
  await openssl("req", ...newKey, "-keyout", key, "-out", request, "-subj", "/CN=localhost");
  await Deno.writeTextFile(extensions, "subjectAltName=DNS:localhost\n");
  const signing = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "2", "-extfile", extensions];
  await openssl("x509", "-req", "-in", request, "-out", certificate, ...signing);
  return { ca, certificate, key };
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, stdin: "null", stdout: "null" }).output();
  if (!success) throw new Error(`openssl ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}
