import { assertEquals } from "@std/assert";
import { withoutSecrets } from "../../../lib/invocation/tracing/hide_secrets.ts";

Deno.test("a URL in a span has no password, and no value of a parameter that is secret by its name", () => {
  for (
    const [url, expected] of [
      ["http://a.example/x?token=s3cret&page=2", "http://a.example/x?token=REDACTED&page=2"],
      ["https://ann:s3cret@a.example/x", "https://REDACTED:REDACTED@a.example/x"],
      ["a=1&api_key=s3cret&X-Amz-Signature=s3cret#end", "a=1&api_key=REDACTED&X-Amz-Signature=REDACTED#end"],
      ["sig=s3cret", "sig=REDACTED"],
      ["key=s3cret&monkey=1", "key=REDACTED&monkey=1"],
      ["https://a.example/token=1?page=2&next=a@b", "https://a.example/token=1?page=2&next=a@b"],
    ]
  ) assertEquals(withoutSecrets(url), expected);
});
