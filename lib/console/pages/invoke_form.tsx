/** @jsxImportSource hono/jsx */
// deno-lint-ignore-file jsx-key -- a list is rendered once, on the server
import { exampleBody, type FunctionDetails, type InputField, inputFields } from "../function_details.ts";
import { Field, Notice } from "../parts/form.tsx";
import { paths } from "../paths.ts";

/** What became of an invocation that somebody asked for on the page. */
export interface Invoked {
  readonly messageId?: string;
  /** Why it was not published. */
  readonly error?: string;
  /** What was typed. */
  readonly body?: string;
  readonly contentType?: string;
}

/** Publishes one message: fields where the function's input has plain ones, else the body as text. */
export function InvokeForm({ view, invoked }: { view: FunctionDetails; invoked: Invoked | undefined }) {
  const fields = inputFields(view.input);
  const body = invoked?.body ?? exampleBody(view.input);
  return (
    <>
      {invoked?.error !== undefined && <Notice tone="bad">{invoked.error}</Notice>}
      <form method="post" action={paths.action(paths.function(view.name), "invoke")} class="stack">
        {fields ? fields.map((field) => <FieldInput field={field} />) : (
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
        </div>
      </form>
    </>
  );
}

function FieldInput({ field: { name, type, required, description, choices } }: { field: InputField }) {
  const id = `input-${encodeURIComponent(name)}`;
  const common = { id, name: `field:${name}`, required, "aria-describedby": description ? `${id}-hint` : undefined };
  return (
    <Field id={id} label={required ? name : `${name} (optional)`} hint={description}>
      {choices
        ? (
          <select {...common}>
            {!required && <option value=""></option>}
            {choices.map((choice) => <option value={choice}>{choice}</option>)}
          </select>
        )
        : type === "boolean"
        ? (
          <select {...common}>
            <option value="false">false</option>
            <option value="true">true</option>
          </select>
        )
        : type === "string"
        ? <input {...common} type="text" />
        : <input {...common} type="number" step={type === "integer" ? "1" : "any"} />}
    </Field>
  );
}
