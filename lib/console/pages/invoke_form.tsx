/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import type { FunctionDetail } from "../../http/runner_view.ts";
import { exampleBody, type InputField, inputFields, inputName } from "../input_fields.ts";
import { Field, Notice } from "../parts/form.tsx";
import { paths, withQuery } from "../paths.ts";

/** What became of an invocation that somebody asked for on the page. */
export interface Invoked {
  readonly messageId?: string;
  /** Why it was not published. */
  readonly error?: string;
  /** What was typed: as text, or into the fields. */
  readonly body?: string;
  readonly contentType?: string;
  readonly fields?: ReadonlyMap<string, string>;
}

export interface InvokeFormProps {
  readonly view: FunctionDetail;
  /** The body is written as text, although there are fields for it. */
  readonly asText: boolean;
  readonly invoked: Invoked | undefined;
}

/** Publishes one message: fields where the function's input has plain ones, else the body as text. */
export function InvokeForm({ view, asText, invoked }: InvokeFormProps) {
  const fields = asText || invoked?.body !== undefined ? undefined : inputFields(view.input);
  const body = invoked?.body ?? exampleBody(view.input);
  return (
    <>
      {invoked?.error !== undefined && <Notice tone="bad">{invoked.error}</Notice>}
      <form method="post" action={paths.action(paths.function(view.name), "invoke")} class="stack">
        {fields
          ? fields.map((field) => <FieldInput field={field} typed={invoked?.fields?.get(inputName(field))} />)
          : (
            <>
              <Field id="invoke-type" label="Content type">
                <input id="invoke-type" name="contentType" value={invoked?.contentType ?? "application/json"} />
              </Field>
              <Field
                id="invoke-body"
                label="Body"
                hint={view.input ? "From the function's input." : "JSON is checked before it is sent."}
              >
                <textarea id="invoke-body" name="body" rows={7} spellcheck={false} aria-describedby="invoke-body-hint">
                  {body}
                </textarea>
              </Field>
            </>
          )}
        <div class="row">
          <button type="submit" class="main">Publish the message</button>
          {fields && (
            <a id="invoke-as-text" href={`${withQuery(paths.function(view.name), { body: "text" })}#invoke-title`}>
              Write the body as text
            </a>
          )}
        </div>
      </form>
    </>
  );
}

/** @param typed what it had when it was sent */
function FieldInput({ field, typed }: { field: InputField; typed: string | undefined }) {
  const { name, type, required, description, initial } = field;
  const id = `input-${encodeURIComponent(name)}`;
  const common = { id, name: inputName(field), required, "aria-describedby": description ? `${id}-hint` : undefined };
  const value = typed ?? initial;
  const choices = field.choices ?? (type === "boolean" ? ["false", "true"] : undefined);
  return (
    <Field id={id} label={required ? name : `${name} (optional)`} hint={description}>
      {choices
        ? (
          <select {...common}>
            {!required && <option value=""></option>}
            {choices.map((choice) => <option value={choice} selected={choice === value}>{choice}</option>)}
          </select>
        )
        : type === "string"
        ? <input {...common} type="text" value={value} />
        : <input {...common} type="number" step={type === "integer" ? "1" : "any"} value={value} />}
    </Field>
  );
}
